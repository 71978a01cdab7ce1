"""What goes wrong around a simulated process: its clock, what it is shown, who else trades."""

import functools
from collections.abc import Callable
from decimal import Decimal
from typing import Final

import anyio

from algopioneer_core.domain.errors import OrderRejected
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote
from algopioneer_core.domain.money import from_scaled, mul
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus
from algopioneer_core.ports import Clock
from algopioneer_core.testing.fault_plans import Fault
from algopioneer_core.testing.simulation_market import INTERVAL_NS
from algopioneer_core.testing.simulation_venue import SimulatedVenue

__all__ = ["MachineClock", "garbage", "step_clock", "trade_foreign"]

_HALF: Final = 0.5
_LONG_AGO_NS: Final = 3_600 * NS_PER_SECOND
_OFTEN_FAR: Final = 0.2
_NEAR_S: Final = 45
"""Venues' clocks and ours may differ by a minute, either way, without any harm."""
_FAR_S: Final = 600
_OFTEN_LARGE: Final = 0.25
_UNDONE_S: Final = 240
_TWO: Final = Decimal(2)
_HALVED: Final = Decimal("0.5")


class MachineClock:
    """
    The clock of the machine, which may be wrong.

    Args:
        clock: The true time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.offset_ns = 0
        """By how much it is ahead of the true time."""

    def now_ns(self) -> int:
        """Return what it shows, UTC nanoseconds."""
        return self._clock.now_ns() + self.offset_ns


async def step_clock(clock: MachineClock, fault: Fault, draw: Callable[[], float]) -> None:
    """Set *clock* wrong, by seconds or far back, and right again when the fault is over."""
    by_ns = int((2 * draw() - 1) * _NEAR_S * NS_PER_SECOND)
    if draw() < _OFTEN_FAR:
        by_ns = -int(draw() * _FAR_S * NS_PER_SECOND)
    clock.offset_ns += by_ns
    await anyio.sleep(fault.duration_ns / NS_PER_SECOND)
    clock.offset_ns -= by_ns


def _one_of(venue: SimulatedVenue, draw: Callable[[], float]) -> Instrument:
    traded = tuple(venue.traded)
    return traded[int(draw() * len(traded))]


def garbage(venue: SimulatedVenue, now_ns: int, draw: Callable[[], float]) -> Quote | Bar | None:
    """Return a price of *venue* that never was; None before there is any."""
    instrument = _one_of(venue, draw)
    mark = venue.books.account.mark(instrument.id)
    if mark is None:
        return None
    twice, half, size = mul(mark, _TWO), mul(mark, _HALVED), Decimal(5_000)
    quote = functools.partial(Quote, instrument.id)
    ahead_ns, long_ago_ns = now_ns + _LONG_AGO_NS, now_ns - _LONG_AGO_NS
    cents = int(mul(mark, Decimal(100)))
    made: tuple[Callable[[], Quote | Bar], ...] = (
        lambda: quote(long_ago_ns, twice, twice, size, size, now_ns),
        lambda: quote(now_ns, twice, half, size, size, now_ns),
        lambda: quote(now_ns, -half, half, size, size, now_ns),
        lambda: quote(now_ns, from_scaled(0, 0), from_scaled(0, 0), size, size, now_ns),
        lambda: quote(ahead_ns, twice, twice, size, size, now_ns),
        lambda: quote(now_ns, half, half, -size, size, now_ns),
        lambda: _bar(instrument.id, cents, long_ago_ns - long_ago_ns % INTERVAL_NS, now_ns),
        lambda: _bar(instrument.id, -cents, now_ns - now_ns % INTERVAL_NS + INTERVAL_NS, now_ns),
        lambda: _bar(instrument.id, 2 * cents, ahead_ns - ahead_ns % INTERVAL_NS, now_ns),
    )
    return made[int(draw() * len(made))]()


def _bar(instrument_id: InstrumentId, cents: int, ts_ns: int, now_ns: int) -> Bar:
    return Bar(instrument_id, ts_ns, cents, cents, cents, cents, 1, 2, 0, now_ns)


async def trade_foreign(
    venue: SimulatedVenue, clock: Clock, name: str, draw: Callable[[], float]
) -> None:
    """
    Let somebody else trade in the account: mostly little; a large trade is undone after a while.

    A person sees to that, because the session has halted for it.
    """
    instrument = _one_of(venue, draw)
    side = Side.BUY if draw() < _HALF else Side.SELL
    is_large = draw() < _OFTEN_LARGE
    worth = Decimal(500) if is_large else Decimal(10 + int(draw() * 50))
    quantity = instrument.whole_quantity(mul(worth, Decimal("0.01")))
    quantity = max(quantity, instrument.quantity_increment.step)  # a contract is a whole one
    _place(
        venue,
        clock,
        f"{name}-a",
        OrderIntent(instrument_id=instrument.id, side=side, quantity=quantity),
    )
    if is_large:
        await anyio.sleep(_UNDONE_S * draw())
        _place(
            venue,
            clock,
            f"{name}-b",
            OrderIntent(instrument_id=instrument.id, side=side.opposite, quantity=quantity),
        )


def _place(venue: SimulatedVenue, clock: Clock, name: str, intent: OrderIntent) -> None:
    order = Order(name, intent, clock.now_ns(), OrderStatus.PENDING)
    try:
        venue.place_foreign(order)
    except OrderRejected:
        return  # somebody else's trouble
