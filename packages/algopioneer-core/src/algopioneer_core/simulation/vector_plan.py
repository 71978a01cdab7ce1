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
    entry. A bar index of *bars* or more means never.
    """

    signal: list[int]
    """Bar whose decision enters."""
    direction: list[int]
    """1 to buy, -1 to sell short."""
    leave: list[int]
    """Bar whose decision leaves again, if the entry is filled."""
    turn: list[int]
    """Position of the opposite entry made by that same decision; -1 without one."""
    after_exit: list[int]
    """Position of the first entry that can be decided once the exit is filled."""
    after_refusal: list[int]
    """Position of the first entry that can be decided once this one was refused."""

    @classmethod
    def of(cls, signals: Signals, bars: int, wait: int) -> Self:
        """
        Return the plan of *signals* over *bars* bars, where a fill comes *wait* bars late.

        The last bar decides nothing, so signals on it are left out.
        """
        long_at = np.flatnonzero(signals.enter_long[: bars - 1])
        short_at = np.flatnonzero((signals.enter_short & ~signals.enter_long)[: bars - 1])
        signal = np.concatenate((long_at, short_at))
        direction = np.repeat((1, -1), (len(long_at), len(short_at)))
        order = np.argsort(signal, kind="stable")
        signal, direction = signal[order], direction[order]
        leave = _leaves(signals, signal, direction, bars, wait)
        return cls(
            signal=signal.tolist(),
            direction=direction.tolist(),
            leave=leave.tolist(),
            turn=_turns(signal, direction, leave).tolist(),
            after_exit=np.searchsorted(signal, leave + wait).tolist(),
            after_refusal=np.searchsorted(signal, signal + wait).tolist(),
        )


def _leaves(
    signals: Signals, signal: NDArray[np.int64], direction: NDArray[np.int64], bars: int, wait: int
) -> NDArray[np.int64]:
    """Return for each entry the first bar, from its fill on, whose decision leaves."""
    leaves = np.full(len(signal), bars, np.int64)
    for side, array in ((1, signals.leave_long), (-1, signals.leave_short)):
        chosen = direction == side
        leave_at = np.append(np.flatnonzero(array[: bars - 1]), bars)
        leaves[chosen] = leave_at[np.searchsorted(leave_at, signal[chosen] + wait).clip(
            max=len(leave_at) - 1
        )]
    return leaves


def _turns(
    signal: NDArray[np.int64], direction: NDArray[np.int64], leave: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the position of the opposite entry decided where each entry leaves, or -1."""
    if not len(signal):
        return signal
    position = np.searchsorted(signal, leave).clip(max=len(signal) - 1)
    turns = (signal[position] == leave) & (direction[position] == -direction)
    return np.where(turns, position, -1)
