"""
What a run of several instruments is worth, from what it holds and the closes.

In the numeraire, with each sum over the instruments that settle in the numeraire or in coins:

    equity = cash + sum of value + price of a coin * (coins + sum of value)

where the value of a quantity is quantity * multiplier * close, and of an inverse contract
-quantity * multiplier / close. Cash and coins are such that open contracts, which were not paid
for, come out at their gain.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

from attrs import field, frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.money import ZERO, Money, Price, Quantity, add, mul, neg
from algopioneer_core.engine.portfolio import Portfolio, numeraire_of, pricing_of

__all__ = ["Held", "Valuation"]


class Held(NamedTuple):
    """What an account holds, as equity is made of it."""

    cash: Money
    quantities: tuple[Quantity, ...]
    coins: Money = ZERO
    """Of the asset besides the numeraire in which instruments settle; zero where there is none."""


@frozen
class Valuation:
    """How equity follows from holdings; made by `of`."""

    instruments: tuple[Instrument, ...]
    numeraire: str
    """The asset in which equity counts."""
    coin: str | None = None
    """The other asset in which instruments settle; None where there is none."""
    pricing: int = 0
    """Which instrument's close is the price of a coin."""
    in_coins: tuple[bool, ...] = field(init=False)
    """Whether each instrument settles in coins."""
    _is_paid_for: bool = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        in_coins = tuple(each.settlement_asset == self.coin for each in self.instruments)
        object.__setattr__(self, "in_coins", in_coins)
        is_paid_for = self.coin is None and all(each.delivers_base for each in self.instruments)
        object.__setattr__(self, "_is_paid_for", is_paid_for)

    @classmethod
    def of(cls, instruments: Sequence[Instrument]) -> Self:
        """
        Return the valuation of a run on *instruments*.

        Raises:
            ConfigError: They settle in more than two assets, or in two of which neither is priced.
        """
        numeraire, prices = numeraire_of(instruments), pricing_of(instruments)
        if len(prices) > 1:
            raise ConfigError(
                f"the instruments settle in {numeraire}, {' and '.join(prices)}",
                where=", ".join(each.id for each in instruments),
                remedy="choose instruments that settle in two assets at most",
            )
        for coin, instrument_id in prices.items():
            ids = [each.id for each in instruments]
            return cls(tuple(instruments), numeraire, coin, ids.index(instrument_id))
        return cls(tuple(instruments), numeraire)

    @property
    def is_linear(self) -> bool:
        """Whether equity is cash + the sum of quantity * multiplier * close."""
        return self.coin is None and not any(each.inverse for each in self.instruments)

    def holding(self, portfolio: Portfolio) -> Held:
        """Return what *portfolio* holds."""
        cash = portfolio.cash
        if self._is_paid_for:
            return Held(cash, tuple([portfolio.quantity(each.id) for each in self.instruments]))
        coins = ZERO if self.coin is None else portfolio.coins(self.coin)
        positions = [portfolio.positions[each.id] for each in self.instruments]
        for position, in_coins in zip(positions, self.in_coins, strict=True):
            instrument = position.instrument
            if instrument.delivers_base or not position.cost:
                continue
            unpaid = position.cost if instrument.inverse else neg(position.cost)
            if in_coins:
                coins = add(coins, unpaid)
            else:
                cash = add(cash, unpaid)
        return Held(cash, tuple(position.quantity for position in positions), coins)

    def worth(self, held: Held, closes: Sequence[Price]) -> Money:
        """Return the equity of *held*, exactly."""
        cash, coins = held.cash, held.coins
        rows = zip(self.instruments, held.quantities, closes, self.in_coins, strict=True)
        for instrument, quantity, close, in_coins in rows:
            if not quantity:
                continue
            value = instrument.value(quantity, close)
            if instrument.inverse:
                value = neg(value)
            if in_coins:
                coins = add(coins, value)
            else:
                cash = add(cash, value)
        return add(cash, mul(coins, closes[self.pricing])) if coins else cash
