"""
Coinbase as simulations trade at it: the local exchange in memory, and the adapter as it is.

The exchange, its faults and its books are those of the sandbox. What the wire does beyond them (it
is late, breaks, swallows a request or its answer, and hands frames out in pieces) is in
`simulated_line`. A fault that can look like several things takes one of its shapes by its time, so
that it looks the same however few others are played with it.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Final

import anyio
import anyio.lowlevel
from attrs import evolve

from algopioneer_coinbase.plugin import CAPABILITIES
from algopioneer_coinbase.sandbox import DEFAULT_CONFIG, CoinbaseSandbox, Manners
from algopioneer_coinbase.sandbox_auth import ApiKey
from algopioneer_coinbase.sandbox_faults import apply_fault
from algopioneer_coinbase.sandbox_filed import FiledOrder
from algopioneer_coinbase.sandbox_products import future_json, spot_json
from algopioneer_coinbase.sandbox_shapes import order_id
from algopioneer_coinbase.signing import read_private_key
from algopioneer_coinbase.simulated_line import CONFIG, CoinbaseLine, SimulatedWire
from algopioneer_coinbase.symbols import VENUE
from algopioneer_core.domain.capabilities import Capabilities
from algopioneer_core.domain.events import ExecutionReport, OrderAccepted, OrderFilled
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote, Trade
from algopioneer_core.domain.money import ONE, ZERO, plain
from algopioneer_core.domain.orders import Order
from algopioneer_core.ports import Clock
from algopioneer_core.simulation.paper_exchange import PaperExchange
from algopioneer_core.simulation.sandbox import PlacedOrder
from algopioneer_core.testing.fault_plans import Fault, FaultKind
from algopioneer_core.testing.simulation_market import Traded
from algopioneer_core.wire.tasks import tasks_for_block

__all__ = ["SimulatedCoinbase"]

_HALF: Final = 0.5
_CONTRACT: Final = "COIN-27DEC30-CDE"
_FINE: Final = {"base_increment": "0.001", "base_min_size": "0.001"}
_PRODUCTS: Final = (
    spot_json("COIN", "USD") | _FINE,
    spot_json("TWIN", "USD") | _FINE,
    future_json(_CONTRACT, "COIN", "2030-12-27T16:00:00Z", step="0.01", size="0.1"),
)
_ACCOUNT: Final = evolve(
    DEFAULT_CONFIG,
    balances=("USD=1000000", "COIN=1000", "TWIN=1000"),
    maker_fee_bps=ONE,
    taker_fee_bps=ONE,
)
_LAGS_NS: Final = (0, 2 * NS_PER_SECOND, 20 * NS_PER_SECOND)
"""How far look-ups may be behind, one as likely as another; the adapter expects up to a minute."""
_BEAT_S: Final = 4
"""Seconds between heartbeats: each costs as much as a quote, and a stream is dead after ten."""
_TRADE_NS: Final = 15 * NS_PER_SECOND
"""How often somebody trades; quotes come three times as often."""
_LOST: Final = {
    FaultKind.LOST_REQUEST: ("lost_request", "request_broken", "request_swallowed"),
    FaultKind.LOST_ACK: ("lost_ack", "answer_broken", "answer_swallowed"),
}
"""What a lost request or answer looks like: a proxy's page, a broken connection, or nothing."""


