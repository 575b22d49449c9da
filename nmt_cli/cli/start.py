"""Torch sooner: most of what starting takes is loading it.

Two things are done about it. A thread loads its shared libraries while the command and its options are loaded; and what
it registers for tensors without data, a fifth of its import and more, waits until more of it is imported, as its
optimisers do, but search does not. Where torch is built in another way, all is the same but slower.
"""

import ctypes
import importlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

TORCH = "torch"

LIBRARIES = (("libtorch_global_deps.so", os.RTLD_NOW | os.RTLD_GLOBAL), ("libtorch_python.so", os.RTLD_NOW))
"""What torch itself loads first, in its order and in its way."""

LATER = "torch._meta_registrations"
"""A module that torch imports for its effects alone: the rules for tensors without data."""


def load_libraries() -> None:
    """Begin to load torch's shared libraries, beside what the caller does next; its import then finds them there.

    The process does not end before they are loaded, so that nothing is torn down while it is still being built.
    """
    found = PathFinder.find_spec(TORCH)
    if found is None or found.origin is None or TORCH in sys.modules:
        return
    folder = Path(found.origin).parent / "lib"
    if not all((folder / name).is_file() for name, _ in LIBRARIES):
        return
    load = ctypes.CDLL(None).dlopen  # as a foreign function: CDLL(path) would hold Python's lock
    load.restype, load.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)

    def load_all() -> None:
        for name, how in LIBRARIES:
            load(os.fsencode(folder / name), how)  # what fails here is told by the import

    threading.Thread(target=load_all, name="libraries").start()


class WithoutLater(MetaPathFinder):
    """Imports torch, whoever asks for it, without LATER. That is imported before any other part of torch is, in which
    the library would meet it where it does not expect it."""

    def __init__(self) -> None:
        self._left_out = False

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name == TORCH:
            spec = PathFinder.find_spec(TORCH)
            if spec is not None and spec.loader is not None:
                execute = partial(self._without_later, spec.loader.exec_module)
                spec.loader.exec_module = execute  # type: ignore[method-assign]
            return spec
        if self._left_out and name.startswith(f"{TORCH}."):
            self._left_out = False
            importlib.import_module(LATER)
        return None

    def _without_later(self, execute: Callable[[ModuleType], None], module: ModuleType) -> None:
        sys.modules[LATER] = ModuleType(LATER)
        try:
            execute(module)
        finally:
            sys.modules.pop(LATER, None)
        self._left_out = True
