"""Whatever a scenario file is accepted with means what a plain reading of it says.

A strategy draws a value, spells it as people do, and says by itself what it means, or that it must
be refused. Numbers alone have tests of their own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation import InputError, load_scenario
from simulation.scenario.scenario import Scenario

SCENARIO = """\
name: n
rate_card: kaizen-34
org:
  edition: enterprise
  user_licenses: 4
  addon_credits: 0
start: 2026-01-05
timezone: UTC
horizon: 40 days
warmup: 0
replications: 3
seed: 1
other_apis: [mine]
objective:
  throttled_share: 1%
  probability: 95%
  protect: [a]
clients:
  - name: a
    arrivals:
      poisson:
        rate: 100 per day
        profile: flat
        daily_variation: 10%
        growth: 3% per month
        events: [{date: 2026-01-20, factor: 2}]
    calls:
      - api: other
        records: 1
        weight: 1
    on_throttle:
      retry:
        first: 30 s
        factor: 2
        max_delay: 20 years
        max_attempts: 3
        jitter: full
  - name: b
    arrivals:
      schedule:
        at: [02:00]
        days: all
        calls: 2
        over: 1 minute
    calls: [{api: other}]
    on_throttle: drop
  - name: c
    arrivals:
      schedule:
        every: 1 hour
    calls: [{api: other}]
