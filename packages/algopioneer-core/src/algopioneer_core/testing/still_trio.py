"""
trio for time that stands still: the same schedule, without what only real time needs.

In a simulated day the loop turns some six thousand times and has nothing to look for outside. trio
asks the real clock, the system's sockets and its instruments at each turn. Here sockets are looked
at when nothing can run, so that a signal is still heard, and there are no instruments; and where
time jumps, what is due then runs in the same turn.

All of it reaches into trio's privates; a release that has moved them fails with an
`AttributeError`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from math import inf
from typing import Any

from trio._core._run import GLOBAL_RUN_CONTEXT, CancelScope, Runner
from trio.testing import MockClock

__all__ = ["quick_deadlines", "spare_the_loop", "still_clock"]


def still_clock() -> MockClock:
    """
    Return trio's clock, read as what it is: a number that only jumps change.

    trio would ask the real clock at each reading how much of nothing has gone by meanwhile, forty
    thousand times in a simulated day.
    """
    clock = MockClock(autojump_threshold=0)
    vars(clock)["current_time"] = partial(getattr, clock, "_virtual_base")
    return clock


def spare_the_loop() -> None:
    """
    Let the loop that runs turn without instruments, and look at sockets only when it is idle.

    Called first in a run on a `still_clock`; what is scheduled, and when, stays the same.
    """
    runner = GLOBAL_RUN_CONTEXT.runner
    clock = runner.clock
    assert isinstance(clock, MockClock)
    held: Any = runner  # its fields take other types than they are declared with
    held.instruments = {}
    jump = partial(_jump, runner, clock)
    vars(clock)["_autojump"] = jump
    held.io_manager = _RarelyPolled(runner, jump)


@contextmanager
def quick_deadlines() -> Iterator[None]:
    """
    Let scopes note their deadlines without a generator each time, of which one's life takes four.

    What they note, and when, is trio's; loops that are guests of another one are not for this.
    """
    held: Any = CancelScope
    before = held._might_change_registered_deadline
    held._might_change_registered_deadline = lambda scope: _DeadlineNoted(scope)
    try:
        yield
    finally:
        held._might_change_registered_deadline = before


class _DeadlineNoted:
    """Notes the deadline that a scope has at the end of a block."""

    __slots__ = ("_scope",)

    def __init__(self, scope: Any) -> None:
        self._scope = scope

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        scope = self._scope
        old = scope._registered_deadline
        lasts = scope._cancel_status is not None and not scope._cancel_called
        new = scope._deadline if lasts else inf
        if old == new:
            return
        scope._registered_deadline = new
        deadlines = GLOBAL_RUN_CONTEXT.runner.deadlines
        if old != inf:
            deadlines.remove(old, scope)
        if new != inf:
            deadlines.add(new, scope)


def _jump(runner: Runner, clock: MockClock) -> None:
    """Let time go on to the next deadline; trio would gather all its statistics for that."""
    gap = runner.deadlines.next_deadline() - clock.current_time()
    if 0 < gap < inf:
        clock.jump(gap)


class _RarelyPolled:
    """
    trio's own look-out for sockets and signals, asked while nothing else can run.

    Where there is nothing, time jumps: trio would do that a little later, and begin a turn for it.
    """

    def __init__(self, runner: Runner, jump: Callable[[], None]) -> None:
        self._runner = runner
        self._jump = jump
        self._inner: Any = runner.io_manager

    def get_events(self, timeout: float) -> Any:
        if self._runner.runq:
            return ()
        events = self._inner.get_events(timeout)
        if not events and not self._runner.waiting_for_idle:
            self._jump()
        return events

    def process_events(self, events: Any) -> None:
        if events:
            self._inner.process_events(events)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
