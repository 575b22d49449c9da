"""Loads and uses models with forged tokenizers, in a process of its own, which a fault of SentencePiece would end.

    python load_forged.py FOLDER SEED COUNT

It prints the number and the kind of each change before the model is loaded, and then what became of it.
"""

import json
import random
import resource
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import TINY_TEXT, write_tiny_model
from forged_tokenizers import forged, rules_of, tokenizers
from generated_faults import outcome, write_manifest

from nmt_cli.checkpoint.model_dir import load_model
from nmt_cli.config import SearchConfig
from nmt_cli.corpus.tokenizer import JOINT, Tokenizer
from nmt_cli.decoding.translator import translate_corpus
from nmt_cli.file_hashes import FileRecord
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.manifest import MANIFEST

SECONDS = 60
"""After which a model that is still being read is one that hangs."""
LINES = [*TINY_TEXT, "ａｂｃ ﬁ ① é 日本", "a\u0301\0\x07 " * 20, "<s> <unk> </s> <0x41>", "x" * 300]


def use_tokenizer(path: Path) -> str:
    """Every method of a tokenizer that a user gives to `nmt preprocess`."""
    tokenizer = Tokenizer((path / JOINT).read_bytes(), origin=str(path / JOINT))
    for ids in [*tokenizer.encode_many(LINES), *([i] for i in range(tokenizer.size))]:
        assert all(0 <= i < tokenizer.size for i in ids)
        tokenizer.decode(ids)
        assert len(tokenizer.words(ids)) == len(tokenizer.pieces(ids)) == len(ids)
    tokenizer.sample(LINES, 0.3, seed=1)
    return "used"


def use_model(path: Path) -> str:
    """The model whose tokenizer it is translates."""
    loaded = load_model(path, compute_for_search("cpu", "fp32", 1), packed=False)
    translations = translate_corpus(loaded, LINES, SearchConfig(beam_size=2, max_length=5))
    assert all(len(translation.text.splitlines()) <= 1 for translation in translations)
    return "used"


def main() -> None:
    folder, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    models = tokenizers()
    rules, rng = rules_of(models["nfkc"]), random.Random(seed)
    for name, model in models.items():
        write_tiny_model(folder / name, Tokenizer(model))
        assert use_tokenizer(folder / name) == use_model(folder / name) == "used"
    before, slowest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0.0
    for number in range(count):
        name = rng.choice(list(models))
        kind, content = forged(models[name], rules, rng)
        print(number, name, kind, end=" ", flush=True)
        path = folder / name
        (path / JOINT).write_bytes(content)
        manifest = json.loads((path / MANIFEST).read_bytes())
        manifest["files"][JOINT] = FileRecord.of(content).model_dump()
        write_manifest(path, manifest)
        signal.alarm(SECONDS)
        started = time.process_time()
        print(outcome(use_tokenizer, path), outcome(use_model, path), flush=True)
        slowest = max(slowest, time.process_time() - started)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"memory grew by {grown >> 10} MiB, the slowest took {slowest:.2f} s of CPU time")


if __name__ == "__main__":
    main()
