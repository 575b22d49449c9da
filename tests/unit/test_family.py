"""Every system of the family is trained, saved, loaded and searched."""

from pathlib import Path

import pytest
import torch
from family import every_system
from scripted import every_translation

from nmt_cli.checkpoint.model_dir import load_weights, model_weights
from nmt_cli.checkpoint.tensors import read_tensors, write_tensors
from nmt_cli.config import ModelConfig, SearchConfig, TrainingConfig
from nmt_cli.corpus.batch import collate
from nmt_cli.decoding.ensemble import EnsembleStep
from nmt_cli.decoding.search import SearchInput, search
from nmt_cli.kernels.device import compute_for_training
from nmt_cli.model.seq2seq import Seq2Seq, VocabSizes, sequence_mask
from nmt_cli.special_tokens import BOS, EOS
from nmt_cli.training.step import TrainStep

VOCABULARY = 7  # four special tokens and three others
LONGEST = 3
SENTENCES = [[4, 5, 6, 4], [5]]


def fresh(system: ModelConfig, seed: int) -> Seq2Seq:
    torch.manual_seed(seed)
    return Seq2Seq(system, VocabSizes(VOCABULARY, VOCABULARY, True))


@torch.no_grad()
def log_probability(model: Seq2Seq, source: list[int], target: tuple[int, ...]) -> float:
    """The log-probability of a translation and its EOS, by teacher forcing."""
    tokens = torch.tensor([[*source, EOS]])
    readouts, _ = model(
        tokens, sequence_mask(torch.tensor([tokens.size(1)]), tokens.size(1)), torch.tensor([[BOS, *target]])
    )
    log_probs = model.output(readouts)[0].log_softmax(-1)
    return sum(float(log_probs[t, token]) for t, token in enumerate((*target, EOS)))


@every_system
def test_a_trained_model_round_trips_and_beam_search_equals_brute_force(system: ModelConfig, tmp_path: Path) -> None:
    train_step = TrainStep(fresh(system, 1).train(), TrainingConfig(), compute_for_training("cpu", "fp32", 0))
    report = train_step.update([collate(SENTENCES, [row[::-1] for row in SENTENCES])], 1e-2)
    assert report.applied
    write_tensors(tmp_path / "weights", model_weights(train_step.model), {})
    model = fresh(system, 2).eval()
    load_weights(model, read_tensors(tmp_path / "weights")[0], tmp_path / "weights")
    expected = model_weights(train_step.model)
    assert all(torch.equal(weight, expected[key]) for key, weight in model_weights(model).items())

    lengths = torch.tensor([len(sentence) + 1 for sentence in SENTENCES])
    source = torch.tensor([[4, 5, 6, 4, EOS], [5, EOS, 0, 0, 0]])
    step = EnsembleStep([model])
    options = SearchConfig(beam_size=30, n_best=3, max_length=LONGEST)
    results = search(
        step, step.init_state(source, sequence_mask(lengths, 5)), SearchInput(lengths, attention=True), options
    )
    for sentence, hypotheses in zip(SENTENCES, results, strict=True):
        scores = [
            (log_probability(model, sentence, target) / ((5 + len(target) + 1) / 6), target)
            for target in every_translation(VOCABULARY, LONGEST)
        ]
        best = sorted(scores, reverse=True)[:3]
        assert [h.score for h in hypotheses] == pytest.approx([score for score, _ in best], abs=1e-4)
        for hypothesis in hypotheses:
            assert hypothesis.log_prob == pytest.approx(
                log_probability(model, sentence, tuple(hypothesis.tokens)), abs=1e-4
            )
            if system.attention in ("none", "none-repeat"):
                assert hypothesis.attention is None
            else:
                assert hypothesis.attention is not None
                assert hypothesis.attention.shape == (len(hypothesis.tokens), len(sentence) + 1)
                assert hypothesis.attention.sum(1) == pytest.approx(1, abs=1e-5)
