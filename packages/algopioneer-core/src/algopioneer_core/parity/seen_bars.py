"""
The bars that a session decided on against those that there were.

A strategy decides on finished bars, each once. Where a session's bars are not the market's, one of
three things has happened: a bar never reached it (or was only shown to it later, without orders),
it was looked at before it was finished, or it is of other data.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal

from algopioneer_core.domain.events import Event
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, JointBar
from algopioneer_core.domain.money import plain
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.journal.words import describe
from algopioneer_core.parity.causes import Cause, Fact

__all__ = ["Series", "bar_facts", "series_of"]

Series = Mapping[int, tuple[Bar, ...]]
"""Bars by their close time, ascending; one for each instrument of the strategy."""


def series_of(events: Iterable[Event]) -> dict[int, tuple[Bar, ...]]:
    """Return the finished bars among *events* by their close."""
    return {
        each.ts_event: each.bars if isinstance(each, JointBar) else (each,)
        for each in events
        if isinstance(each, Bar | JointBar)
    }


def bar_facts(seen: Series, there: Series, only_shown: Collection[int] = ()) -> tuple[Fact, ...]:
    """
    Return every difference between the bars a session saw and those there were, by time.

    Args:
        seen: By the session's strategy.
        there: Of the same stretch of time.
        only_shown: Close times of those it saw later than it should, when it could not act.
    """
    return tuple(
        fact
        for ts_ns in sorted({*seen, *there})
        if ts_ns in only_shown or not _are_alike(seen.get(ts_ns), there.get(ts_ns))
        for fact in _facts_at(ts_ns, seen.get(ts_ns), there.get(ts_ns), late=ts_ns in only_shown)
    )


def _are_alike(seen: tuple[Bar, ...] | None, there: tuple[Bar, ...] | None) -> bool:
    """Return whether bars are the same as they stand, which nearly all are: a look saves time."""
    if seen is None or there is None:
        return False
    return all(ours[:-1] == theirs[:-1] for ours, theirs in zip(seen, there, strict=True))


def _facts_at(
    ts_ns: int, seen: tuple[Bar, ...] | None, there: tuple[Bar, ...] | None, *, late: bool
) -> Iterator[Fact]:
    ids = frozenset(bar.instrument_id for bar in seen or there or ())
    of = f"the bar of {' and '.join(sorted(ids))} until {iso_utc(ts_ns)}"
    if seen is None:
        yield Fact(ts_ns, Cause.DATA_GAP, f"the session never had {of}", ids)
    elif there is None:
        yield Fact(ts_ns, Cause.DATA_GAP, f"the backtest's data lack {of}", ids)
    else:
        if late:
            text = f"the session had {of} too late to act on it"
            yield Fact(ts_ns, Cause.DATA_GAP, text, ids)
        yield from _unlike(ts_ns, seen, there)


def _unlike(ts_ns: int, seen: tuple[Bar, ...], there: tuple[Bar, ...]) -> Iterator[Fact]:
    for ours, theirs in zip(seen, there, strict=True):
        if _figures(ours) == _figures(theirs):
            continue
        of = f"the bar of {ours.instrument_id} until {iso_utc(ts_ns)}"
        ids = frozenset((ours.instrument_id,))
        if _may_have_become(ours, theirs):
            text = f"the session saw {of} before it was finished, at {_said(ours)}"
            yield Fact(ts_ns, Cause.UNFINISHED_BAR, f"{text}; it became {_said(theirs)}", ids)
        else:
            text = f"{of} is {_said(ours)} in the session and {_said(theirs)} in the backtest"
            yield Fact(ts_ns, Cause.CONFIGURATION, f"these are other data: {text}", ids)


def _figures(bar: Bar) -> tuple[InstrumentId, Decimal, Decimal, Decimal, Decimal, Decimal]:
    return bar.instrument_id, bar.open, bar.high, bar.low, bar.close, bar.volume


def _may_have_become(early: Bar, late: Bar) -> bool:
    """Return whether an unfinished bar *early* can have grown into *late*."""
    return (
        early.instrument_id == late.instrument_id
        and early.open == late.open
        and early.high <= late.high
        and early.low >= late.low
        and early.volume <= late.volume
    )


def _said(bar: Bar) -> str:
    prices = describe(bar).partition(": ")[2]
    return f"{prices}, volume {plain(bar.volume)}"
