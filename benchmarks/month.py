"""
Whether a month of trading leaves a session as small as it was after the first third of it.

    python -m benchmarks.month --days 30
    python -m benchmarks.month --days 12 --leak

The session of `benchmarks.soak` on the virtual clock: 20 strategies over 100 instruments, bars of
five minutes, every strategy in or out of its five instruments each hour, a journal on the disk.
Resident size and number of objects are read at the end of each simulated day. What counts is by how
much a line through the days after the first third rises; where that is more than noise, the exit
code is 1. `--leak` plants what has to be found: one in ten orders that have ended is kept for ever.
"""

import argparse
import gc
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import anyio

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.orders import Order
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.strategy import StrategyContext
from algopioneer_core.testing.clocks import VirtualClock, run_inline, run_virtual
from benchmarks.soak import INSTRUMENTS, Tape, Turns, plan, trade

DAY_S: Final = 86_400
BAR_S: Final = 300
MOST_KB: Final = 64.0
"""By how many kB a day a line through resident sizes may rise: pages come and go."""
MOST_OBJECTS: Final = 64.0
"""The same for the number of objects."""


class Hourly(Turns):
    """The same, once an hour."""

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Wait for the end of an hour."""
        return () if event.ts_event // NS_PER_SECOND % 3_600 else super().on_event(event, context)


def resident_kb() -> int:
    """Return the resident size of the process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4


def slope(values: Sequence[int]) -> float:
    """Return by how much *values* grow each day, after the first third of them."""
    rest = values[len(values) // 3 :]
    return statistics.linear_regression(range(len(rest)), rest).slope if len(rest) > 1 else 0.0


async def month(days: int, tell: Callable[[int, int, int], None]) -> int:
    """Trade; call *tell* at the end of each day: which, resident kB, objects. Return the trades."""
    clock = VirtualClock()
    tape = Tape(clock, every_s=BAR_S / 2, at_once=len(INSTRUMENTS))

    async def watch() -> None:
        day = 0
        while True:
            await anyio.sleep(DAY_S)
            gc.collect()
            day += 1
            tell(day, resident_kb(), len(gc.get_objects()))

    terms = plan(BAR_S * NS_PER_SECOND, days * DAY_S + 60, Hourly)
    session = await trade(tape, terms, clock, run_inline, watch)
    return session.trades


def leak() -> None:
    """Let every order manager keep one in ten of the orders that it forgets."""
    kept: list[Order] = []
    numbers = itertools.count()
    forget = OrderManager._forget

    def keep(self: OrderManager, client_order_id: str) -> None:
        if next(numbers) % 10 == 0:
            kept.append(self.get(client_order_id))
        forget(self, client_order_id)

    OrderManager._forget = keep  # type: ignore[method-assign]  # the mistake


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--leak", action="store_true", help="keep what should be forgotten")
    options = parser.parse_args()
    if options.leak:
        leak()
    sizes, objects = list[int](), list[int]()

    def tell(day: int, size: int, count: int) -> None:
        sizes.append(size)
        objects.append(count)
        print(f"day {day}: {size / 1024:.1f} MB, {count:,} objects", flush=True)

    began = time.process_time()
    trades = run_virtual(month, options.days, tell)
    print(f"{trades:,} trades, {time.process_time() - began:.0f} s of processor time")
    by_kb, by_objects = slope(sizes), slope(objects)
    grows = by_kb > MOST_KB or by_objects > MOST_OBJECTS
    judged = "it grows" if grows else "flat"
    print(f"{judged}: {by_kb:+.1f} kB and {by_objects:+.1f} objects a day")
    return int(grows)


if __name__ == "__main__":
    sys.exit(main())
