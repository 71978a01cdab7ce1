"""From wishes to orders: what a strategy may ask for, past the risk gate, with an identity."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, assert_never

from attrs import evolve

from algopioneer_core.domain.commands import (
    Cancel,
    CancelAll,
    CloseSpread,
    Command,
    Halt,
    OpenSpread,
    RollSpread,
    SetTimer,
    StrategyCommand,
    Submit,
)
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.engine.risk import Denied, OrderRequest, RiskGate

__all__ = ["NOTHING", "OrderDesk"]

NOTHING: Final[tuple[Command, ...]] = ()
"""The answer to an event after which there is nothing to do; always the same object."""
_SELL: Final = Side.SELL


class OrderDesk:
    """
    Turns one strategy's wishes into commands.

    Args:
        name: The strategy's name in the session.
        portfolio: Its books; what is not in them is not traded.
        orders: Its orders.
        risk: Approves, cuts or refuses.
        on_denied: Called with each order that was refused, and why.
    """

    def __init__(
        self,
        name: str,
        portfolio: Portfolio,
        orders: OrderManager,
        risk: RiskGate,
        on_denied: Callable[[Order, Denied], None] | None = None,
    ) -> None:
        self._name = name
        self._portfolio = portfolio
        self._instruments = portfolio.instruments
        self._orders = orders
        self._risk = risk
        self._on_denied = on_denied
        self.denied = 0
        """How many orders the gate has refused."""

    def carry_out(self, wishes: Iterable[StrategyCommand], now_ns: int) -> Sequence[Command]:
        """
        Return the commands for *wishes*, in order; all of them, or none when one is not allowed.

        Raises:
            RefusedError: An instrument was not given to the strategy, or a spread is asked for.
            UnknownOrder: A cancel of what was never ordered.
        """
        wishes = tuple(wishes)
        for wish in wishes:  # before any order is made, so that none is made and then not sent
            if type(wish) is not OrderIntent or wish.instrument_id not in self._instruments:
                self.check(wish)  # nearly always an order for what was given
        commands: list[Command] = []
        for wish in wishes:
            if type(wish) is OrderIntent:
                self._submit(wish, now_ns, commands)
            else:
                self._command(wish, commands)
        return commands or NOTHING

    def check(self, wish: StrategyCommand) -> None:
        """
        Refuse a wish that can never be carried out here.

        Raises:
            RefusedError: An instrument was not given to the strategy, or a spread is asked for.
            UnknownOrder: A cancel of what was never ordered.
        """
        match wish:
            case OrderIntent() | CancelAll():
                instrument_id = wish.instrument_id
                if instrument_id is not None and instrument_id not in self._instruments:
                    raise RefusedError(
                        "the strategy wants to trade what it was not given",
                        where=instrument_id,
                        remedy="name every instrument in the strategy's configuration",
                    )
            case Cancel():
                self._orders.get(wish.client_order_id)
            case OpenSpread() | RollSpread() | CloseSpread():
                raise RefusedError(
                    "this engine trades single instruments",
                    where=self._name,
                    remedy="run the strategy with a leg manager",
                )
            case SetTimer() | Halt():
                pass
            case _:
                assert_never(wish)

    # --- orders ------------------------------------------------------------------------------

    def _submit(self, intent: OrderIntent, now_ns: int, commands: list[Command]) -> None:
        if not self._risk.is_off or (intent.reduce_only and not self._only_reduces(intent)):
            verdict = self._risk.check(OrderRequest(self._name, intent, now_ns))
            if isinstance(verdict, Denied):
                self._deny(intent, now_ns, verdict)
                return
            if verdict.quantity is not None:
                intent = evolve(intent, quantity=verdict.quantity, quote_amount=None)
        commands.append(Submit(self._orders.submit(intent, now_ns)))

    def _only_reduces(self, intent: OrderIntent) -> bool:
        """Return whether a reduce-only order plainly is one, so that nothing has to be cut."""
        if intent.quantity is None or self._works_in(intent.instrument_id):
            return False
        held = self._portfolio.quantity(intent.instrument_id)
        return intent.quantity <= (held if intent.side is _SELL else held.copy_negate())

    def _works_in(self, instrument_id: InstrumentId) -> bool:
        working = self._orders.working
        return bool(working) and any(
            order.intent.instrument_id == instrument_id for order in working.values()
        )

    def _deny(self, intent: OrderIntent, now_ns: int, verdict: Denied) -> None:
        self.denied += 1
        order = self._orders.deny(intent, now_ns, verdict.reason)
        if self._on_denied is not None:
            self._on_denied(order, verdict)

    # --- other wishes ------------------------------------------------------------------------

    def _command(self, wish: StrategyCommand, commands: list[Command]) -> None:
        if isinstance(wish, Cancel):
            self._cancel(self._orders.get(wish.client_order_id), commands)
        elif isinstance(wish, CancelAll):
            for order in tuple(self._orders.working.values()):
                if wish.instrument_id in (None, order.intent.instrument_id):
                    self._cancel(order, commands)
        else:
            assert isinstance(wish, SetTimer | Halt)
            if isinstance(wish, Halt):
                self._risk.halt(wish.reason, strategy=self._name)
            commands.append(wish)

    def _cancel(self, order: Order, commands: list[Command]) -> None:
        """Ask for a cancel, unless the order has ended or was asked to already."""
        if order.status.is_working and order.status is not OrderStatus.PENDING_CANCEL:
            self._orders.request_cancel(order.client_order_id)
            commands.append(Cancel(order.client_order_id))
