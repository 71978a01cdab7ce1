"""A small session in a journal, as the gate writes it: one trade, one refusal."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio

from algopioneer_core.domain.commands import Cancel
from algopioneer_core.domain.execution_reports import OrderAccepted, OrderFilled
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.orders import Order, OrderIntent
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.journal.journal import Journal, open_journal

__all__ = ["write_session"]

_A = InstrumentId("sim", "A")
_MINUTE = 60_000_000_000


def write_session(path: Path) -> None:
    """Write orders `buy`, `sell` (one trade `ma:1`) and `denied` of the strategy `ma`."""
    anyio.run(_write, path)


async def _write(path: Path) -> None:
    async with open_journal(path, make_uuid=lambda: "journal") as journal:
        journal.append(Entry(EntryKind.SESSION, 0, body={"started": True}))
        _trade(journal, 1, "buy", Side.BUY, 10)
        _trade(journal, 2, "sell", Side.SELL, 12)
        trip = RoundTrip(
            _A, Side.BUY, Decimal(2), _MINUTE + 1, 2 * _MINUTE + 1, Decimal(10), Decimal(12),
            Decimal("3.8"), Decimal("0.2"), Decimal(20), "signal",
        )  # fmt: skip
        journal.append(Entry(EntryKind.TRADE, 2 * _MINUTE + 1, "ma", "ma:1", None, trip))
        order, seen = _order("denied", Side.BUY, 3), _bar(3)
        denial = {"order": order, "limit": "order_notional", "reason": "20 is above 5"}
        decision = _decide(journal, seen, order.intent, {"order": "denied", "verdict": "denied"})
        journal.append(Entry(EntryKind.DENIED, seen.ts_event, "ma", "denied", decision, denial))


def _trade(journal: Journal, minute: int, name: str, side: Side, price: int) -> None:
    order, seen = _order(name, side, minute), _bar(minute)
    ts_ns = seen.ts_event
    decision = _decide(journal, seen, order.intent, {"order": name, "verdict": "approved"})
    intent = journal.append(Entry(EntryKind.INTENT, ts_ns, "ma", name, decision, order))
    fill = Fill(
        f"fill-{name}", name, _A, side, Decimal(2), Decimal(price), Decimal("0.1"), "USD",
        Liquidity.TAKER, ts_ns + 1,
    )  # fmt: skip
    bodies: list[tuple[EntryKind, Any]] = [
        (EntryKind.EVENT, OrderAccepted(name, ts_ns, f"venue-{name}")),
        (EntryKind.CANCEL, Cancel(name)),
        (EntryKind.EVENT, OrderFilled(fill, complete=True)),
    ]
    for kind, body in bodies:
        journal.append(Entry(kind, ts_ns + 1, "ma", name, intent, body))


def _decide(journal: Journal, seen: Bar, wish: OrderIntent, verdict: dict[str, str]) -> int:
    event = journal.append(Entry(EntryKind.EVENT, seen.ts_event, "ma", body=seen))
    body = {"event": seen, "wishes": [wish], "risk": [verdict]}
    return journal.append(Entry(EntryKind.DECISION, seen.ts_event, "ma", "", event, body))


def _order(name: str, side: Side, minute: int) -> Order:
    wish = OrderIntent(instrument_id=_A, side=side, quantity=Decimal(2))
    return Order(name, wish, minute * _MINUTE)


def _bar(minute: int) -> Bar:
    return Bar(_A, minute * _MINUTE, 10, 10, 10, 10, 0, 0, 0, minute * _MINUTE)
