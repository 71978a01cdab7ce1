"""
Quotes, trades and bars: what a market says, as cheap immutable values.

These three are named tuples, not attrs classes: they are made once per tick, a tuple is made in C
in a quarter of the time, and it is immutable all the same. Prices inside a bar are integers on the
grid of the data (`close_ticks` * 10**-price_decimals); the `Decimal` properties are computed when
they are read, so a strategy that works on integers never pays for them.

Every event has two times in UTC nanoseconds: `ts_event`, when the venue says it happened, and
`ts_recv`, when it reached us (equal to `ts_event` in history). A bar's `ts_event` is its **close**.
"""

from decimal import Decimal
from typing import Final, NamedTuple

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import Price, Quantity, add, from_scaled, mul

__all__ = ["NS_PER_SECOND", "Bar", "JointBar", "MarketData", "Quote", "Trade"]

NS_PER_SECOND: Final = 1_000_000_000
_HALF: Final = Decimal("0.5")


class Bar(NamedTuple):
    """
    One finished interval of an instrument.

    `low_ticks <= open_ticks, close_ticks <= high_ticks`, all positive; whoever makes bars from
    outside data checks that before (see `history`).
    """

    instrument_id: InstrumentId
    ts_event: int
    """Close time, UTC nanoseconds."""
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    volume_lots: int
    """Base units traded, as an integer number of 10**-volume_decimals; 0 where unknown."""
    price_decimals: int
    volume_decimals: int
    ts_recv: int
    """When the bar reached us, UTC nanoseconds."""

    @property
    def open(self) -> Price:
        """First price, in quote currency."""
        return from_scaled(self.open_ticks, self.price_decimals)

    @property
    def high(self) -> Price:
        """Highest price, in quote currency."""
        return from_scaled(self.high_ticks, self.price_decimals)

    @property
    def low(self) -> Price:
        """Lowest price, in quote currency."""
        return from_scaled(self.low_ticks, self.price_decimals)

    @property
    def close(self) -> Price:
        """Last price, in quote currency."""
        return from_scaled(self.close_ticks, self.price_decimals)

    @property
    def volume(self) -> Quantity:
        """Base units traded."""
        return from_scaled(self.volume_lots, self.volume_decimals)


class JointBar(NamedTuple):
    """Bars of several instruments that close at the same time: what a multi-leg decision sees."""

    ts_event: int
    """The common close time, UTC nanoseconds."""
    bars: tuple[Bar, ...]
    """One for each configured instrument, in the configured order."""

    @property
    def ts_recv(self) -> int:
        """When the last of the bars reached us, UTC nanoseconds."""
        return max(bar.ts_recv for bar in self.bars)


class Quote(NamedTuple):
    """The best bid and ask of an instrument."""

    instrument_id: InstrumentId
    ts_event: int
    bid: Price
    ask: Price
    bid_size: Quantity
    ask_size: Quantity
    ts_recv: int

    @property
    def mid(self) -> Price:
        """The middle of bid and ask, exact."""
        return mul(add(self.bid, self.ask), _HALF)


class Trade(NamedTuple):
    """One trade printed by the venue (not necessarily ours)."""

    instrument_id: InstrumentId
    ts_event: int
    price: Price
    quantity: Quantity
    trade_id: str
    ts_recv: int


MarketData = Quote | Trade | Bar | JointBar
