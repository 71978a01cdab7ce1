"""
What a strategy is, and what it may look at.

A strategy is told what happened and answers with what it wants; it never waits, never asks a venue
and never keeps the time. The same object runs in a backtest, on paper and live.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from attrs import frozen

from algopioneer_core.domain.capabilities import Capability
from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import Money, Price, Quantity
from algopioneer_core.domain.orders import Order
from algopioneer_core.domain.positions import Position

__all__ = ["Requirements", "Strategy", "StrategyContext"]


@frozen(kw_only=True)
class Requirements:
    """What a strategy needs before it can decide."""

    warmup_bars: int = 0
    """Bars of each instrument before the first decision is possible."""
    capabilities: tuple[Capability, ...] = ()
    """What the venue of each instrument must support."""


class StrategyContext(Protocol):
    """
    A read-only view of the strategy's own position, orders and money.

    One object is reused for all events: read from it, do not keep it.
    """

    @property
    def now_ns(self) -> int:
        """Time of the event being handled, UTC nanoseconds."""

    @property
    def equity(self) -> Money:
        """Capital plus own realised and unrealised gains, after fees, at the last marks."""

    @property
    def cash(self) -> Money:
        """What of the equity is not in delivered assets; negative when borrowed."""

    @property
    def has_working_orders(self) -> bool:
        """Whether any own order may still trade."""

    def instrument(self, instrument_id: InstrumentId) -> Instrument:
        """Return the rules of one of the configured instruments."""

    def quantity(self, instrument_id: InstrumentId) -> Quantity:
        """Return the signed quantity held; zero when flat."""

    def position(self, instrument_id: InstrumentId) -> Position:
        """Return the own position, which may be flat."""

    def mark(self, instrument_id: InstrumentId) -> Price | None:
        """Return the price at which the position is valued; None before the first event."""

    def working_orders(self) -> tuple[Order, ...]:
        """Return own orders that may still trade, oldest first."""


class Strategy(Protocol):
    """
    Decides on events. Made by the factory of its plugin's spec, from its configuration and its
    instruments; made anew by the same factory after a crash.
    """

    def requirements(self) -> Requirements:
        """Say what is needed; called once, before the first event."""

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """
        Answer *event* with what should be done, in order; usually with nothing: return `()`.

        Called for every event of the declared instruments and for the fate of own orders, once
        each: a report that repeats an earlier one is not shown. An answer is carried out whole or,
        where it asks for something that was not declared, not at all. It must follow from earlier
        events and *context* alone: no clock, no randomness that was not seeded by configuration,
        no I/O.
        """

    def snapshot(self) -> Mapping[str, object]:
        """Return the whole state as JSON values (integers and text; no floats of money)."""

    def restore(self, state: Mapping[str, object]) -> None:
        """Become what `snapshot` described; called on a fresh object, before any event."""
