"""
From signals to fills of two legs: the walk of the vector engine, from entry to exit to entry.

Between two fills nothing can happen that money depends on, so the walk never looks at the bars in
between. All amounts are integers of one grid 10**-K (`scaled_costs`), all times are bar indices.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Final, NamedTuple, Self, TypeAlias

import numpy as np
from attrs import define, evolve, field, frozen
from numpy.typing import NDArray

from algopioneer_core.domain.carry import Carry, carry_concerns
from algopioneer_core.domain.spreads import Neutrality, SpreadSize
from algopioneer_core.simulation.scaled_costs import ScaledCosts, Way
from algopioneer_core.simulation.spread_plan import SpreadPlan

__all__ = [
    "LegTrade",
    "OpenSpreadTrade",
    "Payment",
    "ScaledLeg",
    "SpreadTrade",
    "SpreadWalk",
]

_FLAT: Final = (0, 0)
_Ticks: TypeAlias = Callable[[int], int]
"""From a bar to its price in ticks."""


@frozen(eq=False)
class ScaledLeg:
    """One leg: what it costs on the common grid, and what it trades at."""

    costs: ScaledCosts
    fill: NDArray[np.int64]
    """Price of each bar at which market orders fill, in ticks."""
    close: NDArray[np.int64]
    """Close of each bar, in ticks."""

    def on(self, places: int) -> Self:
        """Return the leg with all amounts in integers of 10**-places, which is no coarser."""
        costs = self.costs
        factor = 10 ** (places - costs.places)

        def way(each: Way) -> Way:
            return Way(each.value * factor, each.fee * factor)

        scaled = evolve(
            costs,
            places=places,
            buy=way(costs.buy),
            sell=way(costs.sell),
            tick=costs.tick * factor,
            unit_fee=costs.unit_fee * factor,
        )
        return evolve(self, costs=scaled)

    def worth(self, bar: int, steps: int = 1) -> int:
        """Return what signed *steps* are worth at the close of *bar*, without costs."""
        return steps * self.close.item(bar) * self.costs.tick


class LegTrade(NamedTuple):
    """One leg of a trade; amounts as integers of 10**-K."""

    steps: int
    """Signed quantity steps: positive is long."""
    value: int
    """Unsigned value of the entry."""
    fee: int
    """Of the entry."""
    exit_value: int
    exit_fee: int

    @property
    def fees(self) -> int:
        """Of both ways."""
        return self.fee + self.exit_fee

    @property
    def pnl(self) -> int:
        """Net of fees."""
        gain = self.exit_value - self.value if self.steps > 0 else self.value - self.exit_value
        return gain - self.fees


class OpenSpreadTrade(NamedTuple):
    """A trade from its entry on; a and b are the first and the second leg."""

    entry_bar: int
    steps_a: int
    value_a: int
    fee_a: int
    steps_b: int
    value_b: int
    fee_b: int


class SpreadTrade(NamedTuple):
    """
    A finished trade; a and b are the first and the second leg.

    The walk keeps its trades as plain rows of these fields: a plain tuple of numbers is of no
    interest to the garbage collector, which otherwise takes a third of the time.
    """

    entry_bar: int
    steps_a: int
    value_a: int
    fee_a: int
    steps_b: int
    value_b: int
    fee_b: int
    exit_bar: int
    exit_value_a: int
    exit_fee_a: int
    exit_value_b: int
    exit_fee_b: int
    reason: str

    @property
    def legs(self) -> tuple[LegTrade, LegTrade]:
        """Both legs."""
        return (
            LegTrade(self.steps_a, self.value_a, self.fee_a, self.exit_value_a, self.exit_fee_a),
            LegTrade(self.steps_b, self.value_b, self.fee_b, self.exit_value_b, self.exit_fee_b),
        )

    @property
    def entry(self) -> OpenSpreadTrade:
        """The trade as it was before its exit."""
        return OpenSpreadTrade._make(self[: len(OpenSpreadTrade._fields)])


TradeRow: TypeAlias = tuple[int, int, int, int, int, int, int, int, int, int, int, int, str]
"""The fields of a `SpreadTrade`."""


class Payment(NamedTuple):
    """Funding, borrowing or a dividend of one leg."""

    bar: int
    """Bar at whose close it is booked."""
    held_at: int
    """Bar at whose close stood what it is paid on: `bar`, or the one before."""
    leg: int
    per_step: int
    """What each signed quantity step receives, in 10**-K; negative is paid."""
    carry: Carry
    """What is paid; says whether a side has a part in it."""


@define(eq=False)
class SpreadWalk:
    """
    The fills of a run.

    Args:
        legs: First and second leg, on one grid.
        size: The size of every entry.
        hedge_ratio: For beta-neutral sizes.
        cash: The capital, in 10**-K.
        payments: Funding, borrowing and dividends, by ascending bar.
    """

    legs: tuple[ScaledLeg, ScaledLeg]
    size: SpreadSize
    hedge_ratio: Decimal
    cash: int
    """Cash now."""
    payments: Sequence[Payment] = ()
    rows: list[TradeRow] = field(factory=list)
    """The finished trades, oldest first."""
    open: OpenSpreadTrade | None = None
    starts: list[int] = field(factory=list)
    """Bar from whose close on each holding is valid; of equal ones the last counts."""
    held_cash: list[int] = field(factory=list)
    held_steps: list[tuple[int, int]] = field(factory=list)
    """Signed quantity steps of both legs."""
    refused: list[tuple[int, int, int]] = field(factory=list)
    """Entries whose size was refused: bar of the signal, the leg that rounds to nothing (0 or 1),
    and the cash then."""

    paid: list[tuple[Payment, int]] = field(factory=list)
    """The payments that were made, and what each brought."""
    _next_payment: int = 0
    _fills: tuple[_Ticks, _Ticks] = field(init=False)
    _closes: tuple[_Ticks, _Ticks] = field(init=False)
    _ways: dict[int, tuple[int, int, int, int, int, int]] = field(init=False)
    """Of the first leg, then of the second: price and fee of a tick, and fee of a unit, all for one
    step; by the direction in which the first leg is traded."""
    _shares: tuple[tuple[int, int], tuple[int, int]] = field(init=False)
    _amount: int | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        first, second = self.legs
        self._fills = first.fill.item, second.fill.item
        self._closes = first.close.item, second.close.item
        a, b = first.costs, second.costs
        self._ways = {
            1: (*a.buy, a.unit_fee, *b.sell, b.unit_fee),
            -1: (*a.sell, a.unit_fee, *b.buy, b.unit_fee),
        }
        self._hold(0, _FLAT)
        self._shares = self._shares_of_amount()
        self._amount = self._fixed_amount()

    def run(self, plan: SpreadPlan) -> None:
        """Walk from the first entry of *plan* until no entry is left."""
        position, bars, wait, signals = 0, plan.bars, plan.wait, plan.signal
        while position < len(signals):
            signal = signals[position]
            sizes = self._sizes(signal)
            if 0 in sizes:
                self.refused.append((signal, sizes.index(0), self.cash))
                position += 1
                continue
            if signal + wait >= bars:
                return  # ordered, and never filled
            if self.payments:
                self._pay_until(signal + wait)
            self._enter(signal + wait, plan.direction[position], sizes)
            leave, reason = plan.exit_of(position)
            if leave + wait >= bars:
                self._pay_until(bars)
                return  # open until the end
            if self.payments:
                self._pay_until(leave + wait)
            self.leave(leave + wait, reason)
            position = plan.next_position(position, leave, reason)

    def _sizes(self, bar: int) -> tuple[int, int]:
        """Return the steps of both legs at the closes of *bar*, as `size_spread` has them."""
        amount = max(self.cash, 0) if self._amount is None else self._amount
        close_a, close_b = self._closes
        (share_a, per_tick_a), (share_b, per_tick_b) = self._shares
        return (
            amount * share_a // (per_tick_a * close_a(bar)),
            amount * share_b // (per_tick_b * close_b(bar)),
        )

    def _shares_of_amount(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return for each leg what the amount is times, and divided by for each tick of price."""
        if self.size.neutrality is Neutrality.BETA:
            hedge, one = self.hedge_ratio.as_integer_ratio()
        else:
            hedge = one = 1
        of_amount = self.size.notional if self.size.fraction is None else self.size.fraction
        assert of_amount is not None
        share, whole = of_amount.as_integer_ratio()
        parts = (one + hedge) * whole
        first, second = (leg.costs.tick for leg in self.legs)
        return (one * share, parts * first), (hedge * share, parts * second)

    def _fixed_amount(self) -> int | None:
        """Return one unit of quote in 10**-K for sizes of so much money; None for shares."""
        return None if self.size.notional is None else 10 ** self.legs[0].costs.places

    def _enter(self, bar: int, direction: int, sizes: tuple[int, int]) -> None:
        size_a, size_b = sizes
        steps_a, steps_b = direction * size_a, -direction * size_b
        value_a, fee_a, value_b, fee_b = self._traded(direction, size_a, size_b, self._fills, bar)
        self.open = OpenSpreadTrade(bar, steps_a, value_a, fee_a, steps_b, value_b, fee_b)
        self._hold(bar, (steps_a, steps_b))

    def _traded(
        self, direction: int, size_a: int, size_b: int, prices: tuple[_Ticks, _Ticks], bar: int
    ) -> tuple[int, int, int, int]:
        """
        Trade both legs, the first in *direction*; return value and fee of each, unsigned.

        Both at once and without a call for each: this is what most of a walk is.
        """
        tick_a, tick_b = prices[0](bar), prices[1](bar)
        price_a, rate_a, unit_a, price_b, rate_b, unit_b = self._ways[direction]
        value_a, fee_a = size_a * tick_a * price_a, size_a * (tick_a * rate_a + unit_a)
        value_b, fee_b = size_b * tick_b * price_b, size_b * (tick_b * rate_b + unit_b)
        # What is bought is paid for, what is sold is credited, and both cost a fee.
        self.cash -= direction * (value_a - value_b) + fee_a + fee_b
        return value_a, fee_a, value_b, fee_b

    def _pay_until(self, bar: int) -> None:
        """Book the payments on what stood at the closes before that of *bar*."""
        while self._next_payment < len(self.payments):
            payment = self.payments[self._next_payment]
            if payment.held_at >= bar:
                return
            self._next_payment += 1
            if self.open is not None and payment.held_at >= self.open.entry_bar:
                self._pay(payment, self.open)

    def _pay(self, payment: Payment, trade: OpenSpreadTrade) -> None:
        first, second = trade.steps_a, trade.steps_b
        steps = second if payment.leg else first
        if not carry_concerns(payment.carry, steps):
            return
        amount = payment.per_step * steps
        self.cash += amount
        self.paid.append((payment, amount))
        self._hold(payment.bar, (first, second))

    def leave(self, bar: int, reason: str, *, at_close: bool = False) -> None:
        """Close the open trade in *bar*, where market orders fill or at its close."""
        trade = self.open
        assert trade is not None
        _, steps_a, _, _, steps_b, _, _ = trade
        prices = self._closes if at_close else self._fills
        back = -1 if steps_a > 0 else 1
        out = self._traded(back, abs(steps_a), abs(steps_b), prices, bar)
        self.rows.append((*trade, bar, *out, reason))
        self.open = None
        self._hold(bar, _FLAT)

    @property
    def trades(self) -> Iterator[SpreadTrade]:
        """The finished trades, oldest first."""
        return map(SpreadTrade._make, self.rows)

    def equity_at(self, bar: int) -> int:
        """Return what the account was worth at the close of *bar*, in 10**-K."""
        place = bisect_right(self.starts, bar) - 1
        return self.held_cash[place] + sum(
            leg.worth(bar, steps)
            for leg, steps in zip(self.legs, self.held_steps[place], strict=True)
        )

    def cut_after(self, bar: int) -> None:
        """Take back everything that happened after *bar*."""
        keep = bisect_right(self.starts, bar)
        del self.starts[keep:], self.held_cash[keep:], self.held_steps[keep:]
        self.cash = self.held_cash[-1]
        self.refused = [each for each in self.refused if each[0] <= bar]
        self.paid = [each for each in self.paid if each[0].bar <= bar]
        undone = [trade for trade in self.trades if trade.exit_bar > bar]
        del self.rows[len(self.rows) - len(undone) :]
        entries = [trade.entry for trade in undone]
        if self.open is not None:
            entries.append(self.open)
        self.open = next((each for each in entries if each.entry_bar <= bar), None)

    def _hold(self, bar: int, steps: tuple[int, int]) -> None:
        self.starts.append(bar)
        self.held_cash.append(self.cash)
        self.held_steps.append(steps)
