"""A scenario written so that it can be run from another folder: its files are named from there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from copy import deepcopy
from functools import reduce
from operator import getitem
from pathlib import Path

from simulation.errors import InputError, KeyPath, Problem
from simulation.formats import Document, real_path, shown, unprintable, write_yaml

__all__ = ["portable_yaml"]


def portable_yaml(
    document: Document, traces: Iterable[KeyPath], folder: Path, without: str = ""
) -> str:
    """Return a scenario's data, every override applied, as YAML that can be run from ``folder``.

    Parameters
    ----------
    document : Document
        The scenario, found to be valid.
    traces : iterable of key paths
        The keys that name a trace's file.
    without : str
        A key that is left out.

    Raises
    ------
    InputError
        If a file's path cannot be written.
    """
    data = deepcopy(document.data)
    data.pop(without, None)

    def moved(file: str) -> str:
        path = os.path.relpath(real_path(document.folder / file), real_path(folder))
        if unprintable(path):
            what = "its path is no UTF-8 text, which a saved scenario cannot name: rename it"
            raise InputError([Problem(shown(path), "", what)])
        return path

    if Path(data.get("rate_card", "")).suffix:
        data["rate_card"] = moved(data["rate_card"])
    for *keys, last in traces:
        around = reduce(getitem, keys, data)
        around[last] = moved(around[last])
    for change in data.get("alternatives") or ():
        for key, value in change["set"].items():
            names_file = key.endswith(".file") or (key == "rate_card" and Path(value).suffix)
            if isinstance(value, str) and names_file:
                change["set"][key] = moved(value)
    return write_yaml(data)
