"""
Whose is it: what a venue says about the account, shared out among the strategies.

A venue knows one position for each instrument; strategies hold parts of it. What is paid or
charged on a position is shared in proportion to what each holds, exactly: the last one gets what
rounding left over.
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
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import ZERO, Money, add, divide_half_even, mul, sub
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
            for runner, amount in _split(event.amount, event.instrument_id, runners):
                yield runner, evolve(event, amount=amount)
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


def _liquidation(event: Liquidated, runners: Iterable[StrategyRunner]) -> Iterator[Share]:
    fill, paid = event.fill, ZERO
    shares = list(_split(fill.quantity, fill.instrument_id, runners))
    for number, (runner, quantity) in enumerate(shares):
        fee = divide_half_even(mul(fill.fee, quantity), fill.quantity, places=_PLACES)
        if number == len(shares) - 1:
            fee = sub(fill.fee, paid)
        paid = add(paid, fee)
        name = fill.fill_id if len(shares) == 1 else f"{fill.fill_id}/{runner.name}"
        yield runner, Liquidated(evolve(fill, fill_id=name, quantity=quantity, fee=fee))


def _split(
    amount: Money, instrument_id: InstrumentId, runners: Iterable[StrategyRunner]
) -> Iterator[tuple[StrategyRunner, Decimal]]:
    """Yield the holders of an instrument with their share of *amount*; shares sum to it."""
    trading = [each for each in runners if instrument_id in each.engine.portfolio.instruments]
    held = [(each, each.engine.portfolio.quantity(instrument_id).copy_abs()) for each in trading]
    holders = [pair for pair in held if pair[1]] or [(each, Decimal(1)) for each in trading[:1]]
    whole = ZERO
    for _, quantity in holders:
        whole = add(whole, quantity)
    given = ZERO
    for number, (runner, quantity) in enumerate(holders):
        share = divide_half_even(mul(amount, quantity), whole, places=_PLACES)
        if number == len(holders) - 1:
            share = sub(amount, given)
        given = add(given, share)
        if share:
            yield runner, share
