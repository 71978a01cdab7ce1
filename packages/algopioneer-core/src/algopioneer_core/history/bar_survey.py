"""
What a file's times say: the interval, the gaps, and which bars lie in the range asked for.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_core.domain.errors import DataError
from algopioneer_core.history.columns import Stamp
from algopioneer_core.history.file_rows import FaultLog, iso_time
from algopioneer_core.history.gaps import GapCounter, GapReport
from algopioneer_core.history.intervals import format_interval
from algopioneer_core.history.read_options import ACCEPTABLE, ReadOptions
from algopioneer_core.history.row_store import RowStore

__all__ = ["Survey", "survey"]

_DISTINCT_SPACINGS: Final = 10_000
_INT64_MAX: Final = 2**63 - 1


@frozen
class Survey:
    """The bars of a file that lie in the range asked for."""

    interval_ns: int
    """Length of a bar in nanoseconds."""
    count: int
    """Number of bars; at least one."""
    first_ns: int
    """Close time of the first bar, UTC nanoseconds."""
    last_ns: int
    """Close time of the last bar, UTC nanoseconds."""
    gaps: GapReport


def survey(
    store: RowStore, faults: FaultLog, options: ReadOptions, stamp: Stamp, known_ns: int | None
) -> Survey:
    """
    Return what the times of *store* say.

    Args:
        store: At least one row, times strictly increasing.
        faults: Where faults go.
        options: The range, half-open and on close times.
        stamp: Which end of the interval the times are.
        known_ns: Length of a bar where it is known; None infers the most common distance of two
            neighbouring rows (the smallest of equals), of which all others must be multiples.

    Raises:
        DataError: The interval cannot be inferred, a row is off its grid, or no bar is in range.
    """
    interval_ns = known_ns or _inferred_interval(store, faults.path)
    _check_grid(store, interval_ns, faults, is_inferred=known_ns is None)
    return _in_range(store, interval_ns, stamp, options, faults.path)


def _steps(store: RowStore) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Stream (lines, distance to the row before) for every row but the first."""
    last: int | None = None
    for lines, stamps in store.times():
        if last is None:
            yield lines[1:], np.diff(stamps)
        else:
            yield lines, np.diff(stamps, prepend=last)
        last = int(stamps[-1])


def _inferred_interval(store: RowStore, path: Path) -> int:
    spacings: Counter[int] = Counter()
    for _, steps in _steps(store):
        values, counts = np.unique(steps, return_counts=True)
        spacings.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        if len(spacings) > _DISTINCT_SPACINGS:
            break
    if not 0 < len(spacings) <= _DISTINCT_SPACINGS:
        why = "the rows keep no common distance" if spacings else "there is only one row"
        raise DataError(
            f"the interval cannot be inferred: {why}",
            where=str(path),
            remedy="state it with --interval, for instance --interval 1m",
        )
    return min(spacings, key=lambda step: (-spacings[step], step))


def _check_grid(store: RowStore, interval_ns: int, faults: FaultLog, *, is_inferred: bool) -> None:
    for lines, steps in _steps(store):
        off = steps % interval_ns != 0
        if not off.any():
            continue
        if "off-grid" in faults.accept:
            faults.accepted["off-grid"] += int(off.sum())
            continue
        at = int(off.argmax())
        known = "the most common distance" if is_inferred else "the interval given"
        faults.refuse(
            int(lines[at]),
            f"the row comes {format_interval(int(steps[at]))} after the one before, "
            f"no whole number of intervals of {format_interval(interval_ns)} ({known})",
            remedy="state the right --interval, or --accept off-grid: " + ACCEPTABLE["off-grid"],
        )


def _in_range(
    store: RowStore, interval_ns: int, stamp: Stamp, options: ReadOptions, path: Path
) -> Survey:
    counter = GapCounter(interval_ns)
    shift = interval_ns if stamp is Stamp.OPEN else 0
    edges: list[int] = []
    count = 0
    for _, stamps in store.times():
        if int(stamps[-1]) > _INT64_MAX - shift:
            raise DataError(
                "the last bar closes after the year 2262",
                where=str(path),
                remedy="remove the bars of the far future",
            )
        closes = (stamps + shift)[_range(stamps + shift, options)]
        if len(closes):
            counter.add(closes)
            edges = [edges[0] if edges else int(closes[0]), int(closes[-1])]
            count += len(closes)
    if not edges:
        raise _out_of_range(store, shift, path)
    return Survey(interval_ns, count, edges[0], edges[1], counter.report())


def _out_of_range(store: RowStore, shift: int, path: Path) -> DataError:
    edges = [(int(stamps[0]), int(stamps[-1])) for _, stamps in store.times()]
    first, last = iso_time(edges[0][0] + shift), iso_time(edges[-1][1] + shift)
    return DataError(
        f"no bar closes in the range asked for; the bars close from {first} to {last}",
        where=str(path),
        remedy="widen --from and --to",
    )


def _range(closes: NDArray[np.int64], options: ReadOptions) -> slice:
    start = 0 if options.start_ns is None else int(np.searchsorted(closes, options.start_ns))
    stop = len(closes) if options.end_ns is None else int(np.searchsorted(closes, options.end_ns))
    return slice(start, stop)
