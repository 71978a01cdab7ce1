"""
One strategy's own books: cash, positions, marks, and the round trips that come out of them.

The positions here are the strategy's alone. A venue's account holds the sum of all strategies and
whatever else is in it; reconciling the two is the runtime's work.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from algopioneer_core.domain.errors import ConfigError, RefusedError
from algopioneer_core.domain.fills import PRICE_PLACES, Fill
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.kept import KeptList, KeptMapping
from algopioneer_core.domain.ledger import Account, Ledger
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import (
    Money,
    Price,
    Quantity,
    add,
    divide_half_even,
    mul,
    neg,
    sub,
)
from algopioneer_core.domain.positions import Position
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.engine.round_trip_log import OpenRoundTrip

__all__ = ["Portfolio", "numeraire_of", "pricing_of"]


class Portfolio:
    """
    Cash, positions and marks of one strategy, in one numeraire.

    Where all instruments settle in one asset, that is the numeraire. Where they do not (spot
    BTC-USD against a contract that pays in BTC), it is the asset in which the others have a price
    among the instruments, and what is held of another one counts at that price's mark. Nothing is
    exchanged: gains in coins stay coins, and the ledger keeps every asset apart.

    Args:
        instruments: Everything the strategy may trade.
        capital: What the strategy starts with, in the numeraire.
        on_round_trip: Called with each finished round trip.

    Raises:
        ConfigError: No asset can be the numeraire, an instrument is there twice, or there are
            none.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        capital: Money,
        *,
        on_round_trip: Callable[[RoundTrip], None] | None = None,
    ) -> None:
        self.numeraire = numeraire_of(instruments)
        """The asset in which cash and equity are counted."""
        self._pricing = pricing_of(instruments)
        self.ledger = Ledger()
        self._instruments = {each.id: each for each in instruments}
        self._positions = {each.id: Position(each) for each in instruments}
        self._open = {each.id: OpenRoundTrip(each) for each in instruments}
        self.marks: dict[InstrumentId, Bar | Price] = {}
        """At what each instrument is valued: a price, or the bar whose close it is. Always this
        dictionary. The engine writes bars into it, because every bar would cost a call; others
        read `mark`."""
        self._mark_times: dict[InstrumentId, int] = {}
        self._on_round_trip = on_round_trip
        self._booked: dict[str, object] | None = None
        """What a snapshot has of all this but the marks; None since something was booked."""
        self.ledger.transfer(Account.CAPITAL, Account.HOLDINGS, self.numeraire, capital)
        self.cash: Money = capital
        """The holdings of the numeraire. Read only."""

    # --- reading -----------------------------------------------------------------------------

    @property
    def instruments(self) -> Mapping[InstrumentId, Instrument]:
        """The instruments by id, in the configured order."""
        return self._instruments

    @property
    def positions(self) -> Mapping[InstrumentId, Position]:
        """The position in each instrument, flat ones included, in the configured order."""
        return self._positions

    @property
    def equity(self) -> Money:
        """
        Cash plus the value of all positions at their marks.

        What is held of an asset in which no instrument settles (a venue's own coin, spent on fees)
        is in the ledger only.

        Raises:
            RefusedError: A position was never marked, or what converts its asset was not, so its
                value is not known.
        """
        result = self.cash
        for position in self._positions.values():
            if position.quantity:
                result = add(result, self._value(position))
        for asset in self._pricing:
            result = add(result, self.worth(self.coins(asset), asset))
        return result

    def coins(self, asset: str) -> Money:
        """Return what is held of *asset* besides the positions that deliver it; may be negative."""
        held = self.ledger.balance(Account.HOLDINGS, asset)
        for position in self._positions.values():
            if position.instrument.delivers_base and position.instrument.base == asset:
                held = sub(held, position.quantity)
        return held

    def worth(self, amount: Money, asset: str) -> Money:
        """
        Return what *amount* of *asset* is worth in the numeraire, at the mark that prices it.

        Raises:
            RefusedError: Nothing prices the asset, or not yet.
        """
        if asset == self.numeraire or not amount:
            return amount
        instrument_id = self._pricing.get(asset)
        mark = None if instrument_id is None else self.mark(instrument_id)
        if mark is None:
            raise RefusedError(
                f"{asset} cannot be valued in {self.numeraire}",
                where=instrument_id,
                remedy="wait for its first price",
            )
        return mul(amount, mark)

    def quantity(self, instrument_id: InstrumentId) -> Quantity:
        """Return the signed quantity held; zero when flat."""
        return self._positions[instrument_id].quantity

    def mark(self, instrument_id: InstrumentId) -> Price | None:
        """Return the price at which the instrument is valued; None before its first price."""
        mark = self.marks.get(instrument_id)
        return mark.close if isinstance(mark, Bar) else mark

    def mark_ns(self, instrument_id: InstrumentId) -> int | None:
        """Return when the mark was made, UTC nanoseconds; None before the first price."""
        mark = self.marks.get(instrument_id)
        return mark.ts_event if isinstance(mark, Bar) else self._mark_times.get(instrument_id)

    def entry_ns(self, instrument_id: InstrumentId) -> int:
        """Return when the open round trip began, UTC nanoseconds; 0 when flat."""
        return self._open[instrument_id].entry_ns

    def _value(self, position: Position) -> Money:
        mark = self.mark(position.instrument.id)
        if mark is None:
            raise RefusedError(
                "a position cannot be valued before its first price",
                where=str(position.instrument.id),
            )
        instrument = position.instrument
        if instrument.delivers_base:
            value = instrument.value(position.quantity, mark)
        else:
            value = position.unrealised(mark)
        return self.worth(value, instrument.settlement_asset) if self._pricing else value

    # --- what happens ------------------------------------------------------------------------

    def mark_bar(self, bar: Bar) -> None:
        """Value the bar's instrument at its close from now on."""
        self.marks[bar.instrument_id] = bar

    def mark_price(self, instrument_id: InstrumentId, price: Price, ts_ns: int) -> None:
        """Value an instrument at *price* from now on."""
        self.marks[instrument_id] = price
        self._mark_times[instrument_id] = ts_ns

    def apply(self, fill: Fill, reason: str) -> tuple[Position, Position]:
        """
        Book *fill*: position, ledger, cash, and the round trip if it ends one.

        Returns the position before and after it.

        Args:
            fill: Counted once; the caller sees to that by the fill id.
            reason: Why the order was made; becomes the round trip's exit reason.
        """
        self._booked = None
        instrument_id = fill.instrument_id
        before = self._positions[instrument_id]
        after = self._positions[instrument_id] = before.apply(fill)
        self._post(before, after, fill)
        finished = self._open[instrument_id].record(before, after, fill, reason)
        if finished is not None:
            self._finish(finished)
        return before, after

    def undo(self, fill: Fill, ts_ns: int, reason: str) -> tuple[Position, Position]:
        """
        Take back *fill*, applied before, which the venue has busted.

        The ledger gets the opposite postings. Returns the position before and after it.

        Args:
            fill: As it was applied.
            ts_ns: When it was busted, UTC nanoseconds.
            reason: The exit reason of the round trip, should this end one.
        """
        self._booked = None
        instrument_id = fill.instrument_id
        before = self._positions[instrument_id]
        after = self._positions[instrument_id] = before.undo(fill)
        self._post_trade(before, after, neg(fill.signed_quantity), fill.price)
        if fill.fee:
            self.pay(Account.FEES, fill.fee_asset, neg(fill.fee))
        self._finish(self._open[instrument_id].undo(before, after, fill, ts_ns, reason))
        return before, after

    def pay(self, account: Account, asset: str, amount: Money) -> None:
        """Move *amount* of *asset* out of the holdings into *account* (negative: receive it)."""
        self._booked = None
        self.ledger.transfer(Account.HOLDINGS, account, asset, amount)
        if asset == self.numeraire:
            self.cash = sub(self.cash, amount)

    def replace(self, position: Position, ts_ns: int, reason: str) -> None:
        """
        Put *position* in the place of the one of the same instrument: an adjustment, no trade.

        Whatever of it moved an asset is posted by the caller (`pay`).

        Args:
            position: As it is now.
            ts_ns: When it changed, UTC nanoseconds.
            reason: The exit reason of the round trip, should this end one.
        """
        self._booked = None
        instrument_id = position.instrument.id
        before, self._positions[instrument_id] = self._positions[instrument_id], position
        self._finish(self._open[instrument_id].adjust(before, position, ts_ns, reason))

    def split(self, instrument_id: InstrumentId, numerator: int, denominator: int) -> None:
        """
        Turn every *denominator* units into *numerator*, and the mark the other way.

        The last price was one of old units: unless it follows the split, equity jumps until the
        next price. It is rounded half to even at 18 decimals.
        """
        self._booked = None
        before = self._positions[instrument_id]
        after = self._positions[instrument_id] = before.split(numerator, denominator)
        self._open[instrument_id].split(numerator, denominator)
        if before.instrument.delivers_base:
            gained = sub(after.quantity, before.quantity)
            self.pay(Account.ADJUSTMENTS, before.instrument.base, neg(gained))
        mark, marked_ns = self.mark(instrument_id), self.mark_ns(instrument_id)
        if mark is not None and marked_ns is not None:
            old, new = Decimal(denominator), Decimal(numerator)
            price = divide_half_even(mul(mark, old), new, places=PRICE_PLACES)
            self.mark_price(instrument_id, price, marked_ns)

    # --- memory ------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, object]:
        """Return JSON values; all but the marks are the same objects until something is booked."""
        if self._booked is None:
            self._booked = self._books()
        marks = {str(key): [str(self.mark(key)), self.mark_ns(key)] for key in self.marks}
        return {**self._booked, "marks": marks}

    def _books(self) -> dict[str, object]:
        positions = {
            str(key): [*map(str, (each.quantity, each.cost, each.realised, each.fees))]
            for key, each in self._positions.items()
        }
        other_fees = {
            str(key): [[asset, str(amount)] for asset, amount in each.other_fees]
            for key, each in self._positions.items()
            if each.other_fees
        }
        balances = self.ledger.balances().items()
        ledger = [[account.value, asset, str(amount)] for (account, asset), amount in balances]
        return {
            "positions": KeptMapping(positions),
            "other_fees": KeptMapping(other_fees),
            "open": KeptMapping({str(key): each.snapshot() for key, each in self._open.items()}),
            "ledger": KeptList(ledger),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """
        Become what `snapshot` described; instruments that it does not know stay as they are.

        Raises:
            LedgerError: The saved ledger is out of balance.
        """
        self._booked = None
        for key in self._instruments:
            name = str(key)
            if name in state["positions"]:
                quantity, cost, realised, fees = map(Decimal, state["positions"][name])
                others = tuple(
                    (asset, Decimal(amount)) for asset, amount in state["other_fees"].get(name, ())
                )
                self._positions[key] = Position(
                    self._instruments[key], quantity, cost, realised, fees, others
                )
                self._open[key].restore(state["open"][name])
            if name in state["marks"]:
                price, marked_ns = state["marks"][name]
                self.mark_price(key, Decimal(price), marked_ns)
        balances = {
            (Account(account), asset): Decimal(amount) for account, asset, amount in state["ledger"]
        }
        self.ledger.restore(balances)
        self.cash = self.ledger.balance(Account.HOLDINGS, self.numeraire)

    def _finish(self, trip: RoundTrip | None) -> None:
        if trip is not None and self._on_round_trip is not None:
            self._on_round_trip(trip)

    def _post(self, before: Position, after: Position, fill: Fill) -> None:
        instrument, signed, quote = before.instrument, fill.signed_quantity, before.instrument.quote
        if instrument.delivers_base and fill.fee_asset == quote:  # nearly always
            paid = mul(signed, fill.price)
            held = self.ledger.trade(instrument.base, signed, quote, paid, fill.fee)
            if quote == self.numeraire:
                self.cash = held
            return
        self._post_trade(before, after, signed, fill.price)
        if fill.fee:
            self.pay(Account.FEES, fill.fee_asset, fill.fee)

    def _post_trade(
        self, before: Position, after: Position, signed: Quantity, price: Price
    ) -> None:
        instrument = before.instrument
        if instrument.delivers_base:
            self.pay(Account.MARKET, instrument.quote, instrument.value(signed, price))
            self.pay(Account.MARKET, instrument.base, neg(signed))
        else:
            gain = sub(after.realised, before.realised)
            self.pay(Account.MARKET, instrument.settlement_asset, neg(gain))


def numeraire_of(instruments: Sequence[Instrument]) -> str:
    """
    Return the asset in which a portfolio of *instruments* counts.

    Raises:
        ConfigError: No asset can be it, an instrument is there twice, or there are none.
    """
    assets = sorted({each.settlement_asset for each in instruments})
    possible = [each for each in assets if _prices_all(each, assets, instruments)]
    if len(possible) != 1:
        raise ConfigError(
            f"the instruments settle in {' and '.join(assets) or 'nothing'}",
            where=", ".join(str(each.id) for each in instruments) or None,
            remedy="choose instruments that settle in one asset, or that price the other's",
        )
    ids = [each.id for each in instruments]
    for each in ids:
        if ids.count(each) > 1:
            raise ConfigError("an instrument is there twice", where=each, remedy="name it once")
    return possible[0]


def pricing_of(instruments: Sequence[Instrument]) -> Mapping[str, InstrumentId]:
    """
    Return what prices each asset that *instruments* settle in, other than the numeraire.

    What delivers the asset comes before contracts on it.

    Raises:
        ConfigError: As `numeraire_of`.
    """
    numeraire = numeraire_of(instruments)
    assets = dict.fromkeys(each.settlement_asset for each in instruments)
    by_delivery = sorted(instruments, key=lambda each: not each.delivers_base)
    return {
        asset: next(each.id for each in by_delivery if _is_price(each, asset, numeraire))
        for asset in assets
        if asset != numeraire
    }


def _prices_all(quote: str, assets: Sequence[str], instruments: Sequence[Instrument]) -> bool:
    return all(
        asset == quote or any(_is_price(each, asset, quote) for each in instruments)
        for asset in assets
    )


def _is_price(instrument: Instrument, base: str, quote: str) -> bool:
    return instrument.base == base and instrument.quote == quote
