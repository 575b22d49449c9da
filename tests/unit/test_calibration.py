"""The calibration of confidence, and the translations that it puts in doubt."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nmt_cli.checkpoint.model_dir import load_model, model_weights, save_weights
from nmt_cli.cli.app import main
from nmt_cli.decoding.confidence import LOW, Calibration, calibration_of
from nmt_cli.decoding.translator import LineTranslator
from nmt_cli.evaluation.calibration import BINS, POOR, calibration_error, fit_calibration, measure_confidence
from nmt_cli.kernels.device import Compute

CPU = Compute(torch.device("cpu"), torch.float32)
DOUBTFUL = Calibration(threshold=POOR, intercept=50.0, slope=0.0, floor=0.0, sentences=10)
"""The calibration of a model whose translations are all doubted."""


def _drawn(count: int, intercept: float, slope: float, seed: int = 0) -> tuple[list[float], list[float]]:
    """Confidences, and chrF that is below POOR with the probability of these coefficients."""
    draw = np.random.default_rng(seed)
    confidences = draw.uniform(0.1, 1.0, count)
    poor = draw.random(count) < 1 / (1 + np.exp(-(intercept + slope * np.log(confidences))))
    return confidences.tolist(), np.where(poor, POOR - 10, POOR + 10).tolist()


def test_the_fit_finds_the_coefficients_that_the_outcomes_were_drawn_with() -> None:
    calibration = fit_calibration(*_drawn(20_000, -4.0, -4.5))
    assert calibration.intercept == pytest.approx(-4.0, abs=0.3)
    assert calibration.slope == pytest.approx(-4.5, abs=0.3)


def test_the_fit_is_calibrated_on_sentences_that_it_has_not_seen() -> None:
    calibration = fit_calibration(*_drawn(1000, -3.0, -4.0))
    confidences, chrf = _drawn(5000, -3.0, -4.0, seed=1)
    probabilities = [calibration.poor_probability(each) for each in confidences]
    assert calibration_error(probabilities, [score < POOR for score in chrf]) < 0.05


@pytest.mark.parametrize("chrf", [99.0, 1.0])
@pytest.mark.parametrize("count", [1, 2, 500])
def test_the_fit_is_finite_where_all_sentences_are_good_or_all_are_poor(chrf: float, count: int) -> None:
    confidences = np.linspace(0.6, 0.95, count).tolist()
    calibration = fit_calibration(confidences, [chrf] * count)
    assert all(math.isfinite(value) for value in calibration.model_dump().values())
    assert (calibration.poor_probability(0.9) < LOW) == (chrf > POOR)


def test_a_sentence_less_confident_than_nearly_all_of_dev_is_doubted_even_if_none_of_dev_was_poor() -> None:
    confidences = np.linspace(0.6, 0.95, 500).tolist()
    calibration = fit_calibration(confidences, [99.0] * 500)
    assert calibration.is_low(0.45)
    assert sum(calibration.is_low(each) for each in confidences) == 5  # of 500


@pytest.mark.parametrize("confidence", [0.0, 1e-300, 0.5, 1.0])
@pytest.mark.parametrize(("intercept", "slope"), [(1e6, 0.0), (-1e6, 0.0), (0.0, 1e6), (0.0, -1e6)])
def test_probabilities_are_probabilities_for_any_numbers(confidence: float, intercept: float, slope: float) -> None:
    calibration = replace_coefficients(intercept, slope)
    assert 0 <= calibration.poor_probability(confidence) <= 1


def replace_coefficients(intercept: float, slope: float) -> Calibration:
    return DOUBTFUL.model_copy(update={"intercept": intercept, "slope": slope})


def test_the_calibration_error_is_the_mean_difference_over_bins() -> None:
    assert calibration_error([0.25] * 4, [True, False, False, False]) == 0
    assert calibration_error([0.25] * 4, [True, True, True, True]) == pytest.approx(0.75)
    assert calibration_error([0.0, 1.0], [False, True]) == 0
    middles = [(n + 0.5) / BINS for n in range(BINS)]
    assert calibration_error(middles, [False] * BINS) == pytest.approx(0.5)


def test_the_result_names_the_mean_chrf_of_doubted_sentences_and_of_the_others() -> None:
    result = measure_confidence([0.9, 0.9, 0.1], [True, True, False], [10.0, 30.0, 80.0])
    assert (result.low, result.others, result.low_chrf, result.other_chrf) == (2, 1, 20.0, 80.0)
    assert result.error == pytest.approx(0.1)
    assert measure_confidence([0.1], [False], [80.0]).low_chrf is None


def _with_calibration(model: Path, calibration: object) -> None:
    loaded = load_model(model, CPU, packed=False)
    save_weights(model, model_weights(loaded.model), {**loaded.metadata, "calibration": calibration})


@pytest.fixture
def doubtful_model(tiny_model: Path, tmp_path: Path) -> Path:
    model = tmp_path / "model"
    model.mkdir()
    for file in tiny_model.iterdir():
        if file.is_file():
            (model / file.name).write_bytes(file.read_bytes())
    _with_calibration(model, DOUBTFUL.model_dump())
    return model


@pytest.mark.parametrize("damaged", [None, 3, [], {}, {**DOUBTFUL.model_dump(), "slope": "steep"}])
def test_a_calibration_that_is_missing_or_of_other_types_is_none(doubtful_model: Path, damaged: object) -> None:
    _with_calibration(doubtful_model, damaged)
    assert calibration_of(load_model(doubtful_model, CPU)) is None


def test_an_ensemble_is_not_calibrated(doubtful_model: Path) -> None:
    loaded = load_model(doubtful_model, CPU)
    assert calibration_of(loaded) == DOUBTFUL
    ensemble = replace(loaded, ensemble=(loaded,))
    assert calibration_of(ensemble) is None
    (translation,) = LineTranslator(ensemble).translate_lines(["a small dog"])
    assert translation.candidates[0].poor_probability is None


def _translate(model: Path, text: str, *options: str) -> str:
    """The output of `nmt translate`."""
    source, out = model.parent / "source", model.parent / "out"
    source.write_text(text, "utf-8")
    with pytest.raises(SystemExit, match="0"):
        main(["translate", "-m", str(model), str(source), "-o", str(out), *options])
    return out.read_text("utf-8")


def test_doubt_is_in_jsonl_in_the_receipt_and_counted(
    doubtful_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    receipt = tmp_path / "receipt"
    text = "a small dog\n\nthe old man\n"
    output = _translate(doubtful_model, text, "--output-format", "jsonl", "--receipt", str(receipt))
    first, blank, last = map(json.loads, output.splitlines())
    for entry in (first, last):
        assert "low_confidence" in entry["issues"]
        assert entry["poor_probability"] == 1
    assert (blank["issues"], blank["poor_probability"]) == (["blank"], None)
    issues = json.loads(receipt.read_text("utf-8").splitlines()[0])["issues"]
    (issue,) = [issue for issue in issues if issue["kind"] == "low_confidence"]
    assert (issue["confidence"], issue["poor_probability"]) == (pytest.approx(first["confidence"], abs=1e-4), 1)
    assert "2 of 3 lines of which the model is unsure (the first is line 1)" in capsys.readouterr().err


def test_a_model_without_calibration_says_so(doubtful_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _with_calibration(doubtful_model, None)
    _translate(doubtful_model, "a small dog\n\n")
    assert "1 of 2 lines that may be doubtful: the model's confidence is not calibrated" in capsys.readouterr().err
