"""The experiment with the order of the source: its tasks, and its verdicts."""

from typing import Any

import pytest

from nmt_cli.config import ModelConfig
from nmt_cli.lab import order, order_tasks
from nmt_cli.lab.addition_family import ALPHABET
from nmt_cli.lab.order_tasks import DIGITS, MODEL, Task, addition, copying, train_order
from nmt_cli.lab.synthetic import Pairs, accuracy, decode_greedily, encode_characters, new_train_step


def test_sums_are_added_and_digits_copied() -> None:
    task = addition(50, 10, 3)
    assert [str(sum(map(int, source.split("+")))) for source in task.sources] == list(task.targets)
    task = copying(500, 10, 3)
    assert task.targets == task.sources
    assert {len(row) for row in task.sources} == set(range(DIGITS[0], DIGITS[1] + 1))
    assert set("".join(task.sources)) == set("0123456789")
    assert copying(500, 10, 3) == task


def test_accuracy_is_per_position_and_per_answer() -> None:
    truth = [[4, 5, 6], [7], [8, 8]]
    assert accuracy(truth, truth) == (1.0, 1.0)
    answers = [[4, 9, 6], [7, 7], []]  # correct: 4, 6 and EOS; 7; none
    per_position, per_answer = accuracy(answers, truth)
    assert per_position == pytest.approx(4 / 9)
    assert per_answer == 0.0


@pytest.mark.parametrize("name", order.ORDERS)
def test_only_the_order_differs_and_what_is_held_out_is_not_trained_on(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    models: list[ModelConfig] = []
    trained: list[tuple[Pairs, int, int]] = []
    measured: list[list[list[int]]] = []

    def build(config: ModelConfig, *rest: Any) -> Any:
        models.append(config)
        return new_train_step(config, *rest)

    def answer(model: Any, sources: list[list[int]], longest: int) -> list[list[int]]:
        measured.append(sources)
        assert longest == 4
        return decode_greedily(model, sources, longest)

    monkeypatch.setattr(order_tasks, "new_train_step", build)
    monkeypatch.setattr(order_tasks, "train_epoch", lambda _, *arguments: trained.append(arguments))
    monkeypatch.setattr(order_tasks, "decode_greedily", answer)
    train_order(Task(["1", "22", "333", "44"], ["2", "33", "444", "55"], 1, 2), name, 1)
    assert models == [MODEL.model_copy(update={"source_order": name})]
    rows = encode_characters(["22", "333", "44"], ALPHABET), encode_characters(["33", "444", "55"], ALPHABET)
    assert trained == [(Pairs(*rows), 0, 2), (Pairs(*rows), 1, 2)]
    assert measured == [encode_characters(["1"], ALPHABET)]


@pytest.mark.parametrize("name", order.ORDERS)
def test_a_single_digit_is_soon_copied_in_any_order(name: str) -> None:
    rows = list("0123456789" * 300)
    assert train_order(Task(rows, rows, 10, 8), name, 1)[1] > 0.8


CLAIMS = {
    (order.FIXED, "reversed", "minutes"): 0,
    (order.FIXED, "doubled", "minutes"): 1,
    (order.FIXED, "doubled", "updates"): 2,
    ("addition", "reversed", "epochs"): 3,
    ("addition", "doubled", "epochs"): 4,
    ("copying", "reversed", "epochs"): 5,
    ("copying", "doubled", "epochs"): 6,
}


@pytest.mark.parametrize("better", CLAIMS)
def test_each_form_of_a_claim_has_its_own_verdict(better: tuple[str, str, str]) -> None:
    """Two seeds, with the same figures in every order but one."""

    def scores(name: str, limit: str, base: float, gain: float) -> order.Scores:
        figures = {each: [base, base] for each in order.ORDERS if each != "reversed" or limit != "updates"}
        if (name, limit) == (better[0], better[2]):
            figures[better[1]] = [base + gain, base + 2 * gain]
        return figures

    by_minutes = {name: scores(name, "minutes", 20.0, 3.0) for name in order.SYSTEMS}
    by_updates = scores(order.FIXED, "updates", 20.0, 3.0)
    tasks = {
        name: {part: scores(name, "epochs", 0.5, 0.1) for part in ("per character", "whole")} for name in order.TASKS
    }
    outcome = order._result("method", by_minutes, by_updates, tasks)
    labels = [verdict.reproduced for verdict in outcome.verdicts]
    assert labels == [position == CLAIMS[better] for position in range(7)] + [CLAIMS[better] == 0]
    verb, form = {"reversed": "reversing", "doubled": "doubling"}[better[1]], f"equal {better[2]}"
    claim = outcome.verdicts[CLAIMS[better]].claim
    assert verb in claim
    assert form in claim
    assert all(len(row) == len(outcome.columns) for row in outcome.rows)
