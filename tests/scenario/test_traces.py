"""Recorded usage: calls and counts from CSV, in local time and in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation import InputError
from simulation.demand.demand import Demand
from simulation.quantities import HOUR, MINUTE
from simulation.scenario.scenario import Scenario
from simulation.scenario.traces import read_count_trace
from tests.helpers import ANY_LIMIT, SHARED_DATA, build, calls_of, printed_json


def recorded(folder: Path, csv: str, calls: Any = None, **scenario: Any) -> Scenario:
    (folder / "usage.csv").write_text(csv)
    client: dict[str, Any] = {"name": "recorded", "arrivals": {"trace": {"file": "usage.csv"}}}
    if calls:
        client["calls"] = calls
    return build([client], folder, **scenario)


def counted(folder: Path, csv: str, bucket: str, **counts: Any) -> Scenario:
    (folder / "usage.csv").write_text(csv)
    trace = {"counts": {"file": "usage.csv", "bucket": bucket, **counts}}
    client = {"name": "recorded", "arrivals": {"trace": trace}, "calls": [{"api": "other"}]}
    return build([client], folder)


def times(scenario: Scenario) -> list[int]:
    return [int(t) for t in Demand(scenario).draw_day(0, 0).time]


def test_a_row_is_a_call_with_the_api_and_records_that_it_names(tmp_path: Path) -> None:
    scenario = recorded(
        tmp_path,
        "timestamp,api,records\n"
        "2026-01-05 00:00:00,upsert_records,11\n"
        "2026-01-05T01:00:00.5Z,bulk_read,1\n"
        "2026-01-05 03:00:00+01:00,add_tags,101\n",
    )
    calls = calls_of(scenario)
    assert calls["time"].tolist() == [0, HOUR + 500_000, 2 * HOUR]
    assert calls["api"].tolist() == ["upsert_records", "bulk_read", "add_tags"]
    assert calls["credits"].tolist() == [2, 50, 3]
    assert calls["records"].tolist() == [11, 1, 101]


@pytest.mark.parametrize(
    "csv",
    [
        "Timestamp;API\n05.01.2026 01:00;Get_Users\n05.01.2026 02:00;GET ROLES\n",
        'time\tapi\n"Jan 5, 2026 01:00 AM"\tget_users\n"Jan 5, 2026 02:00 AM"\tget_roles\n',
        "# by hand\ntimestamp|api\n1767574800|get_users\n1767578400000|get_roles\n",
        "timestamp,api\n2026/01/05 02:00,get_roles\n2026/01/05 01:00,get_users\n",
        "sep=;\ntimestamp;api\n[05/Jan/2026:01:00:00 +0000];get_users\n20260105T0200Z;get-roles\n",
    ],
)
def test_one_trace_in_the_forms_that_programs_write(tmp_path: Path, csv: str) -> None:
    calls = calls_of(recorded(tmp_path, csv))
    assert calls["time"].tolist() == [HOUR, 2 * HOUR]
    assert calls["api"].tolist() == ["get_users", "get_roles"]


def test_a_call_kind_that_is_declared_is_not_taken_for_another(tmp_path: Path) -> None:
    csv = "timestamp,api\n2026-01-05 01:00,Get_Users\n"
    calls = calls_of(recorded(tmp_path, csv, other_apis=["Get_Users"]))
    assert calls["api"].tolist() == ["Get_Users"]


def test_dates_that_can_be_read_both_ways_are_refused_until_one_says_which(tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_text("timestamp\n01/05/2026 08:00\n02/05/2026 09:00\n")
    trace: dict[str, Any] = {"file": "usage.csv"}
    client = {"name": "a", "arrivals": {"trace": trace}, "calls": [{"api": "other"}]}
    with pytest.raises(InputError, match=r"usage.csv:2: .* as 1 May 2026 or as 5 January 2026, "):
        build([client], tmp_path)
    trace["dates"] = "month_first"
    assert times(build([client], tmp_path)) == [8 * HOUR]
    counts = {"file": "usage.csv", "bucket": "1 hour", "dates": "day_first"}
    client["arrivals"] = {"counts": counts}
    (tmp_path / "usage.csv").write_text("timestamp,count\n05/01/2026 08:00,1\n")
    assert times(build([client], tmp_path)) == [8 * HOUR]


def test_rows_out_of_order_are_put_in_order_with_all_that_they_say(tmp_path: Path) -> None:
    csv = (
        "timestamp,api,records\n2026-01-05 03:00,add_tags,51\n2026-01-05 01:00,bulk_read,1\n"
        "2026-01-05 02:00,upsert_records,30\n2026-01-05 01:00,get_users,1\n"
    )
    scenario = recorded(tmp_path, csv)
    calls = calls_of(scenario)
    assert calls["time"].tolist() == [HOUR, HOUR, 2 * HOUR, 3 * HOUR]
    assert calls["api"].tolist() == ["bulk_read", "get_users", "upsert_records", "add_tags"]
    assert calls["records"].tolist() == [1, 1, 30, 51]
    assert scenario.trace_of(scenario.clients[0]).lines.tolist() == [3, 5, 4, 2]


@pytest.mark.parametrize("bucket", [None, "1 hour"])
def test_an_hour_that_comes_twice_is_told_by_the_order_of_rows_or_refused(
    tmp_path: Path, bucket: str | None
) -> None:
    csv = "timestamp,count\n2026-10-25 05:00,1\n2026-10-25 02:30,1\n2026-10-25 01:00,1\n"
    (tmp_path / "usage.csv").write_text(csv)
    trace = {"counts": {"file": "usage.csv", "bucket": bucket}} if bucket else {"file": "usage.csv"}
    client = {"name": "a", "arrivals": {"trace": trace}, "calls": [{"api": "other"}]}
    keys = {"start": "2026-10-25", "timezone": "Europe/Berlin"}
    with pytest.raises(InputError, match=r"usage.csv:3: .* comes twice in .*: sort them, or write"):
        build([client], tmp_path, **keys)


def test_where_the_trace_names_no_api_the_mix_decides(tmp_path: Path) -> None:
    csv = "timestamp,api\n2026-01-05 01:00,\n2026-01-05 02:00,bulk_read\n"
    mix = [{"api": "upsert_records", "records": 30}]
    calls = calls_of(recorded(tmp_path, csv, mix))
    assert calls["api"].tolist() == ["upsert_records", "bulk_read"]
    assert calls["credits"].tolist() == [3, 50]
    assert calls["records"].tolist() == [30, 1]  # a row that names its api is of one record
    with pytest.raises(InputError, match=r"usage.csv:2: .*names no api here"):
        recorded(tmp_path, csv)


def test_calls_of_a_bucket_are_spread_evenly_by_whole_microseconds(tmp_path: Path) -> None:
    scenario = counted(tmp_path, "timestamp,count\n2026-01-05 00:10:00,3\n", "1 minute")
    third = 20_000_000
    assert times(scenario) == [10 * MINUTE + k * third for k in range(3)]
    scenario = counted(tmp_path, "timestamp,count\n2026-01-05 00:00:00,7.0\n", "1 us")
    assert times(scenario) == [0] * 7


def test_buckets_may_overlap_and_reach_over_midnight(tmp_path: Path) -> None:
    csv = "when,value\n2026-01-05 23:50,4\n2026-01-05 23:58,4\n"
    columns = {"timestamp": "when", "count": "value"}
    scenario = counted(tmp_path, csv, "16 minutes", columns=columns)
    scenario = scenario.changed({"horizon": "2 days"})
    demand = Demand(scenario)
    both = [demand.draw_day(0, day).time // MINUTE - 23 * 60 for day in (0, 1)]
    assert both[0].tolist() == [50, 54, 58, 58]
    assert both[1].tolist() == [62, 62, 66, 70]


def test_counts_may_also_stand_directly_under_arrivals(tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_text("timestamp,count\n2026-01-05 00:10:00,3\n")
    counts = {"file": "usage.csv", "bucket": "1 minute"}
    client = {"name": "recorded", "arrivals": {"counts": counts}, "calls": [{"api": "other"}]}
    assert len(times(build([client], tmp_path))) == 3


def test_local_times_follow_daylight_saving_the_hour_that_comes_twice_included(
    tmp_path: Path,
) -> None:
    rows = ["01:30", "02:30", "02:45", "02:15", "02:50", "03:10"]
    csv = "timestamp\n" + "".join(f"2026-10-25 {at}\n" for at in rows)
    keys = {"start": "2026-10-25", "timezone": "Europe/Berlin"}
    scenario = recorded(tmp_path, csv, [{"api": "other"}], **keys)
    minutes = [t // MINUTE for t in times(scenario)]
    assert minutes == [90, 150, 165, 195, 230, 250]


@given(
    st.sampled_from(["Europe/Paris", "America/New_York", "Australia/Lord_Howe"]),
    st.sampled_from([10, 15, 30, 60]),
    st.lists(st.integers(0, 9), min_size=150, max_size=150),
    st.booleans(),
)
@settings(deadline=None)
def test_local_counts_of_the_hour_that_comes_twice_are_those_of_their_own_hour(
    zone: str, minutes: int, counts: list[int], by_stamp: bool
) -> None:
    start = {"E": "2021-10-31", "Am": "2021-11-07", "Au": "2021-04-04"}
    day = next(date for prefix, date in start.items() if zone.startswith(prefix))
    if zone.startswith("Au"):
        minutes = min(minutes, 30)  # half an hour comes twice
    first = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    buckets = [first + timedelta(minutes=minutes * n) for n in range(25 * 60 // minutes)]
    rows = [
        (f"{begin.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}", count)
        for begin, count in zip(buckets, counts, strict=False)
    ]
    if by_stamp:  # as a spreadsheet sorts them
        rows.sort(key=lambda row: row[0])
    with TemporaryDirectory() as folder:
        file = Path(folder) / "usage.csv"
        file.write_text("timestamp,count\n" + "".join(f"{at},{n}\n" for at, n in rows))
        trace = read_count_trace(file, ZoneInfo(zone), minutes * MINUTE)
    assert trace.counts is not None
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert trace.times.tolist() == [(each - epoch) // timedelta(microseconds=1) for each in buckets]
    assert trace.counts.tolist() == counts[: len(buckets)]


def test_two_hourly_counts_of_one_stamp_are_two_hours_only_where_the_hour_comes_twice(
    tmp_path: Path,
) -> None:
    (tmp_path / "usage.csv").write_text(
        "timestamp,count\n2021-10-31 01:00,5\n2021-10-31 01:00,5\n"
        "2021-10-31 02:00,60\n2021-10-31 02:00,60\n2021-10-31 03:00,1\n"
    )
    counts = {"file": "usage.csv", "bucket": "1 hour"}
    client = {"name": "gateway", "arrivals": {"counts": counts}, "calls": [{"api": "other"}]}
    scenario = build([client], tmp_path, start="2021-10-31", timezone="Europe/Paris")
    hours = np.bincount([t // HOUR for t in times(scenario)], minlength=6)
    assert hours.tolist() == [0, 10, 60, 60, 1, 0]


def test_calls_of_one_local_instant_stay_together_in_the_hour_that_comes_twice(
    tmp_path: Path,
) -> None:
    csv = "timestamp\n2021-10-31 02:00\n2021-10-31 02:00\n"
    keys = {"start": "2021-10-31", "timezone": "Europe/Paris"}
    scenario = recorded(tmp_path, csv, [{"api": "other"}], **keys)
    assert times(scenario) == [2 * HOUR, 2 * HOUR]


def test_an_empty_cell_leaves_records_to_the_mix_as_it_leaves_the_api(tmp_path: Path) -> None:
    csv = (
        "timestamp,api,records\n"
        "2026-01-05 01:00,,\n"  # the mix says both
        "2026-01-05 02:00,,11\n"  # the mix says the api
        "2026-01-05 03:00,add_tags, \n"  # a call of one record
        "2026-01-05 04:00,add_tags,51\n"
    )
    mix = [{"api": "upsert_records", "records": 30}]
    scenario = recorded(tmp_path, csv, mix)
    calls = calls_of(scenario)
    assert calls["api"].tolist() == ["upsert_records"] * 2 + ["add_tags"] * 2
    assert calls["records"].tolist() == [30, 11, 1, 51]
    assert calls["credits"].tolist() == [3, 2, 1, 2]
    demand = Demand(scenario)
    upsert, tags = demand.apis.index("upsert_records"), demand.apis.index("add_tags")
    assert demand.cheapest == {(0, upsert): 2, (0, tags): 1}
    nothing_said = csv.replace(",11", ",").replace(",51", ",")
    demand = Demand(recorded(tmp_path, nothing_said, mix))
    assert demand.cheapest == {(0, upsert): 3, (0, tags): 1}
    all_said = csv.replace(":00,,\n", ":00,,21\n").replace("add_tags, ", "add_tags,51")
    demand = Demand(recorded(tmp_path, all_said, [{"api": "upsert_records"}]))
    assert demand.cheapest == {(0, upsert): 2, (0, tags): 2}  # never the one record of the mix
    each = {"category": "crud", "credits": 3, "per_records": 1}
    card = {**yaml.safe_load(ANY_LIMIT.read_text()), "calls": {"other": each}}
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(card))
    keys: dict[str, Any] = {"rate_card": "card.yaml", "org": {"edition": "any", "user_licenses": 9}}
    demand = Demand(recorded(tmp_path, "timestamp,api\n2026-01-05 01:00,other\n", **keys))
    assert demand.cheapest == {(0, 0): 3}
    counts = "timestamp,count\n2026-01-05 01:00,\n"
    with pytest.raises(InputError, match=r"usage.csv:2: .*count: '' is not a number"):
        counted(tmp_path, counts, "1 hour")


def test_a_header_that_stands_twice_and_names_of_no_column_are_refused_together(
    tmp_path: Path,
) -> None:
    (tmp_path / "usage.csv").write_text(
        "\ntimestamp,api, api,records\n2026-01-05 01:00,bulk_read,other,1\n"
    )
    trace = {"file": "usage.csv", "columns": {"records": "rcs", "timestamp": "when"}}
    with pytest.raises(InputError) as refusal:
        build([{"name": "r", "arrivals": {"trace": trace}}], tmp_path)
    where = f"{tmp_path / 'usage.csv'}:2: clients.r.arrivals.trace.file: "
    found = "write one of those found, timestamp, api, api, records"
    assert str(refusal.value).splitlines() == [
        f"{where}has 2 columns called 'api', give each a name of its own",
        f"{where}has no column 'rcs', which 'columns' names for 'records': {found}",
        f"{where}has no column 'when', which 'columns' names for 'timestamp': {found}",
    ]


def test_columns_without_a_name_may_be_several(tmp_path: Path) -> None:
    csv = "timestamp,,api,\n2026-01-05 01:00,x,bulk_read,y\n"
    assert calls_of(recorded(tmp_path, csv))["api"].tolist() == ["bulk_read"]


@pytest.mark.parametrize(
    ("csv", "complaint"),
    [
        ("timestamp\n2026-01-05 10:00\n\nyesterday\n", "usage.csv:4: {key}: 'yesterday' is not a"),
        (
            "time,date\n2026-01-05 10:00,2026-01-05\n",
            "usage.csv:1: {key}: has no column 'timestamp', found time, date",
        ),
        (
            "timestamp,records\n2026-01-05 10:00,94.5\n",
            "usage.csv:2: {key}: records: '94.5' is not w",
        ),
        ("timestamp,records\n2026-01-05 10:00,0\n", "usage.csv:2: {key}: records: '0' is too few"),
        (
            "timestamp,records\n2026-01-05 10:00,x\n",
            "usage.csv:2: {key}: records: 'x' is not a number",
        ),
        (
            "timestamp,records\n2026-01-05 10:00\n",
            "usage.csv:2: {key}: has 1 fields where line 1 n",
        ),
        ("timestamp,api\n2026-01-05 10:00,nope\n", "usage.csv:2: {key}: 'nope' is no call kind"),
        (
            "timestamp,records\n2026-01-05 10:00,101\n",
            "usage.csv:2: {key}: 101 is more than upsert",
        ),
        ("timestamp\n2025-01-05 10:00\n", "usage.csv: {key}: has rows from 2025-01-05 10:00 to"),
        ('timestamp\n"2026-01-05 10:00\n', "usage.csv:2: {key}: is not CSV"),
    ],
)
def test_rows_that_cannot_be_used_are_refused_with_file_line_key_and_remedy(
    tmp_path: Path, csv: str, complaint: str
) -> None:
    with pytest.raises(InputError) as refusal:
        recorded(tmp_path, csv, [{"api": "upsert_records"}])
    expected = complaint.format(key="clients.recorded.arrivals.trace.file")
    assert str(refusal.value).startswith(f"{tmp_path}/{expected}")


@pytest.mark.parametrize("csv", ["timestamp\n", ""])
def test_a_trace_without_rows_is_told_where_the_scenario_asks_for_it(
    tmp_path: Path, csv: str
) -> None:
    with pytest.raises(InputError) as refusal:
        recorded(tmp_path, csv, [{"api": "upsert_records"}])
    place = "test.yaml: clients.recorded.arrivals.trace.file: "
    assert str(refusal.value).startswith(f"{place}{tmp_path}/usage.csv: has no rows")


def test_a_skipped_local_time_is_refused_and_a_missing_file_too(tmp_path: Path) -> None:
    keys = {"start": "2026-03-29", "timezone": "Europe/Berlin"}
    with pytest.raises(InputError, match=r"usage.csv:2: .*daylight saving skips it"):
        recorded(tmp_path, "timestamp\n2026-03-29 02:30\n", [{"api": "other"}], **keys)
    client = {"name": "r", "arrivals": {"trace": {"file": "no.csv"}}, "calls": [{"api": "other"}]}
    with pytest.raises(
        InputError, match=r"test.yaml: clients.r.arrivals.trace.file: .*no.csv: there is no "
    ):
        build([client], tmp_path)


def test_calls_without_an_api_anywhere_are_told_and_nothing_more_where_the_mix_is_wrong(
    tmp_path: Path,
) -> None:
    csv = "timestamp\n2026-01-05 10:00\n"
    with pytest.raises(InputError) as refusal:
        recorded(tmp_path, csv)
    key = "test.yaml: clients.recorded.calls: "
    assert str(refusal.value) == f"{key}is missing, and the trace names no api: add it"
    with pytest.raises(InputError) as refusal:
        recorded(tmp_path, csv, "bulk_read")
    assert str(refusal.value) == f"{key}'bulk_read' is no list, write [{{api: bulk_read}}]"


def test_a_fingerprint_is_of_the_recorded_rows_and_not_of_the_file_s_name(tmp_path: Path) -> None:
    csv, calls = "timestamp,records\n2026-01-05 10:00,2\n", [{"api": "other"}]
    first = recorded(tmp_path, csv, calls)
    assert recorded(tmp_path, csv + "\n", calls).fingerprint() == first.fingerprint()
    later = recorded(tmp_path, csv.replace("10:00", "10:01"), calls)
    more = recorded(tmp_path, csv.replace(",2", ",3"), calls)
    assert len({each.fingerprint() for each in (first, later, more)}) == 3


# --- real usage: a load balancer's requests, beside the checkout ----------------------

REQUESTS = SHARED_DATA / "elb_requests_5min.csv"
real_data = pytest.mark.skipif(not REQUESTS.exists(), reason=f"{REQUESTS.name} is not at hand")


def _brute_force(counts: list[tuple[np.datetime64, int]], limit: int) -> tuple[int, int]:
    """Count throttled calls of one credit, straight from the file: a list of accepted times."""
    start = np.datetime64("2014-04-10T00:00:00")
    asked = sorted(
        int((stamp - start) / np.timedelta64(1, "us")) + k * 300_000_000 // n
        for stamp, n in counts
        for k in range(n)
    )
    accepted: list[int] = []
    oldest = throttled = 0
    for now in asked:
        while oldest < len(accepted) and accepted[oldest] <= now - 86_400_000_000:
            oldest += 1
        if len(accepted) - oldest < limit:
            accepted.append(now)
        else:
            throttled += 1
    return throttled, len(asked)


@real_data
@pytest.mark.parametrize(
    ("edition", "licenses", "limit"), [("free", 0, 5_000), ("professional", 10, 15_000)]
)
def test_real_requests_are_throttled_as_a_brute_force_count_has_it(
    tmp_path: Path, edition: str, licenses: int, limit: int
) -> None:
    rows = [line.split(",") for line in REQUESTS.read_text().splitlines()[1:]]
    counts = [(np.datetime64(stamp.replace(" ", "T")), int(float(n))) for stamp, n in rows]
    throttled, asked = _brute_force(counts, limit)
    assert asked == 249_327
    scenario = tmp_path / "elb.yaml"
    scenario.write_text(
        f"""\
