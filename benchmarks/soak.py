"""
Whether a session keeps up: loop lag, and messages from the socket to the strategy.

    python -m benchmarks.soak --seconds 20 --messages 200000

`lag`: a live paper session of 20 strategies over 100 instruments, by the real clock, with a journal
on the disk; bars of a second are built from quotes, and every strategy orders at each of them. A
task that sleeps 5 ms tells by how much later it wakes; `bare loop` is the same task beside the
quotes alone, which is what the machine's other work costs. `socket` is messages a second, by the
processor time of the receiving process, from a process of its own through websocket, decoder,
router and runner to a strategy, which sees every one. Nothing is asserted; the targets are in
README.md. Whether the same session stays small is what `benchmarks.month` asks.
"""

import argparse
import multiprocessing
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import anyio
import anyio.to_thread
import msgspec
from attrs import evolve

from algopioneer_core.bootstrap.surroundings import SystemClock, chance
from algopioneer_core.domain.capabilities import Capability, Support
from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.errors import UnsupportedOperation
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, JointBar, Quote
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.domain.simulated_capabilities import REPLAY_CAPABILITIES
from algopioneer_core.engine.order_ids import order_ids
from algopioneer_core.engine.risk import RiskGate
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.engine.strategy import Requirements, Strategy, StrategyContext
from algopioneer_core.journal.journal import open_journal, open_journal_on
from algopioneer_core.ports import Clock, MarketDataEvent, MarketSession, ReceiveStream, RunBlocking
from algopioneer_core.runtime.bar_intake import BarOrigin
from algopioneer_core.runtime.floor import Floor
from algopioneer_core.runtime.plan import SessionPlan, StrategyPlan
from algopioneer_core.runtime.session import Session
from algopioneer_core.simulation.no_account import NoAccount
from algopioneer_core.simulation.paper import PaperVenue
from algopioneer_core.simulation.paper_config import PaperConfig
from algopioneer_core.testing.clocks import run_inline
from algopioneer_core.testing.journal_storage import MemoryDisk
from algopioneer_core.wire.websocket_client import open_websocket
from benchmarks.wire import serve

STRATEGIES, LEGS = 20, 5
INSTRUMENTS = [
    Instrument(id=InstrumentId("soak", f"A{number:02d}-USD"), base=f"A{number:02d}", quote="USD")
    for number in range(STRATEGIES * LEGS)
]
PROBE_S = 0.005
PRICES = [(Decimal(1_000 + n), Decimal(1_001 + n)) for n in range(7)]
SIZE = Decimal(1_000)


# --- a market and strategies -----------------------------------------------------------------


class Tape:
    """
    A venue that pushes a quote of some instruments again and again, and has no account.

    Args:
        clock: Its time.
        every_s: Seconds between two pushes.
        at_once: Instruments in one push; they take turns.
    """

    def __init__(self, clock: Clock, every_s: float, at_once: int) -> None:
        self.name = "soak"
        support = {
            **REPLAY_CAPABILITIES.support,
            Capability.QUOTES: Support.NATIVE,
            Capability.TRADES: Support.UNSUPPORTED,
            Capability.BARS_STREAM: Support.UNSUPPORTED,
            Capability.BARS_HISTORY: Support.UNSUPPORTED,
        }
        self.capabilities = evolve(REPLAY_CAPABILITIES, support=support, lockstep=False)
        self.execution = NoAccount(self.name)
        self.market_data = self
        self.count = 0
        self._clock = clock
        self._every_s = every_s
        self._at_once = at_once
        self._ids: list[InstrumentId] = []
        self._due = 0.0

    async def instruments(self) -> Sequence[Instrument]:
        """Return all."""
        return INSTRUMENTS

    @asynccontextmanager
    async def subscribe(
        self, instrument_ids: Sequence[InstrumentId]
    ) -> AsyncIterator[ReceiveStream[MarketDataEvent]]:
        """Push quotes for as long as somebody reads."""
        self._ids, self._due = list(instrument_ids), anyio.current_time()
        yield self

    async def receive(self) -> MarketDataEvent:
        """Return the next quote, once it is due."""
        if self.count % self._at_once == 0:
            self._due += self._every_s
            await anyio.sleep_until(self._due)
        now_ns, (bid, ask) = self._clock.now_ns(), PRICES[self.count % 7]
        instrument_id = self._ids[self.count % len(self._ids)]
        self.count += 1
        return Quote(instrument_id, now_ns, bid, ask, SIZE, SIZE, now_ns)

    def __aiter__(self) -> AsyncIterator[MarketDataEvent]:
        return self

    async def __anext__(self) -> MarketDataEvent:
        return await self.receive()

    async def bars(self, *_: object) -> NoReturn:
        """Have none."""
        raise UnsupportedOperation("there is no history", where=self.name)

    async def market_hours(self, start_ns: int, end_ns: int) -> Sequence[MarketSession]:
        """Never close."""
        return [MarketSession(start_ns, end_ns)]


