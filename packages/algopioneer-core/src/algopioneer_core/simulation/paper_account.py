"""The money and the holdings of a paper account, and what it can carry."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from algopioneer_core.domain.fills import Fill, Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import ZERO, Money, Price, Quantity, add, mul, neg, sub
from algopioneer_core.domain.positions import Position
from algopioneer_core.simulation.account import INITIAL_MARGIN
from algopioneer_core.simulation.config import MarginModel
from algopioneer_core.simulation.paper_config import PaperMargin

__all__ = ["PaperAccount"]

_RATES: Final = {
    PaperMargin.CASH: INITIAL_MARGIN[MarginModel.FULL],  # of contracts, which are not paid for
    PaperMargin.REGT: INITIAL_MARGIN[MarginModel.REGT],
    PaperMargin.FULL: INITIAL_MARGIN[MarginModel.FULL],
}


class PaperAccount:
    """
    Balances by asset and positions by instrument, exact to the last digit.

    What is delivered (spot, equities) is in the balances as well as in the positions; a contract's
    gains reach the balances when they are realised.

    Args:
        instruments: All that can be traded.
        balances: What it starts with, by asset. What it has of an instrument's base counts as held.
        margin: What it must have before it may raise its exposure; not `VENUE`.
    """

    def __init__(
        self,
        instruments: Iterable[Instrument],
        balances: Mapping[str, Money],
        margin: PaperMargin,
    ) -> None:
        self._instruments = {each.id: each for each in instruments}
        self._margin = margin
        self.balances: dict[str, Money] = dict(balances)
        """What there is of each asset; negative where it is owed. Read only."""
        self._positions: dict[InstrumentId, Position] = {}
        self._marks: dict[InstrumentId, Price] = {}

    # --- reading -----------------------------------------------------------------------------

    def held(self, instrument_id: InstrumentId) -> Quantity:
        """
        Return the signed quantity that there is of an instrument.

        Of what is delivered it is the account's balance, whichever instrument or opening balance it
        came from: coins that two instruments share can be sold once.
        """
        instrument = self._instruments[instrument_id]
        if instrument.delivers_base:
            return self.balances.get(instrument.base, ZERO)
        return self.position(instrument_id).quantity

    def position(self, instrument_id: InstrumentId) -> Position:
        """Return what was traded of an instrument; what the account started with does not count."""
        found = self._positions.get(instrument_id)
        return Position(self._instruments[instrument_id]) if found is None else found

    def positions(self) -> dict[InstrumentId, Quantity]:
        """Return the signed quantity of each instrument of which there is any."""
        quantities = {each: self.held(each) for each in self._instruments}
        return {each: quantity for each, quantity in quantities.items() if quantity}

    def mark(self, instrument_id: InstrumentId) -> Price | None:
        """Return the last price of an instrument; None before the first."""
        return self._marks.get(instrument_id)

    # --- what happens ------------------------------------------------------------------------

    def mark_price(self, instrument_id: InstrumentId, price: Price) -> None:
        """Value an instrument at *price* from now on."""
        self._marks[instrument_id] = price

    def apply(self, fill: Fill) -> None:
        """Book *fill*, once: what was exchanged, what a contract gained, and the fee."""
        instrument = self._instruments[fill.instrument_id]
        before = self.position(instrument.id)
        after = self._positions[instrument.id] = before.apply(fill)
        if instrument.delivers_base:
            signed = fill.signed_quantity
            self._move(instrument.base, signed)
            self._move(instrument.quote, neg(mul(signed, fill.price)))
        else:
            self._move(instrument.settlement_asset, sub(after.realised, before.realised))
        self._move(fill.fee_asset, neg(fill.fee))

    def _move(self, asset: str, amount: Money) -> None:
        if amount:
            self.balances[asset] = add(self.balances.get(asset, ZERO), amount)

    # --- buying power ------------------------------------------------------------------------

    @property
    def is_limited(self) -> bool:
        """Whether anything can be refused for want of buying power."""
        return self._margin is not PaperMargin.NONE

    @property
    def pays_cash(self) -> bool:
        """Whether what is bought must be paid for with what is there."""
        return self._margin is PaperMargin.CASH

    def can_carry(
        self, instrument: Instrument, side: Side, quantity: Quantity, price: Price, fee: Money
    ) -> bool:
        """
        Return whether *quantity* may be traded at *price*; what reduces a position always may.

        Args:
            instrument: What is traded.
            side: The direction.
            quantity: Unsigned.
            price: Of the fill.
            fee: In the settlement asset; counts where everything must be paid for.
        """
        if not self.is_limited:
            return True
        if self.reduces(instrument, side, quantity):
            return True
        if self.pays_cash and instrument.delivers_base:
            if side is Side.SELL:
                return True  # whether it may be sold short at all is the instrument's affair
            cost = add(mul(quantity, price), fee)
            return self.balances.get(instrument.quote, ZERO) >= cost
        after = self._after(instrument, side, quantity)
        equity, exposure = self._worth(instrument, after, price)
        return equity >= mul(exposure, _RATES[self._margin])

    def reduces(self, instrument: Instrument, side: Side, quantity: Quantity) -> bool:
        """Return whether a trade brings a position towards zero, and not beyond."""
        held, after = self.held(instrument.id), self._after(instrument, side, quantity)
        return after.copy_abs() <= held.copy_abs() and (not after or (after > 0) == (held > 0))

    def _after(self, instrument: Instrument, side: Side, quantity: Quantity) -> Quantity:
        held = self.held(instrument.id)
        return add(held, quantity) if side is Side.BUY else sub(held, quantity)

    def _worth(self, traded: Instrument, after: Quantity, price: Price) -> tuple[Money, Money]:
        """Return equity before a trade and gross exposure after it, in its settlement asset."""
        asset = traded.settlement_asset
        equity, exposure = self.balances.get(asset, ZERO), ZERO
        for instrument in self._instruments.values():
            own = instrument.id == traded.id
            mark = price if own else self._marks.get(instrument.id)
            if mark is None or instrument.settlement_asset != asset:
                continue
            if instrument.delivers_base and instrument.base == traded.base and not own:
                continue  # the same coins, which are valued as what is traded
            held = self.held(instrument.id)
            worth = instrument.value(after if own else held, mark)
            exposure = add(exposure, worth.copy_abs())
            if instrument.delivers_base:
                equity = add(equity, instrument.value(held, mark))
            elif instrument.id in self._positions:
                equity = add(equity, self._positions[instrument.id].unrealised(mark))
        return equity, exposure

    # --- memory ------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, object]:
        """Return everything, as JSON values and decimals."""
        return {
            "balances": dict(self.balances),
            "marks": dict(self._marks),
            "positions": {str(key): _sums(each) for key, each in self._positions.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `snapshot` described."""
        ids = {str(each): each for each in self._instruments}
        self.balances = dict(state["balances"])
        self._marks = {ids[key]: price for key, price in state["marks"].items()}
        self._positions = {
            ids[key]: _position(self._instruments[ids[key]], sums)
            for key, sums in state["positions"].items()
        }


def _sums(position: Position) -> list[object]:
    amounts = (position.quantity, position.cost, position.realised, position.fees)
    others = [[asset, str(amount)] for asset, amount in position.other_fees]
    return [*map(str, amounts), others]


def _position(instrument: Instrument, sums: Sequence[Any]) -> Position:
    quantity, cost, realised, fees = map(Decimal, sums[:4])
    others = tuple((asset, Decimal(amount)) for asset, amount in sums[4])
    return Position(instrument, quantity, cost, realised, fees, others)
