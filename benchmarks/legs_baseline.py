"""
How long a spread stands on one leg: the leg manager beside two plain orders, on the same venues.

    python benchmarks/legs_baseline.py --write docs/explanation/legs.md

puts the table into the page. Everything is seeded, so the table is the same on every machine.
`legs_figure.py` draws the same entries with a restart in each.
"""

import heapq
import itertools
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import Increment, Quantity, decimal_of, from_scaled, mul
from algopioneer_core.domain.orders import Order, OrderStatus
from algopioneer_core.testing.legs import PairBench

__all__ = ["BEGIN", "END", "HORIZON_S", "Outcome", "enter", "restarts_at", "table"]

BEGIN: Final = "<!-- table: begin -->"
END: Final = "<!-- table: end -->"
SPREADS: Final = 3_000
HORIZON_S: Final = 300
LIMIT: Final = 0.02
AWAY_S: Final = 5
"""How long a process that was killed is away."""
GRID: Final = Increment(decimal_of("0.01"))


class Outcome(NamedTuple):
    """What one entry left uneven."""

    leg_seconds: float
    """Residual as a fraction of a leg, times its seconds, up to the horizon."""
    seconds: float
    """How long it was above the limit."""
    final: float
    """The residual at the horizon."""
    most: float
    """The largest part of its target that a leg ever held: 1 is what was wanted."""


class Venues:
    """
    Two venues that mostly fill, and sometimes refuse, fill a part, fill late or lose an answer.

    What becomes of the n-th order of a leg follows from the seed alone, whoever sends it.
    """

    def __init__(self, bench: PairBench, seed: int) -> None:
        self._bench = bench
        self._seed = seed
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._sent = {leg.id: itertools.count() for leg in bench.legs}
        self._known: set[str] = set()
        self._asked: set[str] = set()

    def take_in(self) -> None:
        """Look for orders and cancels that were not here before."""
        for order in list(self._bench.orders.working.values()):
            key = order.client_order_id
            leg = order.intent.instrument_id
            if key not in self._known:
                self._known.add(key)
                self._plan(order, random.Random(f"{self._seed}/{leg}/{next(self._sent[leg])}"))
            if order.status is OrderStatus.PENDING_CANCEL and key not in self._asked:
                self._asked.add(key)
                self._later(random.Random(f"{key}/{self._seed}").uniform(0.05, 2), self._end, key)

    def next_ns(self) -> int | None:
        """Return when something happens next; None when nothing does."""
        return self._agenda[0][0] if self._agenda else None

    def act(self) -> None:
        """Let the next thing happen."""
        heapq.heappop(self._agenda)[2]()

    def _later(self, seconds: float, act: Callable[..., None], *args: object) -> None:
        at = self._bench.now_ns + int(seconds * NS_PER_SECOND)
        heapq.heappush(self._agenda, (at, next(self._numbers), lambda: act(*args)))

    def _plan(self, order: Order, draw: random.Random) -> None:
        key, kind, delay = order.client_order_id, draw.random(), draw.uniform(0.05, 2)
        whole = order.remaining_quantity
        assert whole is not None
        if kind < 0.88:
            self._later(delay, self._fill, key, whole)
        elif kind < 0.93:
            self._later(delay, self._reject, key)
        elif kind < 0.97:
            part = GRID.floor(mul(whole, from_scaled(draw.randrange(1, 10), 1)))
            self._later(delay, self._fill, key, part or whole)
        elif kind < 0.98:
            self._later(draw.uniform(20, 60), self._fill, key, whole)
        else:
            self._later(1, self._lose, key)
            found = draw.random() < 0.5
            self._later(draw.uniform(2, 20), self._fill if found else self._miss, key, whole)

    def _live(self, key: str) -> Order | None:
        order = self._bench.orders.get(key)
        return order if order.status.is_working else None

    def _fill(self, key: str, quantity: Quantity) -> None:
        order = self._live(key)
        if order is not None:
            self._bench.fill(order, str(quantity))

    def _reject(self, key: str) -> None:
        order = self._live(key)
        if order is not None:
            self._bench.reject(order)

    def _lose(self, key: str) -> None:
        order = self._live(key)
        if order is not None:
            self._bench.lose(order)

    def _miss(self, key: str, _whole: Quantity) -> None:
        order = self._live(key)
        if order is not None:
            self._bench.prove_absent(order)

    def _end(self, key: str) -> None:
        order = self._live(key)
        if order is not None and order.status is OrderStatus.PENDING_CANCEL:
            self._bench.cancel(order)