class SimulatedCoinbase:
    """
    The local Coinbase with the manners that a seed draws; fits `SimulatedVenue`.

    Args:
        clock: The true time.
        draw: Numbers in [0, 1), also for what the network leaves to chance.
    """

    name = VENUE
    pushes_bars = False
    tells_each_fill = True
    holds_back = False

    def __init__(self, clock: Clock, draw: Callable[[], float]) -> None:
        manners = Manners(
            duplicate_is_refused=draw() < _HALF,
            cancel_after_ns=int(draw() * 2) * NS_PER_SECOND // 2,
            beat_s=_BEAT_S,
            read_lag_ns=_LAGS_NS[int(draw() * len(_LAGS_NS))],
        )
        key = ApiKey(CONFIG.api_key, read_private_key(CONFIG.api_secret))
        self.sandbox = CoinbaseSandbox(
            clock, key, config=_ACCOUNT, products=_PRODUCTS, manners=manners
        )
        self.wire = SimulatedWire(self.sandbox, draw)
        self.accepted: list[str] = []
        """Ids of all orders that came over lines and were placed."""
        self.executed: list[Fill] = []
        """All fills of them."""
        self.executed_foreign: list[Fill] = []
        """The fills of everybody else."""
        self.hasty: tuple[str, ...] = ()  # what is asked over its wires is not looked at
        self._clock = clock
        self._foreign: dict[str, None] = {}
        self._closures = 0
        self._trades = count(1)
        self._nonces = count()
        self.sandbox.exchange.listen(self._note, lambda _: None)

    @property
    def traded(self) -> Traded:
        """The products, as instruments."""
        listed = {each.id.symbol: each for each in self.books.instruments.values()}
        return Traded(listed["COIN-USD"], listed["TWIN-USD"], listed[_CONTRACT])

    @property
    def capabilities(self) -> Capabilities:
        """What the adapter can do."""
        return CAPABILITIES

    @property
    def books(self) -> PaperExchange:
        """The exchange itself."""
        return self.sandbox.exchange.books

    def _note(self, placed: PlacedOrder, report: ExecutionReport) -> None:
        ours = placed.order.client_order_id not in self._foreign
        if isinstance(report, OrderAccepted) and ours:
            self.accepted.append(report.client_order_id)
        elif isinstance(report, OrderFilled):
            (self.executed if ours else self.executed_foreign).append(report.fill)

    # --- lines -------------------------------------------------------------------------------

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve the websockets, and let queued cancels end."""
        market, user = self.wire.listeners()
        async with market, user, tasks_for_block() as tasks:
            for listener in (market, user):
                tasks.start_soon(self.sandbox.streams.listen, listener)
            tasks.start_soon(self.sandbox.run)
            yield

    def line(self, clock: Clock, draw: Callable[[], float]) -> CoinbaseLine:
        """Return the line of a new life; what is left of the one before is broken."""
        return CoinbaseLine(self.wire, clock, draw, lambda: f"{next(self._nonces):032x}")

    # --- the market --------------------------------------------------------------------------

    def push(self, event: Quote | Bar) -> None:
        """Show a quote, now and then after a trade between its two sides; no bars."""
        if self._closures or isinstance(event, Bar):
            return
        now_ns, number = event.ts_event, str(next(self._trades))
        if now_ns % _TRADE_NS == 0:
            trade = Trade(event.instrument_id, now_ns, event.mid, ONE, number, event.ts_recv)
            self.sandbox.exchange.push(trade)
        self.sandbox.exchange.push(event)

    def show_garbage(self, event: Quote | Bar) -> None:
        """Show what never happened: a bar as a trade at its close."""
        if isinstance(event, Bar):
            number = str(next(self._trades))
            now_ns = event.ts_recv
            trade = Trade(event.instrument_id, event.ts_event, event.close, ONE, number, now_ns)
            self.sandbox.streams.show_garbage(trade)
        else:
            self.sandbox.streams.show_garbage(event)

    def place_foreign(self, order: Order) -> None:
        """
        Let the holder of the account trade in the venue's own app.

        Raises:
            OrderRejected: The account does not allow it.
        """
        self._foreign[order.client_order_id] = None
        placed = self.sandbox.exchange.place(order)
        form = {"market_market_ioc": {"base_size": plain(order.intent.quantity or ZERO)}}
        self.sandbox.trading.filed[order_id(placed)] = FiledOrder(placed, form)

    # --- bad days ----------------------------------------------------------------------------

    async def apply(self, fault: Fault) -> None:
        """Have *fault*; return when it is over, or at once where it waits for its occasion."""
        if fault.kind in _LOST:
            self.sandbox.exchange.arm(_shape(fault, _LOST[fault.kind]))
            await anyio.lowlevel.checkpoint()
        elif fault.kind is FaultKind.MARKET_CLOSED:
            await self._close(fault)
        elif (other := _shape(fault, _SHAPES.get(fault.kind, (None,)))) is not None:
            await other(self, fault)
        else:
            await apply_fault(self.sandbox, fault)

    def be_calm(self) -> None:
        """Forget the faults that still wait for their occasion; no other goes on by then."""
        self.sandbox.exchange.faults.clear()
        self.sandbox.streams.skipped = 0

    async def _close(self, fault: Fault) -> None:
        self._closures += 1
        self._set_trading()
        await anyio.sleep(fault.duration_ns / NS_PER_SECOND)
        self._closures -= 1
        self._set_trading()

    def _set_trading(self) -> None:
        for product in self.sandbox.products.values():
            product["trading_disabled"] = bool(self._closures)

    async def _break(self, _: Fault) -> None:
        self.wire.network.reset()
        await anyio.lowlevel.checkpoint()

    async def _lose_bytes(self, fault: Fault) -> None:
        self.wire.go_half_open()
        await anyio.sleep(fault.duration_ns / NS_PER_SECOND)
        self.wire.come_back()

    async def _mute(self, fault: Fault) -> None:
        """Say nothing but heartbeats; nothing is missing in the sequence."""
        self.sandbox.exchange.arm("mute")
        await anyio.sleep(fault.duration_ns / NS_PER_SECOND)
        self.sandbox.exchange.befalls("mute")

    async def _skip(self, fault: Fault) -> None:
        await apply_fault(self.sandbox, evolve(fault, kind=FaultKind.GAP))


_SHAPES: Final[dict[FaultKind, tuple[Any, ...]]] = {
    FaultKind.DISCONNECT: (None, SimulatedCoinbase._break),
    FaultKind.HALF_OPEN: (None, SimulatedCoinbase._lose_bytes),
    FaultKind.SILENCE: (None, SimulatedCoinbase._mute),
    FaultKind.REORDER: (None, SimulatedCoinbase._skip),
}
"""What else a fault may look like; None is what the sandbox makes of it."""


def _shape(fault: Fault, shapes: tuple[Any, ...]) -> Any:
    """Return one of *shapes*: always the same for the same fault."""
    return shapes[fault.at_ns // NS_PER_SECOND % len(shapes)]
