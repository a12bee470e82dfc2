"""Numbers as people write them: the only meaning of a spelling, or a refusal that names both."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from simulation import InputError, load_scenario
from simulation.formats.documents import Document, value_of
from simulation.formats.plain_yaml import Tree, write_yaml
from simulation.quantities import (
    HOUR,
    SECOND,
    parse_count,
    parse_duration,
    parse_factor,
    parse_growth,
    parse_number,
    parse_rate,
    parse_share,
)
from simulation.scenario.scenario import Scenario
from tests.helpers import creditsim

SCENARIO = """\
name: n
org: {edition: enterprise, user_licenses: 4}
start: 2026-01-05
horizon: 5 days
replications: 2
seed: 1
clients:
  - name: a
    arrivals: {poisson: {rate: 100 per day, daily_variation: 10%, growth: 3% per month}}
    calls: [{api: upsert_records, records: 12, weight: 3}]
    on_throttle: {retry: {first: 30 s, factor: 2, max_attempts: 6}}
"""

Parse = Callable[[Any], Any]

THOUSANDS: dict[str, tuple[str, Parse, Parse]] = {
    "count": ("{}", parse_count, Decimal),
    "number": ("{}", parse_number, Decimal),
    "rate": ("{} per day", parse_rate, float),
    "calls": ("{} calls per day", parse_rate, float),
    "duration": ("{} s", parse_duration, lambda n: int(n * SECOND)),
    "second part": ("1 hour, {} s", parse_duration, lambda n: int(n * SECOND) + HOUR),
}
NO_THOUSANDS: dict[str, tuple[str, Parse, Parse]] = {
    "factor": ("{}", parse_factor, Decimal),
    "per cent": ("{}%", parse_share, lambda n: float(n / 100)),
    "growth": ("{}% per month", parse_growth, lambda n: float(1 + n / 100)),
}
KINDS = {**THOUSANDS, **NO_THOUSANDS}

whole = st.integers(0, 30_000)
digits = st.text("0123456789", min_size=1, max_size=5)


def refusal(kind: str, number: str) -> str:
    form, parse, _ = KINDS[kind]
    with pytest.raises(ValueError, match="write") as refused:
        parse(form.format(number))
    return str(refused.value)


def names_both(told: str, first: Decimal, second: int) -> bool:
    read = re.search(r"can be read as ([0-9.]+) or as ([0-9,]+), write", told)
    return read is not None and (Decimal(read[1]), int(read[2].replace(",", ""))) == (first, second)


def means(kind: str, number: str) -> Any:
    form, parse, _ = KINDS[kind]
    return parse(form.format(number))


@given(st.sampled_from(sorted(KINDS)), whole)
def test_digits_alone_are_the_number(kind: str, n: int) -> None:
    assert means(kind, str(n)) == KINDS[kind][2](Decimal(n))


@given(st.sampled_from(sorted({*KINDS} - {"count"})), whole, digits)
def test_a_dot_is_the_decimal_sign_unless_three_digits_follow(kind: str, n: int, f: str) -> None:
    number = f"{n}.{f}"
    if kind in THOUSANDS and len(f) == 3 and 1 <= n <= 999:
        assert names_both(refusal(kind, number), Decimal(number), int(f"{n}{f}"))
    else:
        assert means(kind, number) == KINDS[kind][2](Decimal(number))


@given(st.sampled_from(sorted(KINDS)), whole, digits)
def test_one_comma_groups_thousands_where_they_occur_and_is_refused_elsewhere(
    kind: str, n: int, f: str
) -> None:
    decimal, joined = Decimal(f"{n}.{f}"), int(f"{n}{f}")
    if kind in THOUSANDS and len(f) == 3 and 1 <= n <= 999:
        assert means(kind, f"{n},{f}") == KINDS[kind][2](Decimal(joined))
    elif joined == 0:
        assert "write 0" in refusal(kind, f"{n},{f}")
    else:
        assert names_both(refusal(kind, f"{n},{f}"), decimal, joined)


@given(st.sampled_from(sorted(THOUSANDS)), st.integers(1_000, 30_000), st.integers(0, 99))
def test_thousands_in_english_are_read_and_in_german_refused_with_what_would_be_right(
    kind: str, n: int, f: int
) -> None:
    if kind != "count":
        assert means(kind, f"{n:,}.{f:02}") == KINDS[kind][2](Decimal(f"{n}.{f:02}"))
    german = f"{n:,}".replace(",", ".") + f",{f:02}"
    assert f"write {n}.{f:02}" in refusal(kind, german)


@given(st.sampled_from(sorted(KINDS)), st.text("0123456789.,", min_size=1, max_size=9))
def test_whatever_digits_dots_and_commas_make_is_one_number_or_a_refusal(
    kind: str, text: str
) -> None:
    """An accepted spelling without commas is what Python reads; with commas, groups of three."""
    form, parse, meaning = KINDS[kind]
    try:
        value = parse(form.format(text))
    except ValueError:
        return
    grouped = re.fullmatch(r"[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]+)?", text)
    assert grouped or "," not in text
    assert value == meaning(Decimal(text.replace(",", "")))


@given(st.text(max_size=30) | st.text("0123456789.,eE+-_% perdaysx", max_size=30))
def test_no_text_is_anything_but_a_quantity_or_a_value_error(text: str) -> None:
    parsers = (parse_count, parse_duration, parse_growth, parse_number, parse_rate, parse_share)
    for parse in parsers:
        with suppress(ValueError):
            parse(text)


# Each key that takes a number, with what is written after it: the same reading everywhere.
KEYS = [
    ("user_licenses: 4", "user_licenses: {}"),
    ("replications: 2", "replications: {}"),
    ("seed: 1", "seed: {}"),
    ("records: 12", "records: {}"),
    ("records: 12", "records: {{poisson: {}}}"),
    ("records: 12", "records: {{uniform: [1, {}]}}"),
    ("records: 12", "records: {{choices: [{}]}}"),
    ("records: 12", "records: {{choices: {{{}: 1}}}}"),
    ("records: 12", "records: {{choices: {{1: {}}}}}"),
    ("weight: 3", "weight: {}"),
    ("max_attempts: 6", "max_attempts: {}"),
    ("first: 30 s", "first: {} s"),
    ("rate: 100 per day", "rate: {} per day"),
    ("horizon: 5 days", "horizon: {} days"),
    ("seed: 1", "objective: {{cost_of_lost_call: {}}}"),
    ("user_licenses: 4", "user_licenses: 4, license_prices: {{enterprise: {}}}"),
    ("user_licenses: 4", "user_licenses: 4, addon_credits: {}"),
    (
        "rate: 100 per day",
        f"rate: 100 per day, profile: [{{}}, {', '.join(['1'] * 23)}]",
    ),
]


@pytest.mark.parametrize(("before", "after"), KEYS, ids=[after for _, after in KEYS])
def test_a_number_of_yaml_that_may_be_meant_as_thousands_is_refused_in_every_key(
    tmp_path: Path, before: str, after: str
) -> None:
    assert before in SCENARIO
    file = tmp_path / "n.yaml"
    file.write_text(SCENARIO.replace(before, after.format("12.000")))
    with pytest.raises(InputError, match=r"can be read as 12 or as 12,000, write 12 or 12000"):
        load_scenario(file)
    file.write_text(SCENARIO.replace(before, after.format("'1,5'")))
    if "' " not in after.format("'1,5'"):  # a unit behind it stands in other tests
        with pytest.raises(InputError, match=r"can be read as 1\.5 or as 15, write"):
            load_scenario(file)


@pytest.mark.parametrize("key", ["seed", "replications", "clients.a.calls.0.records"])
def test_set_reads_numbers_as_the_file_does(tmp_path: Path, key: str) -> None:
    file = tmp_path / "n.yaml"
    file.write_text(SCENARIO)
    with pytest.raises(InputError, match=rf"--set {key}: .* can be read as 12 or as 12,000"):
        load_scenario(file, [f"{key}=12.000"])
    same = [load_scenario(file, [f"{key}={number}"]).model_dump() for number in ("12.0", "12")]
    assert same[0] == same[1]


def test_a_number_cut_at_its_comma_inside_braces_is_told_as_one(tmp_path: Path) -> None:
    file = tmp_path / "n.yaml"
    for before, after, told in [
        ("rate: 100 per", "rate: 2,5 per", "'2,5 per day' is cut at its comma .* write 2.5 per"),
        ("records: 12", "records: 12,000", "'12,000' is cut at its comma .* write 12 or 12000"),
        ("daily_variation: 10%", "daily_variation: 1,000", "'1,000' is cut .* write 1 or 1000"),
        ("factor: 2", "factor: 1,125", "'1,125' is cut at its comma .* write 1.1250 or 1125"),
        ("factor: 2", "factor: 0,125", "'0,125' is cut at its comma inside {…}, write 0.125$"),
    ]:
        file.write_text(SCENARIO.replace(before, after))
        with pytest.raises(InputError, match=rf"n.yaml:\d+: .*{told}"):
            load_scenario(file)


def test_cells_of_portfolios_and_traces_are_read_as_keys_are(tmp_path: Path) -> None:
    (tmp_path / "n.yaml").write_text(SCENARIO)
    (tmp_path / "orgs.csv").write_text(
        "name;scenario;clients.a.arrivals.poisson.rate\nA;n.yaml;4200,5 per day\n"
    )
    done = creditsim("batch", tmp_path / "orgs.csv", "--out", tmp_path / "out")
    assert done.returncode == 3
    assert "'4200,5 per day' can be read as 4200.5 or as 42,005" in done.stdout + done.stderr
    (tmp_path / "t.csv").write_text("timestamp;count\n2026-01-05 10:00;12.000\n")
    law = "arrivals: {counts: {file: t.csv, bucket: 1 hour}}"
    (tmp_path / "t.yaml").write_text(re.sub("arrivals: .*", law, SCENARIO))
    with pytest.raises(InputError, match=r"t\.csv:2: .*count: '12.000' can be read as 12 or as"):
        load_scenario(tmp_path / "t.yaml")


@pytest.mark.parametrize("value", [True, False, float("nan"), float("inf"), 10**400, None, [1]])
@pytest.mark.parametrize("key", ["seed", "replications", "clients.0.calls.0.weight"])
def test_what_is_no_number_is_none(tmp_path: Path, key: str, value: Any) -> None:
    file = tmp_path / "n.yaml"
    file.write_text(SCENARIO)
    with pytest.raises(InputError, match=key.rpartition(".")[2]):
        Document.read(file).changed({key: value}).validate(Scenario)


def test_floats_that_a_saved_scenario_holds_are_read_again(tmp_path: Path) -> None:
    """A weight of 1.125, computed and not written, is saved so that it has one reading."""
    file = tmp_path / "n.yaml"
    file.write_text(SCENARIO)
    scenario = load_scenario(file).changed({"clients.a.calls.0.weight": 1.125})
    (tmp_path / "again.yaml").write_text(scenario.to_yaml(tmp_path))
    assert load_scenario(tmp_path / "again.yaml").model_dump() == scenario.model_dump()


@given(whole, digits, st.sampled_from(["", "-"]), st.sampled_from(["", " per day", " h", "%"]))
@example(1, "000", "", "")
def test_a_number_cut_inside_braces_is_told_with_both_readings(
    n: int, f: str, sign: str, unit: str
) -> None:
    """Which of them a key takes is left to the user: the text does not say whether thousands."""
    with pytest.raises(InputError, match="is cut at its comma") as refused:
        value_of(f"{{a: {sign}{n},{f}{unit}}}")
    told = str(refused.value).rpartition("write ")[2].split(" or ")
    assert all(each.startswith(sign) and each.endswith(unit) for each in told)
    numbers = [Decimal(each.removesuffix(unit)) for each in told]
    meant = [Decimal(f"{sign}{n}.{f}"), Decimal(f"{sign}{n}{f}")]
    assert numbers == (meant if n else meant[:1])


@given(st.lists(st.integers(0, 9999), min_size=2, max_size=30), st.data())
@example([1, 5, 1, 5], None)
def test_a_list_with_commas_of_two_kinds_is_refused_and_of_one_kind_is_read(
    numbers: list[int], data: st.DataObject | None
) -> None:
    gaps = st.lists(
        st.sampled_from([",", ", ", ",\n "]),
        min_size=len(numbers) - 1,
        max_size=len(numbers) - 1,
    )
    between = data.draw(gaps) if data else [",", ", ", ","]
    text = "".join(f"{n}{gap}" for n, gap in zip(numbers, [*between, ""], strict=True))
    if "," in between and ", " in between:
        close = between.index(",")
        told = re.escape(f"'{numbers[close]},{numbers[close + 1]}' can be read as two values or as")
        with pytest.raises(InputError, match=told) as refused:
            value_of(f"[{text}]")
        first = Decimal(f"{numbers[close]}.{numbers[close + 1]}")
        right = str(refused.value).rpartition("write ")[2].split(" or ")
        assert right[0] == f"'{numbers[close]}, {numbers[close + 1]}'"
        assert Decimal(right[1]) == first
    else:
        assert value_of(f"[{text}]") == numbers


@pytest.mark.parametrize(
    "text",
    [
        "[2026-01-05,2026-01-06, 2026-01-07]",
        "['08:30','09:30', '10:30']",
        "[a1,1b, 2]",
        "[1,2.5, 3]",
        "[{a: 1},1,2]",
        "[[1,2], [3,4]]",
        "['1,5', 2]",
    ],
)
def test_a_list_in_which_no_comma_may_be_of_a_number_is_read(text: str) -> None:
    assert len(value_of(text)) == len(yaml.safe_load(text))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("growth: 3%", f"profile: [{', '.join(['1,5'] * 12)}], growth: 3%", "'1,5' can be read"),
        (
            "records: 12",
            "records: {choices: [1, 2,5]}",
            "'2,5' can be read as two values or as 2.5",
        ),
    ],
)
def test_a_list_with_decimal_commas_is_refused_in_a_scenario(
    tmp_path: Path, before: str, after: str, told: str
) -> None:
    file = tmp_path / "n.yaml"
    file.write_text(SCENARIO.replace(before, after))
    with pytest.raises(InputError, match=rf"n.yaml:\d+: clients.a.*(profile|choices): {told}"):
        load_scenario(file)


# ---- powers of ten


@given(
    st.sampled_from(["count", "number", "factor"]), st.integers(1, 999), digits, st.integers(0, 9)
)
@example("number", 1, "000", 3)
def test_thousands_before_a_power_of_ten_have_two_readings(
    kind: str, n: int, f: str, power: int
) -> None:
    """Whether they stand in text or as a number of YAML: 1.000e3 is 1,000 or 1,000,000."""
    read = KINDS[kind][1]
    both = [Decimal(f"{n}.{f}e{power}"), Decimal(f"{n}{f}e{power}")]
    for sign in ".,":
        text = f"{n}{sign}{f}e{power}"
        if sign == "." and (kind == "factor" or len(f) != 3):
            with suppress(ValueError):  # a count is whole
                assert float(read(value_of(text))) == float(read(text)) == float(both[0])
            continue
        for value in (text, value_of(text)):
            with pytest.raises(ValueError, match="can be read as") as refused:
                read(value)
            told = str(refused.value).rpartition("write ")[2].split(" or ")
            assert [Decimal(each) for each in told] == both
            if kind != "count":
                assert [Decimal(str(read(each))) for each in told] == both


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(1.125e20)
@example(-1.125e-7)
def test_a_float_is_written_so_that_it_is_read_as_the_same(number: float) -> None:
    assert Tree(write_yaml({"a": number})).build() == {"a": number}


# ---- units are whole words, and each stands once


UNITS = ["us", "ms", "s", "sec", "min", "h", "hour", "d", "days", "w", "week", "month", "years"]
PLURALS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "day", "w": "weeks"}


@given(st.sampled_from(UNITS), st.sampled_from(["per", "a", "an"]), st.sampled_from(["", " "]))
@example("s", "per", "")
def test_a_word_before_a_unit_is_a_word_of_its_own(unit: str, per: str, blank: str) -> None:
    rate, growth = f"900{blank}{per}", f"0.1%{blank}{per}"
    assert parse_rate(f"{rate} {unit}") == parse_rate(f"900/{unit}")
    for parse, text in ((parse_rate, rate), (parse_growth, growth)):
        with pytest.raises(ValueError, match="is not a"):
            parse(f"{text}{unit}")
    with pytest.raises(ValueError, match="is not a"):
        parse_rate(f"900 calls{per} {unit}")


@given(st.sampled_from(sorted(PLURALS)), st.integers(1, 9), st.sampled_from([" ", ", ", " and "]))
def test_a_unit_stands_once_in_a_duration(unit: str, n: int, between: str) -> None:
    for other in (unit, PLURALS[unit]):
        with pytest.raises(ValueError, match="has one unit twice"):
            parse_duration(f"1 {unit}{between}{n}.5 {other}")
    assert parse_duration(f"{n} {unit}{between}{n} us") == parse_duration(f"{n} {unit}") + n


@given(
    st.sampled_from(UNITS), st.sampled_from([",", " ,", " and", ", and", " and,", ",,", " and 1"])
)
def test_what_is_to_follow_in_a_duration_follows(unit: str, rest: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(f"5 {unit}{rest}")
