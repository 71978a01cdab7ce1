"""
Virtual time for tests and simulations: an hour's sleep takes milliseconds, on trio and on asyncio.

Whenever every task waits, the clock jumps to the next deadline; while anything can run, it stands
still. trio brings such a clock. For asyncio it is a loop of our own, whose selector moves
`loop.time` on instead of waiting.

Two things do not go with a virtual clock, because a task that waits for them looks idle: sockets of
the operating system (use `testing.network`) and worker threads (call the function inline).
"""

import asyncio
import math
import selectors
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal, TypeAlias, TypeVar, TypeVarTuple

import anyio
from anyio.lowlevel import current_token
from attrs import frozen

from algopioneer_core.domain.market_data import NS_PER_SECOND

__all__ = [
    "VIRTUAL_START_NS",
    "BackendName",
    "VirtualClock",
    "VirtualEventLoop",
    "own_time",
    "run_inline",
    "run_virtual",
    "seeded_scheduling",
    "virtual_time_backend",
    "wait_all_blocked",
]

BackendName: TypeAlias = Literal["trio", "asyncio"]
_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

VIRTUAL_START_NS: Final = 1_704_067_200 * NS_PER_SECOND
"""What a virtual clock shows when a test starts: 2024-01-01T00:00:00Z."""


@frozen
class VirtualClock:
    """
    The `Clock` port read from anyio's clock, so that "now" and deadlines agree.

    Exact to the nanosecond for the first 104 days; then a float of seconds is coarser than that.
    """

    start_ns: int = VIRTUAL_START_NS
    """UTC time when anyio's clock reads zero, which is when a virtual run begins."""
    read: Callable[[], float] = anyio.current_time
    """Reads anyio's clock; that of the running loop itself (`own_time`) is quicker by far."""

    def now_ns(self) -> int:
        """Return the present virtual time, UTC nanoseconds; only inside an event loop."""
        return self.start_ns + round(self.read() * NS_PER_SECOND)


def own_time() -> Callable[[], float]:
    """
    Return what reads the clock of the event loop that runs, for as long as that runs.

    It is anyio's clock, without asking at each reading which loop and which backend there is.
    """
    loop = current_token().native_token
    if isinstance(loop, VirtualEventLoop):
        return loop.time
    from trio.lowlevel import current_clock

    return current_clock().current_time


async def run_inline(function: Callable[[*_Ts], _T], /, *args: *_Ts) -> _T:
    """
    Call `function(*args)` where it stands: `ports.RunBlocking` for simulations, without a thread.

    It never lets other tasks run in between, so a schedule stays what its seed makes it.
    """
    return function(*args)


class _JumpingSelector(selectors.DefaultSelector):
    """Moves the time on where other selectors wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.idle: list[asyncio.Future[None]] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; where nothing is, wake who waits for that, or jump."""
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.idle:
            for waiter in self.idle:
                if not waiter.done():
                    waiter.set_result(None)
            self.idle.clear()
            return ready
        if timeout is None:  # no timer is set: only a thread or a socket can wake the loop
            return super().select(None)
        # A sum of floats may fall short of the deadline it was computed from; always move.
        self.now = max(self.now + timeout, math.nextafter(self.now, math.inf))
        return ready


class VirtualEventLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose time starts at zero and passes only while every task waits."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._jumping.now

    @property
    def _clock_resolution(self) -> float:
        """
        How close to now asyncio takes a timer as due; its own is a nanosecond.

        After 104 days a float of seconds is coarser than that: a timer for now would never be
        due, and the loop would spin.
        """
        return max(1e-9, math.ulp(self._jumping.now))

    @_clock_resolution.setter
    def _clock_resolution(self, resolution: float) -> None:
        del resolution  # asyncio sets that of the real clock

    async def wait_idle(self) -> None:
        """Wait until nothing else can run at the present time; the clock does not move."""
        waiter: asyncio.Future[None] = self.create_future()
        self._jumping.idle.append(waiter)
        await waiter


def virtual_time_backend(name: BackendName) -> tuple[str, dict[str, Any]]:
    """
    Return a backend with a virtual clock of its own, in the form that `anyio_backend` takes.

    The clock starts at zero. Use the result for one run: trio's clock belongs to it.
    """
    if name == "asyncio":
        return name, {"loop_factory": VirtualEventLoop}
    from algopioneer_core.testing.still_trio import still_clock

    return name, {"clock": still_clock()}


async def wait_all_blocked() -> None:
    """
    Wait until every other task waits for time or for another task; the clock does not move.

    The way to let what was just caused happen, where others would sleep. anyio's
    `wait_all_tasks_blocked` is the same on trio, and sleeps on asyncio.
    """
    loop = current_token().native_token
    if isinstance(loop, VirtualEventLoop):
        await loop.wait_idle()
    else:
        await anyio.wait_all_tasks_blocked()


@contextmanager
def seeded_scheduling(seed: int) -> Iterator[None]:
    """
    Make trio run ready tasks in an order that *seed* decides, the same in every process.

    trio shuffles ready tasks on purpose, so that nobody relies on an order; this shuffles them
    again the same way. It is what trio itself does under Hypothesis, and reaches into its privates
    as trio's own test of it does. asyncio runs tasks in the order in which they became ready and
    needs no seed, but anyio cancels the tasks of a group there in the order of a set: only on trio
    is a whole run reproducible.
    """
    from trio._core import _run

    names = vars(_run)
    before, state = names["_ALLOW_DETERMINISTIC_SCHEDULING"], _run._r.getstate()
    names["_ALLOW_DETERMINISTIC_SCHEDULING"] = True
    _run._r.seed(seed)
    try:
        yield
    finally:
        names["_ALLOW_DETERMINISTIC_SCHEDULING"] = before
        _run._r.setstate(state)


def run_virtual(
    function: Callable[[*_Ts], Awaitable[_T]],
    *args: *_Ts,
    backend: BackendName = "trio",
    seed: int = 0,
) -> _T:
    """
    Run a coroutine function to its end in virtual time, and return what it returns.

    Args:
        function: What to run.
        args: Its arguments.
        backend: Where to run it.
        seed: Decides the order of ready tasks on trio (`seeded_scheduling`).
    """
    name, options = virtual_time_backend(backend)

    async def run() -> _T:
        if name != "trio":
            return await function(*args)
        from algopioneer_core.testing.still_trio import quick_deadlines, spare_the_loop

        spare_the_loop()
        with quick_deadlines():
            return await function(*args)

    with seeded_scheduling(seed):
        return anyio.run(run, backend=name, backend_options=options)
