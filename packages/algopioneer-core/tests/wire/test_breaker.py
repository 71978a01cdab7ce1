"""The breaker opens on failures in a row, probes once, and never stands in an unwind's way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from algopioneer_core.wire.breaker import Breaker, BreakerPolicy, BreakerState

POLICY = BreakerPolicy(failures=3, open_ns=100, longest_open_ns=350)


def opened(now_ns: int = 0) -> Breaker:
    """Return a breaker that has just opened."""
    breaker = Breaker(POLICY)
    for _ in range(POLICY.failures):
        breaker.failed(now_ns)
    return breaker


def test_it_opens_on_failures_in_a_row_only() -> None:
    """A success between failures begins the count anew."""
    breaker = Breaker(POLICY)
    for outcome in (breaker.failed, breaker.failed, breaker.succeeded) * 5:
        outcome(0)
        assert breaker.allow(0)
    for _ in range(3):
        breaker.failed(0)
    assert (BreakerState.OPEN, False, 1) == (breaker.state, breaker.allow(0), breaker.times_opened)


def test_one_probe_goes_when_the_time_is_up() -> None:
    """Exactly one request passes while half open, and its success closes."""
    breaker = opened()
    assert (100, False) == (breaker.wait_ns(0), breaker.allow(99))
    assert [breaker.allow(100) for _ in range(3)] == [True, False, False]
    states = [breaker.state]
    breaker.succeeded(110)
    states.append(breaker.state)
    assert [BreakerState.HALF_OPEN, BreakerState.CLOSED] == states
    assert breaker.wait_ns(110) == 0
    assert breaker.allow(110)


def test_failed_probes_wait_longer_up_to_a_limit() -> None:
    """100, 200, then 350 for ever; a success takes it back to 100."""
    breaker, now, waits = opened(), 0, []
    for _ in range(5):
        waits.append(breaker.wait_ns(now))
        now += waits[-1]
        assert breaker.allow(now)
        breaker.failed(now)
    assert waits == [100, 200, 350, 350, 350]
    now += 350
    assert breaker.allow(now)
    breaker.succeeded(now)
    for _ in range(3):
        breaker.failed(now)
    assert breaker.wait_ns(now) == 100


def test_a_lost_probe_does_not_shut_the_door() -> None:
    """A probe whose task was cancelled reports nothing; another goes in time."""
    breaker = opened()
    assert breaker.allow(100)
    assert not breaker.allow(199)
    assert breaker.allow(200)


def test_an_unwind_that_got_through_calls_for_a_probe() -> None:
    """It shows that the venue answers; the next request may find out at once."""
    breaker = opened()
    assert breaker.allow(10, unwinding=True)
    breaker.succeeded(20)
    assert (BreakerState.OPEN, 0) == (breaker.state, breaker.wait_ns(20))
    assert breaker.allow(20)
    assert not breaker.allow(20)


def test_failures_while_open_do_not_prolong_it() -> None:
    """Unwinds that fail are counted and change no time."""
    breaker = opened()
    breaker.failed(50)
    assert (50, 1) == (breaker.wait_ns(50), breaker.times_opened)


@given(failures=st.integers(1, 10), open_ns=st.integers(1, 10**12), longest=st.integers(1, 10**12))
def test_the_wait_is_never_shorter_than_the_first(
    failures: int, open_ns: int, longest: int
) -> None:
    """A limit below the first wait does not undercut it."""
    breaker = Breaker(BreakerPolicy(failures=failures, open_ns=open_ns, longest_open_ns=longest))
    for _ in range(failures):
        breaker.failed(0)
    assert breaker.wait_ns(0) == open_ns


@pytest.mark.parametrize("name", ["failures", "open_ns", "longest_open_ns"])
def test_nonsense_is_refused(name: str) -> None:
    """No breaker opens before anything failed, or for no time."""
    with pytest.raises(ValueError, match=name):
        BreakerPolicy(**{name: 0})


class BreakerLife(RuleBasedStateMachine):
    """Any order of requests, outcomes and pauses."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker, self.now, self.probes = Breaker(POLICY), 0, 0

    @rule(step=st.integers(0, 400))
    def time_passes(self, step: int) -> None:
        self.now += step

    @rule()
    def ask(self) -> None:
        closed, waiting = self.breaker.state is BreakerState.CLOSED, self.breaker.wait_ns(self.now)
        assert self.breaker.allow(self.now) == (waiting == 0)
        if not closed and waiting == 0:
            assert not self.breaker.allow(self.now)  # one probe, and no second beside it

    @rule()
    def succeed(self) -> None:
        self.breaker.succeeded(self.now)
        assert self.breaker.wait_ns(self.now) == 0

    @rule()
    def fail(self) -> None:
        self.breaker.failed(self.now)

    @precondition(lambda self: self.breaker.state is not BreakerState.CLOSED)
    @rule()
    def wait_and_probe(self) -> None:
        self.now += self.breaker.wait_ns(self.now)
        assert self.breaker.allow(self.now)

    @invariant()
    def an_unwind_always_passes(self) -> None:
        before = self.breaker.state
        assert self.breaker.allow(self.now, unwinding=True)
        assert self.breaker.state is before

    @invariant()
    def the_wait_is_bounded(self) -> None:
        assert 0 <= self.breaker.wait_ns(self.now) <= POLICY.longest_open_ns


test_breaker_life = BreakerLife.TestCase
