"""Types of option values, with their bounds."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from nmt_cli.languages import check_code

Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Width = Annotated[int, Field(ge=1, le=65_536)]
Layers = Annotated[int, Field(ge=1, le=256)]
Threads = Annotated[int, Field(ge=0, le=4096)]
LEXICON_WIDTH = 64
"""Target subwords that a lexicon stores for each source subword."""
DEFAULT_MODEL = Path("model")
"""The model folder of commands that are given none."""
Language = Annotated[str, AfterValidator(check_code)]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "fp32", "bf16"]
SearchPrecision = Literal["auto", "fp32", "bf16", "int8"]
Score = Literal["dot", "scaled-dot", "general", "scaled-general", "concat", "mlp", "location"]
ScheduledSampling = Literal["none", "free", "constant", "linear", "exponential", "inverse-sigmoid"]
FrozenPart = Literal["embeddings", "encoder"]
KeepOption = Literal["none", "duplicates", "copies", "overlap", "control", "wrong-script"]


def check_encoding(name: str) -> str:
    """The name itself. Raises ValueError if Python knows no text encoding of this name."""
    try:
        "".encode(name)
    except (LookupError, ValueError):
        raise ValueError(f"no encoding is called {name}; such as cp949, shift_jis, gb18030, cp1252") from None
    return name


Encoding = Annotated[str, AfterValidator(check_encoding)]
NO_TAG = "-"
"""What --tag is given for a corpus without a tag."""


def check_tag(name: str) -> str:
    """The name itself. Raises ValueError if it cannot name a tag."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", name):
        raise ValueError("a tag has 1 to 32 letters of a to z, digits, - and _")
    return name


TagName = Annotated[str, AfterValidator(check_tag)]