"""
LINES = {line.strip(" -").partition(":")[0]: line for line in SCENARIO.splitlines()}
LINES |= {"name": "name: n", "client": "  - name: c", "calls": "        calls: 2"}
SCALARS = sorted({key for key, line in LINES.items() if not line.endswith(":")} - {"client"})

REFUSED = object()

Read = Callable[[Scenario], Any]


def poisson(scenario: Scenario) -> Any:
    return scenario.clients[0].arrivals.poisson


def retry(scenario: Scenario) -> Any:
    return scenario.clients[0].on_throttle.retry


def schedule(scenario: Scenario) -> Any:
    return scenario.clients[1].arrivals.schedule


def attempt(key: str, written: str) -> Scenario | InputError:
    """Read the scenario with another value of a key."""
    line = LINES[key]
    assert SCENARIO.count(f"{line}\n") == 1
    begin = line[: line.index(":") + 1]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "n.yaml"
        file.write_text(SCENARIO.replace(f"{line}\n", f"{begin} {written}\n"), encoding="utf-8")
        try:
            return load_scenario(file)
        except InputError as error:
            return error


def check(key: str, written: str, meaning: Any, read: Read, exact: bool = True) -> None:
    """Require that a key is refused by its name, or means what it is said to mean."""
    got = attempt(key, written)
    if meaning is REFUSED:
        assert isinstance(got, InputError), f"{key}: {written} is read as {read(got)!r}"
        assert any(key.replace("client", "name") in problem.path for problem in got.problems)
        return
    assert isinstance(got, Scenario), f"{key}: {written}: {got}"
    expected = meaning if exact else pytest.approx(float(meaning), rel=1e-12, abs=1e-300)
    assert read(got) == expected, f"{key}: {written}"


@st.composite
def quoted(draw: st.DrawFn, text: str, plain: bool = True) -> str:
    """Write text without quotes, where that can be, or with either kind of them."""
    ways = ["'{}'", '"{}"', "'  {} '", '" {}"', *(["{}", "  {}  # said"] if plain else [])]
    return draw(st.sampled_from(ways)).format(text)


@st.composite
def cased(draw: st.DrawFn, word: str) -> str:
    ways = [word, word, word.upper(), word.capitalize()]
    return draw(st.sampled_from(ways if word.isascii() else [word]))


class Number(NamedTuple):
    text: str
    value: Fraction


@st.composite
def numbers(draw: st.DrawFn, most: int = 999, thousands: bool = True) -> Number:
    """Draw a number with one reading."""
    n = draw(st.integers(0, most))
    decimals = draw(st.sampled_from(["", "", "", ".5", ".25", ".0", ".1250"]))
    text = f"{n:,}" if thousands and draw(st.booleans()) else f"{n}"
    return Number(f"{text}{decimals}", Fraction(f"{n}{decimals}"))


# ---- durations, rates, shares, growth

SECONDS = {
    ("us", "µs", "microsecond", "microseconds"): Fraction(1, 1_000_000),
    ("ms", "millisecond", "milliseconds"): Fraction(1, 1_000),
    ("s", "sec", "second", "seconds"): Fraction(1),
    ("min", "minute", "minutes"): Fraction(60),
    ("h", "hour", "hours"): Fraction(3_600),
    ("d", "day", "days"): Fraction(86_400),
    ("w", "week", "weeks"): Fraction(7 * 86_400),
    ("month", "months"): Fraction(30 * 86_400),
    ("year", "years"): Fraction(365 * 86_400),
}
UNITS = [(name, size) for names, size in SECONDS.items() for name in names]
LONGEST_S = 20 * 365 * 86_400

DURATIONS: dict[str, tuple[Read, bool]] = {  # how it is read, and whether it may be 0
    "horizon": (lambda s: s.horizon, False),
    "first": (lambda s: retry(s).first, True),
    "max_delay": (lambda s: retry(s).max_delay, False),
    "over": (lambda s: schedule(s).over, True),
    "every": (lambda s: s.clients[2].arrivals.schedule.every, False),  # type: ignore[union-attr]
}


@st.composite
def durations(draw: st.DrawFn) -> tuple[str, Fraction]:
    text, seconds = "", Fraction(0)
    units = st.lists(st.sampled_from(UNITS), min_size=1, max_size=3, unique_by=lambda unit: unit[1])
    for place, (unit, size) in enumerate(draw(units)):
        number = draw(numbers(1_500))
        text += draw(st.sampled_from([" ", ", ", " and ", ""])) if place else ""
        text += number.text + draw(st.sampled_from(["", " ", "  "])) + draw(cased(unit))
        seconds += number.value * size
    return text, seconds


@given(st.data(), st.sampled_from(sorted(DURATIONS)), durations())
def test_a_duration_is_the_sum_of_its_parts(
    data: st.DataObject, key: str, duration: tuple[str, Fraction]
) -> None:
    (text, seconds), (read, may_be_none) = duration, DURATIONS[key]
    exact = seconds * 1_000_000
    out = seconds > LONGEST_S or exact.denominator != 1 or (exact == 0 and not may_be_none)
    if key == "horizon" and seconds > LONGEST_S - 86_400 * 10:
        return  # bound by more than the length
    meaning = REFUSED if out else int(exact)
    check(key, data.draw(quoted(text)), meaning, read)


NO_DURATIONS = [
    *("5", "1.5", "-1 h", "'-5 minutes'", "1 fortnight", "PT1H", "'1:30'", "01:30", "1 h 30"),
    *("h", "''", "one hour", "1/2 h", "½ h", "1e3 s", "2.000 s", "1 000 s", "1 h -30 min"),
    *("[1 h]", "{hours: 1}", "1 h; 2 min", "1 h + 2 min", "1h30", "inf s", "nan", "1 quarter"),
    *("5 m", "3 M", "1 h 30 m", "1 h 2 hours", "'5 days,'", "1 h and", "1 h and30 min"),
]


@pytest.mark.parametrize("written", NO_DURATIONS)
@pytest.mark.parametrize("key", sorted(DURATIONS))
def test_what_is_no_duration_is_refused(key: str, written: str) -> None:
    check(key, written, REFUSED, DURATIONS[key][0])


@given(
    st.data(),
    numbers(30_000),
    st.sampled_from(UNITS),
    st.sampled_from(["{} per {}", "{}/{}", "{} / {}", "{} a {}", "{} an {}", "{} calls per {}"]),
)
def test_a_rate_is_so_many_in_a_unit(
    data: st.DataObject, number: Number, unit: tuple[str, Fraction], form: str
) -> None:
    per_day = number.value * 86_400 / unit[1]
    if 30_000_000 < per_day <= 100_000_000:
        return  # growth and events may make too much of it
    meaning = per_day if 0 < per_day <= 100_000_000 else REFUSED
    written = data.draw(quoted(form.format(number.text, data.draw(cased(unit[0])))))
    check("rate", written, meaning, lambda s: poisson(s).rate, exact=False)


@pytest.mark.parametrize(
    "written",
    [
        *("100", "0 per day", "-5 per day", "5 per 2 hours", "5 per fortnight", "per day", "5"),
        *("5 per", "a day", "5 daily", "5%", "5 per day per user", "1e3 per day", "[5 per day]"),
        *("5 - 6 per day", "~5 per day", "5perday5", "2.000 per day", "2,5 per day", "5 Hz"),
        *("5/m", "4200 per M"),
    ],
)
def test_what_is_no_rate_is_refused(written: str) -> None:
    check("rate", written, REFUSED, lambda s: poisson(s).rate)


SHARES: dict[str, tuple[Read, Callable[[Fraction], bool]]] = {
    "throttled_share": (lambda s: s.objective.throttled_share, lambda x: x < 1),
    "probability": (lambda s: s.objective.probability, lambda x: 0 < x <= 1),
    "daily_variation": (
        lambda s: poisson(s).daily_variation,
        lambda x: x == 0 or Fraction(1, 10**6) <= x <= 10,
    ),
}


@given(
    st.data(),
    st.sampled_from(sorted(SHARES)),
    numbers(120, thousands=False),
    st.sampled_from(["{}%", "{} %", "{}"]),
)
def test_a_share_is_so_many_per_cent_or_a_part_of_one(
    data: st.DataObject, key: str, number: Number, form: str
) -> None:
    read, fits = SHARES[key]
    share = number.value / 100 if "%" in form else number.value
    ambiguous = "%" not in form and share >= 1
    meaning = share if fits(share) and not ambiguous else REFUSED
    check(key, data.draw(quoted(form.format(number.text))), meaning, read, exact=False)


@pytest.mark.parametrize("key", sorted(SHARES))
@pytest.mark.parametrize(
    "written",
    [
        *(
            "-1%",
            "-0.1",
            "1,5%",
            "1 percent",
            "1 per cent",
            "1 in 100",
            "1/100",
            "half",
            "'%'",
            "5",
        ),
        *("1%%", "0.5‰", "[1%]", "1 % per month", "nan", ".nan", ".inf", "'0x1'", "< 1%"),
    ],
)
def test_what_is_no_share_is_refused(key: str, written: str) -> None:
    check(key, written, REFUSED, SHARES[key][0])


@given(
    st.data(),
    st.sampled_from(["", "+", "-"]),
    numbers(99, thousands=False),
    st.sampled_from([("month", 1.0), ("months", 1.0), ("year", 30 / 365), ("week", 30 / 7)]),
    st.sampled_from(["{}% per {}", "{} %/{}", "{}% a {}"]),
)
def test_growth_compounds_to_a_month(
    data: st.DataObject, sign: str, number: Number, unit: tuple[str, float], form: str
) -> None:
    once = 1 + (-1 if sign == "-" else 1) * number.value / 100
    meaning: Any = REFUSED
    if once > 0 and 1e-12 <= float(once) ** unit[1] <= 1e12:
        meaning = float(once) ** unit[1]
    written = data.draw(quoted(form.format(sign + number.text, unit[0])))
    check("growth", written, meaning, lambda s: poisson(s).growth, exact=False)


@pytest.mark.parametrize("written", ["3%", "0.03", "1.03", "3 per month", "3% per", "3% monthly"])
def test_what_is_no_growth_is_refused(written: str) -> None:
    check("growth", written, REFUSED, lambda s: poisson(s).growth)


# ---- clock times, days, dates, zones


def at(scenario: Scenario) -> Any:
    return schedule(scenario).at


@st.composite
def clock_times(draw: st.DrawFn) -> tuple[str, dt.time]:
    time = draw(st.times()).replace(fold=0)
    form = draw(st.sampled_from(["%H:%M", "%H:%M", "%H:%M:%S", "%H:%M:%S.%f"]))
    text = time.strftime(form)
    if "%f" not in form:
        time = time.replace(microsecond=0, second=time.second if "%S" in form else 0)
    else:  # as many digits as it takes
        text = text.rstrip("0") if not text.endswith(".000000") else text
    return text, time


@given(st.data(), st.lists(clock_times(), min_size=1, max_size=3))
def test_a_clock_time_is_read_alone_or_in_a_list(
    data: st.DataObject, drawn: list[tuple[str, dt.time]]
) -> None:
    times = tuple(time for _, time in drawn)
    items = [data.draw(quoted(text)) if len(drawn) == 1 else text for text, _ in drawn]
    alone = len(items) == 1 and data.draw(st.booleans())
    written = items[0] if alone else f"[{', '.join(item.split('#')[0] for item in items)}]"
    check("at", written, times if len({*times}) == len(times) else REFUSED, at)


@given(
    st.data(),
    st.integers(0, 99),
    st.integers(0, 99),
    st.sampled_from(
        [
            *("{h}:{m:02}", "{h:02}.{m:02}", "{h:02}{m:02}", "{h:02}h{m:02}", "{h:02}:{m}"),
            *("{h:02}:{m:02} am", "{h:02}:{m:02}pm", "{h:02}:{m:02}+01:00", "{h:02}:{m:02}Z"),
            *("{h:02}:{m:02}:60", "{h}", "{h} Uhr", "T{h:02}:{m:02}", "{h:02}:{m:02}:", "-{h}:00"),
            *("{h:02}:{m:02}-{m:02}:{h:02}", "{h:02}:{m:02}", "2026-01-05 {h:02}:{m:02}"),
        ]
    ),
)
def test_a_time_that_no_clock_shows_so_is_refused(
    data: st.DataObject, hour: int, minute: int, form: str
) -> None:
    text = form.format(h=hour, m=minute)
    is_one = len(text) == 5 and text[2] == ":" and text.replace(":", "").isdecimal()
    is_one = is_one and hour < 24 and minute < 60
    meaning = (dt.time(hour, minute),) if is_one else REFUSED
    check("at", data.draw(quoted(text, plain=not text.endswith(":"))), meaning, at)


NAMES_OF_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def days(scenario: Scenario) -> Any:
    return schedule(scenario).days


@st.composite
def weekdays(draw: st.DrawFn) -> tuple[str, int]:
    day = draw(st.integers(0, 6))
    name = NAMES_OF_DAYS[day]
    return draw(cased(name[: draw(st.integers(3, len(name)))])), day


in_the_run = st.dates(dt.date(2026, 1, 6), dt.date(2026, 2, 10)).map(lambda day: (str(day), day))


@given(st.data(), st.lists(st.one_of(weekdays(), in_the_run), min_size=1, max_size=4))
def test_days_are_weekdays_by_three_letters_or_more_and_dates(
    data: st.DataObject, drawn: list[tuple[str, Any]]
) -> None:
    meant = tuple(day for _, day in drawn)
    alone = len(drawn) == 1 and data.draw(st.booleans())
    items = ", ".join(text for text, _ in drawn)
    written = data.draw(quoted(items)) if alone else f"[{items}]"
    check("days", written, meant if len({*meant}) == len(meant) else REFUSED, days)


@pytest.mark.parametrize(
    ("written", "meaning"),
    [("all", range(7)), ("weekdays", range(5)), ("weekends", range(5, 7))],
)
def test_sets_of_days_have_names(written: str, meaning: range) -> None:
    for spelled in (written, f"'{written}'", f'"{written}"'):
        check("days", spelled, tuple(meaning), days)


@pytest.mark.parametrize(
    "written",
    [
        *("[]", "''", "mo", "[m]", "Montag", "0", "[1, 5]", "[all]", "weekday", "mon-fri", "daily"),
        *("mon tue", "'mon, tue'", "[[mon]]", "{mon: 1}", "2026-02-30", "20.1.2026", "01/20/2026"),
        *("[mon, MONDAY]", "mondays", "every day", "[2026-01-20, 2026-01-20]", "2026-01"),
    ],
)
def test_what_is_no_day_is_refused(written: str) -> None:
    check("days", written, REFUSED, days)


DATE_FORMS = ["%Y-%m-%d", "%Y-%m-%d", "%G-W%V-%u"]
TIME_FORMS = ["", "", " %H:%M", "T%H:%M", " %H:%M:%S", "T%H:%M:%SZ", " %H:%M+00:00"]


@given(
    st.data(),
    st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2200, 12, 31, 23, 59, 59)),
    st.sampled_from(DATE_FORMS),
    st.sampled_from(TIME_FORMS),
)
def test_a_start_is_the_date_and_the_time_that_are_written(
    data: st.DataObject, moment: dt.datetime, date: str, time: str
) -> None:
    meant = moment.replace(
        hour=moment.hour if time else 0,
        minute=moment.minute if time else 0,
        second=moment.second if "%S" in time else 0,
        microsecond=0,
        tzinfo=dt.UTC if "Z" in time or "+" in time else None,
    )
    line = data.draw(quoted(moment.strftime(date + time)))
    check("start", line, meant, lambda s: s.start)


@given(
    st.dates(dt.date(1990, 1, 1), dt.date(2200, 12, 31)),
    st.sampled_from(
        [
            *("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d-%m-%Y", "%Y.%m.%d", "%Y%m%d"),
            *("%d %B %Y", "%B %d, %Y", "%Y-%m", "%Y", "%y-%m-%d", "%Y-%j", "%A", "%Y-%m-%d 9:00"),
            *("%Y-%m-%d 25:00", "%Y-%m-%d 9am", "%Y-02-30", "%Y-13-%d", "%Y-%m-%d 12:00 UTC"),
        ]
    ),
)
def test_a_date_in_another_order_or_in_words_is_refused(day: dt.date, form: str) -> None:
    check("start", day.strftime(form), REFUSED, lambda s: s.start)


@given(st.data(), in_the_run, st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%Y%m%d"]))
def test_the_date_of_an_event_is_one_of_the_calendar(
    data: st.DataObject, day: tuple[str, dt.date], form: str
) -> None:
    written = f"[{{date: {day[1].strftime(form)}, factor: 2}}]"
    meaning = day[1] if form == "%Y-%m-%d" else REFUSED
    check("events", written, meaning, lambda s: poisson(s).events[0].date)


@cache
def zones() -> list[str]:
    names = (resources.files("tzdata") / "zones").read_text().split()
    return sorted({*names} - {"Factory", "localtime", "posixrules"})


@given(st.data(), st.sampled_from(["same", "lower", "upper", "city", "blank", "spaced"]))
def test_a_time_zone_is_named_exactly(data: st.DataObject, how: str) -> None:
    zone = data.draw(st.sampled_from(zones()))
    text = {
        "same": zone,
        "lower": zone.lower(),
        "upper": zone.upper(),
        "city": zone.rpartition("/")[2],
        "blank": zone + " ",
        "spaced": zone.replace("_", " "),
    }[how]
    meaning = text if text in zones() else REFUSED
    quote = data.draw(st.sampled_from(["'{}'", '"{}"']))
    check("timezone", quote.format(text), meaning, lambda s: s.timezone.key)


@pytest.mark.parametrize("written", ["+01:00", "UTC+1", "1", "local", "MEZ", "''", "[UTC]", "Z"])
def test_what_is_no_time_zone_is_refused(written: str) -> None:
    check("timezone", written, REFUSED, lambda s: s.timezone)


# ---- names and choices

LOOK_LIKE_OTHERS = [
    *("yes", "no", "on", "off", "y", "n", "12:30", "2026-01-05", "08", "0x10", "1:2:3", "1_0"),
    *("=", "<<", "1.2.3", "12.000", "+49 30", "NaN", ".inf", "None", "nil", "a: b", "a #b", "-"),
    *("5 per day", "null and void", "truely", "C++", "*", "&x", "!x", "%", "@", "`", "? a", "[a"),
]
PLAIN = {
    *("yes", "no", "on", "off", "y", "n", "12:30", "2026-01-05", "0x10", "1:2:3", "1_0"),
    *("=", "1.2.3", "12.000", "+49 30", "NaN", ".inf", "None", "nil", "5 per day"),
    *("null and void", "truely", "C++"),
}
letters = st.characters(codec="utf-8", categories=("L", "M", "N", "P", "S"))


@given(st.data(), st.sampled_from(["name", "client"]))
def test_a_name_is_the_text_that_is_written(data: st.DataObject, key: str) -> None:
    text = data.draw(st.sampled_from(LOOK_LIKE_OTHERS) | st.text(letters, min_size=1, max_size=20))
    ways = ["'" + text.replace("'", "''") + "'"]
    ways.append('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')
    if text in PLAIN:
        ways.append(text)
    got = attempt(key, data.draw(st.sampled_from(ways)))
    if key == "client" and isinstance(got, InputError):
        reasons = ("differ only", "no sign that can be seen", "names two clients")
        assert any(reason in str(got) for reason in reasons)
        return
    assert isinstance(got, Scenario)
    assert (got.name if key == "name" else got.clients[2].name) == text


@pytest.mark.parametrize("key", ["name", "client", "edition", "api", "rate_card", "jitter"])
@pytest.mark.parametrize(
    "written",
    [
        "5",
        "-1",
        "08",
        "2026",
        "1.5",
        "1e3",
        "true",
        "False",
        "null",
        "~",
        "",
        "[a]",
        "{a: b}",
        "''",
    ],
)
def test_a_number_a_list_or_nothing_is_no_name(key: str, written: str) -> None:
    check(key, written, REFUSED, lambda s: s.name)


FOUR_LICENSES = {
    **dict.fromkeys(("free", "FREE"), 5_000),
    **dict.fromkeys(("standard", "starter"), 5_000 + 4 * 250),
    "professional": 10_000 + 4 * 500,
    **dict.fromkeys(("enterprise", "zoho_one", "crm_plus"), 15_000 + 4 * 1_000),
    "ultimate": 15_000 + 4 * 2_000,
}
del FOUR_LICENSES["FREE"]
CHOICES: dict[str, tuple[dict[str, Any], Read]] = {
    "edition": (FOUR_LICENSES, lambda s: s.limit),
    "api": (
        {"get_users": 1, "insert_records": 10, "convert_lead": 5, "bulk_write": 500, "mine": 1},
        lambda s: s.card.credits(s.clients[0].calls[0].api, 100),
    ),
    "jitter": ({"none": "none", "full": "full"}, lambda s: retry(s).jitter),
    "profile": (
        {"flat": "flat", "office_hours": "office_hours"},
        lambda s: poisson(s).profile,
    ),
    "rate_card": (
        {"kaizen-34": 15_000, "kaizen-93": 50_000},
        lambda s: s.limit - 4_000,
    ),
}


@given(st.data(), st.sampled_from(sorted(CHOICES)))
def test_a_choice_is_one_of_those_that_there_are_letter_by_letter(
    data: st.DataObject, key: str
) -> None:
    meanings, read = CHOICES[key]
    word = data.draw(st.sampled_from(sorted(meanings)))
    text = data.draw(
        st.sampled_from(
            [
                *(word, word, word.upper(), word.capitalize(), word[:-1], f"{word}s", f"{word} "),
                *(word.replace("_", " "), word.replace("_", "-"), f" {word}", f"{word},"),
            ]
        )
    )
    quote = data.draw(st.sampled_from(["'{}'", '"{}"', *(["{}"] if text == word else [])]))
    check(key, quote.format(text), meanings.get(text, REFUSED), read)


@pytest.mark.parametrize("written", ["Drop", "retry", "none", "[drop]", "null", "{}", "{drop: {}}"])
def test_what_a_client_does_is_drop_or_retry_with_keys(written: str) -> None:
    check("on_throttle", written, REFUSED, lambda s: s.clients[1].on_throttle)


# ---- lists, booleans, nothing

ONLY_LISTS = {
    "other_apis": ("mine", "[mine]"),
    "protect": ("a", "[a]"),
    "events": ("{date: 2026-01-20, factor: 2}", "[{date: 2026-01-20, factor: 2}]"),
}


@pytest.mark.parametrize("key", sorted(ONLY_LISTS))
def test_a_list_of_one_is_written_as_a_list(key: str) -> None:
    alone, listed = ONLY_LISTS[key]
    check(key, alone, REFUSED, lambda s: s)
    assert isinstance(attempt(key, listed), Scenario)
    check(key, f"[{listed}]", REFUSED, lambda s: s)


@pytest.mark.parametrize(
    "key", sorted({*SCALARS} - {*ONLY_LISTS, "at", "days", "profile", "on_throttle"})
)
def test_a_single_value_is_no_list(key: str) -> None:
    value = LINES[key].partition(": ")[2]
    check(key, f"[{value}]", REFUSED, lambda s: s)


@pytest.mark.parametrize("key", SCALARS)
@pytest.mark.parametrize("written", ["true", "false", "True", "FALSE", "yes", "no", "on", "off"])
def test_yes_and_no_are_no_value_of_any_key_but_as_text(key: str, written: str) -> None:
    is_text = key == "name" and written in {"yes", "no", "on", "off"}
    check(key, written, written if is_text else REFUSED, lambda s: s.name)


@pytest.mark.parametrize("key", SCALARS)
@pytest.mark.parametrize("written", ["", "~", "null", "Null", "NULL", "# a remark"])
def test_nothing_is_refused_or_the_same_as_no_key_at_all(key: str, written: str) -> None:
    got = attempt(key, written)
    if isinstance(got, InputError):
        assert any(key in problem.path + problem.what for problem in got.problems)
        return
    with TemporaryDirectory() as folder:
        file = Path(folder) / "n.yaml"
        file.write_text(SCENARIO.replace(f"{LINES[key]}\n", ""))
        assert load_scenario(file).model_dump() == got.model_dump()