class Turns:
    """Is in and out of all its instruments in turns."""

    def requirements(self) -> Requirements:
        """Need nothing."""
        return Requirements()

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Buy what is not held and sell what is."""
        if not isinstance(event, JointBar) or context.has_working_orders:
            return ()
        return [self._wish(bar, context) for bar in event.bars]

    def _wish(self, bar: Bar, context: StrategyContext) -> OrderIntent:
        held = context.quantity(bar.instrument_id)
        wish = partial(OrderIntent, instrument_id=bar.instrument_id)
        if held:
            return wish(side=Side.SELL, quantity=held, reduce_only=True)
        return wish(side=Side.BUY, quantity=Decimal("0.01"))

    def snapshot(self) -> Mapping[str, object]:
        """Know nothing."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Know nothing again."""


def plan(interval_ns: int, seconds: float, make: Callable[[], Strategy] = Turns) -> SessionPlan:
    """Return a session of all strategies."""
    legs = [INSTRUMENTS[n * LEGS : (n + 1) * LEGS] for n in range(STRATEGIES)]
    strategies = (
        StrategyPlan(
            name=f"s{number:02d}",
            make=make,
            instruments=tuple(each),
            interval_ns=interval_ns,
            origins=dict.fromkeys((one.id for one in each), BarOrigin.QUOTES),
            capital=Decimal(10_000),
        )
        for number, each in enumerate(legs)
    )
    return SessionPlan(
        name="soak",
        strategies=tuple(strategies),
        numeraire="USD",
        grace_ns=5 * NS_PER_SECOND,
        run_for_ns=round(seconds * NS_PER_SECOND),
    )


async def trade(
    tape: Tape,
    plan: SessionPlan,
    clock: Clock,
    run_blocking: RunBlocking,
    watch: Callable[[], Any],
) -> Session:
    """Run a session on paper to its end, with *watch* beside it."""
    paper = PaperConfig(balances=("USD=10000000",))
    venue = PaperVenue(paper, tape, INSTRUMENTS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "journal")
        async with open_journal(
            path, make_uuid=lambda: "soak", run_blocking=run_blocking
        ) as journal:
            session = Session(
                plan,
                {tape.name: venue},
                journal,
                clock=clock,
                chance=chance(1, "soak"),
                run_blocking=run_blocking,
            )
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(watch)
                await session.run()
                tasks.cancel_scope.cancel()
    return session


# --- lag -------------------------------------------------------------------------------------


async def probe(lags: list[float]) -> None:
    """Sleep 5 ms again and again; note by how many milliseconds more it was."""
    while True:
        began = time.perf_counter()
        await anyio.sleep(PROBE_S)
        lags.append((time.perf_counter() - began - PROBE_S) * 1e3)


async def lag(seconds: float) -> tuple[list[float], Tape, int]:
    """Return the lags beside a live session, its market and its trades."""
    clock, lags = SystemClock(), list[float]()
    tape = Tape(clock, every_s=0.01, at_once=20)
    watch = partial(probe, lags)
    run_blocking: RunBlocking = anyio.to_thread.run_sync
    session = await trade(tape, plan(NS_PER_SECOND, seconds), clock, run_blocking, watch)
    return lags, tape, session.trades


