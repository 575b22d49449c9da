"""Stacked LSTMs: depth against width at equal parameters."""

import statistics

from nmt_cli.config import ModelConfig
from nmt_cli.corpus.store import PreparedCorpus
from nmt_cli.lab.experiment import Outcome, Setting, Verdict, curve, spread
from nmt_cli.lab.translators import SIZE, Trained, beats, described, open_corpus, train_system, translate_test
from nmt_cli.model.seq2seq import Seq2Seq, Vocabularies
from nmt_cli.report.curves import Plot

DEPTHS = (1, 2, 3, 4)
CHOSEN = 2
"""The stack that is to beat one layer, named beforehand."""
WIDTH = 128
"""Cells of the model with one layer; the deeper ones get as many as give the same number of parameters."""
STEP = 8
QUICK, FULL = 0.25, 3.4
"""Minutes for each model."""
SEEDS = 2


def width_for(depth: int, corpus: PreparedCorpus) -> int:
    """Cells of each of `depth` layers for the parameters of one layer of WIDTH."""
    wanted = parameters(1, WIDTH, corpus)
    return min(range(STEP, WIDTH + 1, STEP), key=lambda width: abs(parameters(depth, width, corpus) - wanted))


def parameters(depth: int, width: int, corpus: PreparedCorpus) -> int:
    """Of a model with this many layers on both sides."""
    tokenizers = corpus.tokenizers
    options = {"embedding_size": SIZE["embedding_size"], "attention": SIZE["attention"], "hidden_size": width}
    config = ModelConfig.model_validate({**options, "encoder_layers": depth, "decoder_layers": depth})
    sizes = Vocabularies(tokenizers.source.size, tokenizers.target.size, tokenizers.joint)
    return Seq2Seq(config, sizes).size


def run(setting: Setting) -> Outcome:
    """Train one to four layers of as many parameters."""
    corpus = open_corpus(setting)
    minutes = QUICK if setting.quick else FULL
    widths = {depth: width_for(depth, corpus) for depth in DEPTHS}
    bleu: dict[int, list[float]] = {depth: [] for depth in DEPTHS}
    models: dict[int, list[Trained]] = {depth: [] for depth in DEPTHS}
    for seed in setting.seeds:
        for depth, width in widths.items():
            given = {"encoder_layers": depth, "decoder_layers": depth, "hidden_size": width}
            trained = train_system(setting, corpus, f"{depth} x {width}", given, seed, minutes)
            models[depth].append(trained)
            bleu[depth].append(translate_test(corpus, trained).bleu())
    mean = {depth: statistics.fmean(values) for depth, values in bleu.items()}
    told = ", ".join(f"{depth} x {widths[depth]} {value:.1f}" for depth, value in mean.items())
    return Outcome(
        title="Depth: stacked LSTMs at equal parameters",
        method=(
            f"{described(corpus, minutes)} of the first, with attention after the recurrence; as many layers in "
            "encoder as in decoder, residual from the third on; widths in eights, so that parameters are alike. Greedy "
            "search on the test split."
        ),
        columns=["layers x cells", "BLEU", "parameters", "target subwords/s"],
        rows=[
            [
                f"{depth} x {widths[depth]}",
                spread(bleu[depth], ".1f"),
                f"{models[depth][0].loaded.model.size:,}",
                spread([trained.speed for trained in models[depth]], ",.0f"),
            ]
            for depth in DEPTHS
        ],
        plots=[
            Plot(
                "BLEU by depth",
                "layers",
                "BLEU",
                [curve("equal parameters", DEPTHS, [list(run) for run in zip(*bleu.values(), strict=True)])],
            )
        ],
        verdicts=[
            Verdict(
                f"Depth counts for more than width: {CHOSEN} layers beat a single wide one of as many parameters.",
                f"BLEU {told}.",
                beats(bleu[CHOSEN], bleu[1]),
            )
        ],
        numbers={"widths": widths, "bleu": bleu},
    )
