"""The lines and marks of a report on two legs."""

import numpy as np

from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.reports.chart_series import MAX_TRADES_SHOWN, ChartSeries
from algopioneer_core.reports.decimation import MAX_STRETCHES, MinMaxLine, Sampled
from algopioneer_core.simulation.spread_readings import Readings
from algopioneer_core.simulation.valuation import Valuation

__all__ = ["SpreadSeries"]


class SpreadSeries(ChartSeries):
    """
    A result sink that keeps what the report on two legs draws, in constant memory.

    Args:
        valuation: How the legs make equity; None where both settle in the run's currency.
        stretches: Stretches kept of each line (see `MinMaxLine`).
        trades: Round trips of the pair kept to be marked.
    """

    def __init__(
        self,
        valuation: Valuation | None = None,
        *,
        stretches: int = MAX_STRETCHES,
        trades: int = MAX_TRADES_SHOWN,
    ) -> None:
        super().__init__(stretches=stretches, trades=trades)
        self.valuation = valuation
        self.spread = MinMaxLine(stretches=stretches)
        self.z = MinMaxLine(stretches=stretches)
        """The z-score the strategy decided on."""
        self.hedge_ratio = MinMaxLine(stretches=stretches)
        self.residual = MinMaxLine(stretches=stretches)
        """What stood without its counterpart, in per cent of a leg."""
        self._pairs: Sampled[tuple[RoundTrip, ...]] = Sampled(limit=trades)
        self._group: list[RoundTrip] = []

    def readings(self, readings: Readings) -> None:
        """Take what the strategy saw at the next bars; what it did not see is left out."""
        times = readings.ts_ns
        for line, values in (
            (self.spread, readings.spread),
            (self.z, readings.z),
            (self.hedge_ratio, readings.hedge_ratio),
            (self.residual, readings.residual_pct),
        ):
            seen = np.isfinite(values)
            line.add(times[seen], values[seen])

    def round_trip(self, trade: RoundTrip) -> None:
        """Take a leg's trade; legs that end together are marked together."""
        group = self._group
        if group and group[-1].exit_ns != trade.exit_ns:
            self._end_group()
        group.append(trade)

    def _end_group(self) -> None:
        if self._group:
            self._pairs.add(tuple(self._group))
            self._group.clear()

    @property
    def pairs(self) -> Sampled[tuple[RoundTrip, ...]]:
        """The legs of each round trip to mark; read it when the run is over."""
        self._end_group()
        return self._pairs
