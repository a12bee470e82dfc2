"""The same two requests are read from logs of many forms, and what is no request is counted."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from simulation import InputError, read_log
from simulation.logs import Reading, entries_of_logs, product_of
from simulation.quantities import HOUR
from tests.helpers import SHARED_DATA

LEAD = "5725767000000524157"
NOTES = f"/crm/v7/Leads/{LEAD}/Notes?fields=Title&per_page=200"
TARGETS = ["GET /crm/v7/Leads/{id}/Notes?fields&per_page=200", "POST /crm/v7/Leads/upsert"]
ALB = (
    "https {end}Z app/lb/50dc 10.0.0.7:4477 10.1.0.1:80 0.001 0.200 0.049 {status} {status} 34 366 "
    '"{method} https://www.zohoapis.eu:443{path} HTTP/2.0" "sync/2.1" - - arn:aws:tg "Root=1-{n}" '
    '"-" "-" 0 {start}Z "forward" "-" "-" "10.1.0.1:80" "200" "-" "-"\n'
)


def _values(second: int, method: str, path: str, status: int) -> dict[str, Any]:
    """Return what the lines say of a request of 08:00 UTC and some seconds."""
    stem, _, query = path.partition("?")
    epoch = 1_767_600_000 + second
    return {
        "method": method,
        "path": path,
        "stem": stem,
        "query": query or "-",
        "status": status,
        "start": f"2026-01-05T08:00:{second:02}.000000",
        "end": f"2026-01-05T08:00:{second:02}.250000",
        "clf": f"05/Jan/2026:09:00:{second:02} +0100",
        "clock": f"08:00:{second:02}",
        "day": "2026-01-05",
        "ms": epoch * 1000,
        "ns": epoch * 10**9,
        "n": 11 + second,
    }


def both(line: str) -> str:
    """Return a line for each of the two requests."""
    requests = (_values(0, "GET", NOTES, 200), _values(1, "POST", "/crm/v7/Leads/upsert", 429))
    return "".join(_filled(line, each) for each in requests)


def _filled(line: str, values: dict[str, Any]) -> str:
    for name, value in values.items():
        line = line.replace("{" + name + "}", str(value))
    return line


SPAN = {
    "startTimeUnixNano": "{ns}",
    "attributes": [
        {"key": "http.request.method", "value": {"stringValue": "{method}"}},
        {"key": "url.full", "value": {"stringValue": "https://www.zohoapis.eu{path}"}},
        {"key": "http.response.status_code", "value": {"intValue": "{status}"}},
        {"key": "user_agent.original", "value": {"stringValue": "sync/2.1"}},
    ],
}
ENTRY = {
    "startedDateTime": "{start}Z",
    "time": 250,
    "request": {
        "method": "{method}",
        "url": "https://www.zohoapis.eu{path}",
        "headers": [{"name": "User-Agent", "value": "sync/2.1"}],
    },
    "response": {"status": "{status}"},
}


def document(each: dict[str, Any], *keys: str) -> str:
    """Return one document of JSON with a list of both requests."""
    found: Any = [json.loads(line) for line in both(json.dumps(each) + "\n").splitlines()]
    for key in reversed(keys):
        found = [found] if key == "[]" else {key: found}
    return json.dumps(found, indent=1)


FORMS = {
    "common": both('10.0.0.7 - sync [{clf}] "{method} {path} HTTP/1.1" {status} 512\n'),
    "combined": both('10.0.0.7 - - [{clf}] "{method} {path} HTTP/1.1" {status} 5 "-" "sync/2.1"\n'),
    "vhost": both('zoho 10.0.0.7 - - [{clf}] "{method} {path} HTTP/1.1" {status} 5 "-" "sync/2"\n'),
    "with request time": both(
        '10.0.0.7 - - [{clf}] "{method} {path} HTTP/1.1" {status} 5 "-" "sync/2.1" 0.250 0.249 .\n'
    ),
    "load balancer": both(ALB),
    "classic load balancer": both(
        "{start}Z lb 10.0.0.7:2817 10.1.0.1:80 0.000073 0.2 0.000057 {status} {status} 0 29 "
        '"{method} https://www.zohoapis.eu:443{path} HTTP/1.1" "sync/7.38.0" - -\n'
    ),
    "CloudFront": "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method "
    "cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query time-taken\n"
    + both(
        "{day}\t{clock}\tFRA2\t5\t10.0.0.7\t{method}\td1.cloudfront.net\t{stem}\t{status}\t-\t"
        "sync/2.1%20(linux)\t{query}\t0.250\n"
    ),
    "W3C": "#Software: IIS\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query cs-username "
    "c-ip cs(User-Agent) sc-status time-taken\n"
    + both("{day} {clock} 10.1.0.1 {method} {stem} {query} - 10.0.0.7 sync/2.1 {status} 250\n"),
    "Kong": both(
        '{"started_at": {ms}, "client_ip": "10.0.0.7", "latencies": {"request": 250}, "request": '
        '{"method": "{method}", "uri": "{path}", "headers": {"user-agent": "sync/2.1"}}, '
        '"response": {"status": {status}}, "route": {"id": "7"}}\n'
    ),
    "Envoy behind a container's prefix": both(
        '{end}Z stdout F {"start_time":"{start}Z","method":"{method}","path":"{path}",'
        '"response_code":{status},"duration":250,"response_flags":"-","user_agent":"sync/2.1"}\n'
    ),
    "API Gateway": both(
        '{"requestId":"r-{n}","requestTimeEpoch":{ms},"httpMethod":"{method}","path":"{path}",'
        '"status":"{status}","responseLatency":250,"identity":{"userAgent":"sync/2.1"}}\n'
    ),
    "Azure API Management": both(
        '{"time":"{start}0Z","durationMs":250,"properties":{"method":"{method}","responseCode":'
        '{status},"url":"https://gateway{path}","apimSubscriptionId":"sync"}}\n'
    ),
    "nginx JSON": both(
        '{"time_local":"{clf}","request_method":"{method}","request_uri":"{path}","status":{status},'
        '"request_time":"0.250","http_user_agent":"sync/2.1"}\n'
    ),
    "HAR": document(ENTRY, "log", "entries"),
    "OpenTelemetry": document(SPAN, "resourceSpans", "[]", "scopeSpans", "[]", "spans"),
    "Salesforce": '"EVENT_TYPE","TIMESTAMP","HTTP_METHOD","API_RESOURCE","STATUS_CODE",'
    '"CONNECTED_APP_NAME","COUNTS_AGAINST_API_LIMIT","RUN_TIME"\n'
    + both(
        '"ApiTotalUsage","2026010508000{x}.000","{method}","{path}","{status}","sync","1","250"\n'
    )
    .replace("{x}", "0", 1)
    .replace("{x}", "1"),
    "CSV": "time,verb,url,status_code,app\n" + both("{start}Z,{method},{path},{status},sync\n"),
}


def read(tmp_path: Path, content: str | bytes, **keys: Any) -> pd.DataFrame:
    (tmp_path / "a.log").write_bytes(content.encode() if isinstance(content, str) else content)
    return read_log(tmp_path / "a.log", **keys)


@pytest.mark.parametrize("form", FORMS)
def test_two_requests_are_read_from_every_form(tmp_path: Path, form: str) -> None:
    found = read(tmp_path, FORMS[form])
    assert found["target"].tolist() == TARGETS
    assert found["status"].tolist() == [200, 429]
    assert found["client"].nunique() == 1
    seconds = ["2026-01-05 08:00:00+00:00", "2026-01-05 08:00:01+00:00"]
    assert found["time"].dt.floor("s").astype(str).tolist() == seconds
    assert (found["calls"] == 1).all()
    assert found["records"].isna().all()
    if form not in ("HAR", "OpenTelemetry"):  # whose agent is a list, or whose service is not named
        assert found["client"].tolist() == ["sync", "sync"]


TIMED = {"with request time", "load balancer", "Kong", "API Gateway", "HAR", "W3C", "CloudFront"}


@pytest.mark.parametrize(
    "form", sorted(TIMED | {"nginx JSON", "Salesforce", "Azure API Management"})
)
def test_how_long_a_request_took_is_read_in_the_unit_of_its_form(tmp_path: Path, form: str) -> None:
    assert read(tmp_path, FORMS[form])["duration_s"].tolist() == [0.25, 0.25]


def test_a_request_begins_when_the_load_balancer_got_it_not_when_it_was_answered(
    tmp_path: Path,
) -> None:
    found = read(tmp_path, FORMS["load balancer"])
    assert found["time"].dt.microsecond.tolist() == [0, 0]
    older = "\n".join(
        line.split(' "forward"')[0].rsplit(" ", 1)[0] for line in both(ALB).splitlines()
    )
    assert read(tmp_path, older)["time"].dt.microsecond.tolist() == [250_000, 250_000]


def test_files_may_be_packed_named_by_patterns_and_in_any_order(tmp_path: Path) -> None:
    first, second = FORMS["combined"].splitlines(keepends=True)
    (tmp_path / "b.log").write_bytes(gzip.compress(second.encode()))
    (tmp_path / "c.log").write_text(first)
    found = read_log(tmp_path / "*.log")
    assert found["target"].tolist() == TARGETS
    assert read_log(tmp_path / "b.log", tmp_path / "c.log", tmp_path / "*.log").equals(found)
    with pytest.raises(InputError, match="fits no file"):
        read_log(tmp_path / "*.gz")


def test_lines_that_cannot_be_read_are_counted_and_too_many_are_refused(tmp_path: Path) -> None:
    lines = FORMS["combined"] * 20
    broken = ' "curl/7.54.0"\nnothing\n'
    assert len(read(tmp_path, lines + broken)) == 40
    with pytest.raises(
        InputError, match=r"23.1% of its lines .*12 lines have fewer.*a.log:41: .*curl"
    ):
        read(tmp_path, lines + broken * 6)
    assert len(read(tmp_path, lines + broken * 6, allow_skipped=0.5)) == 40


def test_rows_that_count_against_no_limit_are_left_out_and_are_no_fault(tmp_path: Path) -> None:
    free = FORMS["Salesforce"].replace('"sync","1"', '"sync","0"', 1)
    found = read(tmp_path, free)
    assert found["target"].tolist() == TARGETS[1:]


def test_an_app_is_told_by_its_user_or_its_agent_or_as_one_says(tmp_path: Path) -> None:
    line = '{address} - {user} [05/Jan/2026:09:00:00 +0100] "GET / HTTP/1.1" 200 5 "-" "{agent}"\n'
    rows = [
        {"address": "10.0.0.7", "user": "crm", "agent": "sync/1.0"},
        {"address": "10.0.0.8", "user": "-", "agent": "sync/2.0 (linux)"},
        {"address": "10.0.0.9", "user": "-", "agent": "Mozilla/5.0 (X11) Chrome/96.0"},
    ]
    log = "".join(_filled(line, row) for row in rows)
    assert read(tmp_path, log)["client"].tolist() == ["crm", "sync", "a browser"]
    by_address = read(tmp_path, log, clients_by=["address"])
    assert by_address["client"].tolist() == ["10.0.0.7", "10.0.0.8", "10.0.0.9"]
    both_told = read(tmp_path, log, clients_by=["user", "agent"])
    assert both_told["client"].tolist() == ["crm sync", "sync", "a browser"]
    assert product_of("ZohoFlow/1.0 (+https://zoho.com)") == "ZohoFlow"


def test_counts_are_read_from_long_and_from_wide_tables(tmp_path: Path) -> None:
    long = "Hour;App;Calls\n05.01.2026 08:00;sync;1.200\n05.01.2026 09:00;sync;30\n"
    found = read(tmp_path, long + "05.01.2026 09:00;web form;7\n")
    assert found["calls"].tolist() == [1200, 30, 7]
    assert found["client"].tolist() == ["sync", "sync", "web form"]
    wide = "day\tget users\tupsert records\ttotal\n1/15/2026\t3\t40\t43\n1/16/2026\t\t50\t50\n"
    found = read(tmp_path, wide)
    assert found["target"].tolist() == ["get users", "upsert records", "upsert records"]
    assert found["calls"].tolist() == [3, 40, 50]  # without the sum, and the empty cell
    assert read(tmp_path, "day,count\n2026-01-05,5\n", bucket="1 day")["calls"].tolist() == [5]


def test_fields_of_one_s_own_are_named(tmp_path: Path) -> None:
    log = '{"a": {"b": "2026-01-05T08:00:00Z"}, "c": "GET", "d": "/x", "e": "sync"}\n'
    fields = {"time": "a.b", "method": "c", "path": "d", "user": "e"}
    found = read(tmp_path, log, fields=fields)
    assert found[["client", "target"]].to_numpy().tolist() == [["sync", "GET /x"]]


REQUEST = '{"time": "2026-01-05T0%s:00:00Z", "method": "GET", "path": "/x", "NAME": 30}\n'


@pytest.mark.parametrize("name", ["value", "requests", "count", "hits"])
@pytest.mark.parametrize("form", ["JSON", "CSV"])
def test_a_number_beside_a_request_does_not_count_it_unless_one_says_so(
    tmp_path: Path, name: str, form: str
) -> None:
    log = "".join(REQUEST.replace("NAME", name) % hour for hour in (8, 9))
    if form == "CSV":
        rows = [f"2026-01-05T0{hour}:00:00Z,GET,/x,200,30\n" for hour in (8, 9)]
        log = f"time,method,path,status,{name}\n{''.join(rows)}"
    assert read(tmp_path, log)["calls"].tolist() == [1, 1]
    reading = Reading(ZoneInfo("UTC"))
    list(entries_of_logs([tmp_path / "a.log"], reading))
    (remark,) = reading.remarks
    assert remark.startswith(
        f"field '{name}' is not taken to count calls, since each record is a r"
    )
    assert f"write --field calls={name}" in remark
    assert reading.bucket == 0
    said = Reading(ZoneInfo("UTC"), fields={"calls": name})
    (entries,) = entries_of_logs([tmp_path / "a.log"], said)
    assert (entries.calls.tolist(), said.bucket) == ([30, 30], HOUR)
    assert [said.targets[n] for n in entries.target.tolist()] == ["GET /x"] * 2


def test_records_without_a_request_count_calls_by_a_field_that_is_called_so(tmp_path: Path) -> None:
    rows = [f'{{"hour": "2026-01-05T0{n}:00:00Z", "app": "sync", "value": {n}}}' for n in (7, 8, 9)]
    content = "\n".join(rows).replace('"hour"', '"time"')
    found = read(tmp_path, content)
    assert found["calls"].tolist() == [7, 8, 9]
    assert {*found["client"]} == {"sync"}
    answered = content.replace("}", ', "status": 429}')
    with pytest.raises(InputError, match="3 lines have no request that can be read"):
        read(tmp_path, answered)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty, name a log with entries"),
        (b"\n\n \n", "is empty"),
        (b"a,b\n1,2\n", "has no column of times, found a and b: name it with --field time=COLUMN"),
        (b"from,until\n2026-01-05,2026-01-06\n", "has several columns of times, from and until"),
        (
            b"day,count\n2026-01-05,5\n",
            "has counts of one time alone, say of what time each is with --bucket",
        ),
        (
            b"day,count\n2026-01-05,5\n2026-01-06,7\n2026-01-07,8,9\n",
            "33.3% of its lines could not be read .1 line has another number of columns than the ",
        ),
        (b"time,url\n1/2/2026,/a\n", "can be read as 1 February 2026 or as 2 January 2026: say"),
        (b'{"a": 1}\n{"a": 2}\n', "100.0% of its lines could not be read .2 lines have no request"),
        (b"{\n", "is no JSON"),
    ],
)
def test_what_is_no_log_is_refused_in_one_line(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint) as refusal:
        read(tmp_path, content)
    assert len(str(refusal.value).splitlines()) == 1


def test_a_server_s_log_of_nine_days_is_read_with_all_that_is_broken_in_it() -> None:
    file = SHARED_DATA / "erddap_access.log"
    if not file.exists():
        pytest.skip("the recorded access log is not beside the checkout")
    found = read_log(file, allow_skipped=0.4)
    assert len(found) == 10_479
    assert found["time"].dt.date.nunique() == 9
    assert found["client"].value_counts().index[:3].tolist() == [
        *("curl", "Python-urllib", "python-requests")
    ]


@pytest.mark.parametrize("count", ["-5", "30.5", "abc", "99999999999"])
def test_counts_in_json_are_checked_as_those_of_tables_are(tmp_path: Path, count: str) -> None:
    rows = [
        f'{{"time": "2026-01-05T0{n}:00:00Z", "app": "sync", "count": "{n}"}}' for n in range(9)
    ]
    wrong = f'{{"time": "2026-01-05T09:00:00Z", "app": "sync", "count": "{count}"}}'
    (tmp_path / "a.log").write_text("\n".join([*rows, wrong]))
    reading = Reading(ZoneInfo("UTC"))
    (entries,) = entries_of_logs([tmp_path / "a.log"], reading)
    assert entries.calls.tolist() == [*range(9)]
    assert sum(reading.skipped.counts.values()) == 1
