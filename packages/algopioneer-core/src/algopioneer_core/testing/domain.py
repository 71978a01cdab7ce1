"""
Hypothesis strategies for the words of trading, and a decimal context that spoils careless sums.

Import this module in tests only: it needs Hypothesis (`algopioneer-core[testing]`).
"""

import decimal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Final, assert_never

from attrs import evolve, frozen
from hypothesis import strategies as st

from algopioneer_core.domain.events import (
    CancelRejected,
    ExecutionReport,
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderCompleted,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from algopioneer_core.domain.money import Increment, Price, Quantity, from_scaled, mul, total
from algopioneer_core.domain.orders import Order, OrderIntent, Step, advance, apply_fill

__all__ = [
    "BITCOIN",
    "INVERSE_PERPETUAL",
    "LINEAR_PERPETUAL",
    "OrderHistory",
    "amounts",
    "fills",
    "hear",
    "hostile_decimal_context",
    "increments",
    "instruments",
    "order_histories",
    "prices",
    "quantities",
    "sides",
]

BITCOIN: Final = Instrument(id=InstrumentId("sim", "BTC-USD"), base="BTC", quote="USD")
"""A spot instrument without rules of its own."""
LINEAR_PERPETUAL: Final = Instrument(
    id=InstrumentId("sim", "BTC-PERP"),
    base="BTC",
    quote="USD",
    kind=InstrumentKind.PERPETUAL,
    multiplier=Decimal("0.01"),
)
"""A contract on a hundredth of a bitcoin, settled in dollars."""
INVERSE_PERPETUAL: Final = Instrument(
    id=InstrumentId("sim", "XBTUSD"),
    base="BTC",
    quote="USD",
    kind=InstrumentKind.PERPETUAL,
    multiplier=Decimal(100),
    inverse=True,
    quantity_increment=Increment(Decimal(1)),
)
"""A contract on 100 dollars, settled in bitcoin."""

sides: Final = st.sampled_from(Side)


@contextmanager
def hostile_decimal_context(*, loud: bool) -> Iterator[None]:
    """
    Make the interpreter's decimal context useless: three digits, rounded up.

    Whatever depends on it then gives wrong results, or raises when *loud*, because everything is
    trapped.
    """
    signals = list(decimal.Context().flags)
    hostile = decimal.Context(
        prec=3, rounding=decimal.ROUND_UP, traps=signals if loud else [], flags=[]
    )
    with decimal.localcontext(hostile):
        yield


def _scaled(lowest: int, highest: int, decimals: int) -> st.SearchStrategy[Decimal]:
    return st.builds(from_scaled, st.integers(lowest, highest), st.integers(0, decimals))


def prices() -> st.SearchStrategy[Price]:
    """Return positive prices of up to 12 digits, with up to 10 decimals."""
    return _scaled(1, 10**12, 10)


def quantities() -> st.SearchStrategy[Quantity]:
    """Return positive quantities of up to 10 digits, with up to 8 decimals."""
    return _scaled(1, 10**10, 8)


def amounts() -> st.SearchStrategy[Decimal]:
    """Return amounts of any sign, zero included, of up to 15 digits, with up to 12 decimals."""
    return _scaled(-(10**15), 10**15, 12)


def increments() -> st.SearchStrategy[Increment]:
    """Return grids: powers of ten, and odd ones such as 0.25 or 7."""
    return _scaled(1, 1000, 8).map(Increment)


def instruments() -> st.SearchStrategy[Instrument]:
    """Return instruments of all four kinds, contracts with multipliers, linear and inverse."""
    contract = st.sampled_from((InstrumentKind.FUTURE, InstrumentKind.PERPETUAL))
    delivered = st.sampled_from((InstrumentKind.SPOT, InstrumentKind.EQUITY))
    return st.one_of(
        st.builds(evolve, st.just(BITCOIN), kind=delivered),
        st.builds(
            evolve,
            st.sampled_from((LINEAR_PERPETUAL, INVERSE_PERPETUAL)),
            kind=contract,
            multiplier=_scaled(1, 10**4, 4),
        ),
    )


@st.composite
def fills(
    draw: st.DrawFn,
    instrument: Instrument = BITCOIN,
    *,
    max_size: int = 8,
    fee_assets: Sequence[str] | None = None,
) -> list[Fill]:
    """
    Return fills of one instrument in the order of their times, on both sides, with unique ids.

    Quantities are often equal, so that positions close exactly. *fee_assets* are those to choose
    from; base, quote and a third one when they are not given.
    """
    assets = fee_assets or (instrument.base, instrument.quote, "POINTS")
    sizes = draw(st.lists(quantities(), min_size=1, max_size=3))
    count = draw(st.integers(0, max_size))
    return [_fill(draw, number, instrument, sizes, assets) for number in range(count)]


def _fill(
    draw: st.DrawFn,
    number: int,
    instrument: Instrument,
    sizes: Sequence[Quantity],
    assets: Sequence[str],
) -> Fill:
    quantity, asset = draw(st.sampled_from(sizes)), draw(st.sampled_from(assets))
    if asset == instrument.base:
        fee = mul(quantity, from_scaled(draw(st.integers(-100, 100)), 4))
    else:
        fee = draw(_scaled(-(10**4), 10**4, 6))
    return Fill(
        f"fill-{number}",
        f"order-{number}",
        instrument.id,
        draw(sides),
        quantity,
        draw(prices()),
        fee,
        asset,
        draw(st.sampled_from(Liquidity)),
        number,
    )


@frozen
class OrderHistory:
    """One order, what truly happened to it at the venue, and what we hear of it."""

    order: Order
    """As it was sent."""
    fills: tuple[Fill, ...]
    """What was executed, each once."""
    reports: tuple[ExecutionReport, ...]
    """In any order, some twice; all of the fills are among them."""


@st.composite
def order_histories(draw: st.DrawFn, instrument: Instrument = BITCOIN) -> OrderHistory:
    """Return an order with its fills, and its reports shuffled and partly repeated."""
    side = draw(sides)
    sizes = draw(st.lists(quantities(), max_size=5))
    rest = draw(quantities())
    whole = bool(sizes) and draw(st.booleans())
    wanted = total(*sizes) if whole else total(*sizes, rest)
    intent = OrderIntent(instrument_id=instrument.id, side=side, quantity=wanted)
    order = advance(Order("order", intent, 0), Step.SUBMIT)
    done = tuple(
        Fill(
            f"fill-{number}",
            "order",
            instrument.id,
            side,
            size,
            draw(prices()),
            Decimal(0),
            instrument.settlement_asset,
            Liquidity.TAKER,
            number,
        )
        for number, size in enumerate(sizes)
    )
    ends: tuple[ExecutionReport, ...] = (
        OrderCanceled("order", 9),
        OrderExpired("order", 9),
        OrderUnknown("order", 9),
    )
    heard: list[ExecutionReport] = [OrderFilled(fill) for fill in done]
    heard.append(OrderAccepted("order", 1, "venue-order"))
    heard.append(OrderCompleted("order", 9) if whole else draw(st.sampled_from(ends)))
    heard += draw(st.lists(st.sampled_from(heard), max_size=4))
    return OrderHistory(order, done, tuple(draw(st.permutations(heard))))


def hear(order: Order, report: ExecutionReport) -> Order:
    """
    Return *order* after *report*, as the order manager does it, for tests that need only one order.

    Raises:
        IllegalTransition: The order table does not allow it.
    """
    match report:
        case OrderFilled():
            return apply_fill(order, report.fill, complete=report.complete)
        case OrderAccepted():
            return advance(order, Step.ACCEPT, venue_order_id=report.venue_order_id)
        case OrderRejected():
            return advance(order, Step.REJECT, message=report.message)
        case OrderCompleted():
            return advance(order, Step.COMPLETE)
        case OrderCanceled():
            return advance(order, Step.CANCEL, message=report.message)
        case OrderExpired():
            return advance(order, Step.EXPIRE)
        case OrderUnknown():
            return advance(order, Step.LOSE, message=report.message)
        case OrderAbsent():
            return advance(order, Step.PROVE_ABSENT)
        case CancelRejected():
            return advance(order, Step.REFUSE_CANCEL, message=report.message)
        case _:
            assert_never(report)
