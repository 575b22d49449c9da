"""Base class of the option groups, and merging of options from several sources into one validated config.

Precedence: default < options of the resumed run < preset < config file < `--set` < option on the command line.
"""

import difflib
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from nmt_cli.documents import parse_toml, read_options_file
from nmt_cli.errors import ConfigError
from nmt_cli.system_errors import explain


@dataclass(frozen=True)
class CliOption:
    """How a field appears on the command line: its help panel, whether it is a positional argument, and a flag of one
    letter; and what the path that it holds is for (see `paths.check_paths`)."""

    panel: str = "Options"
    argument: bool = False
    short: str = ""
    path: Literal["", "input", "text", "output", "folder"] = ""
    """input: a file or folder that is read; text: files of training text, in any of their forms; output: a file or
    folder that is written; folder: a folder that is replaced as a whole."""


class Settings(BaseModel):
    """A frozen group of options; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    def changed(self, *names: str) -> list[str]:
        """The named options whose value differs from the default, whatever its source."""
        return [name for name in names if getattr(self, name) != type(self).model_fields[name].default]

    def implied_inputs(self) -> list[tuple[str, Path]]:
        """What the command reads although no option names it: the option that would, and the path."""
        return []


C = TypeVar("C", bound=Settings)


@dataclass(frozen=True)
class OptionField:
    """One option: its name, its path through the nested groups, its pydantic field, and the name of its attribute,
    which ends in an underscore where the option's name would hide a builtin or is a keyword."""

    name: str
    path: tuple[str, ...]
    field: FieldInfo
    attribute: str

    @property
    def cli(self) -> CliOption:
        """How the option appears on the command line."""
        return next((m for m in self.field.metadata if isinstance(m, CliOption)), CliOption())

    @property
    def parameter(self) -> str:
        """The name of the parameter that gets it, which must not be a keyword of Python."""
        return f"{self.name}_" if iskeyword(self.name) else self.name


def option_fields(config_class: type[Settings], path: tuple[str, ...] = ()) -> Iterator[OptionField]:
    """All options of a config class and of its nested groups; a class's own options come before inherited ones. Names
    are unique within one command."""
    own = config_class.__annotations__
    for attribute, field in sorted(config_class.model_fields.items(), key=lambda item: item[0] not in own):
        name = field.alias or attribute
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            yield from option_fields(field.annotation, (*path, name))
        else:
            yield OptionField(name, (*path, name), field, attribute)


def read_toml(path: Path) -> dict[str, Any]:
    """Read options from a TOML file, in tables or flat. Raises ConfigError naming file and line."""
    try:
        return parse_toml(read_options_file(path))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such config file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read as a config file: {explain(error)}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None


def parse_assignment(text: str) -> dict[str, Any]:
    """Parse `key=value` of --set; a value that is not valid TOML is a plain string."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text}: use key=value, for example --set dropout=0.3")
    try:
        parsed = parse_toml(f"value = {value}".encode())["value"]
    except ValueError:
        parsed = value
    return {key.strip(): parsed}


def resolve(config_class: type[C], layers: Sequence[tuple[str, Mapping[str, Any]]]) -> C:
    """Merge layers of options, later over earlier, into a validated config.

    A layer is (origin, options); options may be nested by group, dotted, or flat by name. Raises ConfigError naming the
    origin, the option, its value and the reason.
    """
    known = {option.name: option.path for option in option_fields(config_class)}
    merged: dict[tuple[str, ...], Any] = {}
    origins: dict[tuple[str, ...], str] = {}
    for origin, options in layers:
        for key, value in _leaves(options):
            path = _find(key, known, origin)
            merged[path] = value
            origins[path] = origin
    try:
        return config_class.model_validate(_nest(merged))
    except ValidationError as error:
        raise ConfigError(_explain(error, origins)) from None


def _leaves(options: Mapping[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values of nested or dotted options, each with its path."""
    for key, value in options.items():
        path = (*prefix, *key.replace("-", "_").split("."))
        if isinstance(value, Mapping):
            yield from _leaves(value, path)
        else:
            yield path, value


def _find(key: tuple[str, ...], known: Mapping[str, tuple[str, ...]], origin: str) -> tuple[str, ...]:
    path = known.get(key[-1])
    if path is not None and (len(key) == 1 or key == path):
        return path
    dotted = ".".join(key)
    paths = [".".join(p) for p in known.values()]
    near = difflib.get_close_matches(key[-1], list(known), 1, 0.5) or difflib.get_close_matches(dotted, paths, 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else "see --help for all options"
    raise ConfigError(f"{origin}: no option {dotted}; {hint}")


def _nest(flat: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for path, value in flat.items():
        group = nested
        for part in path[:-1]:
            group = group.setdefault(part, {})
        group[path[-1]] = value
    return nested


def _explain(error: ValidationError, origins: Mapping[tuple[str, ...], str]) -> str:
    """Describe the first error in one line: origin, option, value, reason."""
    first = error.errors()[0]
    reason = first["msg"].removeprefix("Value error, ")
    path = tuple(str(part) for part in first["loc"])
    while path and path not in origins:
        path = path[:-1]
    if not path:
        return reason
    return f"{origins[path]}: {'.'.join(path)} = {_shorten(first['input'])}: {reason[0].lower()}{reason[1:]}"


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else text[:100] + "..."


def to_arguments(settings: Settings, exclude: Container[str] = ()) -> list[str]:
    """The command-line arguments that give these options; options of default value are left out."""
    changed = dict(_leaves(settings.model_dump(mode="json", by_alias=True, exclude_defaults=True)))
    positional, flags = [], []
    for option in option_fields(type(settings)):
        if option.path not in changed or option.name in exclude:
            continue
        value = changed[option.path]
        values = [str(item) for item in (value if isinstance(value, list) else [value])]
        flag = "--" + option.name.replace("_", "-")
        if option.cli.argument:
            positional += values
        elif isinstance(value, bool):
            flags.append(flag if value else f"--no-{flag[2:]}")
        else:
            flags += [word for item in values for word in (flag, item)]
    return [*positional, *flags]


def to_toml(settings: Settings) -> str:
    """Serialise a config as TOML for `read_toml`; options that are None are left out."""
    import tomli_w  # only commands that write a model folder need it

    return tomli_w.dumps(settings.model_dump(mode="json", by_alias=True, exclude_none=True))
