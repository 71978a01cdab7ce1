"""How long legs stand uneven at venues that answer and fill in time."""

import random
from collections.abc import Callable
from decimal import Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import mul
from algopioneer_core.domain.orders import Order, OrderStatus
from algopioneer_core.engine.leg_rules import LatePolicy, LegOrders, LegRules
from algopioneer_core.testing.legs import PairBench

BOUND_S, PATIENCE_S = 30, 10
LIMIT = Decimal("0.02")


class TimelyVenues:
    """
    Every answer and every fill takes at most *delay* seconds, with two exceptions at the start.

    Up to two of the first orders are refused, or rest until they are cancelled.
    """

    def __init__(self, bench: PairBench, delay: int, seed: int, spoiled: list[str]) -> None:
        self._bench = bench
        self._delay = delay
        self._draw = random.Random(seed)
        self._spoiled = spoiled
        self._planned: dict[tuple[str, bool], None] = {}
        self.agenda: list[tuple[int, str, Callable[[Order], object]]] = []

    def take_in(self) -> None:
        """Plan the answers to new orders and cancels."""
        for key, order in self._bench.orders.working.items():
            cancels = order.status is OrderStatus.PENDING_CANCEL
            if (key, cancels) not in self._planned:
                self._planned[key, cancels] = None
                self._plan(key, self._bench.cancel if cancels else self._answer(key))

    def _answer(self, key: str) -> Callable[[Order], object]:
        spoil = self._spoiled.pop(0) if self._spoiled else ""
        if spoil == "refuse":
            return self._bench.reject
        if spoil == "rest":
            return self._bench.accept
        if self._draw.random() < 0.5:
            self._plan(key, self._fill_half)
        return self._bench.fill

    def _fill_half(self, order: Order) -> None:
        instrument = self._bench.portfolio.instruments[order.intent.instrument_id]
        assert order.remaining_quantity is not None
        half = instrument.whole_quantity(mul(order.remaining_quantity, Decimal("0.5")))
        if half:
            self._bench.fill(order, str(half))

    def _plan(self, key: str, act: Callable[[Order], object]) -> None:
        after = self._draw.randint(1, self._delay * NS_PER_SECOND)
        self.agenda.append((self._bench.now_ns + after, key, act))

    def act(self) -> None:
        """Let the next thing happen, at its time; the timers before it too."""
        self.agenda.sort(key=lambda each: each[0])
        at, key, act = self.agenda.pop(0)
        order = self._bench.orders.get(key)
        self._bench.now_ns = at
        if order.status.is_working:
            act(order)


@settings(max_examples=60, deadline=None)
@example(
    orders=LegOrders.MARKET,
    on_late=LatePolicy.COMPLETE,
    pause=None,
    delay=5,
    seed=2**32,
    spoiled=["refuse"],
    leaves=False,
)  # a correction must not be taken back because the other leg was cut short
@given(
    orders=st.sampled_from(LegOrders),
    on_late=st.sampled_from(LatePolicy),
    pause=st.sampled_from((None, 0, 4)),
    delay=st.integers(1, 8),
    seed=st.integers(0, 2**32),
    spoiled=st.lists(st.sampled_from(("", "refuse", "rest")), max_size=2),
    leaves=st.booleans(),
)
def test_legs_are_uneven_for_the_bound_and_one_delay_at_most(
    orders: LegOrders,
    on_late: LatePolicy,
    pause: int | None,
    delay: int,
    seed: int,
    spoiled: list[str],
    leaves: bool,
) -> None:
    """A residual above the limit lasts T + d at most, entering and leaving."""
    rules = LegRules(
        orders=orders, on_late=on_late, pause_s=None if pause is None else Decimal(pause)
    )
    bench = PairBench(rules, twin=False)
    venues = TimelyVenues(bench, delay, seed, [] if leaves else spoiled)
    bench.open()
    assert settle(bench, venues) <= (BOUND_S + delay) * NS_PER_SECOND
    if leaves:
        assert all(bench.held)
        venues._spoiled = spoiled
        bench.close()
        assert settle(bench, venues) <= (BOUND_S + delay) * NS_PER_SECOND
        assert not any(bench.held)
    assert bench.manager.is_idle
    assert not bench.halts


def settle(bench: PairBench, venues: TimelyVenues) -> int:
    """Run until nothing is under way; return the longest time of unevenness in nanoseconds."""
    longest, since = 0, None
    limit = bench.rules.max_residual_fraction
    for _ in range(200):
        venues.take_in()
        if bench.facts.residual_high <= limit:
            since = None
        else:
            since = bench.now_ns if since is None else since
            longest = max(longest, bench.now_ns - since)
        if bench.manager.is_idle:
            return longest
        times = [each[0] for each in venues.agenda]
        if bench.timer_ns is not None and (not times or bench.timer_ns <= min(times)):
            bench.now_ns = bench.timer_ns
            bench.fire()
        else:
            venues.act()
        if since is not None:
            longest = max(longest, bench.now_ns - since)
    raise AssertionError("the spread never comes to rest")
