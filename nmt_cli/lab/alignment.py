"""How well attention aligns words: alignment error rate against gold alignments, and heat maps."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nmt_cli.corpus.dataset import PreparedCorpus, Split
from nmt_cli.decoding.alignment import Link
from nmt_cli.decoding.forced_decoding import STEPS, forced_attention, forced_links
from nmt_cli.errors import ConfigError
from nmt_cli.evaluation.alignment import Alignment, alignment_error_rate
from nmt_cli.evaluation.gold_alignment import read_gold
from nmt_cli.lab.compare import describe, gold_of_sample, open_corpus, train_system
from nmt_cli.lab.experiment import ExperimentConfig, ExperimentResult, Verdict, points, spread
from nmt_cli.progress import Progress
from nmt_cli.report.attention_map import AttentionMap, Matrix, Subwords
from nmt_cli.report.curves import Curve, Plot

SYSTEMS: dict[str, dict[str, Any]] = {
    "bahdanau": {"attention": "bahdanau", "score": "concat"},
    "luong": {"attention": "luong"},
    "gnmt": {"attention": "gnmt", "decoder_layers": 2},
}
MINUTES = 4.5
"""Minutes for each model, unless the config has others."""
SEEDS = 2
SHOWN = 6
"""Sentences whose attention is drawn."""


def run(config: ExperimentConfig) -> ExperimentResult:
    """Train with attention in three places of the decoder, and compare its alignments with the gold alignment."""
    corpus, minutes = open_corpus(config), config.minutes or MINUTES
    split = corpus.split("test")
    if config.gold_alignment is None and config.prepared is not None:
        raise ConfigError(
            "--prepared needs --gold-alignment FILE too: the alignment of its test split, one line per sentence"
        )
    gold = (
        _read_gold(config.gold_alignment, split, config.progress) if config.gold_alignment else gold_of_sample("test")
    )
    pairs = [(split.source_ids(row), split.target_ids(row)) for row in range(len(split))]
    errors: dict[str, dict[str, list[float]]] = {}
    maps: list[AttentionMap] = []
    for seed in config.seeds:
        for name, options in SYSTEMS.items():
            trained = train_system(config, corpus, name, options, seed, minutes)
            attention = forced_attention(trained.loaded, pairs)
            if not maps and name == "luong":
                maps = [attention_map(corpus, split, row, attention[row]) for row in _evenly_spaced(len(split))]
            for step in STEPS:
                alignments = [set(links) for links in forced_links(trained.loaded, pairs, attention, step)]
                errors.setdefault(name, {}).setdefault(step, []).append(alignment_error_rate(alignments, gold).aer)
    diagonal = alignment_error_rate([set(diagonal_links(split, row)) for row in range(len(split))], gold).aer
    return _result(corpus, gold, minutes, errors, diagonal, maps)


def _read_gold(path: Path, split: Split, progress: Progress) -> list[Alignment]:
    rows = range(len(split))
    sizes = [(len(split.source_text(row).split()), len(split.target_text(row).split())) for row in rows]
    gold, note = read_gold(path, sizes)
    if note:
        progress.message(note)
    return gold


def diagonal_links(split: Split, row: int) -> list[Link]:
    """The links of the diagonal: a baseline that uses only the lengths of both sides."""
    source, target = len(split.source_text(row).split()), len(split.target_text(row).split())
    return [(round(j * (source - 1) / max(1, target - 1)), j) for j in range(target)] if source else []


def attention_map(corpus: PreparedCorpus, split: Split, row: int, weights: Matrix) -> AttentionMap:
    """The attention of one pair under teacher forcing."""
    sides = ((corpus.tokenizers.source, split.source_ids(row)), (corpus.tokenizers.target, split.target_ids(row)))
    source, target = (tokenizer.pieces(ids.tolist()) for tokenizer, ids in sides)
    from_words, to_words = (tokenizer.words(ids.tolist()) for tokenizer, ids in sides)
    texts = (split.source_text(row), split.target_text(row))
    return AttentionMap.from_subwords(Subwords(source, target, weights), (from_words, to_words), texts, None, row + 1)


def _evenly_spaced(count: int) -> list[int]:
    return [round(i * (count - 1) / max(1, SHOWN - 1)) for i in range(min(SHOWN, count))]


def _result(
    corpus: PreparedCorpus,
    gold: Sequence[Alignment],
    minutes: float,
    errors: dict[str, dict[str, list[float]]],
    diagonal: float,
    maps: Sequence[AttentionMap],
) -> ExperimentResult:
    mean = {name: {step: statistics.fmean(runs) for step, runs in by.items()} for name, by in errors.items()}
    best = {name: min(by.values()) for name, by in mean.items()}
    summary = "; ".join(f"{name} {by['own']:.2f}, next {by['next']:.2f}" for name, by in mean.items())
    return ExperimentResult(
        title="Alignment: attention weights against gold alignments",
        method=(
            f"{describe(corpus, minutes)}. Attention is computed under teacher forcing on the {len(gold)} references "
            "of the test split and merged from subwords to words. Each target word is linked to the source word with "
            "the largest weight, in its own step, which predicts it, or in the next step, whose query depends on it. "
            "The figure is the alignment error rate against the gold alignment (Och and Ney 2003); 0 is perfect."
        ),
        columns=["attention", "AER, own step", "AER, next step"],
        rows=[
            *[[name, spread(by["own"], ".3f"), spread(by["next"], ".3f")] for name, by in errors.items()],
            ["diagonal", f"{diagonal:.3f}", ""],
        ],
        plots=[
            Plot(
                "alignment error rate by the place of attention",
                "attention",
                "AER",
                [
                    *[points(f"{step} step", {name: by[step] for name, by in errors.items()}) for step in STEPS],
                    Curve("diagonal", range(len(errors)), [diagonal] * len(errors)),
                ],
                xticks=list(errors),
            )
        ],
        verdicts=[
            Verdict(
                "Attention aligns words that translate each other: its error is less than half the diagonal's.",
                f"AER {summary}; diagonal {diagonal:.2f}.",
                all(error < diagonal / 2 for error in best.values()),
            ),
            Verdict(
                "With attention before the recurrence, the next step is the better alignment.",
                f"AER {summary}.",
                mean["bahdanau"]["next"] < mean["bahdanau"]["own"],
            ),
        ],
        numbers={"aer": errors, "diagonal": diagonal},
        maps=maps,
    )
