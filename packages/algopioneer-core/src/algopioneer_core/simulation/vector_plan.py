"""From signals to candidates: every entry a walk may take, and where each would leave again."""

from typing import Self

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_core.history.columns import Signals

__all__ = ["Plan"]


@frozen
class Plan:
    """
    The possible entries of a run in the order of time, as parallel lists.

    "Position" means a place in these lists; a position past the end means that there is no such
    entry. Every entry has a bar to fill it; a bar index of `bars` or more means never.
    """

    bars: int
    """Bars of the run."""
    enter: list[int]
    """Bar that fills the entry."""
    enter_ticks: list[int]
    """Price of the instrument there, in ticks, before slippage."""
    direction: list[int]
    """1 to buy, -1 to sell short."""
    leave: list[int]
    """Bar that fills the order to leave again, if the entry was filled."""
    leave_ticks: list[int]
    """Price there; of no meaning where there is no such bar."""
    turn: list[int]
    """Position of the opposite entry decided together with leaving; -1 without one."""
    turn_ticks: list[int]
    """Close at which that decision was made: its size depends on what the account was worth."""
    after_leave: list[int]
    """Position of the first entry that can be decided once the position is left."""
    after_refusal: list[int]
    """Position of the first entry that can be decided once this one was refused."""

    @classmethod
    def of(
        cls, signals: Signals, fill: NDArray[np.int64], close: NDArray[np.int64], wait: int
    ) -> Self:
        """
        Return the plan of *signals*.

        Args:
            signals: The strategy's decisions; those that no later bar can carry out are left out.
            fill: Price of each bar at which market orders fill, in ticks.
            close: Close of each bar, in ticks.
            wait: Bars from a decision to its fill; at least 1.
        """
        bars = len(close)
        decided = max(bars - wait, 0)
        long_at = np.flatnonzero(signals.enter_long[:decided])
        short_at = np.flatnonzero((signals.enter_short & ~signals.enter_long)[:decided])
        signal = np.concatenate((long_at, short_at))
        direction = np.repeat((1, -1), (len(long_at), len(short_at)))
        order = np.argsort(signal, kind="stable")
        signal, direction = signal[order], direction[order]
        enter = signal + wait
        decision = _decisions_to_leave(signals, enter, direction, decided, bars)
        leave = decision + wait
        return cls(
            bars=bars,
            enter=enter.tolist(),
            enter_ticks=fill[enter].tolist(),
            direction=direction.tolist(),
            leave=leave.tolist(),
            leave_ticks=fill[leave.clip(max=bars - 1)].tolist(),
            turn=_turns(signal, direction, decision).tolist(),
            turn_ticks=close[decision.clip(max=bars - 1)].tolist(),
            after_leave=np.searchsorted(signal, leave).tolist(),
            after_refusal=np.searchsorted(signal, enter).tolist(),
        )

    def __len__(self) -> int:
        return len(self.enter)


def _decisions_to_leave(
    signals: Signals,
    enter: NDArray[np.int64],
    direction: NDArray[np.int64],
    decided: int,
    bars: int,
) -> NDArray[np.int64]:
    """Return for each entry the first bar, from its fill on, whose decision leaves."""
    leaves = np.full(len(enter), bars, np.int64)
    for side, array in ((1, signals.leave_long), (-1, signals.leave_short)):
        chosen = direction == side
        leave_at = np.append(np.flatnonzero(array[:decided]), bars)
        place = np.searchsorted(leave_at, enter[chosen])
        leaves[chosen] = leave_at[place.clip(max=len(leave_at) - 1)]
    return leaves


def _turns(
    signal: NDArray[np.int64], direction: NDArray[np.int64], decision: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the position of the opposite entry decided where each entry leaves, or -1."""
    if not len(signal):
        return signal
    position = np.searchsorted(signal, decision).clip(max=len(signal) - 1)
    turns = (signal[position] == decision) & (direction[position] == -direction)
    return np.where(turns, position, -1)
