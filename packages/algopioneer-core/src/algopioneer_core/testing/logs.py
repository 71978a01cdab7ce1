"""The log of a test: what was logged, as the fields of each line."""

import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from attrs import define, field

from algopioneer_core.telemetry.config import LogConfig, LogFormat, LogLevel
from algopioneer_core.telemetry.logging import open_log

__all__ = ["LoggedLines", "SetClock", "logged"]


@define
class SetClock:
    """A clock that shows what it is set to."""

    ns: int = 0

    def now_ns(self) -> int:
        """Return the time it was set to, UTC nanoseconds."""
        return self.ns


@define
class LoggedLines:
    """What was logged so far."""

    stream: io.StringIO = field(factory=io.StringIO)
    clock: SetClock = field(factory=SetClock)

    def lines(self) -> list[dict[str, Any]]:
        """Return the fields of each line, oldest first."""
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def events(self) -> list[str]:
        """Return the name of each line."""
        return [line["event"] for line in self.lines()]


@contextmanager
def logged(
    *, level: LogLevel = LogLevel.DEBUG, throttle_s: int = 60, secrets: Iterable[str] = ()
) -> Iterator[LoggedLines]:
    """Log as JSON into memory inside the block."""
    found = LoggedLines()
    config = LogConfig(format=LogFormat.JSON, level=level, throttle_s=Decimal(throttle_s))
    with open_log(config, clock=found.clock, secrets=secrets, stream=found.stream):
        yield found
