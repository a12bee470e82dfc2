"""Dates, times and time zones as people write them.

A moment is written by ISO 8601: a date, and after it ``T`` or a blank and a time of hours and
minutes at least, of which only seconds have a fraction, and after the time an offset. All that
reads dates reads this grammar, which takes less than `datetime.fromisoformat`: that takes any
character before the time. Times are whole microseconds; finer digits, as logs have, are dropped.
"""

from __future__ import annotations

import difflib
import re
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import lru_cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from simulation.bounds import FIRST_YEAR, LAST_YEAR
from simulation.quantities import SECOND

__all__ = [
    "local_dates",
    "local_time",
    "midnight",
    "read_date",
    "read_moment",
    "read_start",
    "read_time",
    "read_zone",
    "wrong_start",
]

_DATE = r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}|[0-9]{4}-W[0-9]{2}-[1-7]|[0-9]{4}W[0-9]{2}[1-7])"
_PART = r"(?:[.,][0-9]+)?"  # of a second
_TIME = rf"[0-9]{{2}}(?::[0-9]{{2}}(?::[0-9]{{2}}{_PART})?|[0-9]{{2}}(?:[0-9]{{2}}{_PART})?)"
_OF_UTC = r"(?: ?(?:Z|[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?))"
_IS_DATE = re.compile(_DATE).fullmatch
_IS_MOMENT = re.compile(rf"{_DATE}(?:[Tt ]{_TIME}{_OF_UTC}?)?").fullmatch
_IS_REST = re.compile(rf"{_PART}{_OF_UTC}?").fullmatch
_TO_SECONDS = 19  # characters of 2026-01-05 08:30:00

_DATE_AND_ZONE = re.compile(rf"({_DATE})([+\u2212-])([0-9]{{2}})(?::?([0-9]{{2}}))?").fullmatch
_DATE_AND_HOUR = re.compile(rf"({_DATE})[Tt ]([01][0-9]|2[0-3])({_OF_UTC}?)").fullmatch
_PART_OF_HOUR = re.compile(rf"({_DATE})[Tt ]([0-9]{{2}}(?::?[0-9]{{2}})?)[.,]([0-9]+)").fullmatch
_OTHER_BETWEEN = re.compile(rf"({_DATE})(\s+|.)({_TIME}{_OF_UTC}?)").fullmatch
_WEEK = re.compile(r"([0-9]{4})-?W([0-9]{2})(?![-0-9])").match

_TIME_OF_DAY = re.compile(r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?")
_CLOCK_TIME = re.compile(r"^\W?([0-9]{1,2})(?:[:.]?([0-9]{2}))?\s*(am|pm|h|uhr)?\W?$")

_MACHINES_OWN = ("Factory", "localtime", "posixrules")
_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])\s*([0-9]{1,2})(?::?([0-9]{2}))?\s*h?", re.IGNORECASE)
_WIDEST_OFFSET = 12
_SHORTEST_NAME = 3
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
"""Abbreviations that are no zones here, and zones of places that use them."""


def read_date(text: str) -> date:
    """Return a date that is read from text.

    >>> read_date("2026-01-05")
    datetime.date(2026, 1, 5)

    Raises
    ------
    ValueError
        If it is none, or can be read in two ways: 2026-W02 is a week, or its Monday.
    """
    if _IS_DATE(text):
        return date.fromisoformat(text)
    raise ValueError(f"{text!r} is not a date, write it such as 2026-01-05")


