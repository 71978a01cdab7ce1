"""Letting the first of equal things through."""

from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.telemetry.throttle import Throttle

WINDOW = 10


def test_the_first_passes_and_the_others_are_counted() -> None:
    """One line and a number stand for a flood."""
    throttle: Throttle[str] = Throttle(WINDOW)
    assert [True, False, False] == [throttle.admit("a", now) for now in (0, 1, 9)]
    assert throttle.admit("b", 9)
    assert [] == throttle.expired(9)
    assert [("a", 2)] == throttle.expired(10)
    assert throttle.admit("a", 10)
    assert [] == throttle.drain()


def test_a_window_of_zero_lets_everything_through() -> None:
    """Somebody who searches for a fault wants every line."""
    throttle: Throttle[str] = Throttle(0)
    assert all(throttle.admit("a", 5) for _ in range(3))
    assert [] == throttle.drain()


def test_a_clock_that_goes_back_ends_the_window() -> None:
    """Else a line could stay away for as long as the clock is wrong."""
    throttle: Throttle[str] = Throttle(WINDOW)
    throttle.admit("a", 1_000)
    throttle.admit("a", 1_001)
    assert [("a", 1)] == throttle.expired(5)
    assert throttle.admit("a", 5)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(-3, 8)), max_size=40))
def test_nothing_goes_uncounted(steps: list[tuple[str, int]]) -> None:
    """What came in is what passed and what was counted, whatever the clock does."""
    throttle: Throttle[str] = Throttle(WINDOW)
    now = passed = told = 0
    for key, later in steps:
        now += later
        told += sum(count for _, count in throttle.expired(now))
        passed += throttle.admit(key, now)
    told += sum(count for _, count in throttle.drain())
    assert len(steps) == passed + told
