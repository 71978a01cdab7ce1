"""
When a trading day begins: a time of day in a time zone, or an exchange's calendar later.

The one place in the engine that knows dates. It reads no clock: it is asked about times that came
in events.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, Protocol

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.market_data import NS_PER_SECOND

__all__ = ["TradingCalendar", "TradingDay", "time_of_day", "time_zone"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_DAY: Final = timedelta(days=1)


class TradingCalendar(Protocol):
    """Divides time into trading days."""

    def day_of(self, ts_ns: int) -> tuple[int, int]:
        """Return the start of the day that holds *ts_ns* and that of the next, UTC nanoseconds."""


class TradingDay:
    """
    Days that begin at one time of day in one time zone, every day of the week.

    Daylight saving is followed: a day may have 23 or 25 hours. A start that the clocks skip (02:30
    on the night they go forward) is taken an hour later on the wall; one that they show twice is
    the first of the two.

    Args:
        start: Time of day, `HH:MM`.
        zone: IANA name, for instance `America/New_York`.

    Raises:
        ConfigError: *start* is not a time of day, or *zone* is not known.
    """

    __slots__ = ("_start", "_zone")

    def __init__(self, start: str = "00:00", zone: str = "UTC") -> None:
        self._start = time_of_day(start)
        self._zone = time_zone(zone)

    def day_of(self, ts_ns: int) -> tuple[int, int]:
        """See `TradingCalendar.day_of`."""
        local = (_EPOCH + ts_ns // NS_PER_SECOND * _SECOND).astimezone(self._zone)
        today = local.date()
        if self._starts(today) > ts_ns:
            return self._starts(today - _DAY), self._starts(today)
        return self._starts(today), self._starts(today + _DAY)

    def _starts(self, day: date) -> int:
        moment = datetime.combine(day, self._start, tzinfo=self._zone)
        return (moment - _EPOCH) // _SECOND * NS_PER_SECOND


def time_of_day(text: str) -> time:
    """
    Return the time of day that *text* (`HH:MM` or `HH:MM:SS`) names.

    Raises:
        ConfigError: It names none, or has a zone of its own or parts of a second.
    """
    try:
        found = time.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None or found.microsecond:
        raise ConfigError(
            f"{text!r} is not a time of day", where="day_start", remedy="write it as HH:MM"
        )
    return found


def time_zone(name: str) -> tzinfo:
    """
    Return the time zone called *name*; `UTC` needs no time zone data on the machine.

    Raises:
        ConfigError: There is no such zone, or no time zone data.
    """
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo  # only where a zone is asked for: it is slow to import

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):  # a folder, a bad key, not found
        raise ConfigError(
            f"{name!r} is not a known time zone",
            where="day_zone",
            remedy="write a name such as America/New_York; a machine without time zone data "
            "needs the package tzdata",
        ) from None
