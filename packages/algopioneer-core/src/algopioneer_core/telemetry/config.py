"""Settings of the log; light, because configuration files are read before anything is logged."""

import enum

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
    """Settings of the log: the table `[log]`."""

    format: LogFormat = option(LogFormat.CONSOLE, help="How a line looks.")
    level: LogLevel = option(LogLevel.INFO, help="Least important lines that are written.")
    repeat_s: int = option(
        60,
        help="A line that repeats is written once in this time, then with a count; 0 for always.",
        unit="seconds",
        validator=not_negative,
    )
