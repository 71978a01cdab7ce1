"""
The engine's own helper for exits: remembers each open position since its entry.

What a round trip has cost so far is counted as `round_trip_log` counts it, so the net gain a policy
decided on, at a mark that then is the fill, is the gain the round trip shows.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from attrs import define

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import (
    ONE,
    Money,
    Price,
    add,
    divide_half_even,
    mul,
    sub,
    total,
)
from algopioneer_core.domain.positions import COST_PLACES, Position
from algopioneer_core.engine.exits import (
    ExitCosts,
    ExitOutcome,
    ExitPolicy,
    OpenPosition,
    combined,
)

__all__ = ["ExitMonitor", "MarkedLeg"]


@define
class _Trip:
    """What is remembered of one instrument since it was last flat."""

    entry_ns: int
    cost: Money
    """Unsigned value of the entry fills."""
    realised: Money
    """The position's realised gain when the trip began."""
    fees: Money
    """The position's fees when the trip began, before those of the first entry."""
    bars_held: int = 0
    peak: Money | None = None
    shared_peak: Money | None = None
    """Best net gain of the spread whose first leg this is."""


class MarkedLeg(NamedTuple):
    """A leg of a spread, and what it is worth now."""

    position: Position
    mark: Price
    rate: Price = ONE
    """Worth of one unit of the asset it settles in, in the asset in which the spread counts."""


