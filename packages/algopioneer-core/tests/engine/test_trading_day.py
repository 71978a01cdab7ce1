"""Trading days: boundaries by time of day and zone, daylight saving included."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.engine.trading_day import TradingDay

HOUR = 3_600_000_000_000


def ns(text: str) -> int:
    """Return UTC nanoseconds of an ISO time."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000_000


def test_days_begin_at_midnight_utc_unless_said_otherwise() -> None:
    """The default needs no time zone data."""
    day = TradingDay().day_of(ns("2024-05-17T13:14:15"))
    assert day == (ns("2024-05-17T00:00"), ns("2024-05-18T00:00"))


def test_boundary_itself_belongs_to_the_new_day() -> None:
    """One nanosecond earlier is still yesterday."""
    boundary = ns("2024-05-17T00:00")
    assert TradingDay().day_of(boundary)[0] == boundary
    assert TradingDay().day_of(boundary - 1)[1] == boundary


def test_day_may_begin_in_the_evening_of_another_zone() -> None:
    """Futures trade from 17:00 in Chicago, 22:00 UTC in summer."""
    chicago = TradingDay("17:00", "America/Chicago")
    expected = (ns("2024-07-01T22:00"), ns("2024-07-02T22:00"))
    assert chicago.day_of(ns("2024-07-02T12:00")) == expected


@pytest.mark.parametrize(("moment", "hours"), [("2024-03-10T12:00", 23), ("2024-11-03T12:00", 25)])
def test_days_of_a_clock_change_have_23_or_25_hours(moment: str, hours: int) -> None:
    """New York moves its clocks at two in the morning."""
    start, end = TradingDay("00:00", "America/New_York").day_of(ns(moment))
    assert end - start == hours * HOUR


def test_start_that_the_clocks_skip_is_an_hour_later_on_the_wall() -> None:
    """There is no 02:30 on that night: the day begins when 02:30 would have been, at 03:30."""
    day = TradingDay("02:30", "America/New_York").day_of(ns("2024-03-10T12:00"))
    assert day[0] == ns("2024-03-10T07:30")


def test_start_that_the_clocks_show_twice_is_the_first() -> None:
    """The second 01:30 of that night is in the middle of the day."""
    new_york = TradingDay("01:30", "America/New_York")
    assert new_york.day_of(ns("2024-11-03T06:30"))[0] == ns("2024-11-03T05:30")


@given(
    st.integers(0, 4_000_000_000).map(lambda s: s * 1_000_000_000 + 999_999_999),
    st.times().map(lambda t: t.strftime("%H:%M")),
    st.sampled_from(
        ["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Europe/London"]
    ),
)
def test_days_follow_each_other_without_gap(ts_ns: int, start: str, zone: str) -> None:
    """Each moment is in one day, and the next day begins where it ends."""
    calendar = TradingDay(start, zone)
    begins, ends = calendar.day_of(ts_ns)
    assert begins <= ts_ns < ends
    assert calendar.day_of(begins) == (begins, ends)
    assert calendar.day_of(ends)[0] == ends


@pytest.mark.parametrize("start", ["", "25:00", "9 am", "09:00+01:00", "09:00:00.5"])
def test_start_that_is_no_time_of_day_is_refused(start: str) -> None:
    """The remedy shows the form."""
    with pytest.raises(ConfigError, match="is not a time of day"):
        TradingDay(start)


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "America"])
def test_zone_that_is_not_known_is_refused(zone: str) -> None:
    """A misspelt zone must not silently become UTC."""
    with pytest.raises(ConfigError, match="is not a known time zone"):
        TradingDay("00:00", zone)
