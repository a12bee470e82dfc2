"""What can be read in two ways is refused with both, wherever it is written, and never guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation import InputError, load_scenario, run
from simulation.batch.portfolio_files import csv_items, yaml_items
from simulation.formats.csv_files import decimal_comma
from simulation.formats.documents import value_of
from simulation.quantities import parse_duration, parse_growth, parse_rate
from simulation.scenario.scenario import Scenario
from simulation.scenario.traces import read_call_trace, read_count_trace
from tests.helpers import build, poisson

TEMPLATE = """\
name: Template
org: {edition: standard, user_licenses: 3}
start: 2026-01-05
horizon: 3 days
clients:
  - name: web
    arrivals: {poisson: {rate: 200 per day}}
    calls: [{api: other}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a template."""
    monkeypatch.chdir(tmp_path)
    Path("t.yaml").write_text(TEMPLATE)
    return tmp_path


def org(header: str, row: str, separator: str = ",") -> Scenario:
    """Read the only org of a portfolio with these columns beside its template."""
    file = Path("orgs.csv")
    file.write_text(f"scenario{separator}{header}\nt.yaml{separator}{row}\n", encoding="utf-8")
    (item,) = csv_items(file)
    return item.load()


def refusal(header: str, row: str, separator: str = ",") -> str:
    with pytest.raises(InputError) as caught:
        org(header, row, separator)
    return str(caught.value)


# ---- decimal commas


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("key", "cell", "remedy"),
    [
        ("org.addon_credits", "1,250", "read as 1.25 or as 1250"),
        ("org.addon_credits", "+1,000", "read as 1 or as 1000, write 1 or 1000"),
        ("org.addon_credits", "12,125", "write 12.1250 or 12125"),
        ("clients.web.arrivals.poisson.rate", "1,250 per day", "write 1.25 or 1250"),
        ("clients.web.arrivals.poisson.rate", "1,250/hour", "write 1.25 or 1250"),
        ("horizon", "1 day 1,250 hours", "write 1.25 or 1250"),
        ("org.license_prices", '"{standard: ""1,250""}"', "write 1.25 or 1250"),
        ("clients.web.calls", "\"[{api: other, weight: '1,250'}]\"", "write 1.25 or 1250"),
    ],
)
def test_a_comma_before_three_digits_is_refused_between_semicolons(
    key: str, cell: str, remedy: str
) -> None:
    told = refusal(key, cell, ";")
    assert told.startswith(f"orgs.csv:2: {key}: ")
    assert remedy in told


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("cell", ["1,250,000", "1250", "1.25e3", "1,250.00"])
@pytest.mark.parametrize("separator", [",", ";"])
def test_what_has_one_reading_is_taken_between_both(cell: str, separator: str) -> None:
    key = "clients.web.arrivals.poisson.rate"
    cell = f"{cell} per day" if "e" not in cell else "1250 per day"
    assert org(key, f'"{cell}"', separator).clients[0].arrivals.poisson


@pytest.mark.usefixtures("folder")
def test_text_and_remarks_between_semicolons_keep_their_commas() -> None:
    scenario = org("name;# 1,250;clients.web.name", "Acme 1,250;1,250;web 1,250 users", ";")
    assert (scenario.name, scenario.clients[0].name) == ("Acme 1,250", "web 1,250 users")
    assert org("org.addon_credits", '"1,000"').org.addon_credits == 1000


@given(
    st.integers(1, 999), st.integers(0, 999), st.sampled_from(["{}", " {} ", "{} min", "{}/day"])
)
def test_both_readings_of_a_comma_are_told(whole: int, part: int, form: str) -> None:
    told = decimal_comma(form.format(f"{whole},{part:03}"))
    assert f"{whole}{part:03}" in told
    assert f"{float(f'{whole}.{part:03}'):g}" in told
    assert not decimal_comma(form.format(f"{whole},{part:03},000"))


@pytest.mark.parametrize("count", ["1,250", "2,000"])
def test_a_trace_between_semicolons_has_no_comma_of_two_readings(
    tmp_path: Path, count: str
) -> None:
    file, zone = tmp_path / "t.csv", ZoneInfo("UTC")
    for name in ("count", "records"):
        file.write_text(f"timestamp;{name}\n2026-01-05 00:00;1,250,000\n2026-01-05 01:00;{count}\n")
        told = rf":3: {name}: '{count}' can be read as .* or as"
        if name == "count":
            with pytest.raises(InputError, match=told):
                read_count_trace(file, zone, 3_600_000_000)
        else:
            with pytest.raises(InputError, match=told):
                read_call_trace(file, zone)
    file.write_text(f'timestamp,count\n2026-01-05 00:00,"{count}"\n')
    assert read_count_trace(file, zone, 3_600_000_000).counts is not None


# ---- keys that lead to one value

RATE = "arrivals.poisson.rate"
PAIRS: list[tuple[tuple[str, Any], tuple[str, Any]]] = [
    ((f"clients.web.{RATE}", "5 per day"), (f"clients.#1.{RATE}", "7 per day")),
    ((f"clients.web.{RATE}", "5 per day"), (f"clients.0.{RATE}", "7 per day")),
    (("org", {"edition": "free"}), ("org.addon_credits", 0)),
    ((f"clients.#1.{RATE}", "5 per day"), ("clients.web.arrivals.poisson", {"rate": "1/day"})),
]
both_orders = pytest.mark.parametrize("pair", [*PAIRS, *(pair[::-1] for pair in PAIRS)])


@pytest.mark.usefixtures("folder")
@both_orders
def test_two_columns_for_one_value_are_refused_in_rows_that_fill_both(pair: Any) -> None:
    (one, first), (other, second) = pair
    cells = [str(v).replace("'", "") for v in (first, second)]
    told = refusal(f"{one},{other}", f'"{cells[0]}","{cells[1]}"')
    assert told.startswith("orgs.csv:2: ")
    assert one in told
    assert other in told
    assert org(f"{one},{other}", f'"{cells[0]}",')


@pytest.mark.usefixtures("folder")
@both_orders
def test_two_keys_of_an_org_or_an_alternative_for_one_value_are_refused(pair: Any) -> None:
    (one, first), (other, second) = pair
    file = Path("orgs.yaml")
    file.write_text(f"orgs:\n- {{scenario: t.yaml, '{one}': {first!r}, '{other}': {second!r}}}\n")
    (item,) = yaml_items(file)
    told = f"{other}: .*{one}"
    with pytest.raises(InputError, match=told):
        item.load()
    with pytest.raises(InputError, match=told):
        load_scenario("t.yaml").changed(dict(pair))
    Path("a.yaml").write_text(
        f"{TEMPLATE}alternatives:\n"
        f"- {{name: a, set: {{'{one}': {first!r}, '{other}': {second!r}}}}}\n"
    )
    with pytest.raises(InputError, match=f"a.yaml:.* alternatives.a.set: {told}"):
        load_scenario("a.yaml")


@pytest.mark.usefixtures("folder")
def test_a_later_set_may_refine_an_earlier_one_but_not_undo_what_is_inside_it() -> None:
    inside, whole = "org.user_licenses=7", "org={edition: standard, user_licenses: 5}"
    assert load_scenario("t.yaml", [whole, inside]).org.user_licenses == 7
    assert load_scenario("t.yaml", [inside, "org.user_licenses=8"]).org.user_licenses == 8
    with pytest.raises(InputError, match=r"--set org: .*--set org.user_licenses"):
        load_scenario("t.yaml", [inside, whole])


@pytest.mark.parametrize(
    "choices",
    [{"5": 1, 5: 3}, {"5": 1, "05": 3}, {5: 1, "5.0": 3}, {1200: 1, "1,200": 1}, [5, "5"]],
)
def test_a_number_of_records_stands_once_however_it_is_written(choices: Any) -> None:
    client = poisson("web", "5 per day")
    client["calls"][0]["records"] = {"choices": choices}
    with pytest.raises(InputError, match=r"clients.web.calls.other.records.choices.* twice"):
        build([client])


# ---- units


@pytest.mark.parametrize("read", [parse_duration, parse_rate, parse_growth])
@pytest.mark.parametrize("unit", ["m", "M", " M", " m"])
def test_m_may_be_minutes_or_months(read: Any, unit: str) -> None:
    form = {parse_duration: "3{}", parse_rate: "4200/{}", parse_growth: "0.00001% per {}"}[read]
    with pytest.raises(ValueError, match=r"minutes or months, write .*min.* or .*month"):
        read(form.format(unit))
    assert read(form.format("min")) != read(form.format("month"))


# ---- alternatives, options, comments


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("key", ["clients.web", "clients.#1"])
def test_an_alternative_gives_no_client_another_name(key: str) -> None:
    client = "{name: %s, arrivals: {poisson: {rate: 5 per day}}, calls: [{api: other}]}"
    text = f"{TEMPLATE}alternatives:\n- {{name: a, set: {{'KEY': VALUE}}}}\n"

    def load(key: str, value: str) -> Scenario:
        Path("a.yaml").write_text(text.replace("KEY", key).replace("VALUE", value))
        return load_scenario("a.yaml")

    assert load(key, client % "web").alternatives
    assert load("clients", f"[{client % 'web2'}, {client % 'other'}]").alternatives
    with pytest.raises(InputError, match=rf"alternatives.a.set.*{key}.*names the random numbers"):
        load(key, client % "web2")


def test_the_most_replications_need_a_precision() -> None:
    with pytest.raises(InputError, match="max_replications has no effect without a precision"):
        run(build([poisson("web", "5 per day")]), max_replications=3)


@pytest.mark.parametrize("value", [1, 1.0, "1", " 1.0 "])
def test_a_bare_1_is_no_variation(value: Any) -> None:
    with pytest.raises(InputError, match=r"daily_variation: .* may mean 1% or 100%"):
        build([poisson("web", "5 per day", poisson={"daily_variation": value})])
    for plain in ("1%", "100%", 0.5, 0):
        build([poisson("web", "5 per day", poisson={"daily_variation": plain})])


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", ["Acme #2", "# 2", "a\t# b", "4711 # b"])
def test_a_value_of_an_option_or_a_cell_holds_no_comment(name: str) -> None:
    assert load_scenario("t.yaml", [f"name={name}"]).name == name
    assert org("clients.web.name", name).clients[0].name == name


@pytest.mark.parametrize("text", ["[a, b] # c", '"Acme" # 2', "{a: 1} #", "a: 1 # b"])
def test_a_comment_beside_what_is_no_plain_text_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="holds a comment"):
        value_of(text)
    assert value_of("[\"a # b\", '# c', a#b]") == ["a # b", "# c", "a#b"]


# ---- blanks and remarks in CSV


@pytest.mark.parametrize("blank", [" ,  ,", ",\t,", " , , "])
@pytest.mark.usefixtures("folder")
def test_a_row_of_blanks_is_no_org(blank: str) -> None:
    Path("orgs.csv").write_text(f"scenario,seed,name\n{blank}\nt.yaml,1,a\n{blank}\n")
    assert [item.source for item in csv_items(Path("orgs.csv"))] == ["orgs.csv:3"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("separator", [",", ";"])
def test_a_remark_s_name_does_not_part_the_columns(separator: str) -> None:
    other = {",": ";", ";": ","}[separator]
    remark = f"# who{other} when{other} why{other} where"
    assert org(separator.join([remark, "seed"]), f"x{separator}7", separator).seed == 7
