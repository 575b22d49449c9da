"""An output is never an input, a file of a model, or another output: for all options of all commands, however the paths
are spelt."""

import importlib
import os
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

import pytest

from nmt_cli import config as options
from nmt_cli.checkpoint.output_dir import PACKED_FILES
from nmt_cli.cli.app import COMMANDS
from nmt_cli.corpus.output_dir import FILES
from nmt_cli.errors import ConfigError, OutputError
from nmt_cli.manifest import MANIFEST
from nmt_cli.paths import check_paths, identity
from nmt_cli.settings import OptionField, Settings, option_fields, resolve

CONFIGS = [
    section
    for section in vars(options).values()
    if isinstance(section, type) and issubclass(section, Settings) and section.__name__.endswith("Config")
]
WRITTEN = ("output", "folder")


def path_options(section: type[Settings], *roles: str) -> list[OptionField]:
    return [option for option in option_fields(section) if option.cli.path in roles]


def holds_paths(annotation: Any) -> bool:
    return annotation is Path or any(map(holds_paths, get_args(annotation)))


def given(section: type[Settings], **paths: Path) -> Settings:
    """A config with these paths only; other paths lead nowhere."""
    many = {option.name for option in option_fields(section) if str(option.field.annotation).startswith("list")}
    values = {name: [str(path)] if name in many else str(path) for name, path in paths.items()}
    return resolve(section, [("test", values)])


CONFLICTS = [
    (section, first.name, second.name)
    for section in CONFIGS
    for first, second in (
        *combinations(path_options(section, *WRITTEN), 2),
        *((a, b) for a in path_options(section, *WRITTEN) for b in path_options(section, "input", "text")),
    )
]


