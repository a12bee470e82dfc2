"""Layouts of lines from the pattern that a server wrote them by: of Apache, or of nginx.

Sources: Apache HTTP Server, mod_log_config, Custom Log Formats; nginx, ngx_http_log_module, and the
variables of its other modules. Read in November 2026.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import NamedTuple

from simulation.logs.layouts import Field, Layout, Role
from simulation.logs.times import Texts, read_column

__all__ = ["pattern_layout"]

_APACHE = re.compile(
    r"%(?P<percent>%)|%(?:!?\d+(?:,\d+)*)?(?P<which>[<>])?(?:\{(?P<of>[^}]*)\})?"
    r"(?P<name>\^[A-Za-z]{2}|[A-Za-z])"
)
_NGINX = re.compile(r"\$(?:\{(?P<braced>\w+)\}|(?P<name>[A-Za-z]\w*))")
_DIRECTIVE = re.compile(r'\s*LogFormat\s+"((?:[^"\\]|\\.)*)"')
_STATEMENT = re.compile(r"\s*log_format\s+\S+\s+(?:escape=\w+\s+)?(.*?);?\s*", re.DOTALL)
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")

_MICROSECOND, _MILLISECOND, _SECOND = 1, 1000, 1_000_000
_ENDS_ALL = '"\t|'
"""What no header holds: a quote in it is escaped, and the others are in none that is known."""
_OF_WORDS = "-._/%@+=&?~"
"""Signs that addresses, users, paths and identifiers may hold; an address of IPv6 has colons, too,
but logs that part a port by one have it in brackets, or have none."""
_WITH_COLONS = ("user", "path", "query", "id")
_BETWEEN_TIMES = re.compile(r"[ .,:T]?")


class _Place(NamedTuple):
    """A field of a pattern.

    Attributes
    ----------
    text : str
        As the pattern has it.
    role : str
        What it says; nothing where that does not matter.
    unit : int
        µs that one of it is, if it is a duration.
    samples : tuple of str
        What it may look like, of a time.
    is_free : bool
        Whether it may hold blanks, and any other sign but for a quote that is not escaped.
    rank : int
        Which of several places with one role is taken: the one with the highest.
    """

    text: str
    role: Role | None = None
    unit: int = _SECOND
    samples: tuple[str, ...] = ()
    is_free: bool = False
    rank: int = 0


_OF_APACHE: dict[str, tuple[Role, int]] = {
    "h": ("address", 0),
    "a": ("address", 1),
    "u": ("user", 0),
    "m": ("method", 0),
    "U": ("path", 0),
    "q": ("query", 0),
    "s": ("status", 0),
    "L": ("id", 0),
}
_OF_NGINX: dict[str, tuple[Role, int]] = {
    "remote_addr": ("address", 0),
    "remote_user": ("user", 0),
    "request_method": ("method", 0),
    "request_uri": ("request", 0),
    "uri": ("path", 0),
    "document_uri": ("path", 0),
    "args": ("query", 0),
    "query_string": ("query", 0),
    "status": ("status", 0),
    "request_id": ("id", 1),
}
_IDS = ("x_request_id", "x_correlation_id", "x_amzn_trace_id", "unique_id", "request_id")
_OF_REQUEST: tuple[Role, ...] = ("method", "path", "query")
_MOMENTS = tuple(
    dt.datetime(2026, *rest, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    for rest in ((11, 9, 19, 34, 11), (5, 28, 8, 4, 1))
)
_CLF = "%d/%b/%Y:%H:%M:%S %z"


@lru_cache
def pattern_layout(pattern: str) -> Layout:
    """Return the layout of lines that a server writes by a pattern.

    Parameters
    ----------
    pattern : str
        A LogFormat of Apache, such as ``%h %l %u %t "%r" %>s %b``, or a log_format of nginx, such
        as ``$remote_addr [$time_local] "$request" $status``; with the rest of its line in the
        server's configuration, too.

    Raises
    ------
    ValueError
        If it is neither, has no time, or its lines cannot be parted in one way alone.
    """
    try:
        return _layout_of(*_joined(*_parsed(pattern)))
    except ValueError as error:
        raise ValueError(f"format {pattern!r} {error}") from None


def _layout_of(places: list[_Place], marks: list[str]) -> Layout:
    """Return the layout of lines with these fields, and what parts them."""
    best: dict[Role, int] = {}
    for n, place in enumerate(places):
        if place.role and (place.role not in best or place.rank > places[best[place.role]].rank):
            best[place.role] = n
    if "time" not in best:
        raise ValueError("has no time: log %t of Apache, or $time_local of nginx")
    if "request" in best:
        is_whole = places[best["request"]].is_free
        for role in _OF_REQUEST if is_whole else _OF_REQUEST[1:]:
            best.pop(role, None)
    fields = [Field(role, n, unit=places[n].unit) for role, n in best.items()]
    layout = Layout.of("log of the format that is given", fields)
    return layout._replace(
        marks=_marks(places, marks, max(best.values())),
        day_first=_day_first(places[best["time"]]),
    )


def _parsed(pattern: str) -> tuple[list[_Place], list[str]]:
    """Return the fields of a pattern, and the texts before, between and behind them."""
    text = _bare(pattern)
    of_apache = [each for each in _APACHE.finditer(text) if not each["percent"]]
    of_nginx = [*_NGINX.finditer(text)]
    if of_apache and of_nginx:
        ways = f"{of_apache[0][0]} of Apache or {of_nginx[0][0]} of nginx"
        raise ValueError(f"can be read in two ways: by {ways}, write one of them alone")
    if not (of_apache or of_nginx):
        raise ValueError("names no field: write them as %h or as $remote_addr")
    found = of_apache or of_nginx
    edges = [0, *(edge for each in found for edge in each.span()), len(text)]
    marks = [text[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]
    if of_apache:
        marks = [mark.replace("%%", "%") for mark in marks]
    return [(_of_apache if of_apache else _of_nginx)(each) for each in found], marks


def _bare(pattern: str) -> str:
    """Return a pattern without what surrounds it in a configuration, and with its escapes read."""
    if found := _DIRECTIVE.match(pattern):
        pattern = found[1]
    elif found := _STATEMENT.fullmatch(pattern):
        pattern = "".join(one or other for one, other in _QUOTED.findall(found[1]))
    for written, meant in (('\\"', '"'), ("\\'", "'"), ("\\t", "\t"), ("\\n", "")):
        pattern = pattern.replace(written, meant)
    return pattern.strip(" \r\n")


def _of_apache(found: re.Match[str]) -> _Place:
    """Return a field of a LogFormat."""
    name, of = found["name"], found["of"] or ""
    if name == "t":
        return _time_of_apache(found[0], of)
    if name in "DT":
        unit = {"D": _MICROSECOND, "ms": _MILLISECOND, "us": _MICROSECOND}
        its = unit.get("D" if name == "D" else of, _SECOND)
        return _Place(found[0], "duration", its, rank=-its)
    if name == "r":
        return _Place(found[0], "request", is_free=True)
    if of and name in ("i", "o", "e", "n", "C"):
        return _header(found[0], of)
    if name in _OF_APACHE and not (of and name != "a"):
        role, rank = _OF_APACHE[name]
        return _Place(found[0], role, rank=rank + (found["which"] == ">"))
    return _Place(found[0])


def _header(text: str, name: str) -> _Place:
    """Return a field that is a header or a variable."""
    plain = name.lower().replace("-", "_")
    role: Role | None = "agent" if plain == "user_agent" else "id" if plain in _IDS else None
    return _Place(text, role, is_free=role != "id")


def _time_of_apache(text: str, of: str) -> _Place:
    of = of.removeprefix("begin:").removeprefix("end:")
    known = {"": f"[{_CLF}]", "sec": "%s", "msec": "%s000", "usec": "%s000000"}
    if of in ("msec_frac", "usec_frac"):
        return _time(text, "123" if of == "msec_frac" else "123456", 1)
    return _time(text, known.get(of, of), {"msec": 2, "usec": 3}.get(of, 0))


def _time(text: str, form: str, rank: int) -> _Place:
    def written(moment: dt.datetime) -> str:
        seconds = int(moment.timestamp())
        return moment.strftime(form.replace("%s", str(seconds)))

    return _Place(text, "time", samples=tuple(map(written, _MOMENTS)), rank=rank)


def _of_nginx(found: re.Match[str]) -> _Place:
    """Return a field of a log_format."""
    name = found["braced"] or found["name"]
    times = {"time_local": (_CLF, 0), "time_iso8601": ("%Y-%m-%dT%H:%M:%S+02:00", 0)}
    times["msec"] = ("%s.000", 1)
    if name in times:
        return _time(found[0], *times[name])
    if name == "request_time":
        return _Place(found[0], "duration")
    if name == "request":
        return _Place(found[0], "request", is_free=True, rank=1)
    if name in _OF_NGINX:
        role, rank = _OF_NGINX[name]
        return _Place(found[0], role, rank=rank)
    if name.startswith(("http_", "sent_http_")):
        return _header(found[0], name.removeprefix("sent_").removeprefix("http_"))
    return _Place(found[0], is_free=name.startswith("upstream_"))


def _joined(places: list[_Place], marks: list[str]) -> tuple[list[_Place], list[str]]:
    """Return fields with those made one that say one thing together: dates and times, paths."""
    found, between = places[:1], marks[:1]
    for place, mark in zip(places[1:], marks[1:-1], strict=True):
        last = found[-1]
        both = last.text + mark + place.text
        if last.role == place.role == "time" and _BETWEEN_TIMES.fullmatch(mark):
            pairs = zip(last.samples, place.samples, strict=True)
            samples = tuple(one + mark + other for one, other in pairs)
            found[-1] = last._replace(text=both, samples=samples, rank=last.rank + place.rank)
        elif not mark and last.role == "path" and place.role == "query":
            found[-1] = _Place(both, "request")
        elif not mark and place.text in ("$is_args", "${is_args}"):
            found[-1] = last._replace(text=both)
        elif not mark:
            what = f"nothing stands between {last.text} and {place.text}"
            raise ValueError(f"cannot be read: {what}, which would tell where one ends")
        else:
            found.append(place)
            between.append(mark)
    return found, [*between, marks[-1]]


def _marks(places: list[_Place], marks: list[str], last: int) -> tuple[tuple[bytes, int], ...]:
    """Return what parts fields, as `Layout` has it, as far as the last one that is wanted."""
    found = [(marks[0].encode(), 0)]
    for place, mark in zip(places[: last + 1], marks[1:], strict=False):
        found.append((mark.encode(), _times_in(place, mark) if mark else 0))
    return tuple(found)


def _times_in(place: _Place, mark: str) -> int:
    """Return how often the mark that ends a field stands in it, too."""
    if place.role == "time":
        counts = {sample.count(mark) for sample in place.samples}
        if len(counts) == 1:
            return counts.pop()
        what = f"{place.text} holds {mark!r}, which ends it, now and then"
    elif place.role == "request" and place.is_free and mark == " ":
        return 2
    elif _holds(place, mark[0]):
        what = f"{place.text} may hold {mark[0]!r}, which ends it"
    else:
        return 0
    raise ValueError(f"cannot be read: {what}; have the server put it in quotes")


def _holds(place: _Place, sign: str) -> bool:
    """Return whether a field may hold a sign."""
    if place.is_free:
        return sign not in _ENDS_ALL
    if place.role in ("status", "duration"):
        return sign.isdecimal() or sign == "."
    return sign.isalnum() or sign in _OF_WORDS or (sign == ":" and place.role in _WITH_COLONS)


def _day_first(place: _Place) -> bool | None:
    """Return whether the day comes first in the times of a pattern, None where it does not matter.

    Raises
    ------
    ValueError
        If such times are in no form that is read.
    """
    fits = [_is_read(place.samples, day_first) for day_first in (True, False)]
    if not any(fits):
        what = f"times such as {place.samples[0]!r} are not read"
        raise ValueError(f"has {place.text}: {what}, log them by %t or as seconds since 1970")
    return None if all(fits) else fits[0]


def _is_read(samples: tuple[str, ...], day_first: bool) -> bool:
    """Return whether samples are read as `_MOMENTS`, by their own clock or in UTC."""
    moments = read_column(Texts.of(samples), day_first)
    ways = [[moment.replace(tzinfo=None), moment.astimezone(dt.UTC)] for moment in _MOMENTS]
    return all(
        any(abs(int(local) // _SECOND - _seconds(way)) < 60 for way in each)
        for local, each in zip(moments.local, ways, strict=True)
    )


def _seconds(moment: dt.datetime) -> int:
    return int(moment.replace(tzinfo=dt.UTC).timestamp())
