"""The pages of a session, asked in memory."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from algopioneer_core.domain.errors import AlgopioneerError
from algopioneer_core.runtime.status import JournalStatus, SessionStatus, StrategyState
from algopioneer_core.telemetry.events import LogEvent
from algopioneer_core.telemetry.redaction import HIDDEN, Redactor
from algopioneer_core.web.application import application
from algopioneer_core.web.counts import SessionCounts

SECRET = "s3cr3t-key"


class Pages:
    """An application over a status that a test sets."""

    def __init__(self) -> None:
        self.status: SessionStatus | None = None
        self.counts = SessionCounts(lambda *_, **__: None)
        self._pages = application(lambda: self.status, self.counts, Redactor([SECRET]))

    async def get(self, path: str, method: str = "GET") -> httpx.Response:
        """Ask for a page."""
        transport = httpx.ASGITransport(app=self._pages)
        async with httpx.AsyncClient(transport=transport, base_url="http://session") as client:
            return await client.request(method, path)

    async def metrics(self) -> dict[str, dict[tuple[str, ...], float]]:
        """Return all samples by name, each by the values of its labels, sorted by their names."""
        text = (await self.get("/metrics")).text
        found: dict[str, dict[tuple[str, ...], float]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = tuple(value for _, value in sorted(sample.labels.items()))
                found.setdefault(sample.name, {})[labels] = sample.value
        return found


@pytest.fixture
def pages() -> Pages:
    """Pages of a session that is being opened."""
    return Pages()


async def test_a_healthy_session_says_so_with_its_parts(pages: Pages, statuses: Any) -> None:
    """200, and the state of strategies, venues and journal."""
    pages.status = statuses.session()
    answer = await pages.get("/health")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "status": "ok",
        "problems": [],
        "session": "alpha",
        "venues": {"sim": {"takes_new_exposure": True, "market_data": True, "breaker": "closed"}},
        "strategies": {"trend": {"state": "running", "note": "", "open_orders": 2}},
        "journal": {"entries": 42, "waiting": 1},
    }


async def test_a_session_that_is_being_opened_is_not_well_yet(pages: Pages) -> None:
    """503 until there is something to look at; its metrics say the same."""
    answer = await pages.get("/health")
    assert (answer.status_code, answer.json()["problems"]) == (
        503,
        ["the session is being opened"],
    )
    assert (await pages.metrics())["algopioneer_healthy"] == {(): 0.0}


_UNWELL: list[tuple[Callable[[Any], dict[str, Any]], str]] = [
    (lambda _: {"stopping": "told to stop"}, "stopping: told to stop"),
    (lambda _: {"halted": "daily loss"}, "halted: daily loss"),
    (
        lambda make: {"strategies": (make.strategy(state=StrategyState.HALTED, note="lunch"),)},
        "strategy trend: halted (lunch)",
    ),
    (
        lambda make: {"strategies": (make.strategy(state=StrategyState.GIVEN_UP),)},
        "strategy trend: given up",
    ),
    (
        lambda make: {"venues": (make.venue(problem="its private stream is down"),)},
        "venue sim: its private stream is down",
    ),
    (
        lambda make: {"venues": (make.venue(breaker="open"),)},
        "venue sim: its circuit breaker is open",
    ),
    (
        lambda _: {"journal": JournalStatus(entries=1, waiting=0, problem="the disk is full")},
        "journal: the disk is full",
    ),
]


@pytest.mark.parametrize(("change", "problem"), _UNWELL)
async def test_whatever_is_not_well_is_named(
    pages: Pages, statuses: Any, change: Callable[[Any], dict[str, Any]], problem: str
) -> None:
    """503, and one line for each."""
    pages.status = statuses.session(**change(statuses))
    answer = await pages.get("/health")
    assert (answer.status_code, answer.json()["problems"]) == (503, [problem])
    assert answer.json()["status"] == "unhealthy"


async def test_market_data_that_is_down_is_named(pages: Pages, statuses: Any) -> None:
    """Though every venue takes orders."""
    pages.status = statuses.session()
    pages.counts(LogEvent.FEED_DOWN, venue="sim", reason="no route")
    answer = await pages.get("/health")
    assert answer.json()["problems"] == ["market data of sim is down: no route"]
    assert answer.json()["venues"]["sim"]["market_data"] is False
    assert (await pages.metrics())["algopioneer_feed_up"] == {("sim",): 0.0}


async def test_metrics_are_those_of_the_status_and_of_the_counts(
    pages: Pages, statuses: Any
) -> None:
    """By strategy, venue, instrument and reason."""
    pages.status = statuses.session()
    coin = {"strategy": "trend", "order": "o", "instrument": "sim:COIN-USD"}
    pages.counts(LogEvent.ORDER_SUBMITTED, **coin)
    pages.counts(LogEvent.ORDER_REJECTED, strategy="trend", order="o")
    pages.counts(LogEvent.ORDER_FILLED, strategy="trend", instrument="sim:COIN-USD")
    pages.counts(LogEvent.STRATEGY_RESTARTED, strategy="trend")
    found = await pages.metrics()
    expected = {
        "healthy": {(): 1},
        "orders_total": {("submitted", "trend", "sim"): 1, ("rejected", "trend", "sim"): 1},
        "fills_total": {("trend", "sim"): 1},
        "strategy_restarts_total": {("trend",): 1},
        "strategy_equity": {("trend",): 10250.25},
        "strategy_pnl": {("trend",): 250.25},
        "strategy_day_pnl": {("trend",): -3},
        "strategy_open_orders": {("trend",): 2},
        "position": {("sim:COIN-USD", "trend"): -1.5},
        "quotes_conflated_total": {("trend",): 7},
        "events_shed_total": {("too_old",): 1},
        "feed_age_seconds": {("sim:COIN-USD",): 1.5},
        "feed_events_total": {("sim:COIN-USD",): 9},
        "venue_ready": {("sim",): 1},
        "venue_orders_sent_total": {("sim",): 5},
        "journal_entries_total": {(): 42},
        "journal_waiting": {(): 1},
        "trades_total": {(): 3},
        "events_handled_total": {(): 100},
        "day_pnl": {(): -3},
        "session_halted": {(): 0},
        "session_stopping": {(): 0},
    }
    assert {name: found[f"algopioneer_{name}"] for name in expected} == expected
    states = found["algopioneer_strategy_state"]
    assert [key for key, value in states.items() if value] == [("running", "trend")]
    breakers = found["algopioneer_venue_breaker"]
    assert [key for key, value in breakers.items() if value] == [("closed", "sim")]


async def test_what_is_not_known_is_left_out(pages: Pages, statuses: Any) -> None:
    """No figure is made up for an amount without a price, or a feed that said nothing yet."""
    unknown = statuses.strategy(equity=None, pnl=None, day_pnl=None, held={})
    pages.status = statuses.session(strategies=(unknown,), feeds=(), day_pnl=None)
    found = await pages.metrics()
    left_out = ("strategy_equity", "strategy_pnl", "strategy_day_pnl", "day_pnl", "position")
    assert not {f"algopioneer_{name}" for name in (*left_out, "feed_age_seconds")} & set(found)


async def test_each_session_has_metrics_of_its_own(pages: Pages) -> None:
    """Two in one process do not meet in a registry."""
    other = Pages()
    other.counts(LogEvent.ORDER_REJECTED, strategy="trend")
    assert "algopioneer_orders_total" in await other.metrics()
    assert "algopioneer_orders_total" not in await pages.metrics()


async def test_no_secret_is_shown(pages: Pages, statuses: Any) -> None:
    """An error may quote one."""
    error = AlgopioneerError(f"refused: {SECRET}")
    pages.status = statuses.session(venues=(statuses.venue(problem=str(error)),))
    body = (await pages.get("/health")).text
    assert SECRET not in body
    assert HIDDEN in body


@pytest.mark.parametrize(("method", "path", "code"), [("POST", "/health", 405), ("GET", "/", 404)])
async def test_nothing_can_be_changed_and_nothing_else_is_there(
    pages: Pages, method: str, path: str, code: int
) -> None:
    """The pages only read."""
    assert (await pages.get(path, method)).status_code == code
