"""Moments are read in every form that logs and tables have, and in one meaning alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.logs import NO_OFFSET, OrderOfDatesError, Texts, read_column, unread

EPOCH = datetime(1970, 1, 1)
NOVEMBER = datetime(2017, 11, 9, 19, 34, 11)


def read(*texts: str, day_first: bool | None = None) -> list[datetime | None]:
    moments = read_column(Texts.of(texts), day_first)
    return [
        EPOCH + timedelta(microseconds=int(local)) if is_read else None
        for local, is_read in zip(moments.local, moments.is_read, strict=True)
    ]


def ahead(text: str) -> timedelta | None:
    """Return what the clock of a moment is ahead of UTC."""
    (offset,) = read_column(Texts.of([text]), None).offsets
    return None if offset == NO_OFFSET else timedelta(microseconds=int(offset))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2017-11-09T19:34:11",
            "2017-11-09 19:34:11",
            "2017/11/09 19:34:11",
            "2017-11-9 19:34:11",
        ),
        *("20171109T193411", "20171109193411", "20171109193411.000", "2017-11-09t19:34:11.000000"),
        *(
            "[09/Nov/2017:19:34:11]",
            "09/Nov/2017:19:34:11",
            "9-Nov-2017 19:34:11",
            '"9 Nov 2017 19:34:11"',
        ),
        *("Nov 09, 2017 07:34:11 PM", "November 9, 2017 7:34:11 pm", "Thu Nov  9 19:34:11 2017"),
        *(
            "Thursday, 9 November 2017 19:34:11",
            "2017-11-09 07:34:11 PM",
            "2017-11-09 7:34:11\u202fpm",
        ),
        *(
            "09.11.2017 19:34:11",
            "9.11.2017, 19:34:11",
            " 2017-11-09  19:34:11 ",
            "2017-W45-4T19:34:11",
        ),
    ],
)
def test_one_moment_is_read_in_many_forms(text: str) -> None:
    assert read(text) == [NOVEMBER]
    assert ahead(text) is None


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        *(("2017-11-09T19:34:11Z", 0), ("2017-11-09t19:34:11z", 0), ("2017-11-09 19:34:11 UTC", 0)),
        *(("2017-11-09T19:34:11+0000", 0), ("2017-11-09 19:34:11 -05:00", -5)),
        *(("[09/Nov/2017:19:34:11 +0530]", 5.5), ("Thu, 09 Nov 2017 19:34:11 GMT", 0)),
        *(("2017-11-09 19:34:11 GMT+02:00", 2), ("1510256051", 0), ("2017-11-09T19:34:11+02", 2)),
    ],
)
def test_an_offset_belongs_to_its_moment(text: str, hours: float) -> None:
    assert read(text) == [NOVEMBER]
    assert ahead(text) == timedelta(hours=hours)


@pytest.mark.parametrize(
    "text",
    ["1510256051.744123", "1510256051744", "1510256051744123", "1510256051744123999"],
)
def test_seconds_and_finer_units_since_1970_are_told_by_their_size(text: str) -> None:
    (moment,) = read(text)
    assert moment is not None
    assert moment.replace(microsecond=0) == NOVEMBER
    assert moment.microsecond // 1000 == 744


def test_the_end_of_a_day_and_a_second_that_was_put_in_are_moments() -> None:
    assert read("2017-11-09T24:00:00") == [datetime(2017, 11, 10)]
    assert read("2016-12-31 23:59:60") == [datetime(2017, 1, 1)]
    assert read("2017-11-09T24:00:01", "2017-11-09 19:34:61") == [None, None]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "yesterday",
            "2017-02-30",
            "2017-13-01",
            "13:45",
            "Nov  9 19:34:11",
            "09/11/17 10:00",
        ),
        *(
            "2017-11-09 25:00",
            "2017-11-09 13:00 PM",
            "2017-11-09 19:34 CET",
            "12345",
            "2017-11-09T19",
        ),
        *(
            "2017-11-09 19:34:11 +24:00",
            "151025605174",
            "2017-11-09 19:34:11 x",
            "2017-11-09_19:34",
        ),
        *("2017-11-09 19:34.5", "2017-11-09T19:34:11Z Z", "31/31/2017", "0000-01-01"),
    ],
)
def test_what_is_no_moment_is_none_and_says_so(text: str) -> None:
    if text != "151025605174":  # twelve digits are ms, of 1974
        assert read(text, day_first=True) == [None]
        assert repr(text) in unread(text)


def test_the_dates_of_a_column_tell_whether_the_day_or_the_month_is_first() -> None:
    ninth, tenth = datetime(2017, 11, 9), datetime(2017, 11, 13)
    assert read("9/11/2017", "13/11/2017") == [ninth, tenth]
    assert read("11/9/2017", "11/13/2017") == [ninth, tenth]
    assert read("11/9/2017", day_first=False) == read("9-11-2017", day_first=True) == [ninth]
    assert read("5/5/2017") == [datetime(2017, 5, 5)]  # the same both ways
    assert read("9.11.2017") == [ninth]  # no country writes the month first with full stops


def test_dates_that_can_be_read_both_ways_are_refused_with_both_readings() -> None:
    with pytest.raises(OrderOfDatesError, match="as 11 September 2017 or as 9 November 2017"):
        read("5/5/2017", "11/09/2017 07:34:11 PM", "11/10/2017 05:00:00 AM")
    with pytest.raises(OrderOfDatesError, match=r"only the day first .* only the month first"):
        read("13/11/2017", "11/13/2017")


written = st.datetimes(datetime(1973, 3, 4), datetime(2200, 12, 31))
zones = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@given(written, zones)
def test_what_python_writes_is_read_to_the_microsecond(moment: datetime, zone: timezone) -> None:
    stamped = moment.replace(tzinfo=zone)
    texts = [stamped.isoformat(), stamped.isoformat(" "), f"{stamped:%Y%m%dT%H%M%S.%f%z}"]
    found = read_column(Texts.of(texts), None)
    utc, _ = found.in_utc(ZoneInfo("UTC"))
    since = (stamped - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert utc.tolist() == [since] * 3
    whole = moment.replace(microsecond=0)
    of_mail = format_datetime(whole.replace(tzinfo=zone))
    of_log = f"[{whole:%d/%b/%Y:%H:%M:%S} +0000]"
    assert read(of_mail, of_log, f"{whole:%b %d, %Y %I:%M:%S %p}") == [whole] * 3


@given(
    st.lists(
        st.text(st.characters(codec="utf-8")) | st.from_regex(r"[0-9/:.TZ +\-APMnov]{0,30}"),
        max_size=9,
    )
)
def test_any_text_is_a_moment_or_none_and_never_an_error(texts: list[str]) -> None:
    found = read_column(Texts.of(texts), day_first=True)
    assert len(found.local) == len(texts)
    for text, is_read in zip(texts, found.is_read, strict=True):
        if is_read:  # then it begins with a digit, or a name
            assert text.strip().strip("[\"' \t\r\xa0\u202f")[:1].isalnum()


def test_a_local_time_is_placed_by_its_zone_and_an_hour_that_comes_twice_has_two_places() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    texts = Texts.of(["2026-10-25 01:30", "2026-10-25 02:30", "2026-03-29 02:30", "2026-07-01Z"])
    moments = read_column(texts, None)
    first, second = moments.in_utc(berlin)
    hour = 3_600_000_000
    assert (second - first)[:3].tolist() == [0, hour, -hour]
    assert moments.is_read.tolist() == [True, True, True, False]
    assert first[3] == second[3]


def test_a_long_column_is_read_in_one_form_for_each_row() -> None:
    texts = [f"2026-01-{1 + n % 28:02} 00:00:00" for n in range(10_000)] + ["1767225600"]
    days = np.array([moment.day for moment in read(*texts) if moment])
    assert days[:28].tolist() == [*range(1, 29)]
    assert len(days) == 10_001
