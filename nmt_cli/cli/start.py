"""Torch sooner, for commands that search: most of what their start takes is loading it.

Two things are done about it. A thread loads its shared libraries while the command and its options are loaded; and the
rules for tensors without data (LATER), a fifth of its import and more, are left out: its compiler and its optimisers
need them, search does not. Both only with builds of torch that this was tried with; others are imported as always.
"""

import importlib
import os
import re
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

TORCH = "torch"
TRIED = r"2\.13\."
"""Versions, as a regular expression; on Linux, for processors only."""

LIBRARIES = ("libtorch_global_deps.so", "libtorch_python.so")
"""What torch itself loads first; the first one's symbols are for all to see."""

LATER = "torch._meta_registrations"
"""A module that torch imports for its effects alone."""


def hasten() -> None:
    """Begin to load torch's libraries, beside what the caller does next, and have it imported without LATER.

    The process does not end before they are loaded, so that nothing is torn down while it is still being built.
    """
    folder = _tried()
    if folder is None or TORCH in sys.modules:
        return
    sys.meta_path.insert(0, WithoutLater())
    threading.Thread(target=_load, args=(folder,), name="libraries").start()


def _tried() -> Path | None:
    """Torch's folder of libraries, if it is such a build."""
    found = PathFinder.find_spec(TORCH)
    if sys.platform != "linux" or found is None or found.origin is None:
        return None
    home = Path(found.origin).parent
    files = (home / "version.py", home / "_meta_registrations.py", *(home / "lib" / name for name in LIBRARIES))
    gpu = any((home / "lib" / name).exists() for name in ("libtorch_cuda.so", "libtorch_hip.so"))
    if gpu or not all(file.is_file() for file in files):
        return None
    return home / "lib" if re.search(rf"__version__ = '{TRIED}", files[0].read_text(encoding="utf-8")) else None


def _load(folder: Path) -> None:
    import ctypes

    load = ctypes.CDLL(None).dlopen  # as a foreign function: CDLL(path) would hold Python's lock
    load.restype, load.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    for name, shared in zip(LIBRARIES, (os.RTLD_GLOBAL, 0), strict=True):
        if not load(os.fsencode(folder / name), os.RTLD_NOW | shared):  # the import will say why
            return


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