class ExitMonitor:
    """
    Shows each open position to the exit policies and answers with what they say together.

    Fees in another asset than the settlement asset (a venue's own coin) are not converted; a fee
    in base has already lowered the quantity.

    Args:
        policies: Asked in this order. Without any, every call returns at once.
        costs: What the way out is expected to cost.

    Raises:
        ConfigError: The slippage is 1 or more: a sale would bring nothing.
    """

    __slots__ = ("_buy_factor", "_costs", "_policies", "_sell_factor", "_trips", "is_off")

    def __init__(self, policies: Sequence[ExitPolicy] = (), costs: ExitCosts | None = None) -> None:
        self._policies = tuple(policies)
        self._costs = costs or ExitCosts()
        if self._costs.slippage >= 1:
            raise ConfigError("slippage must be below 1", where="slippage")
        self._buy_factor = add(ONE, self._costs.slippage)
        self._sell_factor = sub(ONE, self._costs.slippage)
        self._trips: dict[InstrumentId, _Trip] = {}
        self.is_off = not self._policies
        """Whether there is no policy, so that the engine need not call at all."""

    def on_fill(self, before: Position, after: Position, fill: Fill) -> None:
        """
        Count *fill*, which changed the position from *before* to *after*.

        A fill that turns the position around begins a new round trip; its fee is split by
        quantity, the closing part rounded half to even at 18 decimals, as in the round trip log.
        """
        if self.is_off:
            return
        instrument, held = before.instrument, before.quantity
        if not after.quantity:
            self._trips.pop(instrument.id, None)
        elif not held:
            cost = instrument.value(fill.quantity, fill.price)
            self._begin(before, fill, cost, before.fees)
        elif (held > 0) == (fill.signed_quantity > 0):
            trip = self._trip_of(before, fill.ts_event)
            trip.cost = add(trip.cost, instrument.value(fill.quantity, fill.price))
        elif (held > 0) != (after.quantity > 0):
            self._turn_around(before, after, fill)

    def _begin(self, position: Position, fill: Fill, cost: Money, fees: Money) -> None:
        self._trips[position.instrument.id] = _Trip(fill.ts_event, cost, position.realised, fees)

    def _turn_around(self, before: Position, after: Position, fill: Fill) -> None:
        closed = before.quantity.copy_abs()
        beyond = sub(fill.quantity, closed)
        fee = sub(after.fees, before.fees)
        share = divide_half_even(mul(fee, closed), fill.quantity, places=COST_PLACES)
        cost = before.instrument.value(beyond, fill.price)
        self._begin(after, fill, cost, add(before.fees, share))

    def _trip_of(self, position: Position, now_ns: int) -> _Trip:
        """Return the trip of an open position; adopt one whose entry was not seen here."""
        trip = self._trips.get(position.instrument.id)
        if trip is None:
            trip = _Trip(now_ns, position.cost.copy_abs(), position.realised, position.fees)
            self._trips[position.instrument.id] = trip
        return trip

    def on_mark(
        self, position: Position, mark: Price, now_ns: int, *, finished_bar: bool = True
    ) -> ExitOutcome | None:
        """
        Ask the policies about *position* at *mark*.

        A position whose entry was not seen (found by reconciliation) is taken to begin now, at its
        own cost.

        Args:
            position: The strategy's position of one instrument.
            mark: A bar's close, or a quote's middle.
            now_ns: Time of the mark, UTC nanoseconds.
            finished_bar: Whether the mark is the close of a finished bar, which is then counted
                as held if it closed after the entry.

        Returns:
            What they say together; None when there is no policy or no position.
        """
        if self.is_off:
            return None
        view = self._look(position, mark, now_ns, finished_bar=finished_bar)
        return None if view is None else combined(self._policies, view)

    def on_spread(
        self,
        legs: Sequence[MarkedLeg],
        now_ns: int,
        *,
        finished_bar: bool = True,
    ) -> ExitOutcome | None:
        """
        Ask the policies about a position in several legs as one: gains, costs and peak are sums.

        Quantity, average entry and mark that the policies see are those of the first leg held.

        Args:
            legs: The legs; flat ones are left out.
            now_ns: Time of the marks, UTC nanoseconds.
            finished_bar: As in `on_mark`.

        Returns:
            What they say together; None when there is no policy, or nothing is held.
        """
        if self.is_off:
            return None
        views = [
            _converted(view, rate)
            for position, mark, rate in legs
            if (view := self._look(position, mark, now_ns, finished_bar=finished_bar)) is not None
        ]
        return combined(self._policies, self._joined(views)) if views else None

    def _look(
        self, position: Position, mark: Price, now_ns: int, *, finished_bar: bool
    ) -> OpenPosition | None:
        """Return what the policies see of one position, and count the bar; None when flat."""
        if not position.quantity:
            self._trips.pop(position.instrument.id, None)
            return None
        trip = self._trip_of(position, now_ns)
        if finished_bar and now_ns > trip.entry_ns:
            trip.bars_held += 1
        return self._view(position, trip, mark, now_ns)

    def _joined(self, views: Sequence[OpenPosition]) -> OpenPosition:
        first = views[0]
        net = total(*(view.net_pnl for view in views))
        trip = self._trips[first.instrument.id]
        if trip.shared_peak is None or net > trip.shared_peak:
            trip.shared_peak = net
        return first._replace(
            entry_ns=min(view.entry_ns for view in views),
            cost=total(*(view.cost for view in views)),
            gross_pnl=total(*(view.gross_pnl for view in views)),
            net_pnl=net,
            peak_net_pnl=trip.shared_peak,
            bars_held=max(view.bars_held for view in views),
        )

    def _view(self, position: Position, trip: _Trip, mark: Price, now_ns: int) -> OpenPosition:
        realised = sub(position.realised, trip.realised)
        net = self._net(position, trip, mark, realised)
        if trip.peak is None or net > trip.peak:
            trip.peak = net
        return OpenPosition(
            position.instrument,
            position.quantity,
            position.cost,
            trip.entry_ns,
            mark,
            trip.cost,
            add(realised, position.unrealised(mark)),
            net,
            trip.peak,
            trip.bars_held,
            now_ns,
        )

    def _net(self, position: Position, trip: _Trip, mark: Price, realised: Money) -> Money:
        held, costs = position.quantity, self._costs
        price = mul(mark, self._sell_factor if held > 0 else self._buy_factor)
        way_out = mul(position.instrument.value(held, price).copy_abs(), costs.fee)
        if costs.per_unit:
            way_out = add(way_out, mul(costs.per_unit, held.copy_abs()))
        paid = sub(position.fees, trip.fees)
        return sub(add(realised, position.unrealised(price)), add(paid, way_out))

    def snapshot(self) -> dict[str, object]:
        """Return what is remembered, as JSON values; instruments in the order of their entry."""
        return {
            str(instrument_id): {
                "entry_ns": trip.entry_ns,
                "cost": str(trip.cost),
                "realised": str(trip.realised),
                "fees": str(trip.fees),
                "bars_held": trip.bars_held,
                "peak": None if trip.peak is None else str(trip.peak),
                "shared_peak": None if trip.shared_peak is None else str(trip.shared_peak),
            }
            for instrument_id, trip in self._trips.items()
        }

    def restore(self, state: Mapping[str, Mapping[str, object]]) -> None:
        """Remember what `snapshot` returned, and nothing else."""
        self._trips = {InstrumentId.parse(key): _trip(saved) for key, saved in state.items()}


def _converted(view: OpenPosition, rate: Price) -> OpenPosition:
    """Return *view* with its gains and costs times *rate*."""
    if rate == ONE:
        return view
    return view._replace(
        cost=mul(view.cost, rate),
        gross_pnl=mul(view.gross_pnl, rate),
        net_pnl=mul(view.net_pnl, rate),
        peak_net_pnl=mul(view.peak_net_pnl, rate),
    )


def _trip(saved: Mapping[str, object]) -> _Trip:
    peak, shared_peak = saved["peak"], saved["shared_peak"]
    return _Trip(
        int(str(saved["entry_ns"])),
        Decimal(str(saved["cost"])),
        Decimal(str(saved["realised"])),
        Decimal(str(saved["fees"])),
        int(str(saved["bars_held"])),
        None if peak is None else Decimal(str(peak)),
        None if shared_peak is None else Decimal(str(shared_peak)),
    )
