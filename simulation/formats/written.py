"""Files that this tool wrote: which of them are one result, and which may be replaced.

The summary of a result, ``summary.json`` or ``plan.json``, is written last and holds a hash of each
of its files, and of itself, so that files that are read are known to be of one result, wherever
they were copied to.

Marks say which files may be replaced. A mark is an extended attribute: it adds no file and changes
no byte. The mark of a folder names its files, with a hash of each; the mark of a page is the page's
hash. So a file that was changed by hand since is known to be the user's. Results without a mark, of
version 0.1.0 or copied, are known by what they hold.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = [
    "PLAN_FILES",
    "RUN_FILES",
    "digest",
    "hashes_of",
    "is_ours",
    "mark_file",
    "mark_folder",
    "marked",
    "ours",
    "sealed",
]

RUN_FILES = (
    "calls.parquet",
    "intervals.parquet",
    "runs.parquet",
    "client_runs.parquet",
    "category_runs.parquet",
    "meter_runs.parquet",
    "meters.parquet",
    "alerts.parquet",
    "summary.parquet",
    "summary.json",
    "run_methods.md",
    "scenario.yaml",
)
PLAN_FILES = (
    "frontier.parquet",
    "frontier.csv",
    "fresh.parquet",
    "timelines.parquet",
    "now_runs.parquet",
    "now_summary.parquet",
    "now_meters.parquet",
    "now_hours.parquet",
    "plan.json",
    "plan_methods.md",
    "scenario.yaml",
)

_MARK = "user.creditsim"
_SCENARIO = "scenario.yaml"
_MOST_CHARACTERS = 10_000_000  # of the scenario of a result

_COLUMNS = {
    "calls.parquet": {"replication", "client", "call", "outcome", "settled_at"},
    "intervals.parquet": {"replication", "start_at", "credits_used"},
    "runs.parquet": {"replication", "calls", "throttled_attempts"},
    "client_runs.parquet": {"replication", "client", "throttled_attempts"},
    "category_runs.parquet": {"replication", "category", "throttled_attempts"},
    "meter_runs.parquet": {"replication", "meter", "throttled_calls", "peak"},
    "meters.parquet": {"meter", "statistic", "mean", "ci95_low"},
    "now_meters.parquet": {"meter", "statistic", "mean", "ci95_low"},
    "alerts.parquet": {"replication", "level_percent", "crossed_at"},
    "summary.parquet": {"grain", "statistic", "ci95_low"},
    "frontier.parquet": {"addon_credits", "limit", "meets_probability"},
    "fresh.parquet": {"addon_credits", "limit", "meets_probability"},
    "timelines.parquet": {"addon_credits", "start", "warming"},
    "now_runs.parquet": {"replication", "grain", "throttled_attempts"},
    "now_summary.parquet": {"grain", "statistic", "ci95_low"},
    "now_hours.parquet": {"weekday", "hour", "mean_throttled_attempts"},
    "portfolio.parquet": {"item", "source", "advice"},
    "alternatives.parquet": {"item", "alternative", "saves_per_month"},
}
_FIRST_LINE = {
    "frontier.csv": b"addon_credits,limit,price_per_day,",
    "portfolio.csv": b"item,source,scenario,rate_card,",
    "alternatives.csv": b"item,alternative,status,",
    "runtimes.csv": b"item,did,seconds,",
    "run_methods.md": b"# Methods: a run of creditsim\n\nHow the model decides, ",
    "plan_methods.md": b"# Methods: a plan of creditsim\n\nHow the model decides, ",
}
_KEYS = {
    "summary.json": {"scenario", "engine", "overall", "clients", "categories"},
    "plan.json": {"scenario", "objective", "frontier", "recommendation"},
    "totals.json": {"items", "planned", "best_alternatives"},
}
_PAGE = re.compile(
    rb'<!DOCTYPE html>\n<html lang="en">\n.*API credits</title>\n<link rel="icon" href="data:,">',
    re.DOTALL,
)
_PLOTLY = re.compile(rb"/\*\*\n\* plotly\.js v")


def digest(source: Path | bytes) -> str:
    """Return a hash of a file's content, or of bytes: the first 32 digits of the SHA-256."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()[:32]
    with source.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:32]


def sealed(text: str) -> str:
    """Return a summary's text with its own hash in place of its last value, an empty text.

    The hash is that of the given text, since no text can hold its own.
    """
    head, _, tail = text.rpartition('""')
    return f'{head}"{digest(text.encode())}"{tail}'


