"""The experiment with attention on an LSTM: its data, its two forms, and its verdicts."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from nmt_cli.lab import attention_lstm, keras_seq2seq
from nmt_cli.lab.attention_lstm import FULL, OURS, PLACEMENTS, PLANTED, PUBLIC, SHARING, AttentiveLSTM, Form

FORMS = pytest.mark.parametrize("form", FULL.values(), ids=FULL.keys())


@FORMS
def test_the_answer_is_planted_at_one_step(form: Form) -> None:
    inputs, answers = attention_lstm.planted(50, form.steps, 1)
    assert inputs.shape == (50, form.steps, attention_lstm.DIMENSIONS)
    assert (inputs[:, PLANTED] == answers[:, None]).all()
    assert not (inputs[:, PLANTED + 1] == answers[:, None]).any()


@pytest.mark.parametrize("place", PLACEMENTS)
@pytest.mark.parametrize("shared", [True, False])
@FORMS
def test_attention_weights_over_time_sum_to_one(form: Form, place: str, shared: bool) -> None:
    torch.manual_seed(0)
    model = AttentiveLSTM(form, place, shared)
    inputs, _ = attention_lstm.planted(4, form.steps, 2)
    logits, weights = model(inputs)
    assert logits.shape == (4,)
    torch.testing.assert_close(weights.sum(1), torch.ones(4))
    weighted, mean = model._weigh(torch.ones(4, form.steps, attention_lstm.DIMENSIONS))
    assert (weighted[..., 0] == weighted[..., 1]).all() or not shared
    torch.testing.assert_close(weighted.mean(-1), mean)


def test_the_public_example_has_the_lstm_and_the_initial_weights_of_keras() -> None:
    model = AttentiveLSTM(FULL[PUBLIC], "after", False)
    assert isinstance(model.lstm, keras_seq2seq.LSTM)
    cells = attention_lstm.CELLS
    assert model.lstm.kernel.bias.tolist() == [0.0] * cells + [1.0] * cells + [0.0] * 2 * cells
    torch.testing.assert_close(model.lstm.recurrent.weight.T @ model.lstm.recurrent.weight, torch.eye(cells))
    assert not model.scores.bias.any()
    assert isinstance(AttentiveLSTM(FULL[OURS], "after", False).lstm, nn.LSTM)


@FORMS
def test_training_finds_the_planted_step(form: Form) -> None:
    """With attention after the LSTM, which learns faster, the planted step soon has more than its share of weight."""
    small = replace(form, examples=1_280, epochs=8, learning_rate=1e-2)
    accuracy, weights = attention_lstm.train(small, "after", False, 1)
    assert len(weights) == form.steps
    assert accuracy > 0.9
    assert weights[PLANTED] > 1.5 / form.steps


@pytest.mark.parametrize("wrong", [None, *FULL])
def test_each_form_has_its_own_verdicts(wrong: str | None) -> None:
    """The weights are as claimed; in one form they lie three steps later."""
    weights: dict[attention_lstm.Key, list[list[float]]] = {}
    for name, form in FULL.items():
        shift = 3 if name == wrong else 0
        run = [0.01] * form.steps
        run[PLANTED + shift], run[PLANTED + 1 + shift] = 0.5, 0.3
        weights |= {(name, place, sharing): [run] for place in PLACEMENTS for sharing in SHARING}
    outcome = attention_lstm._result(FULL, weights, {key: [1.0] for key in weights})
    assert [verdict.reproduced for verdict in outcome.verdicts] == [wrong != OURS] * 2 + [wrong != PUBLIC] * 2
    assert ["public example" in verdict.claim for verdict in outcome.verdicts] == [False, False, True, True]
    assert [row[-1] for row in outcome.rows] == [
        str(PLANTED + 3 * (name == wrong)) for name in FULL for _ in range(len(PLACEMENTS) * len(SHARING))
    ]
