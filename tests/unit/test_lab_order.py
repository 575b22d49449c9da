"""The experiment with the order of the source: its tasks, and its verdicts."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nmt_cli.config import ModelConfig
from nmt_cli.lab import order, synthetic
from nmt_cli.lab.addition_family import ALPHABET
from nmt_cli.lab.experiment import ExperimentConfig
from nmt_cli.lab.order_tasks import DIGITS, MODEL, Task, addition, copying, train_order
from nmt_cli.lab.synthetic import Pairs, accuracy, decode_greedily, encode_characters, new_train_step
from nmt_cli.progress import Progress


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

    monkeypatch.setattr(synthetic, "new_train_step", build)
    monkeypatch.setattr(synthetic, "train_epoch", lambda _, *arguments: trained.append(arguments))
    monkeypatch.setattr(synthetic, "decode_greedily", answer)
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


def test_models_are_trained_in_each_order_for_equal_minutes_updates_and_epochs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[Any, ...]] = []

    def train_system(_: Any, __: Any, name: str, options: dict[str, Any], seed: int, **limit: float) -> None:
        trained.append((options.get("attention"), options["source_order"], seed, limit, name))

    def answer(task: Task, name: str, seed: int) -> tuple[float, float]:
        trained.append((len(task.sources), name, seed, task.epochs))
        return 0.5, 0.1

    monkeypatch.setattr(order, "open_corpus", lambda _: None)
    monkeypatch.setattr(order, "describe", lambda _, minutes: f"{minutes} minutes")
    monkeypatch.setattr(order, "train_system", train_system)
    monkeypatch.setattr(order, "translate_test", lambda *_: SimpleNamespace(bleu=lambda: 1.0))
    monkeypatch.setattr(order, "train_order", answer)
    monkeypatch.setattr(order, "TASKS", {"addition": partial(addition, 9, 1, 2), "copying": partial(copying, 8, 1, 3)})
    order.run(ExperimentConfig(False, [1], Progress(), tmp_path, minutes=7.5))
    minutes, updates = {"minutes": 7.5}, {"updates": order.UPDATES}
    assert [model[:-1] for model in trained] == [
        *[("none", name, 1, minutes) for name in order.ORDERS],
        *[(None, name, 1, minutes) for name in order.ORDERS],
        *[("none", name, 1, updates) for name in ("forward", "doubled")],
        *[(9, name, 1) for name in order.ORDERS],
        *[(8, name, 1) for name in order.ORDERS],
    ]
    assert len({model[-1] for model in trained[:8]}) == 8  # each translator has a folder of its own
    assert [model[-1] for model in trained[8:]] == [2] * 3 + [3] * 3
