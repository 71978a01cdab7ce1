"""What is said of a session is counted by strategy, venue and outcome, and handed on."""

from algopioneer_core.telemetry.events import LogEvent
from algopioneer_core.web.counts import OUTCOMES, SessionCounts


def test_each_outcome_of_an_order_is_counted_by_strategy_and_venue() -> None:
    """The venue is known from the order's first line; every line goes on as it came."""
    said: list[tuple[LogEvent, dict[str, object]]] = []

    def say(event: LogEvent, /, **fields: object) -> None:
        said.append((event, fields))

    counts = SessionCounts(say)
    counts(LogEvent.ORDER_SUBMITTED, strategy="trend", order="o", instrument="sim:A-USD")
    for event in list(OUTCOMES)[1:]:
        counts(event, strategy="trend", order="o")
    counts(LogEvent.ORDER_REJECTED, strategy="pair", order="p")

    assert counts.orders == {
        **{("trend", "sim", outcome): 1 for outcome in OUTCOMES.values()},
        ("pair", "", "rejected"): 1,
    }
    assert said[-1] == (LogEvent.ORDER_REJECTED, {"strategy": "pair", "order": "p"})
    assert len(said) == len(OUTCOMES) + 1


def test_the_venues_of_the_latest_orders_are_remembered_and_no_more() -> None:
    """Memory stays flat over months; what was ordered long ago is counted without a venue."""
    counts = SessionCounts(lambda *_, **__: None)
    for number in range(10_001):
        counts(LogEvent.ORDER_SUBMITTED, strategy="s", order=number, instrument="sim:A-USD")
    for number in (0, 1, 10_000):
        counts(LogEvent.ORDER_CANCELED, strategy="s", order=number)
    assert counts.orders["s", "", "canceled"] == 1
    assert counts.orders["s", "sim", "canceled"] == 2


def test_fills_are_counted_by_strategy_and_venue() -> None:
    """The venue is that of the instrument."""
    counts = SessionCounts(lambda *_, **__: None)
    for name in ("sim:A-USD", "sim:B-USD", "real:A-USD"):
        counts(LogEvent.ORDER_FILLED, strategy="trend", instrument=name)
    assert counts.fills == {("trend", "sim"): 2, ("trend", "real"): 1}


def test_crashes_and_restarts_are_counted() -> None:
    """Of each strategy; a line of another kind counts nothing."""
    counts = SessionCounts(lambda *_, **__: None)
    counts(LogEvent.STRATEGY_CRASHED, strategy="trend", error="no")
    counts(LogEvent.STRATEGY_CRASHED, strategy="trend", error="no")
    counts(LogEvent.STRATEGY_RESTARTED, strategy="trend", attempt=1)
    counts(LogEvent.SNAPSHOT_SAVED, events=1)
    assert (counts.crashes, counts.restarts) == ({"trend": 2}, {"trend": 1})
    assert not counts.orders


def test_a_feed_is_down_until_it_is_up() -> None:
    """With the latest reason."""
    counts = SessionCounts(lambda *_, **__: None)
    counts(LogEvent.FEED_DOWN, venue="sim", reason="no route")
    counts(LogEvent.FEED_DOWN, venue="sim", reason="no answer")
    assert counts.down == {"sim": "no answer"}
    counts(LogEvent.FEED_UP, venue="sim")
    counts(LogEvent.FEED_UP, venue="real")
    assert counts.down == {}
    assert list(counts.feeds) == ["sim", "real"]
