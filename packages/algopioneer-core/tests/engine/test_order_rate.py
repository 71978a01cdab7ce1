"""The sliding window of orders per second."""

from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.engine.order_rate import OrderRate

SECOND = 1_000_000_000


def test_window_is_full_until_exactly_one_second_has_passed() -> None:
    """An order a second later is in the next window; one nanosecond earlier is not."""
    rate = OrderRate(2)
    rate.count(0)
    assert not rate.is_full(0)
    rate.count(10)
    assert rate.is_full(SECOND - 1)
    assert not rate.is_full(SECOND)


def test_time_that_goes_back_frees_nothing() -> None:
    """Late events are taken as of the latest time."""
    rate = OrderRate(1)
    rate.count(5 * SECOND)
    assert rate.is_full(0)
    rate.count(0)
    assert rate.is_full(5 * SECOND + 1)


def test_window_survives_a_restart() -> None:
    """And a smaller limit keeps the latest orders."""
    rate = OrderRate(3)
    for ts_ns in (1, 2, 3):
        rate.count(ts_ns)
    again = OrderRate(2)
    again.count(99)
    again.restore(rate.snapshot())
    assert again.snapshot() == [2, 3]


@given(
    st.integers(1, 4),
    st.lists(st.integers(0, SECOND // 2), max_size=30),
)
def test_no_second_ever_holds_more_than_the_limit(most: int, gaps: list[int]) -> None:
    """Counted afresh over all windows, by someone who remembers everything."""
    rate, now, sent = OrderRate(most), 0, list[int]()
    for gap in gaps:
        now += gap
        inside = sum(now - SECOND < each for each in sent)
        assert rate.is_full(now) == (inside >= most)
        if inside < most:
            rate.count(now)
            sent.append(now)
