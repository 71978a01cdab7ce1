"""Looking on while a backtest decides: what its engine is told, and what it commands."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from algopioneer_core.domain.commands import Command
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.orders import Order
from algopioneer_core.engine.engine import TradingEngine
from algopioneer_core.engine.risk import Denied

__all__ = ["Watcher", "engine_maker"]


class Watcher(Protocol):
    """Somebody who looks on; it cannot change anything."""

    def begin(self, engine: TradingEngine) -> None:
        """Take note of the engine, before its first event."""

    def handled(self, event: Event, commands: Sequence[Command]) -> None:
        """Take note of an event that the engine has handled, and of what it commands."""

    def denied(self, order: Order, denied: Denied) -> None:
        """Take note of an order that risk refused while an event was handled."""


class _WatchedEngine(TradingEngine):
    """An engine somebody looks at."""

    def __init__(self, watcher: Watcher, *args: Any, **terms: Any) -> None:
        tell = terms.pop("on_denied")

        def on_denied(order: Order, denied: Denied) -> None:
            tell(order, denied)
            watcher.denied(order, denied)

        super().__init__(*args, **terms, on_denied=on_denied)
        self._watcher = watcher
        watcher.begin(self)

    def handle(self, event: Event) -> Sequence[Command]:
        commands = super().handle(event)
        self._watcher.handled(event, commands)
        return commands


def engine_maker(watcher: Watcher | None) -> Callable[..., TradingEngine]:
    """Return what makes the engine of a backtest: the plain one where nobody looks on."""
    return TradingEngine if watcher is None else partial(_WatchedEngine, watcher)
