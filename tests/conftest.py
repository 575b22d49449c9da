"""Fixtures and helpers that all tests share."""

import io
import os
import signal
import uuid
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # with tiny models more threads only slow each other down

import pytest
import sentencepiece
import torch

from nmt_cli.checkpoint.layout import FORMAT, ModelManifest
from nmt_cli.checkpoint.model_dir import build_model, create_model_dir, model_weights, save_weights
from nmt_cli.cli.app import main
from nmt_cli.config import TrainConfig
from nmt_cli.corpus.tokenizer import Tokenizer, Tokenizers
from nmt_cli.decoding.confidence import Calibration
from nmt_cli.errors import CorpusError
from nmt_cli.file_hashes import FileRecord, VerifiedFolder
from nmt_cli.kernels.device import Compute
from nmt_cli.settings import resolve
from nmt_cli.special_tokens import BOS, EOS, PAD, UNK
from nmt_cli.training.environment import environment

torch.set_num_threads(1)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a background job of a shell; tests of Ctrl-C need it
    signal.signal(signal.SIGINT, signal.default_int_handler)


Nmt = Callable[..., tuple[int, str, str]]
"""Runs `nmt` with these arguments; returns exit status, standard output and standard error."""

NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def in_process(capsys: pytest.CaptureFixture[str]) -> Nmt:
    """A function that runs `nmt` in this process."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exited:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(exited.value.code or 0), captured.out, captured.err

    return run


def write_numbers(folder: Path, split: str, start: int, count: int, step: int = 1) -> None:
    """Write a parallel text: the digits of numbers, and their names, in the opposite order if `step` is -1."""
    digits = [str((start + 7 * i) ** 2) for i in range(count)]
    (folder / f"{split}.num").write_text("".join(f"{' '.join(d)}\n" for d in digits))
    (folder / f"{split}.en").write_text("".join(" ".join(NUMBERS[int(c)] for c in d[::step]) + "\n" for d in digits))


def restore_default_sigint() -> None:
    """For `preexec_fn`: background jobs of a shell ignore SIGINT, and child processes inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


TINY_TEXT = [
    "a small dog runs over the green grass .",
    "two women are sitting at a table and talk to each other .",
    "nobody knows why the old man sings in the rain , but he does .",
    "나는 어제 학교에서 친구를 만났다 .",
    "작은 개가 푸른 풀밭을 달리고 있다 .",
    "두 여자가 식탁에 앉아서 이야기를 한다 .",
]

CERTAIN = Calibration(threshold=40.0, intercept=-50.0, slope=0.0, floor=0.0, sentences=500)
"""The calibration of a model whose translations are never doubted."""

METADATA = {
    "step": 0,
    "epoch": 0.0,
    "elapsed": 0.0,
    "dev_perplexity": 1.0,
    "dev_bleu": 0.0,
    "dev_chrf": 0.0,
    "metric": "chrf",
    "calibration": CERTAIN.model_dump(),
}
"""Metadata of the weights of an untrained model."""

DIFFICULT_LINES: list[bytes] = [
    b"\xef\xbb\xbfa small dog runs .",
    b"",
    b"   ",
    "old\u2028man\u0085sings\x0bin\x1cthe\x0crain".encode(),
    b"the \xff\xfe dog \xc3",
    b"nobody knows\r",
    b"\x00",
    b"a\x00b",
    b"x",
    " ".join(TINY_TEXT).encode(),
    "개가\r\r".encode(),
    b"x",
    "😀👩‍👩‍👧 \u200b".encode(),
    b"\r",
    b"last",
]
"""Difficult input lines: byte order mark, blank, odd line breaks, invalid UTF-8, NUL, overlong, emoji, duplicates."""


@pytest.fixture(scope="session")
def tiny_tokenizer() -> Tokenizer:
    """A tokenizer trained on a few English and Korean sentences, with byte fallback."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TINY_TEXT * 5),
        model_writer=model,
        vocab_size=400,
        hard_vocab_limit=False,
        byte_fallback=True,
        normalization_rule_name="identity",
        pad_id=PAD,
        unk_id=UNK,
        bos_id=BOS,
        eos_id=EOS,
        minloglevel=2,
    )
    return Tokenizer(model.getvalue())


def write_tiny_model(path: Path, tokenizer: Tokenizer, **options: object) -> Path:
    """Write a model folder with random weights, scaled so that outputs differ between lines and end."""
    sizes = {"embedding_size": 16, "hidden_size": 16}
    config = resolve(TrainConfig, [("test", {**sizes, **options})])
    tokenizers = Tokenizers(tokenizer, tokenizer)
    torch.manual_seed(6)
    model = build_model(config, tokenizers)
    with torch.no_grad():
        for weight in model_weights(model).values():
            weight.mul_(5.0)
        model.output.bias[EOS + 1 : EOS + 257] -= 4.0  # byte pieces rarely form valid UTF-8
        model.output.bias[EOS] += 4.0
    manifest = ModelManifest(
        format=FORMAT,
        kind="model",
        toolkit="0",
        command=["nmt", "train"],
        source="en",
        target="ko",
        unicode="nfc",
        max_source_length=30,
        source_size=tokenizer.size,
        target_size=tokenizer.size,
        prepared="prepared",
        corpus="0",
        train_pairs=0,
        run=uuid.uuid4().hex,
        environments=[environment(Compute(torch.device("cpu"), torch.float32))],
    )
    create_model_dir(path, manifest, config, tokenizers)
    save_weights(path, model_weights(model), {**METADATA, "run": manifest.run})
    return path


def record_files(path: Path) -> VerifiedFolder:
    """A folder whose files are recorded as they are now."""
    files = {file.name: FileRecord.of_file(file) for file in path.iterdir() if file.is_file()}
    return VerifiedFolder(path, files, CorpusError, "make it again")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Tokenizer) -> Path:
    """The folder of a tiny untrained model."""
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny", tiny_tokenizer)
