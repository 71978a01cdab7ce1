"""
Stretches of time: half-open pairs (start, end) of UTC nanoseconds, as sets are reckoned with.

A set of stretches is in order of time and its stretches neither overlap nor touch.
"""

from collections.abc import Iterable

__all__ = ["Stretch", "bridged", "length_of", "union", "without"]

Stretch = tuple[int, int]
"""From the first, until before the second."""


def union(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """Return the times that are in any of *stretches*; empty ones are passed over."""
    return bridged(stretches, 0)


def bridged(stretches: Iterable[Stretch], distance: int) -> tuple[Stretch, ...]:
    """Return the union of *stretches*, with those made one that are at most *distance* apart."""
    joined: list[Stretch] = []
    for start, end in sorted(each for each in stretches if each[0] < each[1]):
        if joined and start - joined[-1][1] <= distance:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)


def without(stretches: Iterable[Stretch], others: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """Return the times that are in *stretches* and in none of *others*."""
    taken = union(others)
    rest: list[Stretch] = []
    for start, end in union(stretches):
        for begin, stop in taken:
            if stop <= start or end <= begin:
                continue
            rest.append((start, min(begin, end)))
            start = max(start, stop)
        rest.append((start, end))
    return union(rest)


def length_of(stretches: Iterable[Stretch]) -> int:
    """Return how long a set of stretches is in all, nanoseconds."""
    return sum(end - start for start, end in stretches)
