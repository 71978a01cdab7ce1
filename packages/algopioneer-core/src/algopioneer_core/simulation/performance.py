"""The figures of a run: those of its equity and those of its trades, together."""

from attrs import frozen

from algopioneer_core.simulation.equity_statistics import EquityFigures
from algopioneer_core.simulation.trade_statistics import TradeFigures

__all__ = ["Performance"]


@frozen
class Performance:
    """How a run went. Each figure is defined where its field is."""

    equity: EquityFigures
    trades: TradeFigures

    def as_dict(self) -> dict[str, object]:
        """Return the performance keys of `results.json`, in the order in which they are read."""
        return {**self.equity.as_dict(), **self.trades.as_dict()}
