"""
Bars of one instrument against a chain of contracts that follow each other.

A contract has bars for some months only, so the legs have no time in which all of them trade. What
is joined here are the times at which the first instrument and at least one contract have a bar. A
joint bar holds the bars there are; nobody can trade in the others. In the columns, which sinks take
to value what is held, a missing bar is filled with the contract's last close (before its first bar
with that bar's open), and has no volume.
"""

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from algopioneer_core.domain.errors import DataError
from algopioneer_core.domain.market_data import Bar, JointBar
from algopioneer_core.history.columns import CHUNK_BARS, BarColumns, BarSource
from algopioneer_core.history.joined import (
    EXAMPLES,
    JoinedSource,
    JointColumns,
    Unmatched,
    check_alike,
)

__all__ = ["ChainColumns", "ChainedSource", "chain_bars"]


@frozen(eq=False)
class ChainColumns(JointColumns):
    """Joint columns in which legs may lack bars; see the module."""

    present: tuple[NDArray[np.bool_], ...] = field(kw_only=True)
    """For each leg, at which times it has a bar."""

    def slice(self, start: int, stop: int) -> "ChainColumns":
        """Return the joint bars [start, stop) as views; nothing is copied."""
        return ChainColumns(
            tuple(leg.slice(start, stop) for leg in self.legs),
            present=tuple(each[start:stop] for each in self.present),
        )

    def steady(self) -> tuple[BarColumns, ...]:
        """Return the first leg: contracts come and go."""
        return self.legs[:1]

    def joints(self) -> Iterator[JointBar]:
        """Return the joint bars one by one, each with the bars there are."""
        bars = zip(*(leg.bars() for leg in self.legs), strict=True)
        present = zip(*(each.tolist() for each in self.present), strict=True)
        for ts_ns, row, has in zip(self.ts_ns.tolist(), bars, present, strict=True):
            yield JointBar(ts_ns, _there(row, has))


def _there(row: Sequence[Bar], has: Sequence[bool]) -> tuple[Bar, ...]:
    return tuple(bar for bar, is_there in zip(row, has, strict=True) if is_there)


@frozen(eq=False, kw_only=True)
class ChainedSource(JoinedSource):
    """A joined source over a chain of contracts, held in memory; made by `chain_bars`."""

    whole: ChainColumns

    def chunks(self) -> Iterator[JointColumns]:
        """Return the joint bars from the start, CHUNK_BARS at a time."""
        return (
            self.whole.slice(start, min(start + CHUNK_BARS, self.count))
            for start in range(0, self.count, CHUNK_BARS)
        )

    def load(self) -> JointColumns:
        """Return all joint bars at once."""
        return self.whole


def chain_bars(sources: Sequence[BarSource]) -> ChainedSource:
    """
    Join the first of *sources* with the contracts of the others, wherever one of them has a bar.

    Raises:
        RefusedError: There are fewer than two, an instrument is there twice, or they differ in
            interval or stamp.
        DataError: One of the contracts has no time in common with the first instrument.
    """
    check_alike(sources)
    first, *contracts = (source.load() for source in sources)
    for contract in contracts:
        if not np.isin(contract.ts_ns, first.ts_ns, assume_unique=True).any():
            raise DataError(
                "the legs have no time in common",
                where=f"{first.instrument_id} / {contract.instrument_id}",
                remedy="give bars of the same period, with the same stamp and interval",
            )
    times = np.intersect1d(first.ts_ns, reduce(np.union1d, [each.ts_ns for each in contracts]))
    legs = (first, *contracts)
    whole = ChainColumns(
        tuple(_filled(leg, times) for leg in legs),
        present=tuple(np.isin(times, leg.ts_ns, assume_unique=True) for leg in legs),
    )
    return ChainedSource(
        sources=tuple(sources),
        interval_ns=first.interval_ns,
        count=len(times),
        first_ns=int(times[0]),
        last_ns=int(times[-1]),
        unmatched=tuple(_unmatched(leg, times) for leg in legs),
        whole=whole,
    )


def _unmatched(leg: BarColumns, times: NDArray[np.int64]) -> Unmatched:
    left_out = np.setdiff1d(leg.ts_ns, times, assume_unique=True)
    return Unmatched(leg.instrument_id, len(left_out), tuple(left_out[:EXAMPLES].tolist()))


def _filled(leg: BarColumns, times: NDArray[np.int64]) -> BarColumns:
    """Return a bar for each of *times*: the leg's own, or one that stays at its last price."""
    place = np.searchsorted(leg.ts_ns, times, side="right") - 1
    before, place = place < 0, np.maximum(place, 0)
    own = leg.ts_ns[place] == times
    last = np.where(before, leg.open[0], leg.close[place])

    def column(values: NDArray[np.int64], other: Any) -> NDArray[np.int64]:
        return np.where(own, values[place], other)

    return evolve(
        leg,
        ts_ns=times,
        open=column(leg.open, last),
        high=column(leg.high, last),
        low=column(leg.low, last),
        close=column(leg.close, last),
        volume=column(leg.volume, 0),
    )
