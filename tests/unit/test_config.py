"""Options: precedence, suggestions for misspelt names, errors of one line, and the TOML round trip."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import typer

from nmt_cli import presets
from nmt_cli.api import score, shards
from nmt_cli.cli.options import command
from nmt_cli.config import (
    BulkConfig,
    EvaluateConfig,
    ModelConfig,
    PreprocessConfig,
    ScoreConfig,
    TrainConfig,
    TranslateConfig,
)
from nmt_cli.corpus import provenance
from nmt_cli.errors import ConfigError
from nmt_cli.evaluation import inputs
from nmt_cli.model.seq2seq import Seq2Seq, VocabSizes
from nmt_cli.presets import PRESETS, scaled
from nmt_cli.settings import Settings, option_fields, parse_assignment, read_toml, resolve, to_arguments, to_toml

COMMANDS: list[type[Settings]] = [PreprocessConfig, TrainConfig, TranslateConfig, EvaluateConfig]


def test_later_layers_take_precedence() -> None:
    layers: list[tuple[str, dict[str, Any]]] = [
        ("preset", {"model": {"hidden_size": 64}, "dropout": 0.1}),
        ("file.toml", {"hidden_size": 32, "training": {"batch_tokens": 9}}),
        ("--set", {"training.batch_tokens": 7}),
        ("--hidden-size", {"hidden_size": 16}),
    ]
    config = resolve(TrainConfig, layers)
    assert (config.model.hidden_size, config.model.dropout, config.training.batch_tokens) == (16, 0.1, 7)


@pytest.mark.parametrize("command", COMMANDS)
def test_option_names_are_unique_and_described(command: type[Settings]) -> None:
    options = list(option_fields(command))
    assert len({option.name for option in options}) == len(options)
    for option in options:
        assert option.field.description, option.name


def test_arguments_give_the_options_that_they_were_made_from() -> None:
    texts = {"train": ["a", "b c"], "tokenizer_model": [Path("x")], "keep": ["copies", "overlap"], "overwrite": True}
    training = {"prepared": Path("corpus"), "bidirectional": False, "max_steps": 3, "dropout": 0.25, "score": "dot"}
    cases: list[tuple[str, type[Settings], dict[str, Any]]] = [
        ("preprocess", PreprocessConfig, texts),
        ("train", TrainConfig, training),
        ("eval", EvaluateConfig, {"json": True, "beam_size": 2}),
    ]
    for name, kind, options in cases:
        config = resolve(kind, [("test", options)])
        received: list[Settings] = []
        run = command(kind)(received.append)
        app = typer.Typer()
        app.command()(run)
        app(to_arguments(config), prog_name=name, standalone_mode=False)
        assert received == [config]
        assert len(to_arguments(config)) <= 2 * sum(len(v) if isinstance(v, list) else 1 for v in options.values())
    assert to_arguments(TrainConfig()) == []
    assert to_arguments(resolve(TrainConfig, [("test", training)]), exclude={"prepared", "dropout"}) == [
        "--no-bidirectional",
        *("--score", "dot", "--max-steps", "3"),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dropuot": 0.1}, "x: no option dropuot; did you mean dropout?"),
        ({"model": {"beam_size": 3}}, "x: no option model.beam_size; did you mean"),
        ({"qqqqqq": 1}, "x: no option qqqqqq; see --help"),
        ({"dropout": 3}, "x: model.dropout = 3: input should be less than 1"),
        ({"cell": "lstn"}, "x: model.cell = 'lstn': input should be 'lstm', 'gru' or 'rnn'"),
        ({"batch_tokens": "many"}, "x: training.batch_tokens = 'many': input should be a valid integer"),
        ({"input_feeding": True}, "input_feeding needs attention luong, not gnmt"),
        ({"hidden_size": 7}, "hidden_size 7 must be even for a bidirectional encoder"),
        ({"max_minutes": -1.0}, "x: training.max_minutes = -1.0: input should be greater than 0"),
        ({"decoder_layers": 1}, "attention gnmt needs decoder_layers of at least 2"),
        ({"max_minutes": float("nan")}, "x: training.max_minutes = nan: input should be a finite number"),
    ],
)
def test_invalid_options_are_reported_in_one_line(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(TrainConfig, [("x", options)])
    assert str(caught.value).startswith(message) or message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"), [("a=1", 1), ("a=0.5", 0.5), ("a=true", True), ("a=bf16", "bf16"), ("a = 'x y'", "x y")]
)
def test_assignments_are_parsed_as_toml_values_or_strings(text: str, value: object) -> None:
    assert parse_assignment(text) == {"a": value}


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid_and_can_be_scaled_down(name: str) -> None:
    full = resolve(TrainConfig, [(f"--preset {name}", PRESETS[name])]).model
    config = resolve(TrainConfig, [(f"--preset {name}", scaled(PRESETS[name], 0.01))]).model
    assert config.embedding_size == config.hidden_size == 8
    assert full.hidden_size >= 512
    assert config.encoder_layers == full.encoder_layers
    assert config.input_feeding == name.endswith("-feed")
    Seq2Seq(config, VocabSizes(9, 9, True))


def test_scaling_multiplies_the_widths() -> None:
    config = scaled(PRESETS["bahdanau2014"], 0.25)
    assert (config["embedding_size"], config["hidden_size"]) == (152, 248)  # 155 and 250, rounded to multiples of 8
    assert scaled(PRESETS["bahdanau2014"], 2)["hidden_size"] == 2000


def test_an_assignment_without_a_value_is_rejected() -> None:
    with pytest.raises(ConfigError, match="use key=value"):
        parse_assignment("dropout")


def test_missing_or_invalid_config_files_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    with pytest.raises(ConfigError, match="no such config file"):
        read_toml(path)
    path.write_text("dropout = = 3")
    with pytest.raises(ConfigError, match=r"run.toml: not valid TOML.*line 1"):
        read_toml(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_toml(tmp_path)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_config_round_trips_through_toml(command: type[Settings], tmp_path: Path) -> None:
    config = command()
    path = tmp_path / "c.toml"
    path.write_text(to_toml(config), encoding="utf-8")
    assert resolve(command, [("file", read_toml(path))]) == config


def test_quotes_backslashes_and_hangul_round_trip_through_toml(tmp_path: Path) -> None:
    config = resolve(TrainConfig, [("x", {"out": 'a "b" \\ 한국어', "max_epochs": 1.5, "resume": True})])
    path = tmp_path / "c.toml"
    path.write_text(to_toml(config), encoding="utf-8")
    assert resolve(TrainConfig, [("file", read_toml(path))]) == config


def test_keep_none_cannot_be_combined() -> None:
    assert resolve(PreprocessConfig, [("x", {"keep": ["none"]})]).keep == ["none"]
    with pytest.raises(ConfigError, match="keep none cannot be combined with copies"):
        resolve(PreprocessConfig, [("x", {"keep": ["none", "copies"]})])


@pytest.mark.parametrize(
    ("config", "names"),
    [
        (EvaluateConfig, (*inputs.MODEL_ONLY, *inputs.TRANSLATING)),
        (PreprocessConfig, provenance._NOT_CONTENT | provenance._INPUTS),
        (BulkConfig, shards.CONTENT_OPTIONS),
        (ScoreConfig, score.CONTENT_OPTIONS),
        (ModelConfig, presets.SCALED_OPTIONS),
    ],
)
def test_lists_of_option_names_hold_names_of_options(config: type[Settings], names: Iterable[str]) -> None:
    """An option that was renamed would otherwise drop out of the list silently."""
    assert set(names) <= config.model_fields.keys()
