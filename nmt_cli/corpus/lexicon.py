"""A lexicon: which target subwords go with each of the source, the most probable first."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from nmt_cli.config import LISTED
from nmt_cli.corpus.tokenizer import Tokenizers
from nmt_cli.errors import CorpusError

LEXICON = "lexicon.safetensors"
"""File name, in the folder of a prepared corpus and of a model."""

Table = npt.NDArray[np.int32]
"""(V, LISTED), PAD where there is nothing. The row of PAD has the target subwords that most sentences have."""


def write_lexicon(folder: Path, table: Table) -> None:
    """Write it into a folder."""
    save_file({"targets": table}, folder / LEXICON)


def read_lexicon(folder: Path, tokenizers: Tokenizers) -> Table:
    """Read it from a folder. Raises CorpusError if it is missing, damaged or of other subwords."""
    path = folder / LEXICON
    try:
        table = load_file(path)["targets"]
    except FileNotFoundError:
        raise CorpusError(
            f"{path}: there is none: it was made by an nmt that knew no shortlists; prepare and train again, or leave "
            "out --shortlist"
        ) from None
    except (OSError, SafetensorError, KeyError) as error:
        raise CorpusError(f"{path}: missing or damaged ({error})") from None
    fits = table.shape == (tokenizers.source.size, LISTED) and table.dtype == np.int32
    if not fits or table.min() < 0 or table.max() >= tokenizers.target.size:
        raise CorpusError(f"{path}: not a lexicon of these subwords")
    return table
