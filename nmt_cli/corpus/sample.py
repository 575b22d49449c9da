"""Paths of the bundled English-Korean sample."""

from pathlib import Path

from nmt_cli.corpus.readers import ParallelText
from nmt_cli.corpus.text_io import TextFile
from nmt_cli.errors import CorpusError

LANGUAGES = ("en", "ko")

_SPLITS = ("train", "dev", "test")
_PACKAGE = Path(__file__).resolve().parent.parent


def find_sample() -> Path:
    """The folder of the sample: in the installed package, or in the repository.

    Raises CorpusError if neither has its files.
    """
    names = [f"{split}.{language}" for split in _SPLITS for language in LANGUAGES]
    for folder in (_PACKAGE / "sample", _PACKAGE.parent / "data"):
        if all((folder / name).is_file() for name in names):
            return folder
    raise CorpusError(
        f"{_PACKAGE / 'sample'}: the bundled sample is missing; reinstall nmt-cli, "
        "or give your own text: nmt preprocess --train PREFIX --source en --target de"
    )


def texts(languages: tuple[str, str]) -> dict[str, ParallelText]:
    """The splits of the sample in this translation direction."""
    folder = find_sample()
    return {
        split: ParallelText("text", tuple(_file(folder, f"{split}.{code}") for code in languages)) for split in _SPLITS
    }


def _file(folder: Path, name: str) -> TextFile:
    return TextFile(folder / name, f"the bundled sample's {name}")
