"""
What a strategy did, in a form in which two runs can be compared.

A run is a row of decisions: what the strategy asked for, the orders that came of it, their fills
and how they ended, in the order in which they happened. Each run has ids of its own for orders and
fills, so an order is known here by its number among those of its strategy.
"""

import enum
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import evolve, field, frozen

from algopioneer_core.domain.commands import Cancel, StrategyCommand
from algopioneer_core.domain.events import (
    Event,
    OrderAbsent,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
)
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.market_data import Bar, JointBar
from algopioneer_core.domain.orders import Order, OrderIntent
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.journal.words import describe

__all__ = ["Decision", "DecisionKind", "Transcript", "words_of"]


class DecisionKind(enum.Enum):
    """What of a run is compared."""

    SIGNAL = "signal"
    """The strategy asked for something."""
    ORDER = "order"
    """An order was made and sent."""
    DENIED = "denied"
    """An order was made, and the risk gate refused it."""
    CANCEL = "cancel"
    """An order was taken back."""
    FILL = "fill"
    """An order traded."""
    ENDED = "ended"
    """An order ended without a trade: rejected, cancelled, expired or proven absent."""

    __hash__ = object.__hash__  # members are single objects


@frozen
class Decision:
    """One thing that a run did."""

    kind: DecisionKind
    ts_ns: int
    """When, UTC nanoseconds: of a fill, when it was executed."""
    order: int | None
    """Which order of its strategy it is about, from 1; None for a signal."""
    body: tuple[StrategyCommand, ...] | OrderIntent | Fill | str
    """What was asked for; what was ordered; what was executed, without ids and time; how it ended,
    or nothing."""
    note: str = field(default="", eq=False)
    """Why, where somebody said it: a venue's message, a limit. It is not compared."""


_ENDS: Final[dict[type, str]] = {
    OrderRejected: "rejected",
    OrderCanceled: "cancelled",
    OrderExpired: "expired",
    OrderAbsent: "absent",
}
_OF_A_LATER_BAR: Final = ("rejected", "expired")


class Transcript:
    """The decisions of one run of one strategy, taken down as they come."""

    def __init__(self) -> None:
        self._decisions: list[Decision] = []
        self._orders: dict[str, int] = {}
        self._bars = 0  # decisions before the last bar, and what it led to at once
        self.last_bar_ns = 0
        """Close of the last bar that the strategy decided on; 0 when there was none."""

    def bar(self, bar: Bar | JointBar) -> None:
        """Take down that the strategy is about to decide on *bar*."""
        self.last_bar_ns = bar.ts_event
        self._bars = len(self._decisions)

    def signal(self, ts_ns: int, wishes: Iterable[StrategyCommand]) -> None:
        """Take down what the strategy asks for; nothing where that is nothing."""
        asked = tuple(self._without_id(wish) for wish in wishes)
        if asked:
            self._add(DecisionKind.SIGNAL, ts_ns, None, asked)

    def order(self, order: Order, ts_ns: int) -> None:
        """Take down an order that is sent."""
        self._add(DecisionKind.ORDER, ts_ns, self._number(order.client_order_id), order.intent)

    def denied(self, order: Order, ts_ns: int, why: str) -> None:
        """Take down an order that risk refused."""
        number = self._number(order.client_order_id)
        self._add(DecisionKind.DENIED, ts_ns, number, order.intent, why)

    def cancel(self, client_order_id: str, ts_ns: int) -> None:
        """Take down that an order is taken back."""
        self._add(DecisionKind.CANCEL, ts_ns, self._number(client_order_id), "")

    def report(self, event: Event) -> None:
        """Take down what became of an order; other events, and acknowledgements, are left out."""
        if isinstance(event, OrderFilled):
            fill, number = event.fill, self._number(event.client_order_id)
            bare = evolve(fill, fill_id="", client_order_id="", ts_event=0)
            self._add(DecisionKind.FILL, fill.ts_event, number, bare)
        elif isinstance(event, OrderRejected | OrderCanceled | OrderExpired | OrderAbsent):
            number = self._number(event.client_order_id)
            why = getattr(event, "message", "")
            self._add(DecisionKind.ENDED, event.ts_event, number, _ENDS[type(event)], why)

    def until(self, last_ns: int) -> Sequence[Decision]:
        """
        Return what was done up to and with the bar that closes at *last_ns*.

        What a later bar did to orders is left out, also where it is dated with its open, which is
        the close of the last bar.
        """
        kept: list[Decision] = []
        for place, decision in enumerate(self._decisions):
            if place >= self._bars and self.last_bar_ns >= last_ns and _is_later(decision):
                break
            if decision.ts_ns <= last_ns:
                kept.append(decision)
        return kept

    def _add(
        self,
        kind: DecisionKind,
        ts_ns: int,
        order: int | None,
        body: tuple[StrategyCommand, ...] | OrderIntent | Fill | str,
        note: str = "",
    ) -> None:
        self._decisions.append(Decision(kind, ts_ns, order, body, note))

    def _number(self, client_order_id: str) -> int:
        return self._orders.setdefault(client_order_id, len(self._orders) + 1)

    def _without_id(self, wish: StrategyCommand) -> StrategyCommand:
        if isinstance(wish, Cancel):
            return Cancel(f"#{self._number(wish.client_order_id)}")
        return wish


def _is_later(decision: Decision) -> bool:
    return decision.kind is DecisionKind.FILL or decision.body in _OF_A_LATER_BAR


def words_of(decision: Decision | None) -> str:
    """Return *decision* in one line for people; of none, that there is nothing more."""
    if decision is None:
        return "nothing more"
    number = "" if decision.order is None else f"order {decision.order}: "
    note = f" ({decision.note})" if decision.note else ""
    return f"{iso_utc(decision.ts_ns)} {number}{_said(decision)}{note}"


def _said(decision: Decision) -> str:
    body = decision.body
    if isinstance(body, tuple):
        return f"asks: {'; '.join(describe(wish) for wish in body)}"
    if isinstance(body, OrderIntent):
        verb = "sends" if decision.kind is DecisionKind.ORDER else "risk denies"
        return f"{verb} {describe(body)}"
    if isinstance(body, Fill):
        return describe(OrderFilled(body)).rpartition(", fill ")[0]
    return body or "takes it back"
