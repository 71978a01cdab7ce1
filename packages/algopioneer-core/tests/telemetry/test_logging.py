"""The log: forms, levels, time, secrets, repeats, streams that refuse, other libraries."""

import io
import json
import logging
import subprocess
import sys
from decimal import Decimal

import pytest
import structlog

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.telemetry.config import LogConfig, LogFormat, LogLevel
from algopioneer_core.telemetry.events import LogEvent
from algopioneer_core.telemetry.logging import get_logger, open_log
from algopioneer_core.testing.logs import LoggedLines, SetClock, logged

SECOND = 1_000_000_000
SECRET = "s3cret-value"


class Refusing(io.StringIO):
    """A stream that has no room while `full` is set."""

    full = False

    def write(self, text: str, /) -> int:
        """Write, or raise as a full disk does."""
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def test_a_line_has_time_level_name_and_fields() -> None:
    """JSON for programs; the time is the clock's, not the machine's."""
    with logged() as log:
        log.clock.ns = 90 * SECOND
        get_logger(strategy="alpha").info(LogEvent.STRATEGY_STARTED, position="0")
    assert [
        {
            "time": "1970-01-01T00:01:30Z",
            "strategy": "alpha",
            "position": "0",
            "event": "strategy.started",
            "level": "info",
        }
    ] == log.lines()


@pytest.mark.parametrize(("stream", "coloured"), [(io.StringIO(), False), (Terminal(), True)])
def test_people_get_plain_lines_and_colours_only_on_a_terminal(
    stream: io.StringIO, *, coloured: bool
) -> None:
    """A file full of escape codes helps nobody."""
    config = LogConfig(format=LogFormat.CONSOLE)
    with open_log(config, clock=SetClock(), stream=stream):
        get_logger().warning(LogEvent.FEED_DOWN, venue="sim")
    assert "feed.down" in stream.getvalue()
    assert "1970-01-01T00:00:00Z" in stream.getvalue()
    assert coloured is ("\x1b[" in stream.getvalue())


@pytest.mark.parametrize(("stream", "json_"), [(io.StringIO(), True), (Terminal(), False)])
def test_a_program_that_reads_the_stream_gets_json_unless_told_otherwise(
    stream: io.StringIO, *, json_: bool
) -> None:
    """Who reads it is known: a terminal, or something else."""
    with open_log(LogConfig(), clock=SetClock(), stream=stream):
        get_logger().warning(LogEvent.FEED_DOWN)
    assert json_ is stream.getvalue().startswith("{")


def test_lines_below_the_level_are_not_written() -> None:
    """Levels are ordered."""
    with logged(level=LogLevel.WARNING) as log:
        get_logger().info(LogEvent.FEED_UP)
        get_logger().error(LogEvent.STRATEGY_EXHAUSTED)
    assert ["strategy.exhausted"] == log.events()


def test_nothing_is_written_before_and_after(capfd: pytest.CaptureFixture[str]) -> None:
    """Commands print results to standard output; a stray line would break them."""
    early = get_logger()
    early.warning(LogEvent.FEED_DOWN)
    with logged() as log:
        early.warning(LogEvent.FEED_DOWN)
    early.error(LogEvent.FEED_DOWN)
    logging.getLogger("library").setLevel(logging.NOTSET)
    assert ["feed.down"] == log.events()
    assert ("", "") == capfd.readouterr()


