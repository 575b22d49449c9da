"""Two small prepared corpora, of different text, and a model of each, to be damaged."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from generated_faults import damaged, outcome

from nmt_cli import PreprocessConfig, TrainConfig, preprocess, train
from nmt_cli.checkpoint.layout import METRICS, MODEL_CARD, RESUME
from nmt_cli.settings import resolve

OPTIONS = {"embedding_size": 8, "hidden_size": 8, "max_steps": 2, "validate_every": 1, "device": "cpu", "threads": 1}


class Pair(NamedTuple):
    """A prepared corpus, and a model that was trained on it."""

    corpus: Path
    model: Path


class Folders(NamedTuple):
    """Two pairs of folders with files of the same names."""

    one: Pair
    other: Pair

    def files(self, kind: str) -> list[Path]:
        """The files of the corpus or the model, relative to its folder, without the model card, which is never read."""
        folder: Path = getattr(self.one, kind)
        files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        return [file for file in files if file.name != MODEL_CARD]

    def harmless(self, file: Path, content: bytes, changed: bytes | None) -> bool:
        """Whether a change cannot make another run or translation: the metrics are a record of the run, and whole lines
        that are missing at the end are as after a run that was killed."""
        return file.name == METRICS and (changed is None or content.startswith(changed))


def small_folders(path: Path) -> Folders:
    """Write the folders."""
    pairs = []
    for seed in (1, 2):
        home = path / str(seed)
        home.mkdir()
        rng = random.Random(seed)
        for split, size in (("train", 60), ("dev", 6), ("test", 6)):
            lines = [[rng.randrange(30) for _ in range(rng.randint(1, 6))] for _ in range(size)]
            for language in ("en", "de"):
                words = "".join(" ".join(f"{language}{word}" for word in line) + "\n" for line in lines)
                (home / f"{split}.{language}").write_text(words)
        text = {"train": [str(home / "train")], "dev": str(home / "dev"), "test": str(home / "test")}
        corpus, model = home / "corpus", home / "model"
        options = {"source": "en", "target": "de", "vocabulary_size": 308, "threads": 1, "out": corpus}
        preprocess(PreprocessConfig.model_validate({**text, **options}))
        train(resolve(TrainConfig, [("test", {**OPTIONS, "prepared": corpus, "out": model})]), [])
        pairs.append(Pair(corpus, model))
    assert json.loads((pairs[0].model / "manifest.json").read_text())["kind"] == "model"
    assert (pairs[0].model / RESUME).is_file()
    return Folders(*pairs)


def check_damage(
    folders: Folders, tmp_path: Path, kind: str, read: Callable[[Path], str], rng: random.Random, flips: int
) -> None:
    """Damage each file of the corpus or the model in every way: reading it must tell, or give what it gave before."""
    whole, other = (getattr(pair, kind) for pair in folders)
    expected, copy = read(whole), tmp_path / kind
    shutil.copytree(whole, copy)
    for file in folders.files(kind):
        content = (whole / file).read_bytes()
        for name, changed in damaged(content, (other / file).read_bytes(), rng, flips):
            (copy / file).unlink()
            if changed is not None:
                (copy / file).write_bytes(changed)
            given = outcome(read, copy)
            assert given in ("told", expected) or folders.harmless(file, content, changed), f"{file}: {name}"
            (copy / file).write_bytes(content)
    assert read(copy) == expected
