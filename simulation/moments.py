"""Starts and time zones as people write them."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, date, datetime, time
from functools import lru_cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from simulation.bounds import FIRST_YEAR, LAST_YEAR

__all__ = ["read_start", "read_zone", "wrong_start"]

_MACHINES_OWN = ("Factory", "localtime", "posixrules")
_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])\s*([0-9]{1,2})(?::?([0-9]{2}))?\s*h?", re.IGNORECASE)
_WIDEST_OFFSET = 12
_SHORTEST_PLACE = 3
_ABBREVIATIONS = {
    "IST": ("Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem"),
    "CST": ("America/Chicago", "Asia/Shanghai"),
    "BST": ("Europe/London", "Asia/Dhaka"),
    "PST": ("America/Los_Angeles",),
    "PDT": ("America/Los_Angeles",),
    "PT": ("America/Los_Angeles",),
    "MDT": ("America/Denver",),
    "MT": ("America/Denver",),
    "CDT": ("America/Chicago",),
    "CT": ("America/Chicago",),
    "EDT": ("America/New_York",),
    "ET": ("America/New_York",),
    "CEST": ("Europe/Berlin",),
    "MEZ": ("Europe/Berlin",),
    "MESZ": ("Europe/Berlin",),
    "EEST": ("Europe/Helsinki",),
    "WEST": ("Europe/Lisbon",),
    "MSK": ("Europe/Moscow",),
    "JST": ("Asia/Tokyo",),
    "KST": ("Asia/Seoul",),
    "HKT": ("Asia/Hong_Kong",),
    "SGT": ("Asia/Singapore",),
    "GST": ("Asia/Dubai",),
    "PKT": ("Asia/Karachi",),
    "AEST": ("Australia/Sydney",),
    "AEDT": ("Australia/Sydney",),
    "AWST": ("Australia/Perth",),
    "ACST": ("Australia/Adelaide",),
    "NZST": ("Pacific/Auckland",),
    "NZDT": ("Pacific/Auckland",),
    "BRT": ("America/Sao_Paulo",),
    "SAST": ("Africa/Johannesburg",),
}
"""Names of a clock that are no zones here, and places that use them."""


def read_start(value: Any) -> datetime:
    """Read a date, or a date and a time.

    Raises
    ------
    ValueError
        If it is none, or is out of range.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError(f"{value!r} is not a date, write it such as 2026-01-05") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise ValueError(f"{value!r} is not a date, write it such as 2026-01-05")
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"{value.year} is out of range, use {FIRST_YEAR} to {LAST_YEAR}")
    return value


def wrong_start(start: datetime, zone: ZoneInfo) -> str:
    """Say so if the local clock never shows a start, or shows it twice.

    Midnight is the beginning of a day, whatever the clock shows then.

    >>> wrong_start(datetime(2026, 3, 29, 2, 30), ZoneInfo("Europe/Berlin"))
    '2026-03-29 02:30 is skipped in Europe/Berlin, write 2026-03-29 03:30'
    >>> wrong_start(datetime(2026, 3, 29), ZoneInfo("Europe/Berlin"))
    ''
    """
    if start.tzinfo is not None:
        return ""
    first, second = (start.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    written = f"{start:%Y-%m-%d %H:%M}"
    shown = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    if start.time() == time() and shown.date() == start.date():
        return ""
    if shown != start:
        return f"{written} is skipped in {zone}, write {shown:%Y-%m-%d %H:%M}"
    if first.utcoffset() != second.utcoffset() and start.time() != time():
        both = " or ".join(moment.isoformat(" ", "minutes") for moment in (first, second))
        return f"{written} comes twice in {zone}, write {both}"
    return ""


def read_zone(value: Any) -> ZoneInfo:
    """Read the name of a time zone that is the same on every machine.

    Raises
    ------
    ValueError
        If there is no such zone.
    """
    name = value.key if isinstance(value, ZoneInfo) else value
    if isinstance(name, str) and name in _zones():
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, OSError, ValueError):
            pass
    raise ValueError(f"{value!r} is no time zone, {_near_zone(value)}")


def _near_zone(value: Any) -> str:
    """Say which zone is probably meant; an offset or an abbreviation alone does not tell."""
    if not isinstance(value, str):
        return "write one such as Europe/Berlin"
    written = value.strip()
    if offset := _OFFSET.fullmatch(written):
        return _near_offset(*offset.groups())
    if places := _ABBREVIATIONS.get(written.upper()):
        return f"write the place that is meant, such as {' or '.join(places)}"
    plain = written.replace(" ", "_").lower()
    known = sorted(_zones())
    if len(plain) >= _SHORTEST_PLACE:
        named = [zone for zone in known if zone.lower() == plain]
        cities = [zone for zone in known if zone.lower().rpartition("/")[2] == plain]
        near = named or cities or difflib.get_close_matches(written, known, 1, 0.8)
        if near:
            return f"did you mean {near[0]!r}?"
    return "write one such as Europe/Berlin"


def _near_offset(sign: str, hours: str, minutes: str | None) -> str:
    """Say what to write for an offset from UTC; the signs of Etc/GMT are the other way round."""
    if int(hours) > _WIDEST_OFFSET or int(minutes or 0):
        return "write a place that has this offset, such as Asia/Kolkata"
    place = "Europe/Berlin" if sign == "+" else "America/New_York"
    turned = "-" if sign == "+" else "+"
    return (
        f"write a place such as {place}, or Etc/GMT{turned}{int(hours)}, which is UTC{sign}"
        f"{int(hours)} all year (its sign is the other way round)"
    )


@lru_cache
def _zones() -> frozenset[str]:
    names = (resources.files("tzdata") / "zones").read_text(encoding="utf-8").split()
    return frozenset(names).difference(_MACHINES_OWN)
