"""Limits are kept exactly: checked against a model in fractions and against windows counted out."""

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from algopioneer_core.wire.rate_limits import DecayingCounter, TokenBucket

SECOND = 1_000_000_000
requests = st.lists(st.tuples(st.integers(0, 10**4), st.integers(0, 5)), max_size=50)
"""Pauses in nanoseconds, and costs."""


class ModelCounter:
    """Kraken's rule, word by word: falls with time, never below zero, rises with each call."""

    def __init__(self, decay_ns: int) -> None:
        self.decay_ns, self.now, self.count = decay_ns, 0, Fraction(0)

    def at(self, now_ns: int) -> Fraction:
        """Return the counter at a time, and go there."""
        fallen = Fraction(now_ns - self.now, self.decay_ns)
        self.now, self.count = now_ns, max(Fraction(0), self.count - fallen)
        return self.count

    def add(self, cost: int) -> None:
        """Count a call."""
        self.count += cost


@given(maximum=st.integers(5, 60), decay_ns=st.integers(1, 3000), calls=requests)
def test_the_counter_is_the_venues(
    maximum: int, decay_ns: int, calls: list[tuple[int, int]]
) -> None:
    """Value and verdict agree with the venue's own counter at every call, taken or not."""
    counter, model, now = DecayingCounter(maximum, decay_ns), ModelCounter(decay_ns), 0
    for pause, cost in calls:
        now += pause
        count = model.at(now)
        assert counter.value(now) == -(-count.numerator // count.denominator)
        fits = count + cost <= maximum
        assert fits == (counter.delay_ns(now, cost) == 0)
        if fits:
            counter.take(now, cost)
            model.add(cost)


@given(
    maximum=st.integers(5, 60),
    decay_ns=st.integers(1, 3000),
    calls=requests,
    reserve=st.integers(0, 3),
)
def test_a_delay_is_the_shortest_that_suffices(
    maximum: int, decay_ns: int, calls: list[tuple[int, int]], reserve: int
) -> None:
    """After it the request goes; a nanosecond earlier it would not."""
    counter, now = DecayingCounter(maximum, decay_ns), 0
    for pause, cost in calls:
        now += pause
        assume(cost + reserve <= maximum)
        delay = counter.delay_ns(now, cost, reserve=reserve)
        if delay:
            assert counter.delay_ns(now + delay - 1, cost, reserve=reserve) == 1
        now += delay
        assert counter.delay_ns(now, cost, reserve=reserve) == 0
        counter.take(now, cost)
        assert counter.value(now) <= maximum - reserve


@given(
    limit=st.integers(2, 40),
    window=st.integers(1, 10**5),
    pauses=st.lists(st.integers(0, 10**4), max_size=120),
    data=st.data(),
)
def test_no_window_holds_more_than_the_limit(
    limit: int, window: int, pauses: list[int], data: st.DataObject
) -> None:
    """However greedy the caller, any window of the venue's length sees at most its limit."""
    burst = data.draw(st.integers(1, limit - 1))
    bucket, now, sent = TokenBucket.per_window(limit, window, burst=burst), 0, list[int]()
    for pause in pauses:
        now += pause
        now += bucket.delay_ns(now)
        bucket.take(now)
        sent.append(now)
    for start in sent:
        assert sum(start <= moment < start + window for moment in sent) <= limit


@given(steps=st.lists(st.integers(-(10**6), 10**6), max_size=30))
def test_a_clock_set_back_makes_no_wait_longer(steps: list[int]) -> None:
    """Whatever the clock does, a full counter is free again after its whole decay."""
    counter, now = DecayingCounter(10, 100), 0
    counter.take(now, 10)
    for step in steps:
        now += step
        assert counter.delay_ns(now, 10) <= 1000
        assert counter.value(now) <= 10


def test_the_example_of_krakens_documentation() -> None:
    """Pro tier: 180 at most, 3.75 a second; 180 orders at once, the next one 267 ms later."""
    counter = DecayingCounter.decaying_per_second(180, "3.75")
    counter.take(0, 180)
    assert counter.value(0) == 180
    assert counter.delay_ns(0) == 266_666_667
    assert counter.delay_ns(266_666_667) == 0
    assert counter.value(48 * SECOND) == 1  # rounded up: 180 / 3.75 = 48 s, and 60 ns of rounding
    assert counter.value(48 * SECOND + 60) == 0


def test_a_bucket_bursts_and_then_keeps_the_rate() -> None:
    """Thirty at once, then one each 33.3 ms."""
    bucket = TokenBucket(30, 33_333_334)
    for _ in range(30):
        assert bucket.delay_ns(0) == 0
        bucket.take(0)
    assert (0, 33_333_334) == (bucket.tokens(0), bucket.delay_ns(0))
    bucket.take(0)
    assert bucket.tokens(0) == -1


def test_an_entry_leaves_room_for_a_cancel() -> None:
    """The reserve is there for who asks with none."""
    bucket = TokenBucket(5, SECOND)
    for _ in range(3):
        assert bucket.delay_ns(0, reserve=2) == 0
        bucket.take(0)
    assert bucket.delay_ns(0, reserve=2) == SECOND
    assert bucket.delay_ns(0) == 0


def test_the_venues_own_count_is_believed_when_it_is_stricter() -> None:
    """Somebody else uses the key; and a late, lower count changes nothing."""
    counter, bucket = DecayingCounter(20, SECOND), TokenBucket(200, SECOND)
    counter.observe(0, 20)
    counter.observe(0, 3)
    bucket.observe(0, 0)
    bucket.observe(0, 500)
    assert (20, SECOND) == (counter.value(0), counter.delay_ns(0))
    assert (0, SECOND) == (bucket.tokens(0), bucket.delay_ns(0))


def test_a_pause_holds_everything_back() -> None:
    """ "Temporary lockout": nothing goes for the time the venue named, and then all does."""
    bucket = TokenBucket(5, SECOND)
    bucket.pause(0, 900 * SECOND)
    bucket.pause(0, 5 * SECOND)
    assert bucket.delay_ns(SECOND) == 899 * SECOND
    assert bucket.delay_ns(900 * SECOND, 5) == 0


@pytest.mark.parametrize("cost", [6, 10**9])
def test_what_never_fits_is_said_at_once(cost: int) -> None:
    """Waiting for it would be waiting for ever."""
    with pytest.raises(ValueError, match="never fits into a limit of 5"):
        DecayingCounter(5, 1).delay_ns(0, cost)


def test_nonsense_is_refused() -> None:
    """No negative cost gives tokens back, no rate is zero, no burst takes the whole window."""
    counter = DecayingCounter(5, 1)
    with pytest.raises(ValueError, match="negative"):
        counter.take(0, -1)
    with pytest.raises(ValueError, match="negative"):
        counter.delay_ns(0, -1)
    with pytest.raises(ValueError, match="lets nothing through"):
        DecayingCounter.decaying_per_second(5, "0.00")
    with pytest.raises(ValueError, match="leaves nothing of 5"):
        TokenBucket.per_window(5, SECOND, burst=5)


def test_rates_are_rounded_to_the_safe_side() -> None:
    """0.33 a second is a unit each 3.0303030304 s."""
    assert DecayingCounter.decaying_per_second(15, "0.33").decay_ns == 3_030_303_031
    assert DecayingCounter.decaying_per_second(15, 4).decay_ns == SECOND // 4
