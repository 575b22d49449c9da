"""Torch sooner: most of what the start of a command takes is loading it.

The rules for tensors without data (LATER), an eighth of the whole, are left out: torch's compiler needs them, and what
is made of it, such as its classes of optimisers. Only of versions that this was tried with; others are imported as
always.
"""

import importlib
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

TORCH = "torch"
TRIED = "2.13."
"""How a version begins that this was tried with; for processors only."""

LATER = "torch._meta_registrations"
"""A module that torch imports for its effects alone."""


def hasten() -> None:
    """Have torch imported without LATER, whenever that will be."""
    if TORCH not in sys.modules and _tried():
        sys.meta_path.insert(0, WithoutLater())


def _tried() -> bool:
    """Whether torch is such a version."""
    found = PathFinder.find_spec(TORCH)
    if found is None or found.origin is None:
        return False
    home = Path(found.origin).parent
    version, later = home / "version.py", home / "_meta_registrations.py"
    gpu = any((home / "lib" / f"libtorch_{kind}.so").exists() for kind in ("cuda", "hip"))
    if gpu or not (version.is_file() and later.is_file()):
        return False
    return f"__version__ = '{TRIED}" in version.read_text(encoding="utf-8")


class WithoutLater(MetaPathFinder):
    """Imports torch without LATER; when any other part of torch is imported after that, LATER comes first, since parts
    that it imports and that import each other would fail in another order."""

    def __init__(self) -> None:
        self._left_out = False

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name == TORCH:
            spec = PathFinder.find_spec(TORCH)
            if spec is not None and spec.loader is not None:
                execute = partial(self._without_later, spec.loader.exec_module)
                spec.loader.exec_module = execute  # type: ignore[method-assign]
            return spec
        if not (self._left_out and name.startswith(f"{TORCH}.")):
            return None
        self._left_out = False
        importlib.import_module(LATER)
        there = sys.modules.get(name)  # LATER, or what came with it
        if there is None:
            return None
        there.__spec__ = ModuleSpec(name, _There(there))  # which the import takes rather than what it is given
        return there.__spec__

    def _without_later(self, execute: Callable[[ModuleType], None], module: ModuleType) -> None:
        sys.modules[LATER] = ModuleType(LATER)
        try:
            execute(module)
        finally:
            sys.modules.pop(LATER, None)
            vars(module).pop(LATER.rpartition(".")[2], None)
        self._left_out = True


class _There(Loader):
    """Gives a module that is already there, as it was."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec
