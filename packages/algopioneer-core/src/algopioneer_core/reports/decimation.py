"""
What a chart can show of a long run, collected while it goes on, in constant memory.

A screen has a few thousand columns of pixels, so a line through a million bars is drawn from the
lowest and the highest value of each of some thousand equal stretches: no spike is lost, and the
line looks as the whole one would. As the run grows, stretches are merged two by two.
"""

from typing import Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_STRETCHES", "MinMaxLine", "Sampled"]

MAX_STRETCHES: Final = 2_000
"""Stretches a line keeps at most, two points each; even, so that they merge in pairs."""

_T = TypeVar("_T")
_Points = tuple[NDArray[np.int64], NDArray[np.float64]]


class MinMaxLine:
    """
    A line that keeps the extremes of each stretch of bars, and its own two ends.

    The points do not depend on how the bars are handed over.

    Args:
        stretches: How many to keep at most; even.
    """

    def __init__(self, *, stretches: int = MAX_STRETCHES) -> None:
        self._limit = stretches
        self._width = 1  # bars in a stretch, a power of two
        self._count = 0
        self._kept: _Points = (np.empty((stretches, 2), np.int64), np.empty((stretches, 2)))
        self._rest: _Points = (np.empty(0, np.int64), np.empty(0))
        self._first: _Points | None = None
        self._last: _Points = self._rest

    @property
    def bars_per_stretch(self) -> int:
        """How many bars share two points; 1 while every bar has its own."""
        return self._width

    def add(self, ts_ns: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Take the values at the next times; any length."""
        if not len(ts_ns):
            return
        self._first = self._first or (ts_ns[:1].copy(), values[:1].copy())
        self._last = (ts_ns[-1:].copy(), values[-1:].copy())
        times = np.concatenate((self._rest[0], ts_ns))
        values = np.concatenate((self._rest[1], values))
        start = 0
        while (whole := (len(times) - start) // self._width) > 0:
            count = min(whole, self._limit - self._count)
            stop = start + count * self._width
            shape = (count, self._width)
            self._keep(times[start:stop].reshape(shape), values[start:stop].reshape(shape))
            start = stop
        self._rest = (times[start:].copy(), values[start:].copy())

    def _keep(self, times: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Keep whole stretches, one a row; merge pairs when the room is used up."""
        stop = self._count + len(times)
        self._kept[0][self._count : stop], self._kept[1][self._count : stop] = _extremes(
            times, values
        )
        self._count = stop
        if stop == self._limit:
            pairs = (stop // 2, 4)
            merged = _extremes(self._kept[0].reshape(pairs), self._kept[1].reshape(pairs))
            self._count //= 2
            self._kept[0][: self._count], self._kept[1][: self._count] = merged
            self._width *= 2

    def points(self) -> _Points:
        """Return times (UTC nanoseconds, strictly ascending) and values to draw."""
        if self._first is None:
            return self._rest
        times, values = (column[: self._count].reshape(-1) for column in self._kept)
        parts = [self._first, (times, values), self._last]
        if len(self._rest[0]):
            ends = _extremes(self._rest[0][None, :], self._rest[1][None, :])
            parts.insert(2, (ends[0].reshape(-1), ends[1].reshape(-1)))
        all_times = np.concatenate([part[0] for part in parts])
        all_values = np.concatenate([part[1] for part in parts])
        new = np.concatenate(([True], all_times[1:] > all_times[:-1]))
        return all_times[new], all_values[new]

    def at(self, ts_ns: list[int]) -> NDArray[np.float64]:
        """Return how high the drawn line is at these times; zeros when there is none."""
        times, values = self.points()
        if not len(times):
            return np.zeros(len(ts_ns))
        return np.interp(np.array(ts_ns, np.float64), times.astype(np.float64), values)


def _extremes(times: NDArray[np.int64], values: NDArray[np.float64]) -> _Points:
    """Return the lowest and the highest value of each row with their times, earlier one first."""
    low, high = values.argmin(axis=1), values.argmax(axis=1)
    both = np.stack((np.minimum(low, high), np.maximum(low, high)), axis=1)
    return np.take_along_axis(times, both, axis=1), np.take_along_axis(values, both, axis=1)


class Sampled(Generic[_T]):
    """
    Every first, second, fourth, eighth... of the things that happened, evenly thinned.

    Args:
        limit: How many to keep at most.
    """

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._items: list[_T] = []
        self.total = 0
        """How many there were."""
        self.every = 1
        """One of so many is kept; 1 when all are."""

    def add(self, item: _T) -> None:
        """Count *item*, and keep it when it is its turn."""
        if self.total % self.every == 0:
            if len(self._items) == self._limit:
                self._items = self._items[::2]
                self.every *= 2
            if self.total % self.every == 0:
                self._items.append(item)
        self.total += 1

    @property
    def items(self) -> tuple[_T, ...]:
        """What was kept, in order."""
        return tuple(self._items)
