"""Lines are read by the pattern that a server wrote them by, or it is refused in one line."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from simulation import InputError, read_log
from simulation.cli.commands import app
from simulation.logs import pattern_layout

BEGUN = dt.datetime(2026, 1, 5, 8, 0, 1, 250_000, dt.timezone(dt.timedelta(hours=1)))
PATH = "/crm/v7/Leads/5725767000000524157"


def read(tmp_path: Path, lines: str, pattern: str, **keys: Any) -> pd.DataFrame:
    (tmp_path / "a.log").write_text(lines)
    return read_log(tmp_path / "a.log", log_format=pattern, **keys)


PATTERNS = {
    '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %D %T %v %p %X': (
        f'10.0.0.7 - sync [05/Jan/2026:08:00:01 +0100] "GET {PATH}?a=1 HTTP/1.1" 429 5 "-" '
        '"curl \\"7\\"" 250000 0 zoho 443 -\n'
    ),
    'LogFormat "%v:%p %h %l %u %{%Y-%m-%d %H:%M:%S}t.%{msec_frac}t %{%z}t %m %U%q %s" vhosts': (
        f"zoho:443 10.0.0.7 - sync 2026-01-05 08:00:01.250 +0100 GET {PATH}?a=1 429\n"
    ),
    "%{sec}t|%{ms}T|%r|%{X-Request-Id}i|%u|%400,501{User-agent}i|%>s": (
        f"1767596401|250|GET {PATH}?a=1 HTTP/1.1|r-7|sync|curl/7 (a; b)|429\n"
    ),
    '$remote_addr - $remote_user [$time_local] "$request" $status "$http_via" $request_time': (
        f'10.0.0.7 - sync [05/Jan/2026:08:00:01 +0100] "GET {PATH}?a=1 HTTP/1.1" 429 "a b" 0.250\n'
    ),
    "log_format main escape=default '$msec $request_method ' '$uri$is_args$args '\n"
    "  '${status} $request_time $remote_user';": (
        f"1767596401.250 GET {PATH}?a=1 429 0.250 sync\n"
    ),
    "$time_iso8601\\t$upstream_response_time\\t$remote_user\\t$request\\t$status\\t$request_time": (
        f"2026-01-05T08:00:01+01:00\t0.1, 0.15\tsync\tGET {PATH}?a=1 HTTP/1.1\t429\t0.250\n"
    ),
    "%r %t %u %s %D": f"GET {PATH}?a=1 HTTP/1.1 [05/Jan/2026:08:00:01 +0100] sync 429 250000\n",
    "%{%m/%d/%Y %I:%M:%S %p %z}t;%m;%U%q;%s;%u;%D": (
        f"01/05/2026 08:00:01 AM +0100;GET;{PATH}?a=1;429;sync;250000\n"
    ),
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_request_is_read_by_the_pattern_of_its_line(tmp_path: Path, pattern: str) -> None:
    found = read(tmp_path, PATTERNS[pattern] * 2, pattern)
    assert len(found) == (1 if "Request-Id" in pattern else 2)  # of one id
    first = found.iloc[0]
    assert first["time"].floor("s") == pd.Timestamp(BEGUN).floor("s")
    assert first["target"] == "GET /crm/v7/Leads/{id}?a"
    assert first["status"] == 429
    assert first["client"] == "sync"
    if "%v:" not in pattern:
        assert first["duration_s"] == 0.25


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("%h%u %t", "nothing stands between %h and %u"),
        ("$time_local$status", "nothing stands between .time_local and .status"),
        ("%{User-Agent}i %t", "%{User-Agent}i may hold ' ', which ends it; have the server put"),
        ("%t %r,%s", "%r may hold ',', which ends it"),
        ("%h %r %>s", "has no time: log %t of Apache, or .time_local of nginx"),
        ("combined", "names no field: write them as %h or as .remote_addr"),
        ("%t $status", "can be read in two ways: by %t of Apache or .status of nginx"),
        ("%{%j}t %r", "times such as '313' are not read, log them by %t"),
        ("%{%a %e %b %Y %H:%M:%S}t %r", "holds ' ', which ends it, now and then"),
    ],
)
def test_a_pattern_that_parts_no_lines_is_refused_with_the_reason(
    tmp_path: Path, pattern: str, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint.replace("{", r"\{")) as refusal:
        read(tmp_path, "nothing\n", pattern)
    assert len(str(refusal.value).splitlines()) == 1
    words = ["fit", str(tmp_path / "a.log"), "--out", str(tmp_path / "org.yaml")]
    done = CliRunner().invoke(app, [*words, "--format", pattern])
    assert done.exit_code == 2
    assert str(refusal.value) in done.stderr


def test_a_line_that_is_not_of_the_pattern_is_counted(tmp_path: Path) -> None:
    pattern = '%t "%r" %>s'
    line = '[05/Jan/2026:08:00:01 +0100] "GET / HTTP/1.1" 200\n'
    assert len(read(tmp_path, line * 20 + "[05/Jan/2026:08:00:01 +0100] GET /\n", pattern)) == 20
    with pytest.raises(InputError, match=r"2 lines have fewer fields than .*a.log:2: 'GET"):
        read(tmp_path, line + "'GET / 200\n" * 2, pattern)


words = st.text("abcxyz019-._", min_size=1, max_size=9)
free = st.text("abc xyz/()[];,$%'\\\"", max_size=12)
moments = st.datetimes(dt.datetime(1974, 1, 1), dt.datetime(2100, 1, 1)).map(
    lambda each: each.replace(microsecond=0, tzinfo=dt.UTC)
)


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


@st.composite
def patterns_with_lines(draw: st.DrawFn) -> tuple[str, str, dict[str, Any]]:
    """Return a pattern in a random order, a line by it, and what is to be read from the line."""
    when, status, took = draw(moments), draw(st.integers(100, 599)), draw(st.integers(0, 10**9))
    user, path = draw(words.filter(lambda each: each != "-")), "/" + draw(words)
    clf = when.strftime("%d/%b/%Y:%H:%M:%S +0000")
    time = draw(
        st.sampled_from(
            [("%t", f"[{clf}]"), ("%{%Y-%m-%dT%H:%M:%SZ}t", when.strftime("%Y-%m-%dT%H:%M:%SZ"))]
        )
    )
    wanted = [time, ("%>s", str(status)), ("%D", str(took)), ("%u", user)]
    wanted.append(draw(st.sampled_from([('"%r"', f'"GET {path} HTTP/1.1"'), ("%U", path)])))
    others = st.sampled_from(["%b", "%v", "%X", "%{VAR}e", "%f"])
    unknown = [
        (f'"{each}"', f'"{escaped(draw(free))}"') for each in draw(st.lists(others, max_size=3))
    ]
    fields = draw(st.permutations(wanted + unknown))
    mark = draw(st.sampled_from([" ", "\t", " | ", ";", ") ("]))
    pattern = mark.join(each for each, _ in fields)
    told = {"time": when, "status": status, "duration_s": took / 1e6, "client": user}
    told["target"] = f"GET {path}" if '"%r"' in pattern else path
    return pattern, mark.join(each for _, each in fields), told


@settings(max_examples=200, deadline=None)
@given(patterns_with_lines())
def test_lines_of_any_pattern_are_read_back(case: tuple[str, str, dict[str, Any]]) -> None:
    pattern, line, told = case
    with TemporaryDirectory() as folder:
        (found,) = read(Path(folder), line + "\n", pattern).to_dict("records")
    if all(sign.isdigit() for sign in told["target"].rpartition("/")[2]):
        told["target"] = told["target"].rpartition("/")[0] + "/{id}"
    assert {name: found[name] for name in told} == told


@settings(max_examples=200, deadline=None)
@given(st.text("%{}htrsDUq <>$a_\"',|", max_size=20))
def test_a_pattern_of_any_signs_is_read_or_refused_in_one_line(pattern: str) -> None:
    refusal, layout = "", None
    try:
        layout = pattern_layout(pattern)
    except ValueError as error:
        refusal = str(error)
    assert layout.has("time") if layout is not None else len(refusal.splitlines()) == 1
