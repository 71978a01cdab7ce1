"""
Hours of market data from a hundred products, with drops every few minutes, in virtual time.

Half an hour by default; ALGOPIONEER_LONG_TESTS=1 makes it a day. Memory is looked at in the last
minutes of the one, in the last hour of the other.
"""

import gc
import os
import random
import tracemalloc
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import anyio
import pytest
from attrs import evolve

from algopioneer_coinbase import market_data, numbers, rest, stream, stream_messages
from algopioneer_coinbase.sandbox import DEFAULT_CONFIG, CoinbaseSandbox
from algopioneer_coinbase.sandbox_products import spot_json
from algopioneer_core.domain.events import FeedDown, FeedGap, FeedUp
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, Quote, Trade

PRODUCTS = [f"C{number:03d}" for number in range(100)]
IDS = [InstrumentId("coinbase", f"{name}-USD") for name in PRODUCTS]


def held_by_the_adapter() -> int:
    """Return the bytes that the adapter's own modules have allocated and not given back."""
    files = [
        tracemalloc.Filter(True, module.__file__ or "")
        for module in (market_data, numbers, rest, stream, stream_messages)
    ]
    gc.collect()
    snapshot = tracemalloc.take_snapshot().filter_traces(files)
    return sum(each.size for each in snapshot.statistics("filename"))


def moves(chance: random.Random, now_ns: int, trade_id: str) -> Iterator[Trade | Quote]:
    """Yield a trade and a quote of every product."""
    for each in IDS:
        price, size = Decimal(chance.randint(90, 110)), Decimal(1)
        yield Trade(each, now_ns, price, size, trade_id, now_ns)
        yield Quote(each, now_ns, price, price + 1, size, size, now_ns)


@pytest.mark.long
async def test_no_gap_is_missed_and_memory_stays_flat(local: Any, anyio_backend_name: str) -> None:
    """Every message that is lost is told as a gap, every lost connection as such."""
    is_long = bool(os.environ.get("ALGOPIONEER_LONG_TESTS"))
    minutes = 1_440 if is_long else 30
    if anyio_backend_name != "trio":
        pytest.skip("a day on one backend is enough")
    watched = 60 if is_long else 20  # minutes whose memory is looked at: the last ones
    chance = random.Random(5)
    local.sandbox = CoinbaseSandbox(
        local.clock,
        local.sandbox.gate.key,
        config=evolve(DEFAULT_CONFIG, balances=("USD=1",)),
        products=[spot_json(name, "USD") for name in PRODUCTS],
    )
    streams, exchange = local.sandbox.streams, local.sandbox.exchange
    seen: dict[type, int] = {}
    lost = dropped = 0
    sizes: list[int] = []

    async def read(events: Any) -> None:
        async for event in events:
            seen[type(event)] = seen.get(type(event), 0) + 1

    async with (
        local.opened() as venue,
        venue.market_data.subscribe(IDS) as events,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(read, events)
        for minute in range(minutes):
            now_ns = local.clock.now_ns()
            if minute % 14 == 10:  # one of the market's messages; else a heartbeat, below
                streams.skipped, lost = 1, lost + 1
            exchange.push(*moves(chance, now_ns, str(minute + 1)))
            await anyio.sleep(30)
            if minute % 14 == 3:
                streams.skipped, lost = 1, lost + 1
            elif minute % 7 == 6:
                local.network.reset()
                dropped += 1
            await anyio.sleep(30)
            if minute == minutes - watched:
                tracemalloc.start()
            elif tracemalloc.is_tracing() and minute % 5 == 4:
                sizes.append(held_by_the_adapter())
        tracemalloc.stop()
        tasks.cancel_scope.cancel()
    assert seen[FeedGap] == lost * len(IDS)
    assert seen[FeedDown] == seen[FeedUp] == lost + dropped
    assert seen[Bar] >= (minutes // 5 - 1) * len(IDS) * 2 // 3
    assert len(sizes) > 2
    assert max(sizes) < sizes[0] + 200_000