def test_the_log_goes_to_standard_error_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output belongs to results."""
    with open_log(LogConfig(format=LogFormat.JSON), clock=SetClock()):
        get_logger().info(LogEvent.FEED_UP)
    out, err = capsys.readouterr()
    assert "" == out
    assert "feed.up" == json.loads(err)["event"]


@pytest.mark.parametrize("form", LogFormat)
def test_no_secret_reaches_the_stream(form: LogFormat) -> None:
    """Not as a field, in a tree, in an error, in a traceback, in a name or from a library."""
    stream = io.StringIO()
    config = LogConfig(format=form, level=LogLevel.DEBUG)
    with open_log(config, clock=SetClock(), secrets=[SECRET], stream=stream):
        log = get_logger(venue=SECRET)
        log.info(LogEvent.FEED_UP, url=f"https://x/{SECRET}", tree={"a": [SECRET]}, api_key="k1")
        log.info(SECRET, **{SECRET: 1})
        try:
            raise ValueError(f"bad {SECRET}")
        except ValueError:
            log.exception(LogEvent.STRATEGY_CRASHED)
            logging.getLogger("library").exception("refused %s", SECRET)
    written = stream.getvalue()
    assert SECRET not in written
    assert "k1" not in written
    assert 2 == written.count("ValueError: bad ***")


# --- repeats ---------------------------------------------------------------------------------


def denied(log: LoggedLines, second: int, reason: str = "stale") -> None:
    """Log that an order was denied, at a time."""
    log.clock.ns = second * SECOND
    get_logger(venue="sim").warning(LogEvent.ORDER_DENIED, reason=reason, age_ns=second)


def repeats(log: LoggedLines) -> list[tuple[str, str, int]]:
    """Return time, reason and count of each line."""
    return [
        (line["time"][-4:-1], line.get("reason", "-"), line.get("repeated", 0))
        for line in log.lines()
    ]


def test_a_flood_is_one_line_and_a_count() -> None:
    """The count comes with whatever is logged next, and what differs is a line of its own."""
    with logged() as log:
        for second in range(30):
            denied(log, second)
        denied(log, 30, reason="not positive")
        log.clock.ns = 61 * SECOND
        get_logger().info(LogEvent.FEED_UP)
    assert [
        (":00", "stale", 0),
        (":30", "not positive", 0),
        (":01", "stale", 29),
        (":01", "-", 0),
    ] == repeats(log)
    assert {"order.denied", "warning", "sim"} <= set(map(str, log.lines()[2].values()))


def test_counts_that_were_not_told_are_told_at_the_end() -> None:
    """A session that stops within the window loses none."""
    with logged() as log:
        for second in range(3):
            denied(log, second)
    assert [(":00", "stale", 0), (":02", "stale", 2)] == repeats(log)


def test_only_what_may_repeat_is_held_back() -> None:
    """No trade, no fill and no alert is ever held back, however alike they are."""
    with logged() as log:
        for _ in range(3):
            get_logger().info(LogEvent.TRADE_CLOSED, key="alpha:1")
    assert 3 == len(log.lines())


def test_holding_back_can_be_switched_off() -> None:
    """Zero seconds."""
    with logged(throttle_s=0) as log:
        for _ in range(3):
            denied(log, 0)
    assert 3 == len(log.lines())
    with pytest.raises(ConfigError, match="throttle_s must be zero or more"):
        LogConfig(throttle_s=Decimal(-1))


# --- what goes wrong -------------------------------------------------------------------------


def test_a_stream_that_refuses_stops_nothing_and_is_counted() -> None:
    """A full disk under the log is no reason to stop trading."""
    stream = Refusing()
    with open_log(LogConfig(format=LogFormat.JSON), clock=SetClock(), stream=stream):
        for full in (False, True, True, False, False):
            stream.full = full
            get_logger().info(LogEvent.FEED_UP)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [None, 2, None] == [line.get("lines_lost") for line in lines]


def test_a_closed_stream_stops_nothing() -> None:
    """The terminal may be gone."""
    stream = io.StringIO()
    with open_log(LogConfig(), clock=SetClock(), stream=stream):
        stream.close()
        get_logger().info(LogEvent.FEED_UP)


def test_lines_of_libraries_come_out_in_the_same_form() -> None:
    """With their level from warning on, and the name of who wrote them."""
    with logged() as log:
        library = logging.getLogger("some.library")
        library.info("chatter")
        library.warning("slow by %d ms", 7)
        library.error("broken")
        library.critical("gone")
    assert [
        ("library.message", "warning", "some.library", "slow by 7 ms"),
        ("library.message", "error", "some.library", "broken"),
        ("library.message", "critical", "some.library", "gone"),
    ] == [(it["event"], it["level"], it["logger"], it["message"]) for it in log.lines()]


def test_context_of_a_task_is_on_its_lines() -> None:
    """What was bound for a task is on every line logged in it."""
    with logged() as log, structlog.contextvars.bound_contextvars(strategy="alpha"):
        get_logger().info(LogEvent.FEED_UP)
    assert "alpha" == log.lines()[0]["strategy"]


@pytest.mark.parametrize("arguments", [["--help"], ["plugins", "list"]])
def test_commands_that_log_nothing_do_not_load_the_log(arguments: list[str]) -> None:
    """structlog and httpx take longer to import than the whole answer."""
    program = (
        "import sys\n"
        "from algopioneer_core.cli.main import main\n"
        f"sys.argv = ['algopioneer', *{arguments}]\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "heavy = {'structlog', 'httpx', 'trio', 'anyio'} & set(sys.modules)\n"
        "print(*sorted(heavy), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "" == done.stderr.strip()
