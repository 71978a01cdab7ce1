"""What a replay can be told: the table of a venue whose `kind` is `replay`."""

import datetime
from decimal import Decimal

from attrs import frozen

from algopioneer_core.config.backtest import FAULTS
from algopioneer_core.config.instruments import nanoseconds
from algopioneer_core.config.period import Period
from algopioneer_core.domain.errors import ConfigError, MoneyError
from algopioneer_core.domain.money import decimal_of
from algopioneer_core.history.intervals import length_of_time, parse_interval
from algopioneer_core.settings import NumberOrWord, option, optional

__all__ = ["ReplayConfig"]

_FASTEST = NumberOrWord("max")


def _speed(_: object, __: object, text: str) -> None:
    if text == _FASTEST:
        return
    try:
        speed = decimal_of(text)
    except MoneyError:
        speed = Decimal(0)
    if speed <= 0:
        raise ConfigError(
            f"speed must be a positive number or {_FASTEST}, not {text!r}", where="speed"
        )


@frozen(kw_only=True)
class ReplayConfig(Period):
    """
    Files of bars, trades and quotes that are shown as a live feed.

    Raises:
        ConfigError: A value is out of its range.
    """

    name: str = option("replay", help="Name of the venue, in its instruments' ids.")
    data: tuple[str, ...] = option(
        help="File of bars, trades or quotes, CSV or Parquet; SYMBOL=FILE where there are several.",
        metavar="FILE",
    )
    symbols: tuple[str, ...] = option(
        (), help="What the files are of; one may hold many.", metavar="SYMBOL"
    )
    interval: str | None = option(
        None,
        help="Length of a bar (1m, 5m, 1h, 1d); by default as the file has it.",
        validator=optional(length_of_time),
        metavar="LENGTH",
    )
    rows: str | None = option(
        None,
        help="What the rows of a file are whose columns allow several.",
        choices=("bars", "trades", "quotes"),
    )
    stamp: str = option(
        "open", help="Which end of its bar a time in the file is.", choices=("open", "close")
    )
    start: datetime.datetime | None = option(
        None, key="from", help="First time to use (UTC), of bars the close."
    )
    end: datetime.datetime | None = option(
        None, key="to", help="Time to stop before (UTC), of bars the close."
    )
    begin: datetime.datetime | None = option(
        None, help="When the feed begins (UTC); what comes before is history to warm up from."
    )
    accept: tuple[str, ...] = option(
        (), help="Accept a fault of the data instead of refusing it.", choices=(*FAULTS, "crossed")
    )
    instruments: str | None = option(
        None, help="TOML file that describes the instruments.", metavar="FILE.toml"
    )
    speed: NumberOrWord = option(
        _FASTEST,
        help="By how much time runs faster than the clock (60: a minute each second), or max.",
        validator=_speed,
        metavar="NUMBER",
    )
    aligned: bool = option(False, help="Show only times at which every symbol has a bar.")

    def __attrs_post_init__(self) -> None:
        self._check_period()

    @property
    def begin_ns(self) -> int | None:
        """When the feed begins, UTC nanoseconds."""
        return None if self.begin is None else nanoseconds(self.begin)

    @property
    def interval_ns(self) -> int | None:
        """Length of a bar, in nanoseconds; None when the file says it."""
        return None if self.interval is None else parse_interval(self.interval)

    @property
    def factor(self) -> float:
        """By how much time runs faster than the clock; infinite for as fast as possible."""
        return float("inf") if self.speed == _FASTEST else float(self.speed)
