"""
Price processes of synthetic markets: random walk, trend, mean reversion, a cointegrated pair.

A process turns noise into closes by addition and multiplication only, in one fixed order, so that
every machine comes to the same floats; `synthetic` makes the noise, and bars of the closes.
"""

from collections.abc import Callable, Mapping
from itertools import accumulate
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from algopioneer_core.history.number_checks import above_zero, moderate, part, small

__all__ = [
    "MARKETS",
    "CointegratedPair",
    "MeanReverting",
    "Process",
    "RandomWalk",
    "SyntheticMarket",
    "Trending",
]

_Floats: TypeAlias = NDArray[np.float64]
Process: TypeAlias = Callable[[_Floats], _Floats]
"""Noise of the next bars, shape (bars, legs), to their closes, same shape; keeps its state."""


class SyntheticMarket(Protocol):
    """What a kind of market is: how many instruments, where they start, how they move."""

    @property
    def volatility(self) -> float:
        """Standard deviation of a bar's return, as a fraction; also scales highs and lows."""
        ...

    @property
    def starts(self) -> tuple[float, ...]:
        """Open of each instrument's first bar, in quote currency; one for each instrument."""
        ...

    def process(self) -> Process:
        """Return the process at its start."""
        ...


@frozen(kw_only=True)
class RandomWalk:
    """
    A price whose next step knows nothing of the last: p[t] = p[t-1] * (1 + volatility * noise).

    Raises:
        ConfigError: A parameter is out of its range; so for every market here.
    """

    start_price: float = field(default=100.0, validator=above_zero)
    """Open of the first bar, in quote currency."""
    volatility: float = field(default=0.001, validator=small)
    """Standard deviation of a bar's return, as a fraction; below 0.1."""

    @property
    def starts(self) -> tuple[float, ...]:
        """Open of the first bar."""
        return (self.start_price,)

    def process(self) -> Process:
        """Return the process at its start."""
        return _walk(self.start_price, self.volatility, 0.0)


@frozen(kw_only=True)
class Trending:
    """
    A random walk that drifts: p[t] = p[t-1] * (1 + drift + volatility * noise).

    Raises:
        ConfigError: A parameter is out of its range.
    """

    start_price: float = field(default=100.0, validator=above_zero)
    """Open of the first bar, in quote currency."""
    volatility: float = field(default=0.001, validator=small)
    """Standard deviation of a bar's return, as a fraction; below 0.1."""
    drift: float = field(default=0.000005, validator=moderate)
    """Mean of a bar's return, as a fraction; negative falls; between -0.1 and 0.1."""

    @property
    def starts(self) -> tuple[float, ...]:
        """Open of the first bar."""
        return (self.start_price,)

    def process(self) -> Process:
        """Return the process at its start."""
        return _walk(self.start_price, self.volatility, self.drift)


@frozen(kw_only=True)
class MeanReverting:
    """
    A price that is pulled back to its mean: an Ornstein-Uhlenbeck process seen at whole bars.

    p[t] = start_price * (1 + x[t]), x[t] = x[t-1] * (1 - reversion) + volatility * noise, x[0] = 0.
    A price that would fall below a hundredth of its mean is held there.

    Raises:
        ConfigError: A parameter is out of its range.
    """

    start_price: float = field(default=100.0, validator=above_zero)
    """The mean, and the open of the first bar, in quote currency."""
    volatility: float = field(default=0.001, validator=small)
    """Standard deviation of a bar's shock, as a fraction of the mean; below 0.1."""
    reversion: float = field(default=0.01, validator=part)
    """Part of a deviation that is gone a bar later; 0.01 halves it in 69 bars."""

    @property
    def starts(self) -> tuple[float, ...]:
        """Open of the first bar."""
        return (self.start_price,)

    def process(self) -> Process:
        """Return the process at its start."""
        deviation = _deviation(self.volatility, self.reversion)
        return lambda noise: self.start_price * deviation(noise)


@frozen(kw_only=True)
class CointegratedPair:
    """
    Two prices that wander together: b is a random walk, and a is ratio * b * (1 + x).

    x is a deviation that reverts as in `MeanReverting`, so ln a - ln b stays around ln(ratio): the
    hedge ratio in logarithms is 1. The first instrument is a, the second b.

    Raises:
        ConfigError: A parameter is out of its range.
    """

    start_price: float = field(default=100.0, validator=above_zero)
    """Open of b's first bar, in quote currency."""
    volatility: float = field(default=0.001, validator=small)
    """Standard deviation of b's return in a bar, as a fraction; below 0.1."""
    ratio: float = field(default=2.0, validator=above_zero)
    """Price of a in units of b, in the long run."""
    spread_volatility: float = field(default=0.001, validator=small)
    """Standard deviation of a bar's shock to the spread, as a fraction; below 0.1."""
    reversion: float = field(default=0.01, validator=part)
    """Part of a deviation of the spread that is gone a bar later."""

    @property
    def starts(self) -> tuple[float, ...]:
        """Opens of the first bars of a and b."""
        return (self.ratio * self.start_price, self.start_price)

    def process(self) -> Process:
        """Return the process at its start."""
        walk = _walk(self.start_price, self.volatility, 0.0)
        deviation = _deviation(self.spread_volatility, self.reversion)

        def closes(noise: _Floats) -> _Floats:
            b = walk(noise[:, 1:])
            return np.concatenate((self.ratio * b * deviation(noise[:, :1]), b), axis=1)

        return closes


MARKETS: Final[Mapping[str, type[SyntheticMarket]]] = MappingProxyType(
    {
        "random-walk": RandomWalk,
        "trending": Trending,
        "mean-reverting": MeanReverting,
        "cointegrated": CointegratedPair,
    }
)
"""The markets by the names users give them."""


def _walk(start: float, volatility: float, drift: float) -> Process:
    last = start

    def closes(noise: _Floats) -> _Floats:
        nonlocal last
        factors = 1.0 + drift + volatility * noise
        prices = np.multiply.accumulate(np.concatenate(([[last]], factors)), axis=0)[1:]
        last = float(prices[-1, 0])
        return prices

    return closes


def _deviation(volatility: float, reversion: float) -> Process:
    """Return the process 1 + x of a reverting x, held at a hundredth."""
    last, kept = 0.0, 1.0 - reversion

    def factors(noise: _Floats) -> _Floats:
        nonlocal last
        shocks = (volatility * noise[:, 0]).tolist()
        path = list(accumulate(shocks, lambda x, shock: x * kept + shock, initial=last))
        last = path[-1]
        return np.maximum(1.0 + np.array(path[1:]), 0.01)[:, np.newaxis]

    return factors
