"""Typer commands from config classes: fields become options, their docstrings the help texts."""

import inspect
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer
from pydantic_core import PydanticUndefined

from nmt_cli.cli.help import show_all
from nmt_cli.errors import ConfigError
from nmt_cli.paths import check_paths
from nmt_cli.presets import scaled
from nmt_cli.settings import OptionField, Settings, option_fields, parse_assignment, read_toml, resolve

C = TypeVar("C", bound=Settings)

SCALES = (0.001, 100.0)
"""Allowed range of --scale."""


def command(
    config_class: type[C],
    presets: typing.Mapping[str, typing.Mapping[str, Any]] | None = None,
    saved: Callable[[typing.Mapping[str, Any]], tuple[str, typing.Mapping[str, Any]] | None] = lambda values: None,
) -> Callable[[Callable[[C], None]], Callable[..., None]]:
    """Decorate a function of one resolved config: the result is a Typer command with an option for every field.

    `saved` maps the command-line values to the origin and the options of what the command goes on from, such as the run
    to resume, or to None. All other sources override these options.
    """

    def decorate(run: Callable[[C], None]) -> Callable[..., None]:
        options = list(option_fields(config_class))

        def invoke(**values: Any) -> None:
            start = saved(values)
            layers = [] if start is None else [start]
            preset, scale = values.pop("preset", None), values.pop("scale", None)
            if scale is not None and not SCALES[0] <= scale <= SCALES[1]:
                raise ConfigError(f"--scale {scale:g}: must be from {SCALES[0]:g} to {SCALES[1]:g}")
            if preset:
                assert presets is not None
                chosen = presets[preset] if scale is None else scaled(presets[preset], scale)
                layers.append((f"--preset {preset}", chosen))
            elif scale is not None:
                raise ConfigError(f"--scale {scale:g}: applies only to a --preset; give one")
            if path := values.pop("config", None):
                layers.append((str(path), read_toml(path)))
            layers += [(f"--set {text}", parse_assignment(text)) for text in values.pop("set", None) or []]
            for option in options:
                value = values[option.parameter]
                if value is not None and value != []:
                    layers.append((_flag(option), {option.name: value}))
            config = resolve(config_class, layers)
            check_paths(config, path)
            run(config)

        parameters = [_parameter(option) for option in sorted(options, key=lambda option: not option.cli.argument)]
        parameters += _layer_parameters(presets)
        invoke.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by Typer
        invoke.__annotations__ = {p.name: p.annotation for p in parameters}
        invoke.__doc__ = _help_text(run.__doc__ or "")
        invoke.__name__ = run.__name__
        return invoke

    return decorate


def _flag(option: OptionField) -> str:
    return option.name if option.cli.argument else f"--{option.name.replace('_', '-')}"


def _parameter(option: OptionField) -> inspect.Parameter:
    kind, many = _type(option.field.annotation)
    default = option.field.default
    assert default is not PydanticUndefined, f"{option.name} has no default"
    description = option.field.description or ""
    if default not in (None, [], False):
        description += f" [default: {', '.join(map(str, default)) if isinstance(default, list) else default}]"
    help_text = _help_text(description)
    if option.cli.argument:
        info: Any = typer.Argument(help=help_text, show_default=False, readable=False)  # checked when it is read
    else:
        flag = _flag(option)
        flags = [f"{flag}/--no-{flag[2:]}"] if kind is bool and default is True else [flag]
        flags += [option.cli.short] if option.cli.short else []
        info = typer.Option(
            *flags,
            help=help_text,
            metavar=_metavar(kind),
            rich_help_panel=option.cli.panel,
            show_default=False,
            readable=False,
        )
    if many:  # Typer has choices for single values only
        annotation: Any = list[str if typing.get_origin(kind) is Literal else kind]  # type: ignore[misc]
    else:
        annotation = kind
    return inspect.Parameter(
        option.parameter, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[annotation | None, info]
    )


def _layer_parameters(presets: typing.Mapping[str, Any] | None) -> list[inspect.Parameter]:
    def parameter(name: str, annotation: Any, info: Any) -> inspect.Parameter:
        kind = inspect.Parameter.KEYWORD_ONLY
        return inspect.Parameter(name, kind, default=None, annotation=Annotated[annotation | None, info])

    config = typer.Option("--config", metavar="PATH", help="TOML file with options.", rich_help_panel="Run")
    help_text = "Any option as key=value; may be given several times."
    assignments = typer.Option("--set", metavar="KEY=VALUE", help=help_text, rich_help_panel="Run")
    parameters = [parameter("config", Path, config), parameter("set", list[str], assignments)]
    if presets:
        names = Literal[tuple(presets)]  # type: ignore[valid-type]
        help_text = f"Start from the options of a published system. One of: {', '.join(presets)}."
        info = typer.Option("--preset", metavar="NAME", help=help_text, rich_help_panel="Model")
        parameters.append(parameter("preset", names, info))
        help_text = "Factor for the embedding and hidden sizes of the preset, which are rounded to multiples of 8."
        info = typer.Option("--scale", metavar="X", help=help_text, rich_help_panel="Model")
        parameters.append(parameter("scale", float, info))
    everything = typer.Option(
        "--help-all", help="Show every option and exit.", is_eager=True, expose_value=False, callback=show_all
    )
    parameters.append(parameter("help_all", bool, everything))
    return parameters


def _help_text(text: str) -> str:
    """Join the lines of each paragraph; the help is wrapped for the terminal."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in inspect.cleandoc(text).split("\n\n"))


def _metavar(kind: Any) -> str | None:
    """What stands for a value of this type in the help; None for a flag."""
    if typing.get_origin(kind) is Literal:
        return "|".join(map(str, typing.get_args(kind)))
    return {bool: None, int: "N", float: "X", Path: "PATH"}.get(kind, "TEXT")


def _type(annotation: Any) -> tuple[Any, bool]:
    """The type of one value of a field, and whether the option may be given several times."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return _type(typing.get_args(annotation)[0])
    if origin in (types.UnionType, typing.Union):
        return _type(next(a for a in typing.get_args(annotation) if a is not type(None)))
    if origin is list:
        return _type(typing.get_args(annotation)[0])[0], True
    return annotation, False
