"""Behaviour of the view of a running session."""

import io
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from rich.console import Console

from algopioneer_core.cli.status_view import picture, status_view
from algopioneer_core.config.session import SessionConfig, make_session
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.ports import Alert
from algopioneer_core.runtime.status import (
    JournalStatus,
    SessionStatus,
    StrategyState,
    StrategyStatus,
    VenueStatus,
)
from algopioneer_core.telemetry.config import LogConfig, LogLevel

FAST = StrategyStatus(
    name="fast",
    state=StrategyState.RUNNING,
    note="",
    held={InstrumentId("sim", "BTC-USD"): Decimal("0.5")},
    equity=Decimal("12345.678"),
    pnl=None,
    day_pnl=None,
    legs="",
    orders=1,
    conflated=7,
)
PAIR = evolve(
    FAST, name="pair", state=StrategyState.CRASHED, note="starts again in 4 s", held={},
    equity=None, legs="in_position",
)  # fmt: skip
STATUS = SessionStatus(
    name="desk",
    now_ns=1_704_067_200_000_000_000,
    stopping="",
    halted="lunch",
    strategies=(FAST, PAIR),
    venues=(
        VenueStatus(name="sim", problem="", breaker="closed", sent=3),
        VenueStatus(name="far", problem="its stream is down", breaker="half_open", sent=0),
    ),
    feeds=(),
    journal=JournalStatus(entries=12, waiting=0, problem=""),
    handled=12,
    trades=2,
    shed={"too_old": 3},
    day_pnl=Decimal(-5),
    alerts=(Alert(1_704_067_200_000_000_000, "pair crashed", "", urgent=True),),
)


def _drawn(status: SessionStatus) -> str:
    console = Console(file=io.StringIO(), width=160, record=True)
    console.print(picture(status))
    return console.export_text()


def test_everything_of_note_is_shown() -> None:
    """State, position, equity, legs, health, alerts; what is not known is a dash."""
    text = _drawn(STATUS)

    rows = [" ".join(line.replace("│", " ").split()) for line in text.splitlines()]
    assert "fast running 0.5 BTC-USD 12,345.68 - 1 7" in rows
    assert "pair crashed: starts again in 4 s in position - - 1 7" in rows
    assert "sim ok 3" in rows
    assert "far its stream is down; circuit breaker half open 0" in rows
    assert "2024-01-01T00:00:00Z pair crashed" in rows
    for part in ("desk", "trades 2", "day -5.00", "shed too_old 3", "halted: lunch"):
        assert part in text


def test_a_session_before_its_first_event() -> None:
    """There is no time yet, and nothing to complain of."""
    quiet = evolve(STATUS, now_ns=0, halted="", shed={}, alerts=(), stopping="told to")

    text = _drawn(quiet)

    assert "before its first event" in text
    assert "halted" not in text
    assert "stopping: told to" in text


@pytest.mark.parametrize(("wanted", "terminal"), [(True, False), (False, True)])
def test_no_terminal_or_no_wish_leaves_the_session_as_it_is(
    wanted: bool, terminal: bool, tmp_path: Path
) -> None:
    """Log lines are written then, or only the result."""
    config = _config(tmp_path)
    console = Console(file=io.StringIO(), force_terminal=terminal)

    with status_view(config, wanted=wanted, console=console) as (shown, _):
        assert shown is config


@pytest.mark.parametrize(
    ("level", "kept"),
    [(LogLevel.INFO, LogLevel.WARNING), (LogLevel.DEBUG, LogLevel.DEBUG)],
)
def test_a_view_keeps_the_log_to_warnings(level: LogLevel, kept: LogLevel, tmp_path: Path) -> None:
    """Unless the file asks for more than the usual."""
    config = evolve(_config(tmp_path), log=LogConfig(level=level))
    console = Console(file=io.StringIO(), force_terminal=True)

    with status_view(config, wanted=True, console=console) as (shown, _):
        assert kept is shown.log.level


def _config(folder: Path) -> SessionConfig:
    content = {
        "venue": {"replay": {"data": ["bars.csv"]}},
        "strategy": [{"kind": "moving-average", "instruments": ["replay:A"]}],
    }
    return make_session(content, {}, path=folder / "run.toml")