def restarts_at(seed: int) -> float:
    """Return how many seconds after its orders went out the process of an entry is killed."""
    return random.Random(f"{seed}/restart").uniform(0, 5)


class Trader:
    """
    Whoever opened the spread: the leg manager and its journal, or two orders and no memory.

    Args:
        bench: Books, and the manager.
        managed: Which of the two.
        killed_after_s: When its process is killed, after its orders went out; None for never.
    """

    def __init__(self, bench: PairBench, *, managed: bool, killed_after_s: float | None) -> None:
        self._bench = bench
        self._managed = managed
        self._agenda: list[tuple[int, Callable[[], None]]] = []
        bench.open()
        self._first = [each.intent for each in bench.orders.working.values()]
        if not managed:
            bench.ignore_manager()
        if killed_after_s is not None:
            killed_ns = bench.now_ns + int(killed_after_s * NS_PER_SECOND)
            back = (killed_ns + AWAY_S * NS_PER_SECOND, self._come_back)
            self._agenda = [(killed_ns, bench.ignore_manager), back]

    def next_ns(self) -> int | None:
        """Return when it does something next of itself; None when it does not."""
        own = self._agenda[0][0] if self._agenda else None
        due = [each for each in (own, self._bench.timer_ns) if each is not None]
        return min(due, default=None)

    def act(self) -> None:
        """Do it."""
        if self._agenda and self._agenda[0][0] <= self._bench.now_ns:
            self._agenda.pop(0)[1]()
        else:
            self._bench.fire()

    def _come_back(self) -> None:
        """Start again: with what the journal has, or with the same wish as at the first time."""
        if self._managed:
            self._bench.restart()
            return
        for intent in self._first:
            self._bench.orders.submit(intent, self._bench.now_ns)


def enter(seed: int, *, managed: bool, killed_after_s: float | None = None) -> Outcome:
    """Open one spread at the venues of *seed* and watch it up to the horizon."""
    bench = PairBench(twin=False)
    venues, began = Venues(bench, seed), bench.now_ns
    until = began + HORIZON_S * NS_PER_SECOND
    trader = Trader(bench, managed=managed, killed_after_s=killed_after_s)
    leg_ns = above_ns = most = 0.0
    while bench.now_ns < until:
        venues.take_in()
        own, due = trader.next_ns(), venues.next_ns()
        at = min([each for each in (own, due) if each is not None] + [until])
        apart, held = _held(bench)
        most = max(most, held)
        leg_ns += apart * (at - bench.now_ns)
        above_ns += (at - bench.now_ns) if apart > LIMIT else 0
        bench.now_ns = at
        if own is not None and own <= at:
            trader.act()
        elif due == at:
            venues.act()
    apart, held = _held(bench)
    return Outcome(leg_ns / NS_PER_SECOND, above_ns / NS_PER_SECOND, apart, max(most, held))


def _held(bench: PairBench) -> tuple[float, float]:
    """Return how far the legs are apart, and how much of its target the larger one holds."""
    parts = [float(each.fraction) for each in bench.facts.legs]
    return abs(parts[0] - parts[1]), max(parts)


def table(spreads: int = SPREADS) -> str:
    """Return both distributions as a Markdown table."""
    lines = [
        f"| {spreads:,} entries, up to {HORIZON_S} s | median | p95 | p99 | max |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, managed in (("two plain orders", False), ("leg manager", True)):
        outcomes = [enter(seed, managed=managed) for seed in range(spreads)]
        for what, index in (
            ("residual × time, leg·s", 0),
            (f"time above {LIMIT:.0%} of a leg, s", 1),
            ("residual at the end, legs", 2),
        ):
            ordered = sorted(each[index] for each in outcomes)
            cells = (ordered[round(part * (spreads - 1))] for part in (0.5, 0.95, 0.99, 1))
            lines.append(f"| {name}: {what} | " + " | ".join(f"{x:.2f}" for x in cells) + " |")
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    """Print the table, or write it into the page that is named after `--write`."""
    text = table()
    if not arguments:
        print(text)
        return
    page = Path(arguments[-1])
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
