"""
An archive: the bars of one instrument that were fetched from a venue, in one Parquet file.

The file is one that `backtest --data` reads. It also remembers which times the venue was asked for,
so that a download goes on where another ended, and a hole in a market is told from a hole in the
file. It is written whole and then takes the place of the old one: whatever happens in between,
there is a file, and what it says it has it has.

What is missing of the last day does not count as asked for: a venue may be late.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from attrs import evolve

from algopioneer_core.domain.errors import DataError, RefusedError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.history.bar_files import open_bars
from algopioneer_core.history.columns import BarColumns
from algopioneer_core.history.intervals import DAY_NS, format_interval
from algopioneer_core.history.parquet_rows import ParquetRows, WrittenFacts, write_parquet
from algopioneer_core.history.stretches import Stretch, union, without
from algopioneer_core.history.venue_bars import on_one_grid

__all__ = ["SETTLING_NS", "BarArchive", "merged"]

SETTLING_NS: Final = DAY_NS
"""What is missing of so long before the present is asked for again."""
_COLUMNS: Final = ("ts_ns", "open", "high", "low", "close", "volume")
_REMEDY: Final = "move the file away, or name another directory with --output"


class BarArchive:
    """
    Opens the file, or begins with nothing where there is none.

    Args:
        path: The file.
        instrument_id: Whose bars it holds.
        interval_ns: Length of a bar in nanoseconds.

    Raises:
        RefusedError: It holds bars of another instrument, venue or length.
        DataError: It cannot be read, or what it holds contradicts itself.
    """

    def __init__(self, path: Path, instrument_id: InstrumentId, interval_ns: int) -> None:
        self.path = path
        self.instrument_id = instrument_id
        self.interval_ns = interval_ns
        self.asked: tuple[Stretch, ...] = ()
        """Close times that the venue was asked for, and has answered."""
        self._parts: list[BarColumns] = []
        self._unsaved = 0
        if path.exists():
            self._read()

    def _read(self) -> None:
        facts = ParquetRows(self.path).facts
        if facts is None:
            raise self._foreign("bars that another program wrote")
        self._check(facts)
        try:
            self._parts = [open_bars(self.path, self.instrument_id).load()]
        except DataError as error:
            raise DataError(error.message, where=error.where, remedy=_REMEDY) from None
        self.asked = facts.asked

    def _check(self, facts: WrittenFacts) -> None:
        ours = (self.instrument_id.venue, self.instrument_id.symbol, self.interval_ns)
        if (facts.venue, facts.symbol, facts.interval_ns) != ours:
            length = format_interval(facts.interval_ns)
            raise self._foreign(f"bars of {length} of {facts.venue}:{facts.symbol}")

    def _foreign(self, what: str) -> RefusedError:
        return RefusedError(
            f"the file holds {what}, and would be written over",
            where=str(self.path),
            remedy=_REMEDY,
        )

    @property
    def columns(self) -> BarColumns | None:
        """All bars, in order of time; None where there are none."""
        if len(self._parts) > 1:
            self._parts = [merged(self._parts)]
        return self._parts[0] if self._parts else None

    @property
    def count(self) -> int:
        """How many bars there are."""
        columns = self.columns
        return 0 if columns is None else len(columns)

    @property
    def unsaved(self) -> int:
        """How many bars were added and are not in the file."""
        return self._unsaved

    def missing(self, start_ns: int, end_ns: int, *, again: bool = False) -> tuple[Stretch, ...]:
        """
        Return the close times of [start_ns, end_ns) for which the venue is to be asked.

        Args:
            start_ns: UTC nanoseconds.
            end_ns: UTC nanoseconds.
            again: Whether to ask for everything that is not here, also where the venue has
                answered that it has nothing.
        """
        return without([(start_ns, end_ns)], self._held() if again else self.asked)

    def _held(self) -> tuple[Stretch, ...]:
        """Return the close times that bars stand for: each for those after the bar before it."""
        columns = self.columns
        return () if columns is None else union(_stretches_of(columns))

    def add(self, bars: BarColumns, start_ns: int, end_ns: int, now_ns: int) -> None:
        """
        Take the venue's answer for [start_ns, end_ns), given at *now_ns*; nothing is written yet.

        A bar that is here already is replaced.
        """
        if len(bars):
            self._parts.append(bars)
            self._unsaved += len(bars)
        young = (max(start_ns, now_ns - SETTLING_NS), end_ns)
        holes = without([young], _stretches_of(bars))
        self.asked = union([*self.asked, *without([(start_ns, end_ns)], holes)])

    def save(self) -> None:
        """
        Write the file, where there is anything to write.

        Raises:
            OutputError: It cannot be written; the old one is as it was.
        """
        columns = self.columns
        if columns is not None:
            write_parquet(columns, self.path, asked=self.asked)
        self._unsaved = 0

    def between(self, start_ns: int, end_ns: int) -> BarColumns | None:
        """Return the bars that close in [start_ns, end_ns); None where there are none at all."""
        columns = self.columns
        if columns is None:
            return None
        first, last = columns.ts_ns.searchsorted([start_ns, end_ns]).tolist()
        return columns.slice(first, last)


def _stretches_of(bars: BarColumns) -> list[Stretch]:
    """Return the close times that *bars* answer, neighbours as one stretch."""
    times = bars.ts_ns
    if not len(times):
        return []
    breaks = np.flatnonzero(np.diff(times) > bars.interval_ns)
    firsts = times[np.concatenate(([0], breaks + 1))] - bars.interval_ns + 1
    lasts = times[np.concatenate((breaks, [len(times) - 1]))] + 1
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))


def merged(parts: Sequence[BarColumns]) -> BarColumns:
    """
    Return *parts*, which may overlap, as one in order of time; of equal times the last one counts.

    Raises:
        DataError: Their numbers do not fit 64 bits on one grid.
    """
    parts = on_one_grid(parts)
    times = np.concatenate([part.ts_ns for part in parts])
    order = np.argsort(times, kind="stable")
    in_order = times[order]
    places = order[np.append(in_order[1:] != in_order[:-1], np.array([True] * bool(len(order))))]
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])[places] for name in _COLUMNS
    }
    return evolve(parts[0], **columns)
