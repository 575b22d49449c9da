"""The experiments, in sizes too small to learn anything, and their data and measures."""

import importlib
import io
import json
import logging
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from nmt_cli.cli.app import main
from nmt_cli.config import PreprocessConfig
from nmt_cli.corpus.dataset import PreparedCorpus
from nmt_cli.corpus.prepare import preprocess
from nmt_cli.errors import ConfigError, OutputError
from nmt_cli.lab import (
    CORPUS_EXPERIMENTS,
    EXPERIMENTS,
    QUICK_EXPERIMENTS,
    addition,
    compare,
    depth,
    length,
    scores,
)
from nmt_cli.lab.addition_task import Budget
from nmt_cli.lab.attention_lstm import FULL as FORMS
from nmt_cli.lab.experiment import (
    ExperimentConfig,
    ExperimentResult,
    Verdict,
    check_folder,
    curve,
    line,
    show,
    spread,
    write,
)
from nmt_cli.lab.order_tasks import addition as addition_task
from nmt_cli.lab.order_tasks import copying
from nmt_cli.progress import Progress
from nmt_cli.report.curves import Curve, Plot
from nmt_cli.training.step import TrainStep

PAGES = Path(__file__).parents[2] / "docs" / "lab"

TINY: dict[str, dict[str, Any]] = {
    "addition": {"BUDGET": Budget(120, 2, 20)},
    "gradient": {"QUICK": (40, 1)},
    "order": {
        "UPDATES": 2,
        "TASKS": {"addition": partial(addition_task, 60, 20, 1), "copying": partial(copying, 60, 20, 1)},
    },
    "attention-lstm": {"QUICK": {name: replace(form, examples=64, epochs=1) for name, form in FORMS.items()}},
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits and their names, with word alignments of each split."""
    folder = tmp_path_factory.mktemp("corpus")
    for split, start, count in (("train", 1000, 60), ("dev", 3000, 20), ("test", 4000, 20)):
        rows = [" ".join(str((start + 7 * i) ** 2)[: 1 + i % 7]) for i in range(count)]
        (folder / f"{split}.num").write_text("".join(f"{row}\n" for row in rows))
        (folder / f"{split}.en").write_text("".join(row.replace("1", "one").replace("2", "two") + "\n" for row in rows))
        gold = [" ".join(f"{j}-{j}" for j in range(len(row.split()))) for row in rows]
        (folder / f"{split}.align").write_text("".join(f"{links}\n" for links in gold))
    splits: dict[str, Any] = {split: str(folder / split) for split in ("dev", "test")}
    options: dict[str, Any] = {"train": [str(folder / "train")], "source": "num", "target": "en", **splits}
    preprocess(PreprocessConfig(out=folder / "prepared", keep=["duplicates", "wrong-script"], **options))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_writes_verdicts_and_a_report(
    name: str, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    module: Any = importlib.import_module(f"nmt_cli.lab.{name.replace('-', '_')}")
    for constant, value in TINY.get(name, {"MIN_PER_BIN": 1, "MIN_PER_SPAN": 3}).items():
        monkeypatch.setattr(module, constant, value, raising=False)
    caplog.set_level(logging.INFO, "nmt_cli")
    if name in CORPUS_EXPERIMENTS:
        monkeypatch.setitem(compare.SIZE, "hidden_size", 16)
    seeds = [1] if name in CORPUS_EXPERIMENTS else [1, 2]
    (tmp_path / "work").mkdir()
    files = (corpus / "prepared", corpus / "test.align")
    config = ExperimentConfig(True, seeds, Progress(), tmp_path / "work", *files, minutes=0.01)
    outcome = module.run(config)
    assert ("0.01 minutes for each model" in outcome.method) == (name in CORPUS_EXPERIMENTS)
    assert any(message.startswith("seed 1, ") for message in caplog.messages)
    assert outcome.verdicts
    assert all(len(row) == len(outcome.columns) for row in outcome.rows)
    write(outcome, config, tmp_path, {"command": "nmt lab", "machine": "m", "seconds": 1.0})
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    documented = " ".join((PAGES / f"{name}.md").read_text(encoding="utf-8").split()).lower()
    for verdict, recorded in zip(outcome.verdicts, results["verdicts"], strict=True):
        assert f'"{verdict.claim.rstrip(".").lower()}"' in documented
        assert verdict.measured in report
        assert recorded["reproduced"] == verdict.reproduced
    assert "(indicative: quick run)" in report
    assert (tmp_path / "figure.png").stat().st_size > 1000
    assert (tmp_path / "figure.svg").stat().st_size > 1000
    for width in (80, 120):
        output = io.StringIO()
        show(outcome, config, Console(file=output, width=width, highlight=False))
        text = output.getvalue()
        assert all(len(row) <= width for row in text.split("\n"))
        assert outcome.title in text


@pytest.mark.parametrize("name", ["report.md", "results.json", "figure.svg", "attention.html"])
def test_files_that_are_not_of_the_lab_are_kept(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "length"
    check_folder(folder)
    (folder / "notes.txt").write_text("mine")
    check_folder(folder)
    (folder / name).write_text("{}")
    with pytest.raises(OutputError, match=f"contains {name}, which nmt lab did not write"):
        check_folder(folder)
    config = ExperimentConfig(True, [1], Progress(), tmp_path)
    plot = Plot("title", "x", "y", [Curve("a", [0, 1], [0, 1])])
    result = ExperimentResult("title", "method", ["a"], [["b"]], [plot], [], {})
    recipe = {"command": "nmt lab", "machine": "m", "seconds": 1.0}
    write(result, config, folder, recipe)
    check_folder(folder)


def test_spread_and_curve_show_mean_and_range_of_runs() -> None:
    assert spread([0.5]) == "0.500"
    assert spread([0.25, 0.75], ".2f") == "0.50 (0.25 to 0.75)"
    combined = curve("c", [1, 2], [[0.0, 1.0], [1.0, 3.0]])
    assert (combined.y, combined.low, combined.high) == ([0.5, 2.0], [0.0, 1.0], [1.0, 3.0])


def test_the_lab_lists_experiments_runs_them_and_rejects_invalid_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nmt(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exited:
            main(["lab", *map(str, arguments)])
        return int(exited.value.code or 0), *capsys.readouterr()

    status, out, _ = nmt()
    assert status == 0
    assert all(name in out for name in EXPERIMENTS)
    assert max(map(len, out.splitlines())) <= 80
    assert nmt("alchemy")[0] == 1
    (tmp_path / "file").touch()
    monkeypatch.setattr(addition, "run", lambda config: pytest.fail("the experiment was started"))
    assert nmt("addition", "--out", tmp_path / "file")[0] == 1
    for arguments, message in (
        (("addition", "--prepared", "p"), "addition generates its own data"),
        (("length", "--gold-alignment", "g"), "applies only to the alignment experiment"),
        (("alignment", "--gold-alignment", "g"), "applies only to the alignment experiment"),
        (
            ("addition", "--minutes", 1),
            "--minutes 1: the models of addition are trained for a number of epochs, not of",
        ),
        (("gradient", "--quick", "--minutes", 1), "the models of gradient are trained for a number of epochs"),
        (("all", "--quick", "--minutes", 1), "the models of gradient and attention-lstm are trained"),
        (("depth", "--minutes", 0), "minutes"),
        (("all", "--prepared", "p"), "--prepared needs --gold-alignment FILE too"),
        (("--quick",), "name an experiment, or all"),
        (("length", "--quick"), "--quick is not offered for length, which needs about 26 minutes to decide; leave it"),
        (("addition", "--quick"), "or try gradient or attention-lstm"),
    ):
        status, _, error = nmt(*arguments)
        assert status == 1
        assert message in error
    (tmp_path / "file").unlink()
    monkeypatch.undo()
    for module, constants in TINY.items():
        for constant, value in constants.items():
            monkeypatch.setattr(f"nmt_cli.lab.{module.replace('-', '_')}.{constant}", value)
    status, out, _ = nmt("all", "--quick", "--seeds", 1, "--out", tmp_path)
    assert status == 0
    assert out.count(" (indicative") == 3 + 4  # one for each verdict
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}-quick" for name in QUICK_EXPERIMENTS}
    recipe = json.loads((tmp_path / "gradient-quick" / "results.json").read_text(encoding="utf-8"))["recipe"]
    assert "thread" in recipe["machine"]


def test_a_verdict_of_a_quick_run_is_marked_indicative() -> None:
    verdict = Verdict("Claim.", "figure.", False)
    assert line(verdict, True) == "not reproduced (indicative: quick run): Claim. Measured: figure."
    assert line(verdict, False) == "not reproduced: Claim. Measured: figure."


def test_compared_lengths_have_enough_sentences() -> None:
    assert length.choose_spans([20] * 40 + [50] * 40, 40) == length.PUBLISHED
    assert length.choose_spans([10] * 50 + [21] * 30 + [30] * 12, 40) == ((8, 12), (21, 30))
    for lengths in ([10] * 20, [10] * 100, [5] * 30 + [30] * 50):
        with pytest.raises(ConfigError, match="too few sentences to compare lengths"):
            length.choose_spans(lengths, 40)


def test_a_model_that_is_hardly_trained_gets_no_verdict() -> None:
    """A model at BLEU 1 on short sentences has nothing to lose on long ones."""
    pairs: dict[str, list[tuple[float, float]]] = {"fixed vector": [(1.0, 0.1)], "attention": [(50.0, 49.0)]}
    manifest = SimpleNamespace(source="en", target="ko", counts={"train": 1, "test": 1})
    corpus_bleu = {name: [10.0] for name in pairs}
    bins = {name: [[10.0]] for name in pairs}
    outcome = length._result(
        cast(PreparedCorpus, SimpleNamespace(manifest=manifest)),
        1.0,
        (((8, 12), (21, 30)), [(1, 5)]),
        (bins, corpus_bleu, pairs),
    )
    assert [verdict.reproduced for verdict in outcome.verdicts] == [True, None]
    assert "too little training" in outcome.verdicts[1].measured


def test_a_difference_counts_only_beyond_the_spread_of_runs() -> None:
    assert compare.beats([21.0, 22.0], [20.0, 20.5])
    assert not compare.beats([21.0, 22.0], [20.0, 21.5])  # the runs overlap
    assert not compare.beats([20.3, 20.2], [20.0, 20.1])  # less than the margin


def test_an_interrupted_training_ends_the_comparison(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TrainStep, "update", lambda *_: signal.raise_signal(signal.SIGINT))
    config = ExperimentConfig(True, [1], Progress(), tmp_path, corpus / "prepared")
    with pytest.raises(KeyboardInterrupt):
        compare.train_system(config, compare.open_corpus(config), "one", {}, 1, 1.0)


def test_a_system_is_trained_for_a_number_of_updates(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(compare.SIZE, "hidden_size", 16)
    caplog.set_level(logging.INFO, "nmt_cli")
    config = ExperimentConfig(True, [1], Progress(), tmp_path, corpus / "prepared")
    trained = compare.train_system(config, compare.open_corpus(config), "one", {}, 1, updates=3)
    assert trained.validations[-1].step == 3
    assert 60 * trained.minutes == trained.validations[-1].elapsed
    assert caplog.messages[-1].startswith("seed 1, one: dev BLEU ")
    assert caplog.messages[-1].endswith(" after 3 updates")


def test_the_minutes_of_the_command_reach_the_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[ExperimentConfig] = []

    def run(config: ExperimentConfig) -> ExperimentResult:
        given.append(config)
        return ExperimentResult("t", "m", ["a"], [["b"]], [Plot("t", "x", "y", [Curve("a", [0, 1], [0, 1])])], [], {})

    monkeypatch.setattr(depth, "run", run)
    for options, minutes in (([], None), (["--minutes", "7.5"], 7.5)):
        with pytest.raises(SystemExit):
            main(["lab", "depth", "--out", str(tmp_path), *options])
        assert given[-1].minutes == minutes


def test_systems_of_equal_size_differ_by_two_percent_of_parameters_at_most(corpus: Path) -> None:
    prepared = PreparedCorpus.open(corpus / "prepared")
    for systems in (scores.SYSTEMS, depth.SYSTEMS):
        reference, *sizes = (
            compare.parameters(prepared, options) for options in compare.at_equal_size(prepared, systems).values()
        )
        assert reference == compare.parameters(prepared, next(iter(systems.values())))
        assert all(abs(size - reference) <= 0.02 * reference for size in sizes)


def test_learning_curves_are_interpolated_between_validation_times() -> None:
    def validated(*points: tuple[float, float]) -> Any:
        validations = [SimpleNamespace(elapsed=s, validation=SimpleNamespace(bleu=bleu)) for s, bleu in points]
        return SimpleNamespace(validations=validations, minutes=1.0)

    (averaged,) = compare.learning_curves({"c": [validated((30, 10.0), (60, 20.0)), validated((60, 20.0))]}).curves
    assert averaged.x[4] == 0.5
    assert averaged.y[4] == pytest.approx(10.0)
    assert averaged.y[-1] == pytest.approx(20.0)
