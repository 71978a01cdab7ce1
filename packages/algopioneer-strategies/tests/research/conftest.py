"""Walks, files and joint bars that were made up, for the tests of this folder."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history.columns import BarColumns
from algopioneer_core.history.joined import JointColumns

Walks = Callable[..., NDArray[np.float64]]

EQUITIES = Path(__file__).resolve().parents[4] / (
    "../shared/data/us-equities-20-daily-1990-2022.csv.gz"
)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test in a folder of its own: commands write where they are started."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def walks() -> Walks:
    """Return a function that makes log prices that wander independently of each other."""

    def made(symbols: int, bars: int, seed: int = 1) -> NDArray[np.float64]:
        noise = np.random.Generator(np.random.PCG64(seed)).standard_normal((symbols, bars))
        return 4.0 + np.cumsum(0.01 * noise, axis=1)

    return made


@pytest.fixture
def equities() -> Path:
    """Return the file of twenty equities; the test is skipped where it is not."""
    if not EQUITIES.exists():
        pytest.skip("the daily equities are not beside this repository")
    return EQUITIES


HOUR = 3_600_000_000_000


def leg(name: str, ticks: NDArray[Any], decimals: int = 2) -> BarColumns:
    """Return hourly bars with these closes; each opens between its close and the one before."""
    close = ticks.astype(np.int64)
    before = np.concatenate((close[:1], close[:-1]))
    opens = before + (close - before) // 3
    return BarColumns(
        instrument_id=InstrumentId("sim", name),
        interval_ns=HOUR,
        ts_ns=np.arange(1, len(close) + 1, dtype=np.int64) * HOUR,
        open=opens,
        high=np.maximum(opens, close),
        low=np.minimum(opens, close),
        close=close,
        volume=np.zeros(len(close), np.int64),
        price_decimals=decimals,
        volume_decimals=0,
    )


def pair(bars: int, seed: int = 7, speed: float = 0.9, beta: float = 1.0) -> JointColumns:
    """Return two legs whose spread comes back, at this hedge ratio."""
    draws = np.random.Generator(np.random.PCG64(seed)).normal(0, 0.01, (2, bars))
    base, spread = np.cumsum(draws[0]), np.zeros(bars)
    for bar in range(1, bars):
        spread[bar] = speed * spread[bar - 1] + draws[1, bar]
    a, b = np.rint(1e5 * np.exp(beta * base + spread)), np.rint(5e4 * np.exp(base))
    return JointColumns((leg("AAA", a), leg("BBB", b)))


@pytest.fixture(scope="session")
def made() -> Any:
    """The helpers of this folder, for its tests cannot import one another."""
    return SimpleNamespace(pair=pair, leg=leg, HOUR=HOUR)
