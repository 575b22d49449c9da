"""The lexicon: the most probable target subwords of each source subword, most probable first."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from nmt_cli.atomic import write_atomic
from nmt_cli.config import LEXICON_WIDTH
from nmt_cli.corpus.tokenizer import Tokenizers
from nmt_cli.file_hashes import VerifiedFolder

LEXICON = "lexicon.safetensors"
"""File name in a prepared folder and in a model folder."""

Table = npt.NDArray[np.int32]
"""Target ids (V, LEXICON_WIDTH), filled up with PAD. The row of PAD holds the target subwords that most
sentences contain."""


def write_lexicon(folder: Path, table: Table) -> None:
    """Write a lexicon to a folder."""
    write_atomic(folder / LEXICON, save({"targets": table}))


def read_lexicon(folder: VerifiedFolder, tokenizers: Tokenizers) -> Table:
    """Read a lexicon from a folder. Raises the folder's error if it is missing, damaged or of another vocabulary."""
    path = folder.path / LEXICON
    if LEXICON not in folder:
        raise folder.error(f"{path}: this model has no lexicon; leave out --shortlist")
    try:
        table = load(folder.read(LEXICON))["targets"]
    except (SafetensorError, KeyError) as error:
        raise folder.error(f"{path}: not a lexicon ({error}); {folder.remedy}") from None
    fits = table.shape == (tokenizers.source.size, LEXICON_WIDTH) and table.dtype == np.int32
    if not fits or table.min() < 0 or table.max() >= tokenizers.target.size:
        raise folder.error(f"{path}: not a lexicon of this vocabulary; {folder.remedy}")
    return table
