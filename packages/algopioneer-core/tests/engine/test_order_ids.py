"""Client order ids: unique, short, and the same for the same start."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import OrderError
from algopioneer_core.engine.order_ids import CLIENT_ORDER_ID_LENGTH, order_ids

WORDS = st.text(max_size=30)
STARTS = st.tuples(WORDS, WORDS, WORDS)


@given(STARTS, st.integers(1, 99_999_000))
def test_ids_fit_every_venue(start: tuple[str, str, str], counter: int) -> None:
    """An id is 18 ASCII letters and digits, whatever names it is made of."""
    next_id = order_ids(*start, start=counter)
    for _ in range(3):
        text = next_id()
        assert text.isascii()
        assert text.isalnum()
        assert CLIENT_ORDER_ID_LENGTH == len(text)


@given(st.lists(STARTS, min_size=2, max_size=5, unique_by="\x1f".join))
def test_ids_of_different_starts_never_meet(starts: list[tuple[str, str, str]]) -> None:
    """Another journal, nonce or strategy gives other ids, from the first one on."""
    sources = [order_ids(*start) for start in starts]
    made = [source() for source in sources for _ in range(20)]
    assert len(made) == len(set(made))


@given(STARTS)
def test_the_same_start_repeats_its_ids(start: tuple[str, str, str]) -> None:
    """A simulation that is run again gives its orders the same names, in rising order."""
    one, two = order_ids(*start), order_ids(*start)
    made = [one() for _ in range(12)]
    assert made == [two() for _ in range(12)]
    assert made == sorted(made)


def test_counter_that_is_used_up_is_an_error() -> None:
    """An id that would be too long is not made."""
    next_id = order_ids("journal", "nonce", "mean-reversion", start=99_999_999)
    assert next_id().endswith("99999999")
    with pytest.raises(OrderError, match=r"mean-reversion: .* after 99,999,999"):
        next_id()
