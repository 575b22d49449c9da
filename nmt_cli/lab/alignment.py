"""What attention learnt of word order: alignment error rate against gold alignments, and heat maps."""

import statistics
from collections.abc import Sequence
from typing import Any

from nmt_cli.corpus.dataset import PreparedCorpus, Split
from nmt_cli.decoding.alignment import Link
from nmt_cli.decoding.forced_decoding import STEPS, forced_attention, forced_links
from nmt_cli.errors import ConfigError, CorpusError
from nmt_cli.evaluation.alignment import Alignment, alignment_error_rate, read_links
from nmt_cli.lab.compare import described, gold_of_sample, open_corpus, train_system
from nmt_cli.lab.experiment import ExperimentConfig, ExperimentResult, Verdict, points, spread
from nmt_cli.report.attention_map import AttentionMap, Matrix, Subwords
from nmt_cli.report.curves import Curve, Plot

SYSTEMS: dict[str, dict[str, Any]] = {
    "bahdanau": {"attention": "bahdanau", "score": "concat"},
    "luong": {"attention": "luong"},
    "gnmt": {"attention": "gnmt", "decoder_layers": 2},
}
QUICK, FULL = 0.3, 4.5
"""Minutes for each model."""
SEEDS = 2
SHOWN = 6
"""Sentences whose attention is drawn."""


def run(setting: ExperimentConfig) -> ExperimentResult:
    """Train with attention in three places, and compare where it looks with the gold alignment."""
    corpus = open_corpus(setting)
    split = corpus.split("test")
    if setting.gold_alignment is None and setting.prepared is not None:
        raise ConfigError(
            "--prepared needs --gold-alignment FILE too: the alignment of its test split, a line a sentence"
        )
    gold = read_links(setting.gold_alignment) if setting.gold_alignment is not None else gold_of_sample("test")
    if len(gold) != len(split):
        raise CorpusError(
            f"--gold-alignment {setting.gold_alignment}: {len(gold)} lines, but the test split has {len(split)} pairs"
        )
    pairs = [(split.source_ids(row), split.target_ids(row)) for row in range(len(split))]
    minutes = QUICK if setting.quick else FULL
    errors: dict[str, dict[str, list[float]]] = {}
    maps: list[AttentionMap] = []
    for seed in setting.seeds:
        for name, options in SYSTEMS.items():
            trained = train_system(setting, corpus, name, options, seed, minutes)
            looked = forced_attention(trained.loaded, pairs)
            if not maps and name == "luong":
                maps = [attention_map(corpus, split, row, looked[row]) for row in _spread_out(len(split))]
            for step in STEPS:
                found = [set(made) for made in forced_links(trained.loaded, pairs, looked, step)]
                errors.setdefault(name, {}).setdefault(step, []).append(alignment_error_rate(found, gold).aer)
    diagonal = alignment_error_rate([set(diagonal_links(split, row)) for row in range(len(split))], gold).aer
    return _outcome(corpus, gold, minutes, errors, diagonal, maps)


def diagonal_links(split: Split, row: int) -> list[Link]:
    """The baseline that knows only how long both sides are."""
    source, target = len(split.source_text(row).split()), len(split.target_text(row).split())
    return [(round(j * (source - 1) / max(1, target - 1)), j) for j in range(target)] if source else []


def attention_map(corpus: PreparedCorpus, split: Split, row: int, weights: Matrix) -> AttentionMap:
    """What was looked at while the reference was read."""
    sides = ((corpus.tokenizers.source, split.source_ids(row)), (corpus.tokenizers.target, split.target_ids(row)))
    source, target = (tokenizer.pieces(ids.tolist()) for tokenizer, ids in sides)
    from_words, to_words = (tokenizer.words(ids.tolist()) for tokenizer, ids in sides)
    texts = (split.source_text(row), split.target_text(row))
    return AttentionMap.from_subwords(Subwords(source, target, weights), (from_words, to_words), texts, None, row + 1)


def _spread_out(count: int) -> list[int]:
    return [round(place * (count - 1) / max(1, SHOWN - 1)) for place in range(min(SHOWN, count))]


def _outcome(
    corpus: PreparedCorpus,
    gold: Sequence[Alignment],
    minutes: float,
    errors: dict[str, dict[str, list[float]]],
    diagonal: float,
    maps: Sequence[AttentionMap],
) -> ExperimentResult:
    mean = {name: {step: statistics.fmean(runs) for step, runs in by.items()} for name, by in errors.items()}
    best = {name: min(by.values()) for name, by in mean.items()}
    told = "; ".join(f"{name} {by['own']:.2f}, next {by['next']:.2f}" for name, by in mean.items())
    return ExperimentResult(
        title="Alignment: what attention learnt of word order",
        method=(
            f"{described(corpus, minutes)}. The {len(gold)} references of the test split are read by teacher forcing; "
            "each target word is linked to the source word with most weight, merged from subwords: the weights that "
            "its own prediction used, or those of the step after, whose query has read it. Alignment error rate "
            "against the gold alignment (Och and Ney 2003), 0 being perfect."
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
                names=list(errors),
            )
        ],
        verdicts=[
            Verdict(
                "Attention learns which words belong together: its error is less than half the diagonal's.",
                f"AER {told}; diagonal {diagonal:.2f}.",
                all(error < diagonal / 2 for error in best.values()),
            ),
            Verdict(
                "Attention before the recurrence lags: its next step is the better alignment.",
                f"AER {told}.",
                mean["bahdanau"]["next"] < mean["bahdanau"]["own"],
            ),
        ],
        numbers={"aer": errors, "diagonal": diagonal},
        maps=maps,
    )
