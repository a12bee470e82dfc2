"""Loops compiled by Numba: once, and kept for the next process."""

from __future__ import annotations

import hashlib
import pickle
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import config, njit
from numba.core.caching import (
    CompileResultCacheImpl,
    FunctionCache,
    IndexDataCacheFile,
    _CacheLocator,
)
from numba.misc.appdirs import AppDirs

from simulation.errors import LoopWarning

__all__ = ["compiled", "compiled_with_memory"]

_OPTIONS = {"nogil": True, "error_model": "numpy"}
# Numba counts a reference each time that a loop hands an array to another. Without its memory
# manager (`_nrt`, an option that it does not document) loops of meters take a quarter of the time.
_WITHOUT_MEMORY = {**_OPTIONS, "_nrt": False}
_DIGEST_BYTES = 32
_warned_of: set[str] = set()


def compiled(function: Callable[..., Any]) -> Any:
    """Return a compiled loop, which makes no array; else as `compiled_with_memory`."""
    return _compiled(function, _WITHOUT_MEMORY)


def compiled_with_memory(function: Callable[..., Any]) -> Any:
    """Return a loop that is compiled at its first call, and kept for the next process.

    It is kept in ``NUMBA_CACHE_DIR`` or the user's cache, under the content of its own folder, so
    that every install of the same version finds it. It is compiled anew when a file of its folder
    changes, not when another one changes: so a loop calls only loops of its own folder. Where
    ``NUMBA_DISABLE_JIT`` is set, the loop runs as plain Python, slowly.

    A loop returns no named tuple. Numba would make one by a class of Python's, and there a signal's
    exception, Ctrl-C, crashes the process (https://github.com/numba/numba/issues/2324).
    """
    return _compiled(function, _OPTIONS)


def _compiled(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    if config.DISABLE_JIT:
        _warn(
            "loops run as plain Python, a hundred times slower",
            "NUMBA_DISABLE_JIT is set, unset it",
        )
        return np.errstate(all="ignore")(function)  # as compiled ones do: 64 bits wrap around
    loop = njit(**options)(function)
    try:
        loop._cache = _KeptLoop(function)
    except (RuntimeError, OSError):
        _warn(
            "compiled loops cannot be kept, so each start compiles them again",
            "no folder can be written; set NUMBA_CACHE_DIR to one that can",
        )
    return loop


def _warn(what: str, why: str, folder: str = "") -> None:
    """Warn of one trouble once, however many loops have it, in however many folders.

    ``{folder}`` in ``what`` stands for the first folder that has it.
    """
    if what not in _warned_of:
        _warned_of.add(what)
        warnings.warn(f"{what.format(folder=folder)} ({why})", LoopWarning, stacklevel=2)


@lru_cache
def _digest_of_folder(folder: Path) -> str:
    """Return a hash of all modules of a folder, whose loops may call each other."""
    # The options too: what was compiled with others is not to be loaded.
    found = hashlib.blake2b(repr(_WITHOUT_MEMORY).encode(), digest_size=16)
    for file in sorted(folder.glob("*.py")):
        content = file.read_bytes()
        found.update(f"{file.name} {len(content)} ".encode() + content)
    return found.hexdigest()


class _ByContent(_CacheLocator):  # type: ignore[misc]
    """A folder for the loops of one file, named by the content of all files beside it.

    Numba looks beside the file first, where every install and environment would compile again.
    """

    def __init__(self, function: Callable[..., Any], file: str) -> None:
        self._line = function.__code__.co_firstlineno
        self._digest = _digest_of_folder(Path(file).parent)
        place = config.CACHE_DIR or AppDirs(appname="creditsim", appauthor=False).user_cache_dir
        # Numba's version, too: what one has compiled is not for another to load.
        self._folder = Path(place) / f"{Path(file).stem}-{self._digest}-numba-{numba.__version__}"

    @classmethod
    def from_function(cls, function: Callable[..., Any], file: str) -> _ByContent | None:
        """Return the folder, or None where it cannot be written."""
        locator = cls(function, file)
        try:
            locator.ensure_cache_path()
        except OSError:
            return None
        return locator

    def get_cache_path(self) -> str:
        """Return the folder."""
        return str(self._folder)

    def get_source_stamp(self) -> str:
        """Return what a kept loop must have been compiled from."""
        return self._digest

    def get_disambiguator(self) -> str:
        """Return what tells apart functions of one name."""
        return str(self._line)


class _Kept(CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (_ByContent, *CompileResultCacheImpl._locator_classes)


class _KeptLoop(FunctionCache):  # type: ignore[misc]
    """Numba's store of one compiled loop, which never stops the program.

    Numba lets errors of reading or writing its files pass. Here a file that is damaged is
    dropped and the loop compiled anew; one that cannot be written is left out.
    """

    _impl_class = _Kept

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        impl = self._impl
        self._cache_file = _CheckedFile(
            self.cache_path, f"{impl.filename_base}.checked", impl.locator.get_source_stamp()
        )

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return a kept loop, or None where there is none or it is damaged."""
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # damaged bytes raise anything when they are unpickled
            what = "kept loops in {folder} are damaged, so they are compiled again"
            _warn(what, str(error), self.cache_path)
        with suppress(OSError):  # a folder that cannot be written has a warning of its own
            self.flush()
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a loop, or warn that it cannot be written."""
        try:
            super().save_overload(sig, data)
        except Exception as error:
            what = "compiled loops cannot be kept in {folder}, so each start compiles them again"
            _warn(what, str(error), self.cache_path)


class _CheckedFile(IndexDataCacheFile):  # type: ignore[misc]
    """Files of compiled loops, each behind a digest: damaged machine code would end the process."""

    def _save_data(self, name: str, data: Any) -> None:
        content = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(_digest(content) + content)

    def _load_data(self, name: str) -> Any:
        content = Path(self._data_path(name)).read_bytes()
        digest, content = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if _digest(content) != digest:
            raise ValueError(f"{name} is not as it was written")
        return pickle.loads(content)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()
