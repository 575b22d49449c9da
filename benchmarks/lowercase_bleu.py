"""BLEU of lower-cased and tokenised text, as papers on Multi30k report it.

    python benchmarks/lowercase_bleu.py output.txt reference.txt

The papers tokenise with the Moses scripts, this with the international rules of mteval-v14, so that the figure is near
theirs, not the same. The reference may be compressed, as for nmt preprocess.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sacrebleu.metrics.bleu import BLEU

from nmt_cli.corpus.text_io import TextFile, read_lines


def lowercase_bleu(hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
    """The score, in points of 100, and its signature."""
    metric = BLEU(lowercase=True, tokenize="intl")
    return {"score": metric.corpus_score(hypotheses, [references]).score, "signature": str(metric.get_signature())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hypotheses", type=Path)
    parser.add_argument("references", type=Path)
    given = parser.parse_args()
    hypotheses, references = (list(read_lines(TextFile(path))) for path in (given.hypotheses, given.references))
    if len(hypotheses) != len(references):
        parser.error(f"{given.hypotheses} has {len(hypotheses)} lines, {given.references} {len(references)}")
    print(json.dumps(lowercase_bleu(hypotheses, references)))


if __name__ == "__main__":
    main()
