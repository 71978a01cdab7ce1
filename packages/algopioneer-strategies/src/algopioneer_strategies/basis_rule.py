"""
When a basis is worth opening and when it is done: inequalities of integers.

With S and F the prices of spot and future, of one unit of base, in quote currency, and side 1 for
selling the future and buying the spot, -1 for the reverse:

    to earn   e = side ((F - S) 10,000 + funding F)          bps times price
    net       n = e - 2 (spot_fee + slippage) S - 2 (future_fee + slippage) F
    enter     n >= entry S
    leave     e - earned 10,000 S <= exit S

`earned` is the funding received so far over the worth of the spot leg. Both legs are the same
amount of base, so the price level cancels out: entered at spot S and left at spot S', a unit of
base gains at least entry S - exit S' at the prices of the two signals, when the way out costs what
was reckoned with. Annualised, both thresholds are multiplied by the time to expiry over 365 days.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar
from algopioneer_core.domain.money import divide_half_even, scaled
from algopioneer_strategies.basis_config import BasisConfig

__all__ = ["REVERSE", "SELL_FUTURE", "YEAR_NS", "BasisPrices", "BasisRule"]

SELL_FUTURE: Final = 1
"""Side of a position that is short the future and long the spot."""
REVERSE: Final = -1
"""Side of a position that is long the future and short the spot."""
YEAR_NS: Final = 365 * 86_400 * NS_PER_SECOND
"""The year of an annualised basis, ns."""
_BPS_IN_ONE: Final = 10_000
_PLACES: Final = 6
"""Decimals of a bps that readings are rounded to, half to even."""


class BasisPrices(NamedTuple):
    """Prices of both legs as integers on one grid, and how long there is to go."""

    spot: int
    future: int
    time_left_ns: int | None
    """Until expiry, zero when it is past; None for what does not expire."""

    @classmethod
    def of(cls, spot: Bar, future: Bar, expiry_ns: int | None) -> "BasisPrices":
        """Return the closes of two bars on the finer of their grids."""
        finer = max(spot.price_decimals, future.price_decimals)
        return cls(
            spot.close_ticks * 10 ** (finer - spot.price_decimals),
            future.close_ticks * 10 ** (finer - future.price_decimals),
            None if expiry_ns is None else max(0, expiry_ns - spot.ts_event),
        )


class BasisRule:
    """
    The thresholds and costs of a configuration, as integers.

    Args:
        config: Thresholds, slippage and expected funding.
        spot_fee_bps: For each of the spot's two fills; negative is a rebate.
        future_fee_bps: For each of the future's two fills.
    """

    def __init__(self, config: BasisConfig, spot_fee_bps: Decimal, future_fee_bps: Decimal) -> None:
        stated: Mapping[str, Decimal] = {
            "entry": config.entry_bps,
            "exit": config.exit_bps,
            "spot_fee": spot_fee_bps,
            "future_fee": future_fee_bps,
            "slippage": config.fill_slippage_bps,
            "funding": config.expected_funding_bps,
            "most_paid": config.max_funding_paid_bps or Decimal(0),
        }
        decimals = max(_decimals(each) for each in stated.values())
        units = {name: scaled(value, decimals) for name, value in stated.items()}
        self._one: int = _BPS_IN_ONE * 10**decimals
        """The whole worth of a leg, in the unit in which all bps are counted."""
        self._entry, self._exit = units["entry"], units["exit"]
        self._funding = units["funding"]
        self._spot_cost = 2 * (units["spot_fee"] + units["slippage"])
        self._future_cost = 2 * (units["future_fee"] + units["slippage"])
        self._most_paid = units["most_paid"]
        self._annualised = config.annualise

    def enters(self, side: int, prices: BasisPrices) -> bool:
        """Return whether a position of *side* is worth opening."""
        span, year = self._times(prices)
        return self._net(side, prices) * year >= self._entry * prices.spot * span

    def leaves(self, side: int, prices: BasisPrices, earned: Fraction) -> bool:
        """
        Return whether a position of *side* has earned what it was opened for.

        Args:
            side: `SELL_FUTURE` or `REVERSE`.
            prices: The closes.
            earned: Funding received so far over the worth of the spot leg; negative when paid.
        """
        span, year = self._times(prices)
        left = self._to_earn(side, prices) * earned.denominator
        left -= self._one * earned.numerator * prices.spot
        return left * year <= self._exit * prices.spot * earned.denominator * span

    def paid_too_much(self, earned: Fraction) -> bool:
        """Return whether as much funding has been paid as is allowed, where there is a limit."""
        if not self._most_paid:
            return False
        return -self._one * earned.numerator >= self._most_paid * earned.denominator

    def net_bps(self, side: int, prices: BasisPrices) -> Decimal:
        """Return what a position of *side* would earn after costs, in bps of the spot's worth."""
        return self._as_bps(self._net(side, prices), prices)

    def gross_bps(self, prices: BasisPrices) -> Decimal:
        """Return the future's price over the spot's, in bps of the spot's."""
        return self._as_bps(self._one * (prices.future - prices.spot), prices)

    def _as_bps(self, amount: int, prices: BasisPrices) -> Decimal:
        per_bps = prices.spot * self._one // _BPS_IN_ONE
        return divide_half_even(Decimal(amount), Decimal(per_bps), places=_PLACES)

    def _to_earn(self, side: int, prices: BasisPrices) -> int:
        spot, future, _ = prices
        return side * (self._one * (future - spot) + self._funding * future)

    def _net(self, side: int, prices: BasisPrices) -> int:
        costs = self._spot_cost * prices.spot + self._future_cost * prices.future
        return self._to_earn(side, prices) - costs

    def _times(self, prices: BasisPrices) -> tuple[int, int]:
        """Return the time left and the year, or 1 and 1 where thresholds are not annual."""
        if not self._annualised or prices.time_left_ns is None:
            return 1, 1
        return prices.time_left_ns, YEAR_NS


def _decimals(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
