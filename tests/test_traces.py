"""Recorded usage: calls and counts from CSV, in local time and in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulation import InputError
from simulation.demand import Demand
from simulation.quantities import HOUR, MINUTE
from simulation.scenario import Scenario
from tests.helpers import SHARED_DATA, build, calls_of, printed_json


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


def test_where_the_trace_names_no_api_the_mix_decides(tmp_path: Path) -> None:
    csv = "timestamp,api\n2026-01-05 01:00,\n2026-01-05 02:00,bulk_read\n"
    mix = [{"api": "upsert_records", "records": 30}]
    calls = calls_of(recorded(tmp_path, csv, mix))
    assert calls["api"].tolist() == ["upsert_records", "bulk_read"]
    assert calls["credits"].tolist() == [3, 50]
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


@pytest.mark.parametrize(
    ("csv", "complaint"),
    [
        (
            "timestamp\n2026-01-05 10:00\n2026-01-05 09:59\n",
            "usage.csv:3: {key}: '2026-01-05 09:59' is",
        ),
        ("timestamp\n2026-01-05 10:00\n\nyesterday\n", "usage.csv:4: {key}: 'yesterday' is not a"),
        ("time\n2026-01-05 10:00\n", "usage.csv:1: {key}: has no column 'timestamp', found time"),
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
        ("timestamp\n", "usage.csv: {key}: has no rows"),
        ("", "usage.csv: {key}: has no rows"),
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


def test_a_skipped_local_time_is_refused_and_a_missing_file_too(tmp_path: Path) -> None:
    keys = {"start": "2026-03-29", "timezone": "Europe/Berlin"}
    with pytest.raises(InputError, match=r"usage.csv:2: .*daylight saving skips it"):
        recorded(tmp_path, "timestamp\n2026-03-29 02:30\n", [{"api": "other"}], **keys)
    client = {"name": "r", "arrivals": {"trace": {"file": "no.csv"}}, "calls": [{"api": "other"}]}
    with pytest.raises(InputError, match=r"no.csv: clients.r.*there is no such file"):
        build([client], tmp_path)


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
