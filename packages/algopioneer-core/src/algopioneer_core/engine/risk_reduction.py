"""Orders that may only reduce: let through, cut to what is left to reduce, or refused."""

from collections.abc import Iterable
from typing import Final

from attrs import frozen

from algopioneer_core.domain.money import ZERO, Quantity, floor_units, mul
from algopioneer_core.engine.exposure import quote_value
from algopioneer_core.engine.risk_checks import Denied, OrderCase
from algopioneer_core.engine.risk_scope import RiskScope

__all__ = ["AS_ASKED", "Approved", "first_refusal", "reduced"]


@frozen
class Approved:
    """The order may be sent."""

    quantity: Quantity | None = None
    """What it was cut to; None as it was asked for."""


AS_ASKED: Final = Approved()
"""The approval of an order as it is."""


def first_refusal(refusals: Iterable[Denied | None]) -> Denied | None:
    """Return the first refusal; None when all let it pass."""
    return next((each for each in refusals if each is not None), None)


def reduced(case: OrderCase, scopes: Iterable[RiskScope], otherwise: Denied) -> Approved | Denied:
    """
    Judge an order of which only what reduces may pass.

    Args:
        case: The order.
        scopes: Whose collars and minimums hold.
        otherwise: The refusal when nothing of it reduces.
    """
    quantity = _reducing_quantity(case)
    if not quantity:
        return otherwise
    refusal = first_refusal(scope.judge_reduction(case, quantity) for scope in scopes)
    if refusal is not None:
        return refusal
    return AS_ASKED if quantity == case.intent.quantity else Approved(quantity)


def _reducing_quantity(case: OrderCase) -> Quantity:
    """Return what of the order reduces; rounded down to the grid where it had to be cut."""
    wanted = case.intent.quantity
    if wanted is None:
        wanted = _quantity_for_amount(case)
    if wanted <= case.reducible:
        return wanted
    return case.exposure.instrument.whole_quantity(case.reducible)


def _quantity_for_amount(case: OrderCase) -> Quantity:
    """Return what the quote amount buys at the mark, rounded down; zero without a mark."""
    instrument, amount = case.exposure.instrument, case.amount
    step = instrument.quantity_increment.step
    unit = quote_value(instrument, step, case.mark and case.mark.price)
    if amount is None or unit is None:
        return ZERO
    return instrument.whole_quantity(mul(step, floor_units(amount, unit)))
