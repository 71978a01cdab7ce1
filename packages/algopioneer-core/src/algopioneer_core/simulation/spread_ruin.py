"""
Whether an account of several legs has come to nothing, without a look at every bar.

Between two fills the account is worth cash and what the legs are worth at their closes. At the
worst close of each leg in a chunk of bars it is worth least; where that is something, no bar of the
chunk has to be looked at.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import JointBar
from algopioneer_core.domain.money import ONE, ZERO, Money, Price, add, from_scaled
from algopioneer_core.history.columns import BarColumns
from algopioneer_core.history.joined import JointColumns
from algopioneer_core.simulation.valuation import Held, Valuation

__all__ = ["RuinWatch"]

_DOUBT: Final = 1e-12
"""Share of all amounts by which a float equity is wrong at most, with room to spare."""


_Floats: TypeAlias = tuple[float, float, list[float]]
"""Cash, coins, and signed quantity times multiplier of each leg."""


class RuinWatch:
    """
    Watches what is held.

    Args:
        valuation: How the legs make equity.
        mark: Tells the last price of an instrument, for those that have no bar just now.
    """

    def __init__(self, valuation: Valuation, mark: Callable[[InstrumentId], Price | None]) -> None:
        self._valuation = valuation
        self._multipliers = [float(each.multiplier) for each in valuation.instruments]
        self._mark = mark
        self._held = Held(ZERO, ())
        self._is_plain = valuation.is_linear
        self._floats: _Floats | None = None
        self._extremes: list[tuple[Price, Price]] = []
        self.is_possible = False
        """Whether nothing may be left at some close of this chunk. Read only."""

    def begin(self, chunk: JointColumns, held: Held) -> None:
        """Begin a chunk of bars, with what is held before its first bar."""
        self._extremes = [_extremes(leg) for leg in chunk.legs]
        self.hold(held)

    def hold(self, held: Held) -> None:
        """Take note of what is held from now on."""
        self._held, self._floats = held, None  # made when asked for, which is hardly ever
        if self._is_plain:
            self.is_possible = self._worst(held) <= ZERO
        else:
            self.is_possible = self._is_possible(held)

    def has_come(self, joint: JointBar) -> bool:
        """Return whether nothing is left at the closes: by floats where those are sure of it."""
        if not self.is_possible:
            return False
        valuation = self._valuation
        if len(joint.bars) < len(valuation.instruments):
            return valuation.worth(self._held, self._closes(joint)) <= 0
        cash, coins, _ = self._as_floats()
        closes = [bar.close_ticks / 10**bar.price_decimals for bar in joint.bars]
        price = closes[valuation.pricing]
        worth, gross = cash + coins * price, abs(cash) + abs(coins) * price
        for value, in_coins in zip(self._values(closes), valuation.in_coins, strict=True):
            worth += value * price if in_coins else value
            gross += abs(value * price if in_coins else value)
        if worth > _DOUBT * gross:
            return False
        return valuation.worth(self._held, [bar.close for bar in joint.bars]) <= 0

    def _closes(self, joint: JointBar) -> list[Price]:
        now = {bar.instrument_id: bar.close for bar in joint.bars}
        return [
            now.get(each.id) or self._mark(each.id) or ONE  # what had no price yet is not held
            for each in self._valuation.instruments
        ]

    def _worst(self, held: Held) -> Money:
        """Return what linear legs are worth where each is at its own worst close of the chunk."""
        worst, instruments = held.cash, self._valuation.instruments
        rows = zip(held.quantities, self._extremes, instruments, strict=True)
        for quantity, (lowest, highest), instrument in rows:
            if quantity:
                close = lowest if quantity > ZERO else highest
                worst = add(worst, instrument.value(quantity, close))
        return worst

    def _is_possible(self, held: Held) -> bool:
        if self._valuation.coin is not None:  # the legs' worths move with each other's closes
            return any(held.quantities) or held.cash <= 0 or bool(held.coins)
        cash, _, sizes = self._as_floats()
        worst, gross = cash, abs(cash)
        rows = zip(sizes, self._extremes, self._valuation.instruments, strict=True)
        for size, extremes, instrument in rows:
            if size:
                lowest, highest = map(float, extremes)
                one = -size / lowest if instrument.inverse else size * lowest
                other = -size / highest if instrument.inverse else size * highest
                worst += min(one, other)
                gross += max(abs(one), abs(other))
        return worst <= _DOUBT * gross

    def _values(self, closes: Iterable[float]) -> Iterator[float]:
        """Return what is held of each leg at its close, in the asset in which it settles."""
        _, _, sizes = self._as_floats()
        for size, close, instrument in zip(sizes, closes, self._valuation.instruments, strict=True):
            yield -size / close if instrument.inverse else size * close

    def _as_floats(self) -> _Floats:
        if self._floats is None:
            held, multipliers = self._held, self._multipliers
            rows = zip(held.quantities, multipliers, strict=True)
            sizes = [float(quantity) * multiplier for quantity, multiplier in rows]
            self._floats = float(held.cash), float(held.coins), sizes
        return self._floats


def _extremes(leg: BarColumns) -> tuple[Price, Price]:
    """Return the lowest and the highest close of *leg*."""
    lowest, highest = int(leg.close.min()), int(leg.close.max())
    return from_scaled(lowest, leg.price_decimals), from_scaled(highest, leg.price_decimals)
