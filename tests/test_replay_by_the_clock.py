"""Bars of the past with `resume = wallclock`: the session lives by their time, not by today's."""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from algopioneer_core.bootstrap.host import load_host
from algopioneer_core.bootstrap.session_config import CheckedSession, check_session
from algopioneer_core.config.session import read_session
from algopioneer_core.domain.events import OrderFilled
from algopioneer_core.domain.fills import Fill
from algopioneer_core.journal.entries import EntryKind, StoredEntry
from algopioneer_core.runtime.session_result import SessionResult
from tests.virtual_sessions import rows_of, run_virtually

BARS = 60
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
SESSION = """
[session]
resume = "{resume}"

[venue.replay]
data = ["A-USD={folder}/A.csv", "B-USD={folder}/B.csv"]
speed = "180"                      # a bar each 20 seconds of virtual time

[venue.replay.paper]
balances = ["USD=20000"]

[[strategy]]
kind = "pairs"
name = "pair"
instruments = ["A-USD", "B-USD"]
capital = 10000
window = 20
z_entry = 1.2

[strategy.legs]
{legs}

[risk]
daily_loss_fraction = "off"
"""


def _write_bars(folder: Path) -> None:
    """Write hours of 2020, of two prices whose distance swings."""
    for place, name in enumerate("AB"):
        rows = ["time,open,high,low,close,volume"]
        for bar in range(BARS):
            price = f"{100 + math.sin(bar / 40) + place * math.sin(bar / 7):.4f}"
            time = (BEGIN + timedelta(hours=bar)).isoformat()
            rows.append(f"{time},{','.join([price] * 4)},1000")
        (folder / f"{name}.csv").write_text("\n".join(rows), "utf-8")


def _checked(folder: Path, resume: str, legs: str) -> CheckedSession:
    """Write the session and its bars into *folder*."""
    folder.mkdir()
    _write_bars(folder)
    path = folder / "run.toml"
    path.write_text(SESSION.format(folder=folder, resume=resume, legs=legs), "utf-8")
    return check_session(read_session(path, {}), load_host())


async def _session(folder: Path, resume: str, legs: str) -> tuple[SessionResult, list[StoredEntry]]:
    """Run the session over its bars; return what came of it and what its journal has."""
    result = await run_virtually(folder, _checked(folder, resume, legs))
    return result, await rows_of(folder)


def _fills(rows: list[StoredEntry]) -> list[tuple[object, ...]]:
    fills: list[Fill] = [r.entry.body.fill for r in rows if isinstance(r.entry.body, OrderFilled)]
    return [(str(f.instrument_id), f.ts_event, f.side, f.quantity, f.price, f.fee) for f in fills]


@pytest.mark.parametrize("virtual_backend", ["trio"], indirect=True)
@pytest.mark.parametrize("legs", ["", "patience_s = 7200\nmax_residual_s = 10800"])
async def test_by_the_clock_a_replay_fills_what_it_fills_by_its_cursor(
    tmp_path: Path, legs: str
) -> None:
    """Pairs are entered and left, each leg at its bar: neither is late by a clock years ahead."""
    _, expected = await _session(tmp_path / "cursor", "cursor", legs)
    result, rows = await _session(tmp_path / "wallclock", "wallclock", legs)
    assert [] == [row.entry.body for row in rows if row.entry.kind is EntryKind.ALERT]
    assert result.trades
    assert _fills(expected) == _fills(rows)