async def bare_lag(seconds: float) -> list[float]:
    """Return the lags beside the quotes alone."""
    lags = list[float]()
    tape = Tape(SystemClock(), every_s=0.01, at_once=20)
    with anyio.move_on_after(seconds):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(probe, lags)
            async with tape.subscribe([each.id for each in INSTRUMENTS]) as quotes:
                async for _ in quotes:
                    pass
    return lags


# --- socket ----------------------------------------------------------------------------------


class Ticker(msgspec.Struct):
    """What is read of a ticker."""

    symbol: str
    bid: Decimal
    bid_qty: Decimal
    ask: Decimal
    ask_qty: Decimal


class Message(msgspec.Struct):
    """A message of tickers."""

    channel: str
    data: list[Ticker]


class Listener:
    """Counts quotes."""

    def __init__(self) -> None:
        self.seen = 0

    def requirements(self) -> Requirements:
        """Need nothing."""
        return Requirements()

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Count."""
        del context
        self.seen += isinstance(event, Quote)
        return ()

    def snapshot(self) -> Mapping[str, object]:
        """Return the count."""
        return {"seen": self.seen}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the count."""
        self.seen = state["seen"]


async def from_socket(url: str, count: int) -> float:
    """Return messages a second from the socket to the strategy."""
    instrument = Instrument(id=InstrumentId("soak", "BTC/USD"), base="BTC", quote="USD")
    listener, decode = Listener(), msgspec.json.Decoder(Message).decode
    async with open_journal_on(
        MemoryDisk().plug_in(), make_uuid=lambda: "soak", run_blocking=run_inline
    ) as journal:
        floor = Floor(
            journal,
            RiskGate(RiskLimits(), numeraire="USD"),
            make_ids=lambda name, first: order_ids("soak", "soak", name, start=first),
            jitter=lambda *_: 0.5,
            alarm=lambda *_, **__: None,
        )
        runner = floor.add(
            StrategyPlan(
                name="listener",
                make=lambda: listener,
                instruments=(instrument,),
                interval_ns=60 * NS_PER_SECOND,
                capital=Decimal(1_000),
            )
        )
        floor.supervision.start(runner, 0)
        async with open_websocket(url, text_as_bytes=True) as websocket:
            began = time.thread_time()
            for _ in range(count):
                message, now_ns = decode(await websocket.receive()), time.time_ns()
                for each in message.data:
                    quote = Quote(
                        instrument.id, now_ns, each.bid, each.ask, each.bid_qty, each.ask_qty,
                        now_ns,
                    )  # fmt: skip
                    floor.router.publish(quote)
                    floor.process(runner)
            seconds = time.thread_time() - began
    assert listener.seen == count
    return count / seconds


def socket_rates(count: int) -> Iterator[tuple[str, float]]:
    """Yield backend and messages a second, the best of three."""
    count = count // 500 * 500
    stop = multiprocessing.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sender = multiprocessing.Process(target=serve, args=(listener, count, stop))
        sender.start()
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        for backend in ("trio", "asyncio"):
            rates = [anyio.run(from_socket, url, count, backend=backend) for _ in range(3)]
            yield backend, max(rates)
        stop.set()
        sender.join()


def told(lags: list[float]) -> str:
    """Return lags in words."""
    cuts = statistics.quantiles(lags, n=1000)
    p50, p99, p999 = cuts[499], cuts[989], cuts[998]
    return f"p50 {p50:.2f} ms, p99 {p99:.1f} ms, p99.9 {p999:.1f} ms, most {max(lags):.0f} ms"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--messages", type=int, default=200_000)
    options = parser.parse_args()
    if options.messages:
        for backend, rate in socket_rates(options.messages):
            print(f"socket to strategy, {backend}: {rate / 1e3:.0f} k messages/s", flush=True)
    if options.seconds:
        for backend in ("trio", "asyncio"):
            bare = anyio.run(bare_lag, options.seconds / 4, backend=backend)
            lags, tape, trades = anyio.run(lag, options.seconds, backend=backend)
            print(f"lag, {backend}: {told(lags)} ({tape.count} quotes, {trades} trades)")
            print(f"lag, {backend}, bare loop: {told(bare)}", flush=True)


if __name__ == "__main__":
    main()
