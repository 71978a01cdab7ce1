"""A strategy that does not come back is interrupted; nothing else ever is."""

import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from algopioneer_core.runtime.guard import StrategyBlocked, StrategyGuard
from algopioneer_core.runtime.watchdog import EXIT_BLOCKED, Watched, watchdog
from algopioneer_core.testing.engine import ScriptedStrategy, make_bar, make_engine

DEADLINE_S = 0.1


def _busy(seconds: float) -> None:
    """Compute in Python for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def _guard(work: Callable[[], None]) -> tuple[StrategyGuard, Callable[[], object]]:
    def decide(*_: object) -> tuple[()]:
        work()
        return ()

    guard = StrategyGuard(ScriptedStrategy(decide))
    engine = make_engine(guard)
    return guard, lambda: engine.handle(make_bar("1", 1))


def _watch(guard: StrategyGuard, *, fatal_after_s: float = 60) -> Iterator[list[object]]:
    told: list[object] = []
    with watchdog(
        lambda: [Watched("ma", guard, DEADLINE_S)],
        fatal_after_s=fatal_after_s,
        on_fatal=told.append,
        leave=told.append,
    ):
        yield told


def test_a_strategy_that_loops_is_interrupted_in_time() -> None:
    """It crashes once its deadline is over, not when it would have ended, and the next goes on."""
    guard, call = _guard(lambda: _busy(20))
    lasted = 0.0
    for _ in _watch(guard):
        began = time.monotonic()
        call()
        lasted = time.monotonic() - began

    assert DEADLINE_S <= lasted < 10  # twice the deadline, and what a busy machine adds
    assert guard.crash is not None
    assert guard.crash.error.startswith("StrategyBlocked")


def test_a_strategy_that_swallows_exceptions_is_interrupted_all_the_same() -> None:
    """Its own `except Exception` does not hold the interrupt."""

    def work() -> None:
        try:
            _busy(5)
        except Exception:
            _busy(5)

    guard, call = _guard(work)
    for _ in _watch(guard):
        call()

    assert guard.crash is not None


def test_calls_that_are_quick_are_left_alone() -> None:
    """However many there are, and however long they last together."""
    guard, call = _guard(lambda: _busy(DEADLINE_S / 20))
    for _ in _watch(guard):
        for _ in range(60):
            call()

    assert guard.crash is None
    assert guard.is_running


def test_nothing_is_raised_outside_a_call() -> None:
    """The signal itself, in the loop's own code, does nothing."""
    guard, call = _guard(lambda: None)
    for _ in _watch(guard):
        signal.raise_signal(signal.SIGUSR2)
        _busy(3 * DEADLINE_S)
        call()

    assert guard.crash is None


def test_what_blocks_for_good_ends_the_process_with_its_name() -> None:
    """The one that is to blame is written down, then the process is left."""
    guard, call = _guard(lambda: None)
    guard.inside = True  # as in a call into C that does not notice the signal
    for told in _watch(guard, fatal_after_s=2 * DEADLINE_S):
        while len(told) < 2:
            _busy(0.01)
        guard.inside = False

    assert told[:2] == ["ma", EXIT_BLOCKED]
    call()
    assert guard.crash is None


def test_the_former_handler_is_put_back() -> None:
    """Nothing of it is left behind, not even a thread."""
    before = signal.getsignal(signal.SIGUSR2)
    guard, _ = _guard(lambda: None)
    for _ in _watch(guard):
        assert signal.getsignal(signal.SIGUSR2) is not before

    assert signal.getsignal(signal.SIGUSR2) is before
    assert "strategy-watchdog" not in [each.name for each in threading.enumerate()]


def test_another_thread_watches_nothing() -> None:
    """Signals are the main thread's: elsewhere the block runs unwatched."""
    ran: list[bool] = []

    def elsewhere() -> None:
        guard, _ = _guard(lambda: None)
        ran.extend(True for _ in _watch(guard))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()

    assert ran == [True]


def test_an_interrupt_is_no_exception_of_a_strategy() -> None:
    """So that a strategy's own handlers do not catch it."""
    assert not issubclass(StrategyBlocked, Exception)
    with pytest.raises(StrategyBlocked):
        raise StrategyBlocked("too long")
