"""BLEU of lower-cased, tokenised text, as papers on Multi30k report it.

    python benchmarks/lowercase_bleu.py output.txt reference.txt

The papers tokenise with the Moses scripts, sacreBLEU here with the international rules of mteval-v14, so the figure is
close to theirs but not the same. The files may be compressed, as for nmt preprocess.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sacrebleu.metrics.bleu import BLEU

from nmt_cli.corpus.text_io import TextFile, read_lines


def lowercase_bleu(hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
    """The score, from 0 to 100, and its signature."""
    metric = BLEU(lowercase=True, tokenize="intl")
    return {"score": metric.corpus_score(hypotheses, [references]).score, "signature": str(metric.get_signature())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hypotheses", type=Path)
    parser.add_argument("references", type=Path)
    args = parser.parse_args()
    hypotheses, references = (list(read_lines(TextFile(path))) for path in (args.hypotheses, args.references))
    if len(hypotheses) != len(references):
        parser.error(f"{args.hypotheses} has {len(hypotheses)} lines, {args.references} {len(references)}")
    print(json.dumps(lowercase_bleu(hypotheses, references)))


if __name__ == "__main__":
    main()
