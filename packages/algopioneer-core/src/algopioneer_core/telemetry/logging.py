"""
The log: structured lines for people or as JSON, without secrets, and without floods.

`open_log` sets it up for a session; before and after it nothing is written. `get_logger` gives a
module or a task its logger at any time. Lines of other libraries, which use the standard library's
logging, come out in the same form from level warning on.

Nothing that decides may log; what acts says what it did, by a name from `LogEvent`.
"""

import logging
import sys
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final, TextIO, cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor

from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import mul
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.ports import Clock
from algopioneer_core.telemetry.config import LogConfig, LogFormat
from algopioneer_core.telemetry.events import IDENTITY, REPEATING, LogEvent
from algopioneer_core.telemetry.redaction import Redactor
from algopioneer_core.telemetry.throttle import Throttle

__all__ = ["get_logger", "open_log"]

_Line = MutableMapping[str, Any]
_Key = tuple[tuple[str, str], ...]


def get_logger(**fields: object) -> FilteringBoundLogger:
    """Return a logger whose lines all have *fields*: `get_logger(strategy="alpha")`."""
    if not structlog.is_configured():
        _be_silent()
    return cast("FilteringBoundLogger", structlog.get_logger(**fields))


@contextmanager
def open_log(
    config: LogConfig,
    *,
    clock: Clock,
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> Iterator[None]:
    """
    Write the log to *stream* inside the block.

    A stream that cannot be written to does not stop trading: the lines are lost, and the next one
    that can be written says how many (`lines_lost`).

    Args:
        config: Form, level, and how long repeats are held back.
        clock: Gives the lines their time.
        secrets: What must not be written, wherever it occurs (`redaction.secrets_in`).
        stream: Where to; standard error when not given.
    """
    sink = _Sink(stream if stream is not None else sys.stderr)
    repeats = _Repeats(int(mul(config.throttle_s, Decimal(NS_PER_SECOND))), clock)
    structlog.configure(
        processors=_processors(config, repeats, Redactor(secrets), sink),
        wrapper_class=structlog.make_filtering_bound_logger(_level(config)),
        logger_factory=lambda *_: sink,
        cache_logger_on_first_use=False,  # loggers are made before the log is opened
    )
    root, bridge = logging.getLogger(), _Bridge(logging.WARNING)
    root.addHandler(bridge)
    try:
        yield
    finally:
        repeats.write_rest()
        root.removeHandler(bridge)
        _be_silent()


def _level(config: LogConfig) -> int:
    return logging.getLevelNamesMapping()[config.level.value.upper()]


def _be_silent() -> None:
    """Write nothing: structlog's own default would print to standard output, where results go."""
    structlog.configure(
        processors=[], wrapper_class=structlog.BoundLogger, logger_factory=lambda *_: _Silence()
    )


def _processors(
    config: LogConfig, repeats: "_Repeats", redactor: Redactor, sink: "_Sink"
) -> list[Processor]:
    def without_secrets(_: Any, __: str, line: _Line) -> _Line:
        return redactor.fields(line)

    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        repeats,
        sink.add_lost,
        structlog.processors.format_exc_info,  # before redaction: a traceback quotes values
        without_secrets,
        _renderer(config, sink.stream),
    ]


def _renderer(config: LogConfig, stream: TextIO) -> Processor:
    form = config.format or (LogFormat.CONSOLE if stream.isatty() else LogFormat.JSON)
    if form is LogFormat.JSON:
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(),
        timestamp_key="time",
        exception_formatter=structlog.dev.plain_traceback,  # the rich one shows local variables
    )


class _Repeats:
    """Gives lines their time, and holds back those that repeat."""

    def __init__(self, window_ns: int, clock: Clock) -> None:
        self._clock = clock
        self._throttle: Throttle[_Key] = Throttle(window_ns)

    def __call__(self, _: Any, __: str, line: _Line) -> _Line:
        if "repeated" in line:
            return {"time": iso_utc(self._clock.now_ns()), **line}
        now_ns = self._clock.now_ns()
        self._write(self._throttle.expired(now_ns))
        if line["event"] in REPEATING and not self._throttle.admit(_identity(line), now_ns):
            raise structlog.DropEvent
        return {"time": iso_utc(now_ns), **line}

    def write_rest(self) -> None:
        """Write the counts of what was held back and not told yet."""
        self._write(self._throttle.drain())

    def _write(self, held_back: list[tuple[_Key, int]]) -> None:
        for key, count in held_back:
            fields = dict(key)
            log = getattr(get_logger(), fields.pop("level"))
            log(fields.pop("event"), **fields, repeated=count)


def _identity(line: _Line) -> _Key:
    names = ("level", "event", *IDENTITY)
    return tuple((name, str(line[name])) for name in names if name in line)


class _Sink:
    """Writes rendered lines to a stream, and counts those it could not write."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._lost = 0

    def msg(self, line: str) -> None:
        """Write *line*, or count it as lost."""
        try:
            self.stream.write(line + "\n")
            self.stream.flush()
        except (OSError, ValueError):  # no room, no reader, closed
            self._lost += 1
        else:
            self._lost = 0

    debug = info = warning = error = critical = msg

    def add_lost(self, _: Any, __: str, line: _Line) -> _Line:
        """Say on *line* how many before it were lost, if any."""
        return {**line, "lines_lost": self._lost} if self._lost else line


class _Silence:
    """Takes any line and writes none."""

    def __getattr__(self, _: str) -> Any:
        return lambda *_, **__: None


class _Bridge(logging.Handler):
    """Hands lines of the standard library's loggers to ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log *record* as `LogEvent.LIBRARY`."""
        log = getattr(get_logger(), _LEVELS.get(record.levelno, "warning"))
        log(
            LogEvent.LIBRARY,
            logger=record.name,
            message=record.getMessage(),
            exc_info=record.exc_info,
        )


_LEVELS: Final = {logging.ERROR: "error", logging.CRITICAL: "critical"}