def hashes_of(summary: Path, data: dict[str, Any]) -> dict[str, str] | None:
    """Return the hashes of a result's files; None where an older summary has none.

    Parameters
    ----------
    summary : Path
    data : dict
        The summary's keys and values.

    Raises
    ------
    ValueError
        If the summary is not as it was written.
    """
    if "files" not in data:
        return None
    hashes = data["files"]
    own = hashes.get(summary.name) if isinstance(hashes, dict) else None
    head, _, tail = summary.read_bytes().rpartition(f'"{own}"'.encode())
    if digest(head + b'""' + tail) != own:
        raise ValueError("is not as it was written")
    return dict(hashes)


def mark_file(file: Path) -> None:
    """Mark a file as written by this tool, where the file system has room for marks."""
    _set(file, digest(file))


def mark_folder(folder: Path, hashes: dict[str, str]) -> None:
    """Mark the files of a folder as written by this tool; hashes by name."""
    _set(folder, json.dumps(hashes, separators=(",", ":")))


def is_ours(file: Path) -> bool:
    """Return whether this tool wrote a page, and it was not changed since."""
    mark = _get(file)
    return _is_page(file) if mark is None else mark == digest(file)


def marked(folder: Path) -> dict[str, str] | None:
    """Return the hashes in the mark of a folder, by file; None where it has no mark."""
    mark = _get(folder)
    if mark is None:
        return None
    try:
        hashes: dict[str, str] = json.loads(mark)
    except ValueError:
        return None
    return hashes if isinstance(hashes, dict) else None


def ours(folder: Path, names: Collection[str] | None = None) -> set[str]:
    """Return the files of a folder, of ``names`` if given, that this tool wrote as they are now."""
    hashes = marked(folder)
    found = set()
    for file in folder.iterdir():
        if names is not None and file.name not in names:
            continue
        if file.is_symlink() or not file.is_file():
            continue
        with suppress(OSError):  # a file that cannot be read counts as the user's
            if _is_known(file) if hashes is None else _is_marked(file, hashes):
                found.add(file.name)
    return found


def _is_marked(file: Path, hashes: dict[str, str]) -> bool:
    marks = {hashes.get(file.name), _get(file)} - {None}
    return bool(marks) and digest(file) in marks


def _is_known(file: Path) -> bool:
    """Return whether a file without a mark holds what this tool writes under its name."""
    name = file.name
    if name in _COLUMNS:
        return _has_columns(file, _COLUMNS[name])
    if name in _FIRST_LINE:
        return _begins(file).startswith(_FIRST_LINE[name])
    if name in _KEYS:
        return _has_keys(file, _KEYS[name])
    if name == _SCENARIO:
        return _is_written_scenario(file)
    if name == "plotly.min.js":
        return bool(_PLOTLY.match(_begins(file)))
    return file.suffix == ".html" and _is_page(file)


def _begins(file: Path) -> bytes:
    with file.open("rb") as content:
        return content.read(8192)


def _is_page(file: Path) -> bool:
    return bool(_PAGE.match(_begins(file)))


def _has_columns(file: Path, columns: set[str]) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with file.open("rb") as content:
            return columns <= set(pq.read_schema(content).names)
    except pa.ArrowException:
        return False


def _has_keys(file: Path, keys: set[str]) -> bool:
    return keys <= _read_json(file).keys()


def _read_json(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _is_written_scenario(file: Path) -> bool:
    """Return whether a scenario is the one beside the summary of its result, not edited since.

    A scenario that this tool wrote, read and written again, gives the same text; comments are lost.
    """
    import yaml

    for summary in ("summary.json", "plan.json"):
        data = _read_json(file.with_name(summary))
        if _KEYS[summary] <= data.keys():
            break
    else:
        return False
    try:
        text = file.read_text("utf-8")
        if len(text) > _MOST_CHARACTERS:
            return False
        written = yaml.safe_load(text)
        again = yaml.safe_dump(written, sort_keys=False, allow_unicode=True, width=100)
    except (yaml.YAMLError, ValueError, RecursionError):
        return False
    return again == text and isinstance(written, dict) and written.get("name") == data["scenario"]


def _set(path: Path, mark: str) -> None:
    with suppress(OSError, AttributeError):  # some file systems and systems have no attributes
        os.setxattr(path, _MARK, mark.encode())


def _get(path: Path) -> str | None:
    try:
        return os.getxattr(path, _MARK).decode()
    except (OSError, AttributeError, UnicodeDecodeError):
        return None
