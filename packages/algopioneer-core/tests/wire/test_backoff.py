"""Waits between attempts: where they lie, how they grow, and that they repeat."""

import random
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.wire.backoff import Backoff, BackoffPolicy

SECOND = 1_000_000_000
ALMOST_ONE = 1 - 2**-53
policies = st.builds(
    BackoffPolicy,
    base_ns=st.integers(1, 10**12),
    cap_ns=st.integers(1, 10**13),
    factor=st.integers(1, 10),
    floor_ns=st.integers(0, 10**12),
    at_once=st.integers(0, 3),
)


@given(policy=policies, seed=st.integers(0, 2**32), asked=st.integers(0, 10**12))
def test_every_wait_lies_where_the_policy_says(
    policy: BackoffPolicy, seed: int, asked: int
) -> None:
    """Immediate ones are zero; others lie between floor and ceiling, after what the venue asked."""
    backoff = Backoff(policy, random.Random(seed).random)
    for attempt in range(40):
        ceiling = policy.ceiling_ns(attempt)
        floor = policy.floor_ns if attempt >= policy.at_once else 0
        wait = backoff.next_ns(at_least_ns=asked)
        assert asked + min(floor, ceiling) <= wait <= asked + ceiling
        assert ceiling <= max(policy.cap_ns, policy.floor_ns)


@given(policy=policies)
def test_ceilings_never_fall(policy: BackoffPolicy) -> None:
    """Each attempt may wait at least as long as the one before, up to the cap."""
    ceilings = [policy.ceiling_ns(attempt) for attempt in range(policy.at_once, 60)]
    assert ceilings == sorted(ceilings)


@given(policy=policies, seed=st.integers(0, 2**32))
def test_one_seed_is_one_sequence(policy: BackoffPolicy, seed: int) -> None:
    """The waits depend on policy and draws and on nothing else."""
    first, second = (Backoff(policy, random.Random(seed).random) for _ in range(2))
    assert list(islice(first, 30)) == list(islice(second, 30))


def test_ceilings_double_up_to_the_cap() -> None:
    """The published rule, by hand: 1, 2, 4, 8, 10, 10 seconds after one immediate attempt."""
    policy = BackoffPolicy(base_ns=SECOND, cap_ns=10 * SECOND, at_once=1)
    ceilings = [policy.ceiling_ns(attempt) // SECOND for attempt in range(7)]
    assert ceilings == [0, 1, 2, 4, 8, 10, 10]


def test_jitter_is_full() -> None:
    """The lowest draw is no wait, the highest is the ceiling but for a nanosecond."""
    assert Backoff(BackoffPolicy(base_ns=SECOND), lambda: 0.0).next_ns() == 0
    assert Backoff(BackoffPolicy(base_ns=SECOND), lambda: ALMOST_ONE).next_ns() == SECOND - 1


def test_a_success_begins_anew() -> None:
    """After a reset the waits are those of the beginning."""
    backoff = Backoff(BackoffPolicy(base_ns=SECOND), lambda: 0.5)
    first = [next(backoff) for _ in range(3)]
    backoff.reset()
    assert first == list(islice(backoff, 3))
    assert backoff.attempts == 3


def test_a_year_of_attempts_stays_at_the_cap() -> None:
    """The exponent does not grow into numbers that take time."""
    policy = BackoffPolicy()
    assert policy.ceiling_ns(10**7 + 5) == 60 * SECOND


@pytest.mark.parametrize("name", ["base_ns", "cap_ns", "factor"])
def test_nonsense_is_refused(name: str) -> None:
    """A wait of nothing forever would hammer the venue."""
    with pytest.raises(ValueError, match=name):
        BackoffPolicy(**{name: 0})
