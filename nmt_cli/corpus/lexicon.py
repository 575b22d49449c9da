"""The lexicon: the most probable target subwords of each source subword, most probable first."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from nmt_cli.atomic import write_atomic
from nmt_cli.config import LEXICON_WIDTH
from nmt_cli.corpus.tokenizer import Tokenizers
from nmt_cli.errors import CorpusError

LEXICON = "lexicon.safetensors"
"""File name in a prepared folder and in a model folder."""

Table = npt.NDArray[np.int32]
"""Target ids (V, LEXICON_WIDTH), filled up with PAD. The row of PAD holds the target subwords that most
sentences contain."""


def write_lexicon(folder: Path, table: Table) -> None:
    """Write a lexicon to a folder."""
    write_atomic(folder / LEXICON, save({"targets": table}))


def read_lexicon(folder: Path, tokenizers: Tokenizers) -> Table:
    """Read a lexicon from a folder. Raises CorpusError if it is missing, damaged or of another vocabulary."""
    path = folder / LEXICON
    try:
        table = load_file(path)["targets"]
    except FileNotFoundError:
        raise CorpusError(
            f"{path}: no such file; an older nmt wrote no lexicon; prepare and train again, or leave out --shortlist"
        ) from None
    except (OSError, SafetensorError, KeyError) as error:
        raise CorpusError(f"{path}: missing or damaged ({error})") from None
    fits = table.shape == (tokenizers.source.size, LEXICON_WIDTH) and table.dtype == np.int32
    if not fits or table.min() < 0 or table.max() >= tokenizers.target.size:
        raise CorpusError(f"{path}: not a lexicon of this vocabulary")
    return table