name: A load balancer's requests
org: {{edition: {edition}, user_licenses: {licenses}}}
start: 2014-04-10
horizon: 15 days
warmup: 0
replications: 1
clients:
  - name: requests
    arrivals:
      trace:
        counts: {{file: {REQUESTS}, bucket: 5 minutes, columns: {{count: value}}}}
    calls: [{{api: upsert_records}}]
"""
    )
    overall = printed_json("run", scenario, "--json")["overall"]
    assert overall["calls"]["mean"] == asked
    assert overall["throttled_calls"]["mean"] == overall["lost_calls"]["mean"] == throttled
    assert 0 < throttled < asked


@pytest.mark.parametrize("name", ["", "#", "#note"])
def test_columns_of_one_s_own_may_stand_twice_unless_they_are_named(
    tmp_path: Path, name: str
) -> None:
    file = tmp_path / "counts.csv"
    file.write_text(f"{name},timestamp,count,{name}\n1,2026-01-05,5,7\n")
    trace = read_count_trace(file, ZoneInfo("UTC"), HOUR)
    assert trace.counts is not None
    assert trace.counts.tolist() == [5]
    with pytest.raises(InputError, match=f"has 2 columns called '{name}', give each a name of"):
        read_count_trace(file, ZoneInfo("UTC"), HOUR, {"count": name})
