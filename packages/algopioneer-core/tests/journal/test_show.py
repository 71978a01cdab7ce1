from pathlib import Path

import pytest

from algopioneer_core.domain.errors import UnknownOrder
from algopioneer_core.journal.entries import EntryKind
from algopioneer_core.journal.show import OrderStory, story_lines, story_of
from algopioneer_core.journal.sqlite_storage import SqliteStorage
from algopioneer_core.testing.journal_sessions import write_session


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a journal with one trade and one refusal."""
    path = tmp_path / "journal.sqlite"
    write_session(path)
    return path


def story(path: Path, order_id: str) -> OrderStory:
    """Return the story of an order."""
    with SqliteStorage(path, read_only=True) as storage:
        return story_of(storage, order_id)


def test_an_order_is_explained_from_tick_to_trade(path: Path) -> None:
    """Event, wishes and verdict, the order, reports and cancels, the trade it was part of."""
    found = story(path, "buy")
    kinds = [
        [each.entry.kind for each in part]
        for part in (found.causes, found.order, found.outcome, found.trades)
    ]
    event, cancel = EntryKind.EVENT, EntryKind.CANCEL
    assert kinds == [
        [event, EntryKind.DECISION],
        [EntryKind.INTENT],
        [event, cancel, event],
        [EntryKind.TRADE],
    ]
    assert found.strategy == "ma"


def test_both_orders_of_a_trade_lead_to_it(path: Path) -> None:
    """The one that began it and the one that ended it."""
    assert story(path, "buy").trades == story(path, "sell").trades


def test_a_refusal_is_explained(path: Path) -> None:
    """With the limit that stood in its way, and nothing after it."""
    found = story(path, "denied")
    assert (found.outcome, found.trades) == ((), ())
    text = "\n".join(story_lines(found))
    assert "denied by risk (order_notional): 20 is above 5" in text


def test_the_story_reads_from_top_to_bottom(path: Path) -> None:
    """One line for each entry, with its sequence and time."""
    assert list(story_lines(story(path, "buy"))) == [
        "order buy of ma",
        "because",
        "  #2 1970-01-01T00:01:00Z bar of sim:A until 1970-01-01T00:01:00Z: open 10, high 10,"
        " low 10, close 10",
        "  #3 1970-01-01T00:01:00Z seen: bar of sim:A until 1970-01-01T00:01:00Z: open 10,"
        " high 10, low 10, close 10",
        "      wished: buy 2 sim:A (market, GTC), reason: signal",
        "      risk: order: buy, verdict: approved",
        "order",
        "  #4 1970-01-01T00:01:00Z sent: order buy: buy 2 sim:A (market, GTC), reason: signal",
        "outcome",
        "  #5 1970-01-01T00:01:00.000000001Z accepted by the venue as venue-buy",
        "  #6 1970-01-01T00:01:00.000000001Z cancel order buy",
        "  #7 1970-01-01T00:01:00.000000001Z bought 2 at 10 as taker, fee 0.1 USD, fill fill-buy",
        "trade",
        "  #14 1970-01-01T00:02:00.000000001Z ma:1: long 2 sim:A from 10 to 12: gain 3.8 after"
        " fees of 0.2, left for signal",
    ]


def test_an_order_nobody_made_is_named(path: Path) -> None:
    """With the journal that was looked into."""
    with pytest.raises(UnknownOrder, match=r"journal.sqlite: the journal has no order 'x'"):
        story(path, "x")
