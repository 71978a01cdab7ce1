"""
The metrics of a session, in the form that Prometheus reads.

Everything is read at the moment it is asked for; nothing is kept on the side, and nothing is
global: each session has a registry of its own. Amounts become floats here, as the format wants it;
these are for graphs and alarms, and no money is computed from them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import Money
from algopioneer_core.runtime.status import (
    FeedStatus,
    SessionStatus,
    StrategyState,
    StrategyStatus,
    VenueStatus,
)
from algopioneer_core.web.counts import SessionCounts
from algopioneer_core.web.health import health_of
from algopioneer_core.wire.breaker import BreakerState

__all__ = ["registry_of"]

_P: Final = "algopioneer_"
_Rows = Iterable[tuple[tuple[str, ...], float]]


def registry_of(
    look: Callable[[], SessionStatus | None], counts: SessionCounts
) -> CollectorRegistry:
    """
    Return a registry that reads one session.

    Args:
        look: Returns its status; None while it is being opened.
        counts: What was counted of it.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_SessionCollector(look, counts))
    return registry


class _SessionCollector(Collector):
    """Reads status and counts at each scrape."""

    def __init__(self, look: Callable[[], SessionStatus | None], counts: SessionCounts) -> None:
        self._look = look
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        status = self._look()
        healthy = float(health_of(status, self._counts).is_good)
        yield _gauge("healthy", "Whether nothing is wrong (as /health says).", (), [((), healthy)])
        yield from _counted(self._counts)
        if status is not None:
            yield from _session(status)
            yield from _strategies(status.strategies)
            yield from _venues(status.venues)
            yield from _feeds(status.feeds)


def _gauge(name: str, about: str, labels: tuple[str, ...], rows: _Rows) -> Metric:
    family = GaugeMetricFamily(_P + name, about, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family


def _counter(name: str, about: str, labels: tuple[str, ...], rows: _Rows) -> Metric:
    family = CounterMetricFamily(_P + name, about, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family


def _by_name(counted: Mapping[str, int]) -> _Rows:
    return [((name,), float(count)) for name, count in counted.items()]


def _amounts(amounts: Iterable[tuple[str, Money | None]]) -> _Rows:
    """Return the amounts that are known."""
    return [((name,), float(amount)) for name, amount in amounts if amount is not None]


def _counted(counts: SessionCounts) -> Iterator[Metric]:
    orders = [(key, float(count)) for key, count in counts.orders.items()]
    labels = ("strategy", "venue", "outcome")
    yield _counter("orders", "Orders by what became of them.", labels, orders)
    fills = [(key, float(count)) for key, count in counts.fills.items()]
    yield _counter("fills", "Executions.", ("strategy", "venue"), fills)
    crashes, restarts = _by_name(counts.crashes), _by_name(counts.restarts)
    yield _counter("strategy_crashes", "Failures of its code.", ("strategy",), crashes)
    yield _counter("strategy_restarts", "How often it was made anew.", ("strategy",), restarts)
    up = [((venue,), float(venue not in counts.down)) for venue in counts.feeds]
    yield _gauge("feed_up", "Whether market data flows.", ("venue",), up)


def _session(status: SessionStatus) -> Iterator[Metric]:
    halted, stopping = float(bool(status.halted)), float(bool(status.stopping))
    yield _gauge("session_halted", "Whether all strategies are halted.", (), [((), halted)])
    yield _gauge("session_stopping", "Whether it is ending.", (), [((), stopping)])
    handled, trades = float(status.handled), float(status.trades)
    yield _counter("events_handled", "Events handled by engines.", (), [((), handled)])
    yield _counter("trades", "Round trips finished.", (), [((), trades)])
    shed = _by_name(status.shed)
    yield _counter("events_shed", "Market data that was not fit to be shown.", ("reason",), shed)
    day = [((), float(status.day_pnl))] if status.day_pnl is not None else []
    yield _gauge("day_pnl", "Of all strategies, in the numeraire.", (), day)
    entries, waiting = float(status.journal.entries), float(status.journal.waiting)
    yield _counter("journal_entries", "Entries of the journal.", (), [((), entries)])
    yield _gauge("journal_waiting", "Entries not on the disk yet.", (), [((), waiting)])


def _strategies(strategies: tuple[StrategyStatus, ...]) -> Iterator[Metric]:
    label = ("strategy",)
    states = [
        ((each.name, state.value), float(each.state is state))
        for each in strategies
        for state in StrategyState
    ]
    yield _gauge("strategy_state", "1 for the state it is in.", ("strategy", "state"), states)
    worth = _amounts((each.name, each.equity) for each in strategies)
    yield _gauge("strategy_equity", "Its capital and all it made.", label, worth)
    pnl = _amounts((each.name, each.pnl) for each in strategies)
    yield _gauge("strategy_pnl", "What it made, open positions included.", label, pnl)
    day = _amounts((each.name, each.day_pnl) for each in strategies)
    yield _gauge("strategy_day_pnl", "The same since the day began.", label, day)
    orders = [((each.name,), float(each.orders)) for each in strategies]
    yield _gauge("strategy_open_orders", "Orders that may still trade.", label, orders)
    conflated = [((each.name,), float(each.conflated)) for each in strategies]
    yield _counter("quotes_conflated", "Quotes replaced before it saw them.", label, conflated)
    held = [
        ((each.name, str(instrument)), float(quantity))
        for each in strategies
        for instrument, quantity in each.held.items()
    ]
    yield _gauge("position", "Signed quantity held.", ("strategy", "instrument"), held)


def _venues(venues: tuple[VenueStatus, ...]) -> Iterator[Metric]:
    ready = [((each.name,), float(not each.problem)) for each in venues]
    yield _gauge("venue_ready", "Whether it takes new exposure.", ("venue",), ready)
    sent = [((each.name,), float(each.sent)) for each in venues]
    yield _counter("venue_orders_sent", "Orders handed to it.", ("venue",), sent)
    states = [
        ((each.name, state.value), float(each.breaker == state.value))
        for each in venues
        for state in BreakerState
    ]
    yield _gauge("venue_breaker", "1 for its breaker's state.", ("venue", "state"), states)


def _feeds(feeds: tuple[FeedStatus, ...]) -> Iterator[Metric]:
    ages = [
        ((str(each.instrument_id),), each.age_ns / NS_PER_SECOND)
        for each in feeds
        if each.age_ns is not None
    ]
    yield _gauge("feed_age_seconds", "Age of the latest price.", ("instrument",), ages)
    passed = [((str(each.instrument_id),), float(each.passed)) for each in feeds]
    yield _counter("feed_events", "Quotes, trades and bars.", ("instrument",), passed)
