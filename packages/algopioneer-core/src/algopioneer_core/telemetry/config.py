"""Settings of the log; light, because configuration files are read before anything is logged."""

import enum
from decimal import Decimal

from attrs import frozen

from algopioneer_core.settings import not_negative, option

__all__ = ["LogConfig", "LogFormat", "LogLevel"]


class LogFormat(enum.Enum):
    """How a line looks."""

    CONSOLE = "console"
    """For people."""
    JSON = "json"
    """One object a line, for programs."""


class LogLevel(enum.Enum):
    """The least important lines that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@frozen(kw_only=True)
class LogConfig:
    """
    The table `[log]`.

    Raises:
        ConfigError: A value is out of its range.
    """

    level: LogLevel = option(LogLevel.INFO, help="How much is logged.")
    format: LogFormat | None = option(
        None, help="How lines are written; console on a terminal and json elsewhere unless set."
    )
    throttle_s: Decimal = option(
        Decimal(5),
        help="Lines that repeat are written once in this time, with their count; 0 for always.",
        unit="s",
        validator=not_negative,
    )
