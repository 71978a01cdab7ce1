"""
Whose is it: what a venue says about the account, shared out among the strategies.

A venue knows one position for each instrument; strategies hold parts of it, which may be on
opposite sides. What is paid or charged on a position is shared in proportion to what each holds,
with its sign: where the long pays, the short of another strategy receives. A fee is shared by size
alone, and a liquidation goes to those whose side it closes. Shares sum exactly: the last one gets
what rounding left over.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Final

from attrs import evolve

from algopioneer_core.domain.errors import UnknownOrder
from algopioneer_core.domain.events import (
    AccountEvent,
    BorrowCharged,
    DividendPaid,
    FeeCharged,
    FillBusted,
    FillCorrected,
    FundingPaid,
    Liquidated,
    Settled,
    Split,
)
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import (
    ONE,
    ZERO,
    Money,
    Quantity,
    add,
    divide_half_even,
    mul,
    sub,
    total,
)
from algopioneer_core.runtime.runner import StrategyRunner

__all__ = ["shares_of"]

_PLACES: Final = 18
Owner = Callable[[str], StrategyRunner | None]
Share = tuple[StrategyRunner, AccountEvent]


def shares_of(
    event: AccountEvent, runners: Iterable[StrategyRunner], owner: Owner
) -> Iterator[Share]:
    """
    Yield each strategy that *event* concerns, with its share of it.

    A transfer and a snapshot are the account's alone: they concern reconciliation, no strategy.
    A liquidation goes to the holders in proportion too, as fills of their own.
    """
    match event:
        case FillBusted():
            yield from _of_owner(event, event.fill.client_order_id, owner)
        case FillCorrected():
            yield from _of_owner(event, event.original.client_order_id, owner)
        case FundingPaid() | BorrowCharged() | DividendPaid() | FeeCharged():
            yield from _payment(event, _held(event.instrument_id, runners))
        case Split() | Settled():
            for runner in runners:
                if event.instrument_id in runner.engine.portfolio.instruments:
                    yield runner, event
        case Liquidated():
            yield from _liquidation(event, runners)


def _of_owner(event: AccountEvent, client_order_id: str, owner: Owner) -> Iterator[Share]:
    try:
        runner = owner(client_order_id)
    except UnknownOrder:
        runner = None
    if runner is not None:
        yield runner, event


def _payment(
    event: FundingPaid | BorrowCharged | DividendPaid | FeeCharged,
    held: list[tuple[StrategyRunner, Quantity]],
) -> Iterator[Share]:
    if isinstance(event, FeeCharged):
        held = [(runner, quantity.copy_abs()) for runner, quantity in held]
    for runner, amount in _split(event.amount, held):
        yield runner, evolve(event, amount=amount)


def _liquidation(event: Liquidated, runners: Iterable[StrategyRunner]) -> Iterator[Share]:
    fill, paid = event.fill, ZERO
    held = _held(fill.instrument_id, runners)
    closed = [pair for pair in held if (pair[1] > 0) is (fill.side is Side.SELL) and pair[1]]
    shares = list(_split(fill.quantity, closed or held))
    for number, (runner, quantity) in enumerate(shares):
        fee = divide_half_even(mul(fill.fee, quantity), fill.quantity, places=_PLACES)
        if number == len(shares) - 1:
            fee = sub(fill.fee, paid)
        paid = add(paid, fee)
        name = fill.fill_id if len(shares) == 1 else f"{fill.fill_id}/{runner.name}"
        yield runner, Liquidated(evolve(fill, fill_id=name, quantity=quantity, fee=fee))


def _held(
    instrument_id: InstrumentId, runners: Iterable[StrategyRunner]
) -> list[tuple[StrategyRunner, Quantity]]:
    """Return who trades an instrument, with the signed quantity of each."""
    return [
        (each, each.engine.portfolio.quantity(instrument_id))
        for each in runners
        if instrument_id in each.engine.portfolio.instruments
    ]


def _split(
    amount: Money, held: Iterable[tuple[StrategyRunner, Quantity]]
) -> Iterator[tuple[StrategyRunner, Decimal]]:
    """
    Yield the holders with their share of *amount*; shares sum to it.

    Where positions cancel out, or nobody holds anything any more, the first who trades the
    instrument gets all of it.
    """
    trading = list(held)
    whole = total(*(quantity for _, quantity in trading))
    holders = [pair for pair in trading if pair[1]]
    if not whole:
        holders, whole = [(each, ONE) for each, _ in trading[:1]], ONE
    given = ZERO
    for number, (runner, quantity) in enumerate(holders):
        share = divide_half_even(mul(amount, quantity), whole, places=_PLACES)
        if number == len(holders) - 1:
            share = sub(amount, given)
        given = add(given, share)
        if share:
            yield runner, share
