"""A history that does not end is ended: by its work, and at the last by the clock."""

import signal
from collections.abc import Callable

import pytest

from algopioneer_core.testing.simulation_books import InvariantBroken
from algopioneer_core.testing.time_limit import within

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no timers")


def _for_ever(step: Callable[[], object]) -> None:
    while True:
        step()


def test_what_never_waits_is_ended_by_its_work() -> None:
    """Whatever else the machine does meanwhile."""
    with pytest.raises(InvariantBroken, match="of work: does a task never wait"), within(0.02):
        _for_ever(bool)


def test_what_waits_for_ever_is_ended_by_the_clock() -> None:
    """Ten times as late, since a busy machine is no reason."""
    with pytest.raises(InvariantBroken, match="wait for what never comes"), within(0.005):
        _for_ever(signal.pause)


def test_what_ends_leaves_the_timers_as_they_were() -> None:
    """The next history has all of its time, and the test's own limit stays."""
    timers = (signal.ITIMER_PROF, signal.ITIMER_REAL)
    before = [signal.getitimer(timer)[0] > 0 for timer in timers]
    with within(5):
        pass

    assert before == [signal.getitimer(timer)[0] > 0 for timer in timers]
