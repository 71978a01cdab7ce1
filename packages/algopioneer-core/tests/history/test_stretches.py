"""Behaviour of stretches of time."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.history.stretches import Stretch, bridged, length_of, union, without

STRETCHES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)


def times(stretches: "list[Stretch] | tuple[Stretch, ...]") -> set[int]:
    """Return every time in any of *stretches*."""
    return {time for start, end in stretches for time in range(start, end)}


def is_tidy(stretches: tuple[Stretch, ...]) -> bool:
    """Tell whether they are in order, none is empty, and none touches the next."""
    edges = [edge for stretch in stretches for edge in stretch]
    return all(a < b for a, b in pairwise(edges))


@given(STRETCHES)
def test_union_has_the_same_times_and_is_tidy(some: list[Stretch]) -> None:
    """Nothing is added or lost."""
    assert times(union(some)) == times(some)
    assert is_tidy(union(some))


@given(STRETCHES, STRETCHES)
def test_without_is_the_difference_of_sets(some: list[Stretch], others: list[Stretch]) -> None:
    """Time by time, and tidy again."""
    rest = without(some, others)
    assert times(rest) == times(some) - times(others)
    assert is_tidy(rest)
    assert length_of(rest) == len(times(rest))


def test_bridges_only_short_distances() -> None:
    """A distance of just so much is bridged, a longer one is not."""
    assert bridged([(20, 30), (0, 5), (10, 12)], 5) == ((0, 12), (20, 30))
