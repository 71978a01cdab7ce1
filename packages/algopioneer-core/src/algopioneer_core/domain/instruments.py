"""
What is traded: instruments, and the rules their venue puts on prices and quantities.

An instrument is *linear* when its value moves with the price in quote currency, and *inverse* when
a contract is worth a fixed amount of quote currency and pays in base (for instance a 100 USD
bitcoin contract that settles in bitcoin).
"""

import enum
from decimal import Decimal
from typing import Final, Self

from attrs import field, frozen

from algopioneer_core.domain.errors import ConfigError, MoneyError
from algopioneer_core.domain.money import (
    ONE,
    ZERO,
    Increment,
    Money,
    Price,
    Quantity,
    divide_half_even,
    mul,
)

__all__ = [
    "DEFAULT_QUANTITY_INCREMENT",
    "INVERSE_VALUE_PLACES",
    "FeeAsset",
    "Instrument",
    "InstrumentId",
    "InstrumentKind",
]

DEFAULT_QUANTITY_INCREMENT: Final = Increment(Decimal("0.00000001"))
"""The quantity grid of an instrument about which nothing is known (SEMANTICS: sizing)."""
INVERSE_VALUE_PLACES: Final = 18
"""Decimals to which the value of an inverse contract in base is rounded, half to even."""
_SHORTEST_QUOTE: Final = 3  # letters; tells BTC-USD from a share class such as BRK-B


class InstrumentKind(enum.Enum):
    """What owning the instrument means."""

    SPOT = "spot"
    FUTURE = "future"
    PERPETUAL = "perpetual"
    EQUITY = "equity"


class FeeAsset(enum.Enum):
    """In which asset the venue takes its fee."""

    QUOTE = "quote"
    BASE = "base"


class InstrumentId(str):
    """
    A venue and the symbol it uses, written `venue:symbol`.

    It is a kind of text because it is the key of every lookup on the tick path: text is hashed
    once and compared in C. It sorts, prints and serialises as what it is.
    """

    __slots__ = ("symbol", "venue")

    venue: str
    symbol: str

    def __new__(cls, venue: str, symbol: str) -> Self:
        """
        Join *venue* and *symbol*.

        Raises:
            ConfigError: One of them is empty, or the venue has a colon in it.
        """
        if not venue or not symbol or ":" in venue:
            raise _no_instrument(f"{venue}:{symbol}")
        self = super().__new__(cls, f"{venue}:{symbol}")
        object.__setattr__(self, "venue", venue)
        object.__setattr__(self, "symbol", symbol)
        return self

    @classmethod
    def parse(cls, text: str, *, default_venue: str | None = None) -> Self:
        """
        Read `venue:symbol`, or a bare symbol when *default_venue* is given.

        Raises:
            ConfigError: A part is empty, or there is no venue and no default.
        """
        venue, colon, symbol = (part.strip() for part in text.partition(":"))
        if not colon and default_venue:
            venue, symbol = default_venue, venue
        if not venue or not symbol:
            raise _no_instrument(text)
        return cls(venue, symbol)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an instrument id cannot be changed: {name}")

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        """Let copies and pickles be made from the two parts."""
        return type(self), (self.venue, self.symbol)


def _no_instrument(text: str) -> ConfigError:
    return ConfigError(f"{text!r} is not an instrument", remedy="write it as venue:symbol")


def _positive(instance: object, attribute: object, value: Decimal) -> None:
    if not value > 0:
        name = getattr(attribute, "name", "value")
        raise MoneyError(f"{name} must be positive, not {value}")


def _not_negative(instance: object, attribute: object, value: Decimal | None) -> None:
    if value is not None and value < 0:
        name = getattr(attribute, "name", "value")
        raise MoneyError(f"{name} must not be negative, not {value}")


