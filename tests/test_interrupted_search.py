"""A search over several processes is interrupted by Ctrl-C, and the same command ends it."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from algopioneer_core.testing.processes import started

BARS: Final = 2000
PAIRS: Final = 6
SEARCH: Final = (
    *(sys.executable, "-m", "algopioneer_core", "discover-pairs", "--data", "closes.csv", "--json"),
    # Cells enough to be worth processes: 288 in seven windows of 600 to 2,000 bars, six times.
    *("--windows", "20,30,40,60,80,120", "--entries", "1,1.25,1.5,1.75,2,2.25,2.5,3"),
    *("--exits", "-0.5,0,0.5", "--hedges", "fitted,ols", "--max-pairs", str(PAIRS)),
)


def _write_market(folder: Path) -> None:
    """Write hourly closes of symbols that belong together two by two."""
    random = np.random.Generator(np.random.PCG64(3))
    logs = 4.0 + np.cumsum(0.01 * random.standard_normal((2 * PAIRS, BARS)), axis=1)
    for first in range(0, 2 * PAIRS, 2):
        spread, steps = np.zeros(BARS), 0.012 * random.standard_normal(BARS)
        for bar in range(1, BARS):
            spread[bar] = 0.8 * spread[bar - 1] + steps[bar]
        logs[first + 1] = 1.0 + 0.8 * logs[first] + spread
    names = ",".join(f"S{number}" for number in range(2 * PAIRS))
    rows = [
        f"{1_600_000_000 + bar * 3600},{','.join(f'{price:.4f}' for price in prices)}"
        for bar, prices in enumerate(np.exp(logs).T)
    ]
    folder.mkdir()
    (folder / "closes.csv").write_text("\n".join((f"time,{names}", *rows)), "utf-8")


def _entries(folder: Path) -> list[tuple[Any, ...]]:
    """Return what was tried and what came of it, in order; not when, which differs."""
    columns = "kind, subject, data_hash, code_version, trials, parameters, result"
    path = folder / "experiments.sqlite"
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)) as ledger:
        try:
            return ledger.execute(f"SELECT {columns} FROM experiments ORDER BY sequence").fetchall()
        except sqlite3.OperationalError:  # it is just being made
            return []


def _searched(folder: Path) -> dict[str, Any]:
    """Search to the end and return what the command said, but for the time's chain head."""
    with started(*SEARCH, folder=folder) as search:
        said, _ = search.communicate(timeout=300)
    assert search.returncode == 0
    values: dict[str, Any] = json.loads(said)
    del values["ledger_head"]
    return values


def _written(folder: Path) -> tuple[str, str]:
    """Return the pairs, and the report without its time and the chain head that hangs on that."""
    pairs, report = (
        (folder / name).read_text("utf-8") for name in ("discovered_pairs.json", "report.html")
    )
    made = re.findall(r"Made [^;]+; chain head of the ledger [0-9a-f]{64}", report)
    assert len(made) == 1
    return pairs, report.replace(made[0], "")


@pytest.mark.long
def test_what_ctrl_c_interrupts_among_the_pairs_ends_as_if_nothing_had_happened(
    tmp_path: Path,
) -> None:
    """All that is said and written is the same, and each try is in the ledger once."""
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    for folder in (whole, parted):
        _write_market(folder)
    expected = _searched(whole)
    assert len(expected["evaluations"]) == PAIRS

    with started(*SEARCH, folder=parted) as search:
        while search.poll() is None and "backtest" not in [row[0] for row in _entries(parted)]:
            with suppress(subprocess.TimeoutExpired):
                search.wait(0.05)
        search.send_signal(signal.SIGINT)
        said, _ = search.communicate(timeout=240)
    assert (search.returncode, said) == (130, "")
    begun = _entries(parted)
    assert 1 + 3 <= len(begun) < 1 + 3 * PAIRS
    state = {"discover-pairs.state", "discover-pairs.state.pairs"}
    assert {each.name for each in parted.iterdir()} == {"closes.csv", "experiments.sqlite", *state}

    assert _searched(parted) == expected
    assert _entries(parted) == _entries(whole)
    assert _entries(parted)[: len(begun)] == begun
    assert _written(parted) == _written(whole)
    assert not any((parted / name).exists() for name in state)
