"""The kinds of NumPy arrays that most modules use, and types of records with named fields."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Flags", "Floats", "Ints", "Records", "record"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Records = NDArray[np.void]


def record(*like: np.dtype[np.void], **fields: type[np.generic]) -> np.dtype[np.void]:
    """Return a type of records whose fields are read by name, in loops and in plain Python.

    The fields of ``like`` come first, then the others. A loop is kept on disk under the names and
    types of the fields that it was compiled for. So a field that is changed makes Numba compile
    anew, although the loop's own folder is as it was.

    Raises
    ------
    ValueError
        If a field has the name of an attribute of every record, such as ``size``: in plain Python
        that is read in its place.
    """
    each = [*((name, kind[name]) for kind in like for name in kind.names or ()), *fields.items()]
    if taken := [name for name, _ in each if hasattr(np.record, name)]:
        raise ValueError(f"every record has an attribute {taken[0]!r}, name the field otherwise")
    return np.dtype((np.record, np.dtype(each, align=True)))
