"""The addition experiment: its data, the tutorials' systems, and its verdicts."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nmt_cli.lab import addition
from nmt_cli.lab.addition_family import MODELS, TRAINING, family_jobs
from nmt_cli.lab.addition_task import Budget, Job, Trained, make_sums, run_jobs, until_converged
from nmt_cli.lab.addition_tutorial import (
    ABLATION,
    ALPHABET,
    ANSWER,
    BAHDANAU,
    QUESTION,
    Sums,
    accuracy,
    attention_maps,
    encode_padded,
    longest_sums,
    make_data,
    new_model,
    show,
    train,
    tutorial_jobs,
)
from nmt_cli.lab.keras_seq2seq import CELLS, LSTM, SYSTEMS, Design, KerasSeq2Seq, Score, hard_sigmoid, keras_init_
from nmt_cli.lab.synthetic import FIRST_SYMBOL, Pairs, decode_greedily, encode_characters, new_train_step, train_epoch
from nmt_cli.lab.synthetic import accuracy as family_accuracy
from nmt_cli.report.attention import attention_svg
from nmt_cli.report.curves import COLOURS, MARKERS

DESIGNS = {**SYSTEMS, **ABLATION}
TINY = Budget(examples=300, epochs=2, held_out=100)


@pytest.fixture(scope="module")
def sums() -> Sums:
    return make_data(TINY)[1].reversed()


def test_sums_are_correct_and_distinct() -> None:
    questions, answers = make_sums(500)
    assert len(set(questions)) == 500
    for text, total in zip(questions, answers, strict=True):
        a, b = map(int, text.split("+"))
        assert a + b == int(total)
        assert max(a, b) < 1000
    assert make_sums(500) == (questions, answers)
    assert {len(text) for text in questions} == {3, 4, 5, 6, 7}


def test_copying_single_digits_can_be_learnt() -> None:
    rows = encode_characters(list("0123456789") * 20, "0123456789")
    training = TRAINING.model_copy(update={"batch_tokens": 32})
    train_step = new_train_step(MODELS["attention"], FIRST_SYMBOL + 10, 1, training)
    losses = [train_epoch(train_step, Pairs(rows, rows), epoch, 15) for epoch in range(15)]
    assert losses[-1] < 0.1 < losses[0]
    assert family_accuracy(decode_greedily(train_step.model, rows[:10], 3), rows[:10]) == (1.0, 1.0)


def test_sums_are_padded_with_blanks() -> None:
    numbers = encode_padded(["12+3", "999+999"], QUESTION)
    assert numbers.tolist() == [[1, 2, 10, 3, 11, 11, 11], [9, 9, 9, 10, 9, 9, 9]]
    data, unseen = make_data(TINY)
    assert data.questions.shape == (200, QUESTION, len(ALPHABET))
    assert unseen.answers.shape == (100, ANSWER)
    questions, answers = make_sums(TINY.examples)
    for sums, start in ((unseen, 0), (data, 100)):
        for row in range(5):
            text = "".join(ALPHABET[number] for number in sums.questions[row].argmax(1))
            backwards = "".join(ALPHABET[number] for number in sums.reversed().questions[row].argmax(1))
            assert text == questions[start + row].ljust(7) == backwards[::-1]
            assert "".join(ALPHABET[number] for number in sums.answers[row]) == answers[start + row].ljust(4)


def lstm_size(inputs: int, cells: int) -> int:
    return 4 * cells * (inputs + cells + 1)


def test_systems_have_the_parameters_of_their_definitions() -> None:
    sizes = {name: sum(p.numel() for p in new_model(design, 1).parameters()) for name, design in SYSTEMS.items()}
    assert sizes == {
        "SimpleSeq2Seq": lstm_size(12, 128) + lstm_size(128, 12) + lstm_size(12, 12),
        "Seq2Seq": 13 * 128 + lstm_size(128, 128) + 129 * 12 + lstm_size(12, 128) + 129 * 12,
        "AttentionSeq2Seq": 2 * lstm_size(12, 128) + (128 + 128 + 1) + lstm_size(128, 128) + 129 * 12,
    }


@pytest.mark.parametrize("name", DESIGNS)
def test_outputs_and_weights_have_their_shapes(name: str, sums: Sums) -> None:
    model = new_model(DESIGNS[name], 1)
    if model.readout is not None:
        model.readout.weight.data.mul_(1e3)
    outputs, weights = model(sums.questions, sums.answers)
    assert outputs.shape == (100, ANSWER, len(ALPHABET))
    assert weights.shape == (100, ANSWER, QUESTION)
    assert (outputs.abs().max() <= 1) == (DESIGNS[name].readout != "linear")
    total = weights.sum(2)
    torch.testing.assert_close(total, torch.full_like(total, float(DESIGNS[name].context in ("linear", "bahdanau"))))


def sharp(name: str) -> KerasSeq2Seq:
    """A new model whose scores and cell states are so large that attention is far from uniform."""
    model = new_model(DESIGNS[name], 1)
    assert model.score is not None
    for parameter in [*model.encoder.parameters(), *model.score.parameters(), *model.decoder.parameters()]:
        parameter.data.mul_(5)
    return model


def test_a_linear_score_gives_the_same_weights_at_every_step_and_bahdanaus_does_not(sums: Sums) -> None:
    for name, same in (("AttentionSeq2Seq", True), (BAHDANAU, False)):
        weights = sharp(name)(sums.questions)[1]
        assert weights.max() > 0.3
        assert ((weights - weights[:, :1]).abs().max() < (1e-5 if same else 0.02)) == same


def test_scores_are_those_of_the_equations() -> None:
    torch.manual_seed(1)
    keys, query = torch.randn(2, 3, CELLS), torch.randn(2, 5)
    pairs = torch.cat([keys, query.unsqueeze(1).expand(2, 3, 5)], 2)  # [h_j; c_t-1]
    score = Score("linear", 5)
    torch.testing.assert_close(score(score.project_keys(keys), query), score.joint(pairs).squeeze(2))
    score = Score("bahdanau", 5)
    assert score.v is not None
    torch.testing.assert_close(score(score.project_keys(keys), query), score.v(score.joint(pairs).tanh()).squeeze(2))


def test_the_lstm_is_that_of_torch_but_for_its_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, torchs = LSTM(5, 4), nn.LSTM(5, 4, batch_first=True)
    torchs.load_state_dict(
        {
            "weight_ih_l0": ours.kernel.weight,
            "weight_hh_l0": ours.recurrent.weight,
            "bias_ih_l0": ours.kernel.bias,
            "bias_hh_l0": torch.zeros(16),
        }
    )
    inputs = torch.randn(3, 6, 5)
    assert not torch.allclose(ours(inputs)[0], torchs(inputs)[0], atol=1e-4)
    monkeypatch.setattr("nmt_cli.lab.keras_seq2seq.hard_sigmoid", torch.sigmoid)
    torch.testing.assert_close(ours(inputs)[0], torchs(inputs)[0])


def test_the_hard_sigmoid_is_that_of_keras() -> None:
    z = torch.tensor([-3.0, -2.5, -1.0, 0.0, 1.0, 2.5, 3.0])
    torch.testing.assert_close(hard_sigmoid(z), torch.tensor([0.0, 0.0, 0.3, 0.5, 0.7, 1.0, 1.0]))


@pytest.mark.parametrize("unit_forget_bias", [False, True])
def test_initial_weights_are_those_of_keras(unit_forget_bias: bool) -> None:
    torch.manual_seed(1)
    model = nn.ModuleDict({"lstm": LSTM(30, 20), "dense": nn.Linear(40, 10)})
    keras_init_(model, unit_forget_bias)
    lstm, dense = model["lstm"], model["dense"]
    assert isinstance(lstm, LSTM)
    assert isinstance(dense, nn.Linear)
    for weight, limit in ((lstm.kernel.weight, math.sqrt(6 / (30 + 80))), (dense.weight, math.sqrt(6 / (40 + 10)))):
        assert 0.9 * limit < weight.abs().max() <= limit
    torch.testing.assert_close(lstm.recurrent.weight.T @ lstm.recurrent.weight, torch.eye(20))
    assert not dense.bias.any()
    assert lstm.kernel.bias.tolist() == [0.0] * 20 + [float(unit_forget_bias)] * 20 + [0.0] * 40


@pytest.mark.parametrize("name", SYSTEMS)
def test_decoders_with_a_readout_start_from_glorot_uniform_recurrent_weights(name: str) -> None:
    model = new_model(SYSTEMS[name], 1)
    *_, layer = model._layers()
    recurrent = layer.recurrent.weight
    orthogonal = torch.allclose(recurrent.T @ recurrent, torch.eye(layer.cells), atol=1e-4)
    assert orthogonal == (model.readout is None)
    if not orthogonal:
        limit = math.sqrt(6 / (layer.cells + 4 * layer.cells))
        assert 0.9 * limit < recurrent.abs().max() <= limit


def test_a_bidirectional_encoder_adds_what_is_read_in_both_directions(sums: Sums) -> None:
    model = new_model(SYSTEMS["AttentionSeq2Seq"], 1)
    assert model.backward_encoder is not None
    forwards, last, _ = model._encode(sums.questions)
    model.encoder, model.backward_encoder = model.backward_encoder, model.encoder
    backwards, last_backwards, _ = model._encode(sums.questions.flip(1))
    torch.testing.assert_close(backwards.flip(1), forwards)
    torch.testing.assert_close(last_backwards, last)


def test_what_is_fed_back_differs_by_design(sums: Sums) -> None:
    other = (sums.answers + 1) % len(ALPHABET)
    for name, heeds_gold in (("AttentionSeq2Seq", False), ("own output fed back", False), ("teacher forcing", True)):
        model = new_model(DESIGNS[name], 1)
        (one, _), (another, _) = model(sums.questions, sums.answers), model(sums.questions, other)
        torch.testing.assert_close(one[:, 0], another[:, 0])  # the first step has no previous character
        assert torch.equal(one[:, 1:], another[:, 1:]) is not heeds_gold
    model = new_model(DESIGNS["teacher forcing"], 1)
    free, _ = model(sums.questions)
    torch.testing.assert_close(model(sums.questions, free.argmax(2))[0], free)


def test_a_state_that_is_handed_over_starts_the_decoder(sums: Sums) -> None:
    design = Design(hand_over=True)
    handed, not_handed = new_model(design, 1), new_model(replace(design, hand_over=False), 1)
    assert not torch.allclose(handed(sums.questions)[0], not_handed(sums.questions)[0], atol=1e-3)


def test_accuracy_counts_characters_with_blanks_and_whole_answers() -> None:
    truth = encode_padded(["12", "345", "6"], ANSWER)

    class Fixed(KerasSeq2Seq):
        def forward(self, questions: Tensor, gold: Tensor | None = None) -> tuple[Tensor, Tensor]:
            answers = encode_padded(["12", "344", "77"], ANSWER)  # correct: 4, 3 and 2 of 4 characters
            return nn.functional.one_hot(answers, len(ALPHABET)).float(), questions

    model = Fixed(SYSTEMS["SimpleSeq2Seq"], len(ALPHABET), ANSWER)
    assert accuracy(model, Sums(torch.zeros(3), truth)) == pytest.approx((9 / 12, 1 / 3))


@pytest.mark.parametrize("name", ["Seq2Seq", "AttentionSeq2Seq", BAHDANAU, "readout without tanh", "squared error"])
def test_a_few_sums_can_be_learnt_by_heart(name: str, sums: Sums) -> None:
    few = Sums(sums.questions[:16], sums.answers[:16])
    model = new_model(DESIGNS[name], 1)
    losses = list(train(model, few, 1, 200))
    assert accuracy(model, few)[0] > 0.8
    bounded = DESIGNS[name].readout == "tanh" and DESIGNS[name].loss == "cross-entropy"
    assert (losses[-1] > 0.91) is bounded  # outputs between -1 and 1 leave a loss of 0.91


def same(one: Trained, other: Trained) -> bool:
    return one.accuracies == other.accuracies and np.array_equal(one.weights, other.weights)


def attention_jobs(*seeds: int) -> list[Job]:
    return [job for job in tutorial_jobs(TINY, seeds) if job.name == addition.ATTENTION]


def test_runs_repeat_with_a_seed() -> None:
    one, again, other = (job.train() for job in attention_jobs(1, 1, 2))
    assert same(one, again)
    assert not same(one, other)
    weights = [new_model(SYSTEMS["SimpleSeq2Seq"], seed).encoder.kernel.weight for seed in (1, 1, 2)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.slow
def test_runs_side_by_side_are_those_of_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = attention_jobs(1, 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    together = list(run_jobs(jobs))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    for (job, one), (other_job, other) in zip(run_jobs(jobs), together, strict=True):
        assert job is other_job
        assert same(one, other)


def test_training_ends_when_it_has_converged() -> None:
    accuracies = iter([(0.5, 0.1), (0.9995, 0.99), (0.6, 0.2)])
    assert until_converged(4, accuracies) == [(0.5, 0.1), *[(0.9995, 0.99)] * 3]
    assert next(accuracies) == (0.6, 0.2)


def test_weights_are_shown_in_the_order_of_writing(sums: Sums) -> None:
    model = new_model(SYSTEMS["AttentionSeq2Seq"], 1)
    answers, backwards = show(model, sums.questions[:2], True)
    assert [len(answer) for answer in answers] == [ANSWER] * 2
    _, as_read = show(model, sums.questions[:2], False)
    np.testing.assert_array_equal(backwards[0], as_read[0][:, ::-1])


def test_the_figure_of_attention_has_the_steps_of_both_scores() -> None:
    unseen = make_data(TINY)[1].reversed()
    shown = unseen.questions[longest_sums(unseen)]
    assert len(shown) >= 3
    linear, bahdanau = (Trained([], *show(sharp(name), shown, True)) for name in ("AttentionSeq2Seq", BAHDANAU))
    maps = attention_maps(linear, bahdanau, TINY)
    assert len(maps) == 3
    for attention in maps:
        assert attention.shape == (2 * ANSWER, QUESTION)
        assert re.fullmatch(r"\d{3}plus\d{3}", "".join(attention.source_words))
        of_linear, of_bahdanau = np.split(attention.weights, 2)
        assert abs(of_linear - of_linear[0]).max() < 1e-5
        assert abs(of_bahdanau - of_bahdanau[0]).max() > 1e-3
    assert len(attention_svg(*maps).encode()) < 60_000


@pytest.mark.parametrize(
    ("epochs", "attention", "simple", "expected"),
    [
        (12, None, None, ["undecided", "undecided"]),
        (12, 11, None, ["reproduced", "undecided"]),
        (12, None, 12, ["undecided", "not reproduced"]),
        (30, None, None, ["not reproduced", "undecided"]),
        (50, 30, None, ["not reproduced", "reproduced"]),
        (50, 29, 50, ["reproduced", "not reproduced"]),
    ],
)
@pytest.mark.parametrize("part", [0, 2])
def test_claims_beyond_the_epochs_of_a_run_are_undecided(
    part: int, epochs: int, attention: int | None, simple: int | None, expected: list[str]
) -> None:
    """Of the tutorials' systems (the first two verdicts) and of the family's (the others)."""

    def run(passed: int | None) -> list[Trained]:
        """A run that reaches the threshold at this epoch, or never."""
        weights = [np.ones((ANSWER, QUESTION))] * 3
        accuracies = [(0.98 if passed and epoch >= passed else 0.5, 0.0) for epoch in range(1, epochs + 1)]
        return [Trained(accuracies, ["1   "] * 3, weights)]

    jobs = tutorial_jobs(TINY, [1]) + family_jobs(TINY, [1])
    trained = {job.name: run(None) for job in jobs}
    names = [addition.ATTENTION, addition.SIMPLE] if part == 0 else ["attention", "fixed vector, repeated"]
    trained |= {names[0]: run(attention), names[1]: run(simple)}
    outcome = addition._result(trained, TINY)
    assert [verdict.label for verdict in outcome.verdicts[part : part + 2]] == expected
    assert len(outcome.rows) == len(jobs)
    assert all(len(plot.curves) <= min(len(COLOURS), len(MARKERS)) for plot in outcome.plots)