def read_moment(text: str, kind: str = "a date", such_as: str = "2026-01-05") -> datetime:
    """Return the moment of a date and a time; of a date alone, its first moment.

    >>> read_moment("2026-01-05T08:30").time()
    datetime.time(8, 30)

    Parameters
    ----------
    text : str
        Without blanks around it.
    kind, such_as : str, optional
        What it is to be, and an example, for the message.

    Raises
    ------
    ValueError
        If it is none, or can be read in two ways.
    """
    if _is_common(text) or _IS_MOMENT(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    what = _readings(text) or f"is not {kind}, write it such as {such_as}"
    raise ValueError(f"{text!r} {what}")


def _is_common(text: str) -> bool:
    """Return whether a text has the marks of 2026-01-05 08:30:00 and nothing else behind them.

    `datetime.fromisoformat` checks the digits. This is for speed: traces have millions of rows.
    """
    return (
        len(text) >= _TO_SECONDS
        and text[4] == "-"
        and text[10] in " Tt"
        and text[13] == text[16] == ":"
        and (len(text) == _TO_SECONDS or _IS_REST(text, _TO_SECONDS) is not None)
    )


def _readings(text: str) -> str:
    """Return how a text that is no moment can be read, or nothing."""
    try:
        if found := _DATE_AND_ZONE(text):
            return _day_or_time(*found.groups())
        if found := _PART_OF_HOUR(text):
            return _part_or_more(*found.groups())
        if found := _WEEK(text):
            monday = date.fromisocalendar(int(found[1]), int(found[2]), 1)
            return f"can be read as a week or as its Monday, write {monday}"
    except (ValueError, OverflowError):  # no such day
        return ""
    return _other_form(text)


def _other_form(text: str) -> str:
    """Return what a moment has too much or lacks, or nothing."""
    if found := _DATE_AND_HOUR(text):
        return f"has an hour alone, write {found[1]}T{found[2]}:00{found[3]}"
    if (found := _OTHER_BETWEEN(text)) and found[2] not in "Tt ":
        return f"has {found[2]!r} before its time, write {found[1]}T{found[3]}"
    return ""


def _day_or_time(day: str, sign: str, hour: str, minute: str | None) -> str:
    """Return both readings of what follows a date: its zone, or a time behind a dash."""
    sign, clock = sign.replace("\u2212", "-"), f"{hour}:{minute or '00'}"
    first = datetime.fromisoformat(f"{day}T00:00{sign}{clock}").date()
    reading = (
        f"can be read as the day {first} of UTC{sign}{clock}, write {first}T00:00{sign}{clock}"
    )
    try:
        time.fromisoformat(clock)
    except ValueError:
        return reading
    reading = f"can be read as the day {first} of UTC{sign}{clock} or as {clock} on that day"
    return f"{reading}, write {first}T00:00{sign}{clock} or {first}T{clock}"


def _part_or_more(day: str, clock: str, digits: str) -> str:
    """Return both readings of digits behind an hour or minute: a part of it, or a finer unit."""
    first = datetime.fromisoformat(f"{day}T{clock}")
    unit = timedelta(hours=1) if len(clock) == 2 else timedelta(minutes=1)
    part = Fraction(int(digits), 10 ** len(digits))
    size = round(part * (unit // timedelta(microseconds=1)))
    exact = first + timedelta(microseconds=size)
    if len(digits) == 2 and int(digits) < 60:
        other = first + int(digits) * unit / 60
    else:
        other = first + timedelta(microseconds=round(part * 1_000_000))
    both = [_clock(moment) for moment in (exact, other)]
    written = [f"{moment.date()}T{_clock(moment)}" for moment in (exact, other)]
    return f"can be read as {both[0]} or as {both[1]}, write {written[0]} or {written[1]}"


def _clock(moment: datetime) -> str:
    """Return the time of a moment, as short as it can be written."""
    shown = moment.time().isoformat()
    return shown.rstrip("0") if moment.microsecond else shown.removesuffix(":00")


def read_time(value: Any) -> time:
    """Return the time of the day that a text such as ``02:00`` is.

    Raises
    ------
    ValueError
        If it is none, with the time that is probably meant.
    """
    if isinstance(value, time):
        return value
    if isinstance(value, str) and _TIME_OF_DAY.fullmatch(value.strip()):
        try:
            return time.fromisoformat(value.strip())
        except ValueError:
            pass
    raise ValueError(f"{value!r} is no time of the day, write it as {_near_time(value)}")


def _near_time(value: Any) -> str:
    """Return the time that is probably meant, or an example."""
    if isinstance(value, str) and (found := _CLOCK_TIME.search(value.strip().lower())):
        hour, minute = int(found[1]), int(found[2] or 0)
        if found[3] in ("am", "pm") and 1 <= hour <= 12:
            hour = hour % 12 + 12 * (found[3] == "pm")
        if (hour, minute) == (24, 0):
            return "00:00"
        if hour < 24 and minute < 60:
            return f"{hour:02}:{minute:02}"
    return "02:00"


def read_start(value: Any) -> datetime:
    """Return the moment of a date, or of a date and a time, in the range of starts.

    Raises
    ------
    ValueError
        If it is none, can be read in two ways, or is out of range.
    """
    if isinstance(value, str):
        value = read_moment(value.strip())
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise ValueError(f"{value!r} is not a date, write it such as 2026-01-05")
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"{value.year} is out of range, use {FIRST_YEAR} to {LAST_YEAR}")
    return value


def wrong_start(start: datetime, zone: ZoneInfo) -> str:
    """Return what is wrong with a start that the clock never shows, or shows twice; or nothing.

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
    """Return the time zone of a name, if it is the same on every machine.

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
    """Return which zone to write; an offset or an abbreviation stands for several."""
    if not isinstance(value, str):
        return "write one such as Europe/Berlin"
    written = value.strip()
    if offset := _OFFSET.fullmatch(written):
        return _near_offset(*offset.groups())
    if places := _ABBREVIATIONS.get(written.upper()):
        return f"write the place that is meant, such as {' or '.join(places)}"
    plain = written.replace(" ", "_").lower()
    zones = sorted(_zones())
    if len(plain) >= _SHORTEST_NAME:
        named = [zone for zone in zones if zone.lower() == plain]
        cities = [zone for zone in zones if zone.lower().rpartition("/")[2] == plain]
        near = named or cities or difflib.get_close_matches(written, zones, 1, 0.8)
        if near:
            return f"did you mean {near[0]!r}?"
    return "write one such as Europe/Berlin"


def _near_offset(sign: str, hours: str, minutes: str | None) -> str:
    """Return what to write for an offset from UTC; Etc/GMT has its signs the other way round."""
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


def local_time(moment: int, zone: ZoneInfo) -> datetime:
    """Return what the local clock shows at a moment, µs since 1970-01-01 UTC, to the second."""
    return datetime.fromtimestamp(moment // SECOND, zone)


def local_dates(begin: int, end: int, zone: ZoneInfo) -> tuple[date, date]:
    """Return the first and the last local date of a time, µs since 1970-01-01 UTC."""
    return local_time(begin, zone).date(), local_time(end - 1, zone).date()


def midnight(day: date, zone: ZoneInfo) -> int:
    """Return when a local day begins, µs since 1970-01-01 UTC."""
    return round(datetime.combine(day, time(), zone).timestamp()) * SECOND
