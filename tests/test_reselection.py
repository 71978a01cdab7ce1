"""Pairs are changed by `autopilot` while a session trades them: the others trade on."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import anyio
import numpy as np
import pytest

from algopioneer_core.cli.main import main
from algopioneer_core.journal.entries import EntryKind, StoredEntry
from algopioneer_core.journal.journal import open_journal
from algopioneer_core.testing.clocks import run_inline
from algopioneer_core.testing.processes import started
from algopioneer_core.wire.machine import SystemClock

BARS: Final = 700
SYMBOLS: Final = ("AAA", "BBB", "CCC", "DDD")
SEARCH: Final = (
    *("--data", "closes.csv", "--windows", "20", "--entries", "1.5,2", "--exits", "0"),
    *("--hedges", "fitted", "--holdout", "0.4", "--fee-bps", "2", "--slippage-bps", "1"),
)
# Bars of a second, of today: the session lives by the wall clock, and so does its feed. A bar each
# 60 ms: it lasts while a search is made, and trades soon come after it.
SESSION: Final = (
    *(sys.executable, "-m", "algopioneer_core", "portfolio", "--config", "pairs.json"),
    *("--exchange", "replay", "--venue", "interval=1s", "--venue", "speed=16"),
    *("--venue", f"data={','.join(f'{each}={each}.csv' for each in SYMBOLS)}"),
    *("--journal", "paper.journal", "--resume", "wallclock"),
)
WORDS: Final = ("--portfolio", "pairs.json", "--journal", "paper.journal", "--once", "--apply")
GOES: Final = ("CCC-AAA was removed", "CCC-AAA leaves its position (drain)")
Line = dict[str, Any]


def _pair(one: str, other: str) -> dict[str, Any]:
    settings = {"order_size": "500", "interval": "1s", "window_size": 20}
    rules = {"on_remove": "drain", "entry_cooldown_ms": 0}
    return {"spot_symbol": one, "future_symbol": other, **settings, **rules}


def _write_market(folder: Path) -> None:
    """Write seconds of four symbols: A and B belong together, and others are traded."""
    random = np.random.Generator(np.random.PCG64(12))
    logs = 4.0 + np.cumsum(0.01 * random.standard_normal((4, BARS)), axis=1)
    spread, steps = np.zeros(BARS), 0.03 * random.standard_normal(BARS)
    for bar in range(1, BARS):
        spread[bar] = 0.8 * spread[bar - 1] + steps[bar]
    logs[1] = 1.0 + 0.8 * logs[0] + spread
    now_s = SystemClock().now_ns() // 1_000_000_000
    rows = [
        (now_s + bar, [f"{price:.4f}" for price in prices])
        for bar, prices in enumerate(np.exp(logs).T)
    ]
    wide = [f"{time},{','.join(prices)}" for time, prices in rows]
    (folder / "closes.csv").write_text("\n".join((f"time,{','.join(SYMBOLS)}", *wide)), "utf-8")
    for place, symbol in enumerate(SYMBOLS):
        bars = [f"{time},{','.join([prices[place]] * 4)},1000" for time, prices in rows]
        text = "\n".join(("time,open,high,low,close,volume", *bars))
        (folder / f"{symbol}.csv").write_text(text, "utf-8")
    pairs = [_pair("DDD", "BBB"), _pair("CCC", "AAA")]
    (folder / "pairs.json").write_text(json.dumps(pairs), "utf-8")


def _until(lines: Iterator[Line], event: str, **fields: object) -> list[Line]:
    """Return the lines of the log up to the next that is of an event and has these fields."""
    found = []
    for line in lines:
        found.append(line)
        if line["event"] == event and fields.items() <= line.items():
            return found
    raise AssertionError(f"the session ended before {event} {fields}: {found[-3:]}")


def _of(lines: Iterable[Line], event: str) -> list[str]:
    """Return the strategies of the lines of an event."""
    return [line["strategy"] for line in lines if line["event"] == event]


def _is_order_of_kept(line: Line) -> bool:
    return (line["event"], line.get("strategy")) == ("order.submitted", "DDD-BBB")


def _series(line: Line) -> str:
    """Return what the ids of orders have in common that one strategy of one start sends."""
    return str(line["order"])[:-8]


async def _controls(folder: Path) -> list[StoredEntry]:
    path = folder / "paper.journal"
    async with open_journal(path, make_uuid=str, run_blocking=run_inline, create=False) as journal:
        return list(journal.read(kinds=(EntryKind.CONTROL,)))


@pytest.mark.long
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
def test_a_running_session_trades_the_pair_that_autopilot_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One pair comes, one goes, one is not touched, and the session's journal says why."""
    _write_market(tmp_path)
    monkeypatch.chdir(tmp_path)
    with started(*SESSION, folder=tmp_path, stderr=subprocess.PIPE) as session:
        assert session.stderr is not None
        lines = map(json.loads, session.stderr)
        before = _until(lines, "order.filled", strategy="DDD-BBB")
        assert main(["autopilot", *WORDS, *SEARCH]) == 0
        told = capsys.readouterr().out
        between = _until(lines, "config.reloaded")
        after = _until(lines, "order.filled", strategy="AAA-BBB")
        after += _until(lines, "order.filled", strategy="DDD-BBB")
        session.send_signal(signal.SIGINT)
        _, errors = session.communicate(timeout=240)
        assert session.returncode in (0, 130), errors

    assert re.search(r"has read it again: .*AAA-BBB was added", told)
    written = json.loads((tmp_path / "pairs.json").read_text("utf-8"))
    assert [each["spot_symbol"] for each in written] == ["DDD", "AAA"]
    gone, added = between[-1]["done"]
    assert (added, gone) in [("AAA-BBB was added", each) for each in GOES]
    assert _of(before + between + after, "strategy.started") == ["DDD-BBB", "CCC-AAA", "AAA-BBB"]
    # All that may come of the pair that went is its way out, an order for each leg.
    assert _of(after, "order.submitted").count("CCC-AAA") in (0, 2)
    assert len({_series(line) for line in before + after if _is_order_of_kept(line)}) == 1
    (note,) = anyio.run(_controls, tmp_path)
    decisions = [line.strip() for line in told.splitlines() if line.startswith("  ")]
    assert note.entry.body["reason"] == f"autopilot: {'; '.join(decisions)}"
    assert "replace CCC / AAA by AAA / BBB: AAA / BBB gains +" in note.entry.body["reason"]
