"""
From signals to fills: the walk from entry to exit to entry that the vector engine makes.

Between two fills nothing can happen that money depends on, so the walk never looks at the bars in
between. All amounts are integers of 10**-K (`scaled_costs`), all times are bar indices.
"""

from bisect import bisect_right
from collections.abc import Callable
from typing import Final, NamedTuple

from attrs import define, field

from algopioneer_core.domain.money import floor_units, scaled
from algopioneer_core.engine.sizing import Sizing
from algopioneer_core.simulation.order_rules import NO_BUYING_POWER, TOO_SMALL
from algopioneer_core.simulation.scaled_costs import ScaledCosts, decimals_of
from algopioneer_core.simulation.vector_plan import Plan

__all__ = ["OpenTrade", "ScaledTrade", "Walk"]

_NONE: Final = -1


class OpenTrade(NamedTuple):
    """A trade from its entry on: bars as indices, amounts as integers of 10**-K."""

    direction: int
    """1 long, -1 short."""
    entry_bar: int
    steps: int
    entry_value: int
    entry_fee: int


class ScaledTrade(NamedTuple):
    """A finished trade."""

    entry: OpenTrade
    exit_bar: int
    exit_value: int
    fees: int
    """Of both ways."""
    pnl: int
    """Net of fees."""


@define
class Walk:
    """
    The fills of a run.

    Args:
        costs: Fees and slippage on the grid.
        sizing: The size of every entry.
        double_margin: Twice the initial margin rate (0, 1 or 2), to keep it an integer.
        cash: The capital.
    """

    costs: ScaledCosts
    sizing: Sizing
    double_margin: int
    cash: int
    """Cash now."""
    trades: list[ScaledTrade] = field(factory=list)
    open: OpenTrade | None = None
    starts: list[int] = field(factory=list)
    """Bar from whose close on each holding is valid; of equal ones the last counts."""
    held_cash: list[int] = field(factory=list)
    held_steps: list[int] = field(factory=list)
    """Signed quantity steps."""
    _refused: list[tuple[int, str]] = field(factory=list)
    """Orders the market refused: the bar and the reason of each."""
    _steps: Callable[[int, int], int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._steps = _sizer(self.sizing, self.costs)
        self._hold(0, 0)

    @property
    def rejections(self) -> dict[str, int]:
        """Orders the market refused, by reason, in the order in which they were met first."""
        counts: dict[str, int] = {}
        for _, reason in self._refused:
            counts[reason] = counts.get(reason, 0) + 1
        return counts

    def run(self, plan: Plan) -> None:
        """Walk from the first entry of *plan* until no entry is left."""
        position, equity = 0, self.cash
        while position < len(plan):
            bar, direction = plan.enter[position], plan.direction[position]
            if not self._enter(direction, bar, plan.enter_ticks[position], equity):
                position, equity = plan.after_refusal[position], self.cash
                continue
            leave, turn = plan.leave[position], plan.turn[position]
            if leave >= plan.bars:
                return  # open until the end
            if turn != _NONE:
                equity = self._equity(plan.turn_ticks[position])
            self.close(leave, plan.leave_ticks[position])
            if turn == _NONE:
                position, equity = plan.after_leave[position], self.cash
            else:
                position = turn

    def _enter(self, direction: int, bar: int, tick: int, equity: int) -> bool:
        """Open a trade at *bar*, sized by *equity* at its signal; False when it is refused."""
        costs = self.costs
        way = costs.buy if direction > 0 else costs.sell
        unit_value = tick * way.value
        unit_fee = tick * way.fee + costs.unit_fee
        steps = self._steps(equity, unit_value + unit_fee)
        if not steps:
            self._refused.append((bar, TOO_SMALL))
            return False
        value, fee = steps * unit_value, steps * unit_fee
        if self.double_margin and 2 * self.cash < value * self.double_margin:
            self._refused.append((bar, NO_BUYING_POWER))
            return False
        self.cash -= fee + value if direction > 0 else fee - value
        self.open = OpenTrade(direction, bar, steps, value, fee)
        self._hold(bar, steps if direction > 0 else -steps)
        return True

    def close(self, bar: int, tick: int) -> None:
        """Close the open trade at *bar*, where the instrument trades at *tick*."""
        assert self.open is not None
        entry, costs = self.open, self.costs
        direction, _, steps, entry_value, entry_fee = entry
        way = costs.sell if direction > 0 else costs.buy
        value = steps * tick * way.value
        fee = steps * (tick * way.fee + costs.unit_fee)
        gain = value - entry_value if direction > 0 else entry_value - value
        self.cash += value - fee if direction > 0 else -value - fee
        fees = entry_fee + fee
        self.trades.append(ScaledTrade(entry, bar, value, fees, gain - fees))
        self.open = None
        self._hold(bar, 0)

    def _equity(self, close: int) -> int:
        """Return what the account is worth at *close*, with the open trade."""
        assert self.open is not None
        return self.cash + self.open.direction * self.open.steps * close * self.costs.tick

    def equity_at(self, bar: int, close: int) -> int:
        """Return what the account was worth at the close of *bar*, in 10**-K."""
        place = bisect_right(self.starts, bar) - 1
        return self.held_cash[place] + self.held_steps[place] * close * self.costs.tick

    def cut_after(self, bar: int) -> None:
        """Take back everything that happened after *bar*."""
        keep = bisect_right(self.starts, bar)
        del self.starts[keep:], self.held_cash[keep:], self.held_steps[keep:]
        self.cash = self.held_cash[-1]
        self._refused = [each for each in self._refused if each[0] <= bar]
        undone = [trade for trade in self.trades if trade.exit_bar > bar]
        del self.trades[len(self.trades) - len(undone) :]
        entries = [trade.entry for trade in undone]
        if self.open is not None:
            entries.append(self.open)
        self.open = next((each for each in entries if each.entry_bar <= bar), None)

    def _hold(self, bar: int, steps: int) -> None:
        self.starts.append(bar)
        self.held_cash.append(self.cash)
        self.held_steps.append(steps)


def _sizer(sizing: Sizing, costs: ScaledCosts) -> Callable[[int, int], int]:
    """Return a function from (equity, cost of a step) to the number of whole steps to trade."""
    if sizing.fraction is None:
        assert sizing.quantity is not None
        fixed = floor_units(sizing.quantity, costs.step)
        return lambda _equity, _step_cost: fixed
    places = decimals_of(sizing.fraction)
    share, whole = scaled(sizing.fraction, places), 10**places
    return lambda equity, step_cost: equity * share // (step_cost * whole) if equity > 0 else 0