@frozen(kw_only=True)
class Instrument:
    """
    One tradable thing and its venue's rules. All defaults are those of a file without metadata.

    Raises:
        MoneyError: A minimum is negative, or the multiplier is not positive.
        ConfigError: Something that is not a contract is inverse or has a multiplier, or something
            that is not a future expires.
    """

    id: InstrumentId
    base: str
    """Asset a buyer receives; for an equity its ticker."""
    quote: str
    """Asset the price is stated in."""
    kind: InstrumentKind = InstrumentKind.SPOT
    price_increment: Increment | None = None
    """Grid of limit prices; None when the venue states none."""
    quantity_increment: Increment = DEFAULT_QUANTITY_INCREMENT
    quote_increment: Increment | None = None
    """Grid of quote-sized order amounts; None when the venue states none."""
    minimum_quantity: Quantity = field(default=ZERO, validator=_not_negative)
    minimum_notional: Money = field(default=ZERO, validator=_not_negative)
    multiplier: Decimal = field(default=ONE, validator=_positive)
    """Base units per contract (linear), or quote units per contract (inverse)."""
    inverse: bool = False
    expiry_ns: int | None = None
    """When a future settles, UTC nanoseconds; None for what does not expire."""
    calendar: str | None = None
    """Name of the exchange calendar; None for round the clock."""
    shortable: bool = True
    fractionable: bool = True
    """Whether quantities below one whole unit can be traded."""
    maker_fee: Decimal | None = None
    """Fee of an order that rested, as a fraction of notional; negative is a rebate."""
    taker_fee: Decimal | None = None
    """Fee of an order that took, as a fraction of notional."""
    fee_asset: FeeAsset = FeeAsset.QUOTE
    delivers_base: bool = field(init=False, repr=False, eq=False)
    """Whether a fill exchanges base for quote (spot, equity) rather than opening a contract."""

    @delivers_base.default
    def _(self) -> bool:
        return self.kind in (InstrumentKind.SPOT, InstrumentKind.EQUITY)  # asked at every fill

    def __attrs_post_init__(self) -> None:
        if self.delivers_base and (self.inverse or self.multiplier != 1):
            raise self._error("is not a contract: no multiplier, not inverse")
        if self.expiry_ns is not None and self.kind is not InstrumentKind.FUTURE:
            raise self._error("does not expire")

    def _error(self, what: str) -> ConfigError:
        return ConfigError(
            f"an instrument of kind {self.kind.value} {what}",
            where=str(self.id),
            remedy="state its kind: spot, equity, future or perpetual",
        )

    @classmethod
    def undescribed(cls, instrument_id: InstrumentId) -> Self:
        """
        Return an instrument about which only the symbol is known.

        `BTC-USD`, `BTC/USD` and `BTC_USD` name base and quote (of three letters at least, and not
        `PERP`); any other symbol is its own base, priced in `USD`.
        """
        for separator in "-/_":
            base, _, quote = instrument_id.symbol.partition(separator)
            if base and quote.isalpha() and len(quote) >= _SHORTEST_QUOTE and quote != "PERP":
                return cls(id=instrument_id, base=base, quote=quote)
        return cls(id=instrument_id, base=instrument_id.symbol, quote="USD")

    @property
    def settlement_asset(self) -> str:
        """The asset in which gains are paid: base for inverse contracts, else quote."""
        return self.base if self.inverse else self.quote

    def value(self, quantity: Quantity, price: Price) -> Money:
        """
        Return the worth of *quantity* at *price* in the settlement asset, with quantity's sign.

        Linear: quantity * multiplier * price, exact. Inverse: quantity * multiplier / price, in
        base, rounded half to even at `INVERSE_VALUE_PLACES` decimals.
        """
        # Most instruments have the default multiplier; looking costs less than multiplying.
        size = quantity if self.multiplier is ONE else mul(quantity, self.multiplier)
        if self.inverse:
            return divide_half_even(size, price, places=INVERSE_VALUE_PLACES)
        return mul(size, price)

    def whole_quantity(self, quantity: Quantity) -> Quantity:
        """Return *quantity* rounded toward zero to what the venue accepts."""
        rounded = self.quantity_increment.toward_zero(quantity)
        return rounded if self.fractionable else Increment(ONE).toward_zero(rounded)
