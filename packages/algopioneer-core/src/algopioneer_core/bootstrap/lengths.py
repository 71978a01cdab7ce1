"""Lengths of time as a user wrote them, and where."""

from algopioneer_core.config.backtest import BacktestOptions
from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.history.intervals import parse_interval

__all__ = ["interval_ns", "length_ns"]


def interval_ns(options: BacktestOptions, asked: Settings) -> int | None:
    """
    Return the length of a bar the user stated, if any, in nanoseconds.

    Raises:
        ConfigError: It is not a length of time; names the flag or key.
    """
    return None if options.interval is None else length_ns(options.interval, "interval", asked)


def length_ns(text: str, key: str, asked: Settings) -> int:
    """
    Return the length of time *text* in nanoseconds.

    Raises:
        ConfigError: It is not one; names the place of *key*.
    """
    try:
        return parse_interval(text)
    except ConfigError as error:
        raise ConfigError(error.message, where=asked.place(key), remedy=error.remedy) from None
