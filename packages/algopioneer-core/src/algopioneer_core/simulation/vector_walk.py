"""
From signals to fills: the walk from entry to exit to entry that the vector engine makes.

Between two fills nothing can happen that money depends on, so the walk never looks at the bars in
between. All amounts are integers of 10**-K (`scaled_costs`), all times are bar indices.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from attrs import define, field

from algopioneer_core.domain.money import floor_units, scaled
from algopioneer_core.engine.sizing import Sizing
from algopioneer_core.simulation.matching import NO_BUYING_POWER, TOO_SMALL
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
        wait: Bars from a decision to its fill: 1 and the latency.
        double_margin: Twice the initial margin rate (0, 1 or 2), to keep it an integer.
        fill_ticks: Price of each bar at which market orders fill, in ticks.
        close_ticks: Close of each bar, in ticks.
    """

    costs: ScaledCosts
    sizing: Sizing
    wait: int
    double_margin: int
    fill_ticks: Sequence[int]
    close_ticks: Sequence[int]
    cash: int
    """Cash now; at the beginning the capital."""
    _steps: Callable[[int, int], int] = field(init=False)
    trades: list[ScaledTrade] = field(factory=list)
    open: OpenTrade | None = None
    starts: list[int] = field(factory=list)
    """Bar from whose close on each holding is valid; of equal ones the last counts."""
    held_cash: list[int] = field(factory=list)
    held_steps: list[int] = field(factory=list)
    """Signed quantity steps."""
    rejections: dict[str, int] = field(factory=dict)
    """Orders the market refused, by reason."""

    def __attrs_post_init__(self) -> None:
        self._steps = _sizer(self.sizing, self.costs)

    def run(self, plan: Plan) -> None:
        """Walk from the first entry of *plan* until no entry is left, or none can be left."""
        self._hold(0, 0)
        position, turned_equity = 0, None
        while position < len(plan.signal):
            bar = plan.signal[position] + self.wait
            if bar >= len(self.fill_ticks):
                break  # no later bar: the order is cancelled
            equity = self.cash if turned_equity is None else turned_equity
            turned_equity = None
            if not self._enter(plan.direction[position], bar, equity):
                position = plan.after_refusal[position]
                continue
            leave = plan.leave[position]
            if leave + self.wait >= len(self.fill_ticks):
                break  # open until the end
            turn = plan.turn[position]
            if turn != _NONE:
                turned_equity = self._equity(leave)
            self._exit(leave + self.wait)
            position = plan.after_exit[position] if turn == _NONE else turn

    def _enter(self, direction: int, bar: int, equity: int) -> bool:
        """Open a trade at *bar*, sized by *equity* at its signal; False when it is refused."""
        tick = self.fill_ticks[bar]
        way = self.costs.buy if direction > 0 else self.costs.sell
        unit_value = tick * way.value
        unit_fee = tick * way.fee + self.costs.unit_fee
        steps = self._steps(equity, unit_value + unit_fee)
        value, fee = steps * unit_value, steps * unit_fee
        if not steps:
            return self._refuse(TOO_SMALL)
        if 2 * self.cash < value * self.double_margin:
            return self._refuse(NO_BUYING_POWER)
        self.cash -= fee + (value if direction > 0 else -value)
        self.open = OpenTrade(direction, bar, steps, value, fee)
        self._hold(bar, steps if direction > 0 else -steps)
        return True

    def _exit(self, bar: int) -> None:
        """Close the open trade at *bar*'s fill price."""
        self._close(bar, self.fill_ticks[bar])

    def close_at(self, bar: int) -> None:
        """Close the open trade at *bar*'s close, as liquidation does."""
        self._close(bar, self.close_ticks[bar])

    def _close(self, bar: int, tick: int) -> None:
        assert self.open is not None  # noqa: S101 (only called with an open trade)
        entry = self.open
        direction, _, steps, entry_value, entry_fee = entry
        way = self.costs.sell if direction > 0 else self.costs.buy
        value = steps * tick * way.value
        fee = steps * (tick * way.fee + self.costs.unit_fee)
        gain = value - entry_value if direction > 0 else entry_value - value
        self.cash += (value if direction > 0 else -value) - fee
        fees = entry_fee + fee
        self.trades.append(ScaledTrade(entry, bar, value, fees, gain - fees))
        self.open = None
        self._hold(bar, 0)

    def _equity(self, bar: int) -> int:
        """Return what the account is worth at *bar*'s close, with the open trade."""
        assert self.open is not None  # noqa: S101 (only called with an open trade)
        value = self.open.steps * self.close_ticks[bar] * self.costs.tick
        return self.cash + value if self.open.direction > 0 else self.cash - value

    def _hold(self, bar: int, steps: int) -> None:
        self.starts.append(bar)
        self.held_cash.append(self.cash)
        self.held_steps.append(steps)

    def _refuse(self, reason: str) -> bool:
        self.rejections[reason] = self.rejections.get(reason, 0) + 1
        return False


def _sizer(sizing: Sizing, costs: ScaledCosts) -> Callable[[int, int], int]:
    """Return a function from (equity, cost of a step) to the number of whole steps to trade."""
    if sizing.fraction is None:
        assert sizing.quantity is not None  # noqa: S101 (a sizing has one of the two)
        fixed = floor_units(sizing.quantity, costs.step)
        return lambda equity, step_cost: fixed
    places = decimals_of(sizing.fraction)
    share, whole = scaled(sizing.fraction, places), 10**places
    return lambda equity, step_cost: max(equity, 0) * share // (step_cost * whole)
