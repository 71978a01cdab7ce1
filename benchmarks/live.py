"""
How long a live session thinks: from a quote to the order it leads to, and how fast quotes fan out.

    python -m benchmarks.live --quotes 20000 --readers 1 10 100

`quote to command` is router, inbox, runner, strategy, exits, risk, orders, gate and the journal's
queue (encoding and hash chain included), up to the moment at which the pump has the order; the disk
comes after that (see `journal`). Each order is then filled, outside of what is timed. `router` is
quotes a second that go to all readers, who read every thousandth time; `bare slots` is the shortest
program that conflates: a slot in a dict and a flag for each reader. Where other programs share
the machine, latencies by the wall clock are theirs too (slices of 4 ms); those in processor time
are ours. Nothing is asserted; the targets are in README.md.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Iterable
from decimal import Decimal
from functools import partial

import anyio

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.events import Event, OrderAccepted, OrderFilled
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Quote
from algopioneer_core.domain.orders import Order, OrderIntent
from algopioneer_core.engine.exit_policies import (
    StopLoss,
    StopLossConfig,
    TrailingStop,
    TrailingStopConfig,
)
from algopioneer_core.engine.exits import ExitPolicy
from algopioneer_core.engine.order_ids import order_ids
from algopioneer_core.engine.risk import RiskGate
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.engine.strategy import StrategyContext
from algopioneer_core.journal.journal import Journal, open_journal_on
from algopioneer_core.runtime.floor import Floor
from algopioneer_core.runtime.inbox import Inbox
from algopioneer_core.runtime.plan import StrategyPlan
from algopioneer_core.runtime.router import Router
from algopioneer_core.testing.clocks import run_inline
from algopioneer_core.testing.engine import ScriptedStrategy
from algopioneer_core.testing.journal_storage import MemoryDisk

BITCOIN = Instrument(id=InstrumentId("sim", "BTC-USD"), base="BTC", quote="USD")
READ_EVERY = 1_000


def quotes(count: int) -> list[Quote]:
    """Return quotes that move a little."""
    size, prices = Decimal(10), [Decimal(100_000 + n % 7) for n in range(7)]
    return [
        Quote(BITCOIN.id, n, prices[n % 7], prices[n % 7] + 1, size, size, n)
        for n in range(1, count + 1)
    ]


def decide(event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
    """Be in and out of the market in turns, at every quote."""
    if not isinstance(event, Quote):
        return ()
    held = context.quantity(BITCOIN.id)
    wish = partial(OrderIntent, instrument_id=BITCOIN.id)
    if held:
        return [wish(side=Side.SELL, quantity=held, reduce_only=True)]
    return [wish(side=Side.BUY, quantity=Decimal("0.01"))]


class Pump:
    """Takes the order and the time."""

    def __init__(self) -> None:
        self.order: Order | None = None
        self.at = 0, 0

    def submit(self, order: Order, sequence: int) -> None:
        """Take it."""
        self.at = time.perf_counter_ns(), time.thread_time_ns()
        self.order = order
        del sequence

    def cancel(self, order: Order, sequence: int) -> None:
        """Never comes."""
        raise NotImplementedError

    def changed(self) -> None:
        """Nothing waits."""


def make_floor(journal: Journal) -> Floor:
    """Return a floor with one strategy, two exit policies and limits."""
    limits = RiskLimits(max_order_notional=Decimal(10**6), max_gross_notional=Decimal(10**7))
    floor = Floor(
        journal,
        RiskGate(limits, numeraire="USD"),
        make_ids=lambda name, first: order_ids("bench", "bench", name, start=first),
        jitter=lambda *_: 0.5,
        alarm=lambda *_, **__: None,
    )
    exits: list[ExitPolicy] = [
        StopLoss(StopLossConfig(loss_fraction=Decimal("0.5"))),
        TrailingStop(TrailingStopConfig(distance_fraction=Decimal("0.5"))),
    ]
    plan = StrategyPlan(
        name="ma",
        make=lambda: ScriptedStrategy(decide),
        instruments=(BITCOIN,),
        interval_ns=60 * NS_PER_SECOND,
        capital=Decimal(10**6),
        exits=exits,
        exit_on_quotes=True,
    )
    floor.supervision.start(floor.add(plan), 0)
    return floor


def fill(floor: Floor, order: Order) -> None:
    """Let the venue accept and fill *order*."""
    key, intent = order.client_order_id, order.intent
    floor.report(OrderAccepted(key, order.ts_created))
    done = Fill(
        f"f{key}", key, BITCOIN.id, intent.side, intent.quantity or Decimal(0), Decimal(100_000),
        Decimal(0), "USD", Liquidity.TAKER, order.ts_created,
    )  # fmt: skip
    floor.report(OrderFilled(done))


async def quote_to_command(count: int) -> tuple[list[int], list[int]]:
    """Return nanoseconds from each quote to the order it led to: wall clock, processor."""
    wall, own = [], []
    async with open_journal_on(
        MemoryDisk().plug_in(), make_uuid=lambda: "bench", run_blocking=run_inline
    ) as journal:
        floor, pump = make_floor(journal), Pump()
        floor.pumps["sim"] = pump
        runner = floor.runners["ma"]
        for number, quote in enumerate(quotes(count)):
            began, own_began = time.perf_counter_ns(), time.thread_time_ns()
            floor.router.publish(quote)
            floor.process(runner)
            assert pump.order is not None, "every quote leads to an order"
            wall.append(pump.at[0] - began)
            own.append(pump.at[1] - own_began)
            fill(floor, pump.order)
            pump.order = None
            if number % READ_EVERY == 0:
                await journal.flush()
    return wall, own


def fan_out(count: int, readers: int) -> float:
    """Return quotes a second that a router hands to so many readers."""
    router, bells = Router(), [0] * readers
    inboxes = [Inbox() for _ in range(readers)]
    for number, inbox in enumerate(inboxes):
        router.subscribe(inbox, [BITCOIN.id], partial(bells.__setitem__, number, 1))
    batch = quotes(count)
    gc.collect()
    began = time.perf_counter()
    for number, quote in enumerate(batch):
        router.publish(quote)
        if number % READ_EVERY == 0:
            for inbox in inboxes:
                inbox.take()
    return count / (time.perf_counter() - began)


def bare_slots(count: int, readers: int) -> float:
    """Return quotes a second of a dict and a flag for each reader."""
    slots: list[dict[str, Quote]] = [{} for _ in range(readers)]
    flags = [False] * readers
    batch = quotes(count)
    began = time.perf_counter()
    for number, quote in enumerate(batch):
        for reader, slot in enumerate(slots):
            slot[quote.instrument_id] = quote
            flags[reader] = True
        if number % READ_EVERY == 0:
            for slot in slots:
                slot.clear()
    return count / (time.perf_counter() - began)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quotes", type=int, default=20_000)
    parser.add_argument("--readers", type=int, nargs="+", default=[1, 10, 100])
    args = parser.parse_args()
    for name, found in zip(
        ("wall clock", "processor"), anyio.run(quote_to_command, args.quotes), strict=True
    ):
        cuts = statistics.quantiles(found, n=100)
        told = f"p50 {cuts[49] / 1e3:.0f} us, p99 {cuts[98] / 1e3:.0f} us"
        print(f"quote to command, {name}: {told}")
    for readers in args.readers:
        ours, bare = (run(args.quotes * 5, readers) / 1e3 for run in (fan_out, bare_slots))
        print(f"router to {readers:>3}: {ours:7.0f} k quotes/s, bare slots {bare:.0f} k")


if __name__ == "__main__":
    main()
