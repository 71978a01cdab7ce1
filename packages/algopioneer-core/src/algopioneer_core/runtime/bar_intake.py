"""
The bars a strategy decides on, whatever its venue pushes.

A venue pushes bars of one length, of the right one or of a shorter one, or only trades or quotes.
`BarIntake` takes what comes and gives out finished bars of the strategy's own interval: passed on,
put together from shorter ones, or built from trades (quotes where there are no trades) by the
project's one builder.
"""

import enum
from collections.abc import Mapping
from typing import Any, Protocol

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, Quote, Trade
from algopioneer_core.history.bar_builder import BarBuilder

__all__ = ["BarIntake", "BarOrigin", "merged"]


class BarOrigin(enum.Enum):
    """What the bars of an instrument come from."""

    PUSHED = "pushed"
    """The venue pushes bars of the strategy's interval."""
    SHORTER = "shorter"
    """It pushes shorter ones, of which a whole number makes one."""
    TRADES = "trades"
    QUOTES = "quotes"


class _Source(Protocol):
    """What becomes of the events of one instrument."""

    def put(self, event: Bar | Trade | Quote) -> list[Bar]:
        """Take in an event; return the bars that are finished with it, oldest first."""

    def close_until(self, now_ns: int) -> Bar | None:
        """Return the bar whose time is over at *now_ns*, if one is being made."""

    def snapshot(self) -> object:
        """Return what is unfinished, as JSON values and domain objects; None where nothing is."""

    def restore(self, state: Any) -> None:
        """Become what `snapshot` described."""


class _Pushed:
    def put(self, event: Bar | Trade | Quote) -> list[Bar]:
        return [event] if isinstance(event, Bar) else []

    def close_until(self, now_ns: int) -> Bar | None:  # noqa: ARG002 - the Protocol's signature
        return None

    def snapshot(self) -> object:
        return None

    def restore(self, state: Any) -> None:
        pass


class _Shorter:
    """Puts shorter bars together; finished with the bar that ends the interval, or a later one."""

    def __init__(self, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self.parts: list[Bar] = []

    def _end(self, bar: Bar) -> int:
        return -(-bar.ts_event // self._interval_ns) * self._interval_ns

    def put(self, event: Bar | Trade | Quote) -> list[Bar]:
        if not isinstance(event, Bar):
            return []
        finished = []
        if self.parts and self._end(self.parts[0]) != self._end(event):
            finished.append(self._finish())
        self.parts.append(event)
        if event.ts_event == self._end(event):
            finished.append(self._finish())
        return finished

    def close_until(self, now_ns: int) -> Bar | None:
        if self.parts and self._end(self.parts[0]) < now_ns:
            return self._finish()
        return None

    def snapshot(self) -> object:
        return self.parts or None

    def restore(self, state: Any) -> None:
        self.parts = list(state)

    def _finish(self) -> Bar:
        parts, self.parts = self.parts, []
        return merged(parts, self._end(parts[0]))


class _Built:
    def __init__(self, builder: BarBuilder, kind: type) -> None:
        self._builder = builder
        self._kind = kind

    def put(self, event: Bar | Trade | Quote) -> list[Bar]:
        if isinstance(event, Bar) or type(event) is not self._kind:
            return []
        bar = self._builder.add(event)
        return [] if bar is None else [bar]

    def close_until(self, now_ns: int) -> Bar | None:
        return self._builder.close_until(now_ns)

    def snapshot(self) -> object:
        return self._builder.snapshot()

    def restore(self, state: Any) -> None:
        self._builder.restore(state)


def merged(parts: list[Bar], ts_ns: int) -> Bar:
    """Return the bar that closes at *ts_ns* and holds *parts*, oldest first, of one instrument."""
    decimals = max(each.price_decimals for each in parts)
    places = max(each.volume_decimals for each in parts)
    scale = [10 ** (decimals - each.price_decimals) for each in parts]
    return Bar(
        parts[0].instrument_id,
        ts_ns,
        parts[0].open_ticks * scale[0],
        max(each.high_ticks * by for each, by in zip(parts, scale, strict=True)),
        min(each.low_ticks * by for each, by in zip(parts, scale, strict=True)),
        parts[-1].close_ticks * scale[-1],
        sum(each.volume_lots * 10 ** (places - each.volume_decimals) for each in parts),
        decimals,
        places,
        max(each.ts_recv for each in parts),
    )


class BarIntake:
    """
    Makes the bars of one strategy.

    Args:
        interval_ns: Their length, nanoseconds.
        origins: What the bars of each instrument come from.
    """

    def __init__(self, interval_ns: int, origins: Mapping[InstrumentId, BarOrigin]) -> None:
        self._origins = dict(origins)
        self._sources = {key: _source(key, interval_ns, each) for key, each in origins.items()}
        self._waits = any(each is not BarOrigin.PUSHED for each in origins.values())
        self._interval_ns = interval_ns

    def put(self, event: Bar | Trade | Quote) -> list[Bar]:
        """Take in an event; return the bars that are finished with it, oldest first."""
        return self._sources[event.instrument_id].put(event)

    def close_until(self, now_ns: int) -> list[Bar]:
        """Return the bars whose time is over, though nothing has come since."""
        if not self._waits:
            return []
        closed = (each.close_until(now_ns) for each in self._sources.values())
        return [bar for bar in closed if bar is not None]

    def next_close_ns(self, now_ns: int) -> int | None:
        """Return when `close_until` is to be called again; None where bars come by themselves."""
        if not self._waits:
            return None
        return now_ns - now_ns % self._interval_ns + self._interval_ns

    def snapshot(self) -> dict[str, object]:
        """Return the unfinished bars, as JSON values and domain objects."""
        states = {str(key): each.snapshot() for key, each in self._sources.items()}
        return {key: state for key, state in states.items() if state is not None}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `snapshot` described."""
        for key, each in self._sources.items():
            if str(key) in state:
                each.restore(state[str(key)])

    def forget_built(self) -> None:
        """Begin anew the bars built from trades or quotes, some of which were missed."""
        for key, origin in self._origins.items():
            if origin in (BarOrigin.TRADES, BarOrigin.QUOTES):
                self._sources[key] = _source(key, self._interval_ns, origin)


def _source(instrument_id: InstrumentId, interval_ns: int, origin: BarOrigin) -> _Source:
    match origin:
        case BarOrigin.PUSHED:
            return _Pushed()
        case BarOrigin.SHORTER:
            return _Shorter(interval_ns)
        case BarOrigin.TRADES:
            return _Built(BarBuilder(instrument_id, interval_ns), Trade)
        case BarOrigin.QUOTES:
            return _Built(BarBuilder(instrument_id, interval_ns), Quote)
