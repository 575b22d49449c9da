"""The public face of the package: what `import nmt_cli` offers, and that it is free until it is used."""

import logging
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import nmt_cli
from nmt_cli import EvaluateConfig, PreprocessConfig, SearchConfig, TrainConfig, Translator, evaluate, preprocess, train
from nmt_cli.signals import STOP_SIGNALS

TINY = {"embedding_size": 8, "hidden_size": 8, "decoder_layers": 2}


def test_every_name_can_be_imported_and_is_listed() -> None:
    for name in nmt_cli.__all__:
        assert getattr(nmt_cli, name).__doc__, name
        assert name in dir(nmt_cli)
    with pytest.raises(AttributeError, match="no attribute 'translate_corpus'"):
        _ = nmt_cli.translate_corpus


def test_importing_the_package_imports_nothing_else() -> None:
    probe = (
        "import sys; before = set(sys.modules); import nmt_cli; "
        "new = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "print(new - {'nmt_cli'} - sys.stdlib_module_names or 'nothing')"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "nothing"


def test_a_program_can_prepare_train_evaluate_and_translate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It prints nothing, as the program has not asked for messages, and changes no handler of a signal."""
    monkeypatch.setattr(logging.getLogger("nmt_cli"), "handlers", [])
    handlers = [signal.getsignal(number) for number in STOP_SIGNALS]
    for split, count in (("train", 80), ("dev", 9), ("test", 9)):
        start = {"train": 100, "dev": 300, "test": 400}[split]
        rows = [" ".join(str((start + n) ** 3)) for n in range(count)]
        (tmp_path / f"{split}.en").write_text("".join(f"{row}\n" for row in rows))
        (tmp_path / f"{split}.de").write_text("".join(f"{row.replace('1', 'eins')}\n" for row in rows))
    splits = {split: str(tmp_path / split) for split in ("dev", "test")}
    options = {
        "train": [str(tmp_path / "train")],
        "source": "en",
        "target": "de",
        "keep": ["wrong-script", "copies"],
        **splits,
    }
    prepared, model = tmp_path / "prepared", tmp_path / "model"
    assert preprocess(PreprocessConfig.model_validate({"out": prepared, **options})).manifest.counts["train"] == 80

    training = {"max_steps": 3}
    config = {"prepared": prepared, "out": model, "device": "cpu", "model": TINY, "training": training}
    assert train(TrainConfig.model_validate(config)).reason == "reached 3 updates"
    search = SearchConfig(beam_size=2, max_length=5)
    scores = evaluate(EvaluateConfig(model=model, resamples=10, device="cpu", search=search)).as_json()
    assert 0 <= scores["chrf"]["score"] <= 100

    translator = Translator.load(model, search, device="cpu")
    first, second, blank = translator.translate(["1 2", "2", ""])
    assert blank.text == ""
    assert [result.source for result in (first, second, blank)] == ["1 2", "2", ""]
    assert first.attention is not None
    assert first.attention.shape == (len(first.tokens), len(first.source_tokens))
    assert first.alignment == [(0, 0)] or all(source < 2 for source, _ in first.alignment or [])
    assert 0 < first.confidence <= 1
    assert first.score <= 0
    assert str(first) == first.text == first.candidates[0].text
    assert "<svg" in first._repr_html_()
    assert "<svg" not in blank._repr_html_()
    with pytest.raises(TypeError, match="give a list of sentences"):
        translator.stream("1 2")
    assert next(translator.stream("2" for _ in range(3))).text == second.text
    assert capsys.readouterr() == ("", "")
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == handlers


def test_markup_in_a_sentence_is_escaped_in_a_notebook(tiny_model: Path) -> None:
    (result,) = Translator.load(tiny_model, SearchConfig(max_length=3), device="cpu").translate(["<script>x</script>"])
    assert "<script" not in result._repr_html_()


def test_the_examples_of_the_documentation_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the order that a new user needs: prepare and train, translate, and see messages."""
    text = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
    translate, run, messages = re.findall(r"```python\n(.*?)```", text, re.S)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)  # it would outlive the test
    for code in (run, translate, messages):
        exec(compile(code, "docs/python.md", "exec"), {})
    reason, *_ = capsys.readouterr().out.splitlines()
    assert reason.startswith("reached 20 updates not usable yet")
