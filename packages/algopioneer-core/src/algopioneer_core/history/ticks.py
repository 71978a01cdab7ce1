"""
Trades and quotes as columns of integers, and where they come from.

As bars are, ticks are kept as integers on a price grid and become objects when somebody asks for
them. The grid is a chunk's own: a tick says its price as a decimal, whatever stands beside it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol, runtime_checkable

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Quote, Trade
from algopioneer_core.domain.money import from_scaled
from algopioneer_core.history.columns import rescaled
from algopioneer_core.history.tick_headers import RowKind

__all__ = ["TickColumns", "TickSource", "whole_times"]

_OBJECT_TICKS: Final = 8_192
"""Ticks turned into Python integers at a time: enough to be quick, few enough to stay in cache."""


@frozen(eq=False, kw_only=True)
class TickColumns:
    """
    Trades or quotes of one instrument.

    Whoever makes them from outside data has checked them: times do not go back, prices are
    positive, no bid is above its ask, sizes of trades are positive, those of quotes not negative.
    """

    instrument_id: InstrumentId
    kind: RowKind
    ts_ns: NDArray[np.int64]
    """When they happened, UTC nanoseconds; several may have one time."""
    prices: NDArray[np.int64]
    """Shape (1, ticks) for trades and (2, ticks), bid and ask, for quotes; 10**-price_decimals."""
    sizes: NDArray[np.int64]
    """The same in base units of 10**-size_decimals; no lines where the sizes of quotes are unknown,
    which are then 0."""
    price_decimals: int
    size_decimals: int
    ids: tuple[str, ...] = ()
    """Of trades, one for each; of quotes, none."""

    def __len__(self) -> int:
        return len(self.ts_ns)

    def slice(self, start: int, stop: int) -> "TickColumns":
        """Return the ticks [start, stop)."""
        part = slice(start, stop)
        return evolve(
            self,
            ts_ns=self.ts_ns[part],
            prices=self.prices[:, part],
            sizes=self.sizes[:, part],
            ids=self.ids[part],
        )

    def events(self) -> Iterator[Trade | Quote]:
        """Return the ticks one by one, made as they are asked for; `ts_recv` equals `ts_event`."""
        make = _trades if self.kind is RowKind.TRADES else _quotes
        for start in range(0, len(self), _OBJECT_TICKS):
            yield from make(self.slice(start, start + _OBJECT_TICKS))


def _trades(part: TickColumns) -> Iterator[Trade]:
    instrument_id, decimals = part.instrument_id, part.price_decimals
    sizes = part.sizes[0].tolist()
    rows = zip(part.ts_ns.tolist(), part.prices[0].tolist(), sizes, part.ids, strict=True)
    for ts_ns, ticks, lots, trade_id in rows:
        price, size = from_scaled(ticks, decimals), from_scaled(lots, part.size_decimals)
        yield Trade(instrument_id, ts_ns, price, size, trade_id, ts_ns)


def _quotes(part: TickColumns) -> Iterator[Quote]:
    instrument_id, decimals = part.instrument_id, part.price_decimals
    times = part.ts_ns.tolist()
    bid_sizes, ask_sizes = part.sizes.tolist() or [[0] * len(times)] * 2
    rows = zip(times, *part.prices.tolist(), bid_sizes, ask_sizes, strict=True)
    for ts_ns, bid, ask, *sizes in rows:
        bid_size, ask_size = (from_scaled(lots, part.size_decimals) for lots in sizes)
        yield Quote(
            instrument_id,
            ts_ns,
            from_scaled(bid, decimals),
            from_scaled(ask, decimals),
            bid_size,
            ask_size,
            ts_ns,
        )


@runtime_checkable
class TickSource(Protocol):
    """A series of trades or quotes that was looked over once and can be streamed at will."""

    @property
    def instrument_id(self) -> InstrumentId:
        """What the ticks are of."""
        ...

    @property
    def kind(self) -> RowKind:
        """Trades or quotes."""
        ...

    @property
    def count(self) -> int:
        """Number of ticks; at least one."""
        ...

    def chunks(self) -> Iterator[TickColumns]:
        """Stream the ticks in order of time; those of one time are in one chunk."""
        ...


def whole_times(parts: Iterable[TickColumns]) -> Iterator[TickColumns]:
    """Cut a stream of columns anew, so that ticks of one time are in one chunk."""
    rest: TickColumns | None = None
    for part in parts:
        if not len(part):
            continue
        whole = part if rest is None else _joined((rest, part))
        cut = int(np.searchsorted(whole.ts_ns, whole.ts_ns[-1]))
        if cut:
            yield whole.slice(0, cut)
        rest = whole.slice(cut, len(whole))
    if rest is not None:
        yield rest


def _joined(parts: Sequence[TickColumns]) -> TickColumns:
    """Return consecutive parts as one, on the finer grid of the two."""
    price = max(part.price_decimals for part in parts)
    size = max(part.size_decimals for part in parts)
    return evolve(
        parts[0],
        ts_ns=np.concatenate([part.ts_ns for part in parts]),
        prices=np.hstack([rescaled(part.prices, part.price_decimals, price) for part in parts]),
        sizes=np.hstack([rescaled(part.sizes, part.size_decimals, size) for part in parts]),
        price_decimals=price,
        size_decimals=size,
        ids=tuple(each for part in parts for each in part.ids),
    )
