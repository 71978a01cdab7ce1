"""
What a strategy of two legs saw at each joint bar, on its way to charts.

A strategy that has a `reading` is asked for it after each bar, but only in a run in which some sink
takes readings; others cost nothing.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol, runtime_checkable

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_core.engine.leg_manager import LegManager
from algopioneer_core.simulation.sinks import Float64Array, ResultSink

__all__ = ["ReadingLog", "Readings", "SpreadReading", "SupportsReading", "TakesReadings", "takers"]


class SpreadReading(Protocol):
    """What was seen at one joint bar."""

    @property
    def z(self) -> float | None:
        """The spread's distance from its mean in deviations; None where there is none."""

    @property
    def hedge_ratio(self) -> Decimal | None:
        """The hedge ratio at this bar; None before there is one."""

    @property
    def spread(self) -> float:
        """The spread at that hedge."""


@runtime_checkable
class SupportsReading(Protocol):
    """A strategy that can say what it saw."""

    @property
    def reading(self) -> SpreadReading:
        """What was seen at the latest joint bar."""


@frozen(eq=False)
class Readings:
    """The readings of some joint bars, NaN where there is none."""

    ts_ns: NDArray[np.int64]
    spread: Float64Array
    z: Float64Array
    hedge_ratio: Float64Array
    residual_pct: Float64Array
    """What certainly stood without its counterpart at the close, in per cent of a leg."""


@runtime_checkable
class TakesReadings(Protocol):
    """A result sink that takes readings too."""

    def readings(self, readings: Readings) -> None:
        """Take the readings of the next bars, after those bars."""


class ReadingLog:
    """
    Collects the readings of the event engine, chunk by chunk.

    Args:
        strategy: Whom to ask.
        legs: Tells the residual.
        sinks: Get the readings.
    """

    def __init__(
        self, strategy: SupportsReading, legs: LegManager, sinks: Sequence[TakesReadings]
    ) -> None:
        self._strategy = strategy
        self._legs = legs
        self._sinks = sinks
        self._rows: list[tuple[float, float, float, float]] = []

    def take(self) -> None:
        """Note what was seen at the bar that was just decided on."""
        reading, ratio = self._strategy.reading, self._strategy.reading.hedge_ratio
        self._rows.append(
            (
                reading.spread,
                np.nan if reading.z is None else reading.z,
                np.nan if ratio is None else float(ratio),
                self._residual_pct(),
            )
        )

    def _residual_pct(self) -> float:
        facts = None if self._legs.is_idle else self._legs.facts()
        return 0.0 if facts is None else 100 * float(facts.residual_low)

    def flush(self, ts_ns: NDArray[np.int64]) -> None:
        """Hand over the readings of the bars that closed at *ts_ns*, fewer where the run ended."""
        columns = np.array(self._rows, np.float64).reshape(-1, 4).T
        readings = Readings(ts_ns[: len(self._rows)], *columns)
        self._rows.clear()
        for sink in self._sinks:
            sink.readings(readings)


def takers(sinks: Sequence[ResultSink]) -> list[TakesReadings]:
    """Return those of *sinks* that take readings."""
    return [sink for sink in sinks if isinstance(sink, TakesReadings)]
