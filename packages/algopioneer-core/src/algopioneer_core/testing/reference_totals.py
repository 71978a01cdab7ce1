"""Fills as a venue shows them that tells an order's totals only."""

from attrs import define, field

from algopioneer_core.domain.fills import CumulativeFill, Fill, fill_from_cumulative

__all__ = ["FillTotals"]


@define
class FillTotals:
    """What was executed of each order, and how much of that was told."""

    _told: dict[str, CumulativeFill] = field(factory=dict, init=False)
    _totals: dict[str, CumulativeFill] = field(factory=dict, init=False)

    def add(self, fill: Fill) -> None:
        """Count an execution."""
        key = fill.client_order_id
        self._totals[key] = self._totals.get(key, CumulativeFill()).plus(fill)

    def forget(self, client_order_id: str) -> None:
        """Begin anew with an order: its id is that of one that has ended."""
        self._told.pop(client_order_id, None)
        self._totals.pop(client_order_id, None)

    def untold(self, latest: Fill) -> Fill | None:
        """Return what was not told yet, as one fill like *latest*; None where that is nothing."""
        key = latest.client_order_id
        before, now = self._told.get(key, CumulativeFill()), self._totals[key]
        self._told[key] = now
        return fill_from_cumulative(
            before,
            now,
            client_order_id=key,
            instrument_id=latest.instrument_id,
            side=latest.side,
            fee_asset=latest.fee_asset,
            liquidity=latest.liquidity,
            ts_event=latest.ts_event,
        )