@pytest.fixture
def spellings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[Path]]:
    """A file, and other paths to it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").mkdir()
    file = tmp_path / "real" / "file.txt"
    file.write_text("precious\n")
    (tmp_path / "folder").symlink_to("real")
    (tmp_path / "link").symlink_to(file)
    os.link(file, tmp_path / "hard")
    names = ("real/file.txt", "./real/../real/file.txt", "folder/file.txt", "link", "hard")
    return file, [file, *map(Path, names)]


def test_every_path_option_says_whether_it_is_read_or_written() -> None:
    for section in CONFIGS:
        for option in option_fields(section):
            if holds_paths(option.field.annotation):
                assert option.cli.path, f"{section.__name__}.{option.name}"


def test_every_command_that_writes_is_covered() -> None:
    writes = {section.__name__ for section, *_ in CONFLICTS}
    assert len(writes) == 11, writes


@pytest.mark.parametrize(("section", "first", "second"), CONFLICTS)
def test_one_file_is_never_given_twice(
    section: type[Settings], first: str, second: str, spellings: tuple[Path, list[Path]]
) -> None:
    file, others = spellings
    for other in others:
        with pytest.raises(OutputError, match=r"(written by|lies in)"):
            check_paths(given(section, **{first: file, second: other}))
    assert file.read_text() == "precious\n"
    different = {name: file.with_name(name) for name in (first, second)}
    check_paths(given(section, **different))


def test_files_that_do_not_exist_yet_are_compared_too(spellings: tuple[Path, list[Path]]) -> None:
    config = given(options.TranslateConfig, out=Path("real/new"), receipt=Path("folder/new"))
    with pytest.raises(OutputError, match="written by --out and by --receipt"):
        check_paths(config)
    assert identity(Path("real/new")) != identity(Path("real/old"))
    Path("dangling").symlink_to("real/new")
    assert identity(Path("real/new")) == identity(Path("dangling"))


def test_devices_may_be_written_twice_and_standard_input_is_no_file() -> None:
    null = Path(os.devnull)
    check_paths(given(options.TranslateConfig, out=null, receipt=null, source_files=Path("-")))


def test_an_input_is_not_the_file_of_standard_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lines"
    with open(path, "w") as stdout:
        monkeypatch.setattr(sys, "__stdout__", stdout)
        with pytest.raises(OutputError, match="is standard output"):
            check_paths(given(options.TranslateConfig, source_files=path))


def test_the_options_file_is_an_input(tmp_path: Path) -> None:
    path = tmp_path / "options.toml"
    with pytest.raises(OutputError, match="read as --config and written by --html"):
        check_paths(given(options.ExplainConfig, html=path), path)


@pytest.mark.parametrize("name", sorted({*PACKED_FILES, *FILES, "last/state.safetensors", "replaced-1/README.md"}))
def test_files_of_a_folder_that_is_read_are_not_written(name: str, tiny_model: Path, tmp_path: Path) -> None:
    for link in (tiny_model, tmp_path / "link"):
        if link != tiny_model:
            link.symlink_to(tiny_model)
        with pytest.raises(OutputError, match="belongs to"):
            check_paths(given(options.EvaluateConfig, model=tiny_model, save=link / name))
    check_paths(given(options.EvaluateConfig, model=tiny_model, save=tiny_model / "hypotheses.txt"))


def test_files_of_the_corpus_of_a_model_are_not_written(tmp_path: Path) -> None:
    model, prepared = tmp_path / "model", tmp_path / "prepared"
    for folder, content in ((model, f'{{"prepared": "{prepared}"}}'), (prepared, "{}")):
        folder.mkdir()
        (folder / MANIFEST).write_text(content)
    with pytest.raises(OutputError, match=r"test\.arrow: belongs to .*prepared"):
        check_paths(given(options.EvaluateConfig, model=model, save=prepared / "test.arrow"))


def test_the_default_model_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / MANIFEST).write_text("{}")
    with pytest.raises(OutputError, match="belongs to model"):
        check_paths(given(options.EvaluateConfig, html=Path("model/README.md")))


def test_a_tokenizer_in_the_folder_to_replace_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "tokenizer.model"
    model.touch()
    with pytest.raises(OutputError, match="lies in"):
        check_paths(given(options.PreprocessConfig, tokenizer_model=model, out=tmp_path))


def test_a_weighted_text_in_the_folder_to_replace_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.en").touch()
    with pytest.raises(OutputError, match=r"text\.en: is read as --train and lies in"):
        check_paths(options.PreprocessConfig(train=[f"{tmp_path}/text=2.5"], source="en", target="ko", out=tmp_path))


def test_a_prefix_may_have_the_name_of_the_output(tmp_path: Path) -> None:
    prefix = tmp_path / "text"
    for suffix in (".en", ".ko"):
        prefix.with_suffix(suffix).touch()
    prefix.mkdir()
    check_paths(given(options.PreprocessConfig, train=prefix, out=prefix, source=Path("en"), target=Path("ko")))


def commands() -> Iterator[tuple[str, type[Settings], str, str]]:
    """For each command that writes: an option that it writes to, and one that it reads from."""
    seen = set()
    for section, first, second in CONFLICTS:
        name = section.__name__.removesuffix("Config").lower().replace("evaluate", "eval")
        if name not in seen and second in {option.name for option in path_options(section, "input", "text")}:
            seen.add(name)
            yield name, section, first, second


@pytest.mark.parametrize(("name", "section", "first", "second"), list(commands()))
def test_every_command_checks_its_paths_first(
    name: str, section: type[Settings], first: str, second: str, spellings: tuple[Path, list[Path]]
) -> None:
    run = importlib.import_module(f"nmt_cli.cli.{COMMANDS[name][0]}").run
    values: dict[str, Any] = dict.fromkeys((option.parameter for option in option_fields(section)), None)
    file, (other, *_) = spellings
    assignments = [f"{option}='{path}'" for option, path in ((first, file), (second, other))]
    many = {option.name for option in option_fields(section) if str(option.field.annotation).startswith("list")}
    assignments = [text if text.split("=")[0] not in many else text.replace("=", "=[") + "]" for text in assignments]
    with pytest.raises((OutputError, ConfigError), match="written by"):
        run(**values, set=assignments)
    assert file.read_text() == "precious\n"
