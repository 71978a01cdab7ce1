"""
A day of market data from a hundred products, with drops every few minutes, in virtual time.

Each product trades and is quoted once a minute (`ticker`, `market_trades`, `candles`), and the
heartbeat comes each second as at the venue: half a million messages and more. The default run has
a quarter of an hour of ten products.

What the local exchange keeps of the market's past is taken from it every hour, so that everything
that grows in the process is the adapter's.
"""

import gc
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import anyio
import pytest
from attrs import define, evolve, field

from algopioneer_coinbase.sandbox import DEFAULT_CONFIG, CoinbaseSandbox
from algopioneer_coinbase.sandbox_products import spot_json
from algopioneer_core.domain.events import FeedDown, FeedGap, FeedUp
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote, Trade
from algopioneer_core.simulation.sandbox_candles import CandleStore

HOUR = 60
WARM = 3 * HOUR
"""Minutes after which nothing has a reason to grow: what is kept of trades is full."""
BLOCKS = 10_000
"""How many more pieces of memory there may be at the end than when it was warm: less than one for
every forty messages of the rest of the day."""
RESIDENT = 16 * 2**20
"""By how many bytes the process may grow in that time."""


@define
class Watch:
    """What came, and what the process held of memory."""

    clock: Any
    seen: Counter[type] = field(factory=Counter)
    planted_ns: int = 0
    """When a message was taken out last."""
    longest_ns: int = 0
    """How long after it a gap was told, at most."""
    memory: list[tuple[int, int]] = field(factory=list)
    """Pieces and bytes, by the hour."""

    async def read(self, events: Any) -> None:
        """Count everything."""
        async for event in events:
            self.seen[type(event)] += 1
            if isinstance(event, FeedGap):
                self.longest_ns = max(self.longest_ns, self.clock.now_ns() - self.planted_ns)

    def weigh(self) -> None:
        """Look at the memory of the process."""
        gc.collect()
        with open("/proc/self/statm") as statm:
            pages = int(statm.read().split()[1])
        self.memory.append((sys.getallocatedblocks(), pages * 4_096))


def moves(
    ids: Sequence[InstrumentId], chance: random.Random, now_ns: int, trade_id: str
) -> Iterator[Trade | Quote]:
    """Yield a trade and a quote of every product."""
    for each in ids:
        price, size = Decimal(chance.randint(90, 110)), Decimal(1)
        yield Trade(each, now_ns, price, size, trade_id, now_ns)
        yield Quote(each, now_ns, price, price + 1, size, size, now_ns)


async def pass_time(
    local: Any, watch: Watch, ids: Sequence[InstrumentId], minutes: int
) -> Counter[str]:
    """Let the market move, lose messages and lines; return how many of each."""
    streams, exchange, chance = local.sandbox.streams, local.sandbox.exchange, random.Random(5)
    done: Counter[str] = Counter()

    def lose() -> None:
        streams.skipped, watch.planted_ns = 1, local.clock.now_ns()
        done["lost"] += 1

    for minute in range(minutes):
        if minute % 14 == 10:  # one of the market's messages; else a heartbeat, below
            lose()
        exchange.push(*moves(ids, chance, local.clock.now_ns(), str(minute + 1)))
        await anyio.sleep(30)
        if minute % 14 == 3:
            lose()
        elif minute % 7 == 6:
            local.network.reset()
            done["dropped"] += 1
        await anyio.sleep(30)
        if minute % HOUR == HOUR - 1:
            exchange.candles.update({each: CandleStore() for each in ids})
            if minute >= WARM:
                watch.weigh()
    return done


@pytest.mark.slow
@pytest.mark.parametrize(
    ("products", "minutes"),
    [(10, 15), pytest.param(100, 24 * HOUR, marks=pytest.mark.long, id="a day of a hundred")],
)
async def test_no_gap_is_missed_and_memory_stays_flat(
    local: Any, anyio_backend_name: str, products: int, minutes: int
) -> None:
    """Every message that is lost is told as a gap within seconds, every lost line as such."""
    if anyio_backend_name != "trio":
        pytest.skip("one backend is enough")
    names = [f"C{number:03d}" for number in range(products)]
    ids = [InstrumentId("coinbase", f"{name}-USD") for name in names]
    local.sandbox = CoinbaseSandbox(
        local.clock,
        local.sandbox.gate.key,
        config=evolve(DEFAULT_CONFIG, balances=("USD=1",)),
        products=[spot_json(name, "USD") for name in names],
    )
    watch = Watch(local.clock)
    async with (
        local.opened() as venue,
        venue.market_data.subscribe(ids) as events,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(watch.read, events)
        done = await pass_time(local, watch, ids, minutes)
        tasks.cancel_scope.cancel()
    seen = watch.seen
    assert done["lost"] * products == seen[FeedGap] > 0
    assert 0 < watch.longest_ns <= 2 * NS_PER_SECOND
    assert done.total() == seen[FeedDown] == seen[FeedUp] > done["lost"]
    # What comes while a line is down is not seen: of trades and of bars the most are.
    assert minutes * products >= seen[Trade] >= minutes * products * 9 // 10
    assert seen[Bar] >= (minutes // 5 - 2) * products * 2 // 3
    if minutes > WARM:
        assert_flat(watch.memory)


def assert_flat(memory: Sequence[tuple[int, int]]) -> None:
    """Compare the last hours with the first one that is looked at."""
    assert len(memory) > 20
    blocks, resident = zip(*memory, strict=True)
    assert max(blocks) - blocks[0] < BLOCKS, f"pieces by the hour: {blocks}"
    assert max(resident) - resident[0] < RESIDENT, f"bytes by the hour: {resident}"
