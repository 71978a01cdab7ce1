from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

Walks = Callable[..., NDArray[np.float64]]

EQUITIES = Path(__file__).resolve().parents[4] / (
    "../shared/data/us-equities-20-daily-1990-2022.csv.gz"
)


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
