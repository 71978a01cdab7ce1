"""Two fills of one order: in which way they differ."""

from decimal import Decimal
from typing import Final, TypeAlias

from algopioneer_core.domain.fills import Fill, Liquidity
from algopioneer_core.domain.money import BPS, ZERO, Money, divide_half_even, mul, plain, sub
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.domain.times import duration_text, iso_utc
from algopioneer_core.parity.causes import Cause, Evidence
from algopioneer_core.parity.decisions import Decision

__all__ = ["Explanation", "in_one_bar", "is_rounded", "unlike_fills"]

Explanation: TypeAlias = tuple[Cause, str]
"""A class and the words for it."""
_COARSEST_FEE: Final = Decimal("0.01")
"""Venues round their fees to a cent, if at all."""
_SAME_PRICE: Final = Decimal("1e-9")
"""Relative difference of prices below which it is one price, computed in two ways."""


def in_one_bar(ours: Decision, theirs: Decision, evidence: Evidence) -> bool:
    """
    Return whether a session's decision and a backtest's lie in one bar.

    A backtest knows no time inside of a bar: what fills at the open is dated with it, and a limit
    that was passed with the close.
    """
    if evidence.opened_ns(ours.ts_ns) == evidence.opened_ns(theirs.ts_ns):
        return True
    body = theirs.body
    if not isinstance(body, Fill) or body.liquidity is not Liquidity.MAKER:
        return False
    return theirs.ts_ns - evidence.interval_ns <= ours.ts_ns < theirs.ts_ns


def is_rounded(one: Decimal, other: Decimal, step: Decimal = ZERO) -> bool:
    """
    Return whether one of two numbers that differ can be the other on a coarser grid.

    Args:
        one: With as many decimals as its grid has.
        other: The same.
        step: A grid that is known; zero where none is.
    """
    return _are_within(one, other, max(step, _unit(one), _unit(other)))


def _unit(number: Decimal) -> Decimal:
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)  # amounts are finite
    return Decimal((0, (1,), min(exponent, 0)))


def _are_within(one: Decimal, other: Decimal, distance: Decimal) -> bool:
    return sub(max(one, other), min(one, other)) < distance


def unlike_fills(
    ours: Decision, theirs: Decision, wanted: OrderIntent | None, evidence: Evidence
) -> Explanation:
    """
    Return how two fills of one order differ; they do.

    Args:
        ours: The session's.
        theirs: The backtest's.
        wanted: The order, as far as it is the same in both.
        evidence: Has the grids of instruments.
    """
    assert isinstance(ours.body, Fill)
    assert isinstance(theirs.body, Fill)
    if not in_one_bar(ours, theirs, evidence):
        return Cause.LATENCY, _when(ours.ts_ns, theirs.ts_ns)
    one, other = ours.body, theirs.body
    return (
        _other_price(one, other, evidence)
        or _other_fee(one, other, evidence)
        or _in_parts(one, other, wanted, evidence)
        or _rounded(one, other)
    )


def _when(ours_ns: int, theirs_ns: int) -> str:
    word = "later" if ours_ns > theirs_ns else "earlier"
    by = duration_text(abs(ours_ns - theirs_ns))
    return f"the session's order traded {by} {word}: {iso_utc(ours_ns)} and {iso_utc(theirs_ns)}"


def _other_price(one: Fill, other: Fill, evidence: Evidence) -> Explanation | None:
    step = max(evidence.price_step(one.instrument_id), mul(one.price, _SAME_PRICE))
    if one.price == other.price or _are_within(one.price, other.price, step):
        return None
    by = divide_half_even(sub(one.price, other.price), mul(other.price, BPS), places=2)
    text = (
        f"traded at {plain(one.price)} in the session and at {plain(other.price)} in the backtest"
    )
    return Cause.FILL_PRICE, f"{text}: {plain(by)} bps apart"


def _other_fee(one: Fill, other: Fill, evidence: Evidence) -> Explanation | None:
    values = evidence.value(one), evidence.value(other)
    if one.fee_asset == other.fee_asset and _is_one_rate((one.fee, other.fee), values):
        return None
    said = [
        f"{plain(fill.fee)} {fill.fee_asset} ({_bps(fill.fee, value)} bps)"
        for fill, value in zip((one, other), values, strict=True)
    ]
    return Cause.FEE, f"cost {said[0]} in the session and {said[1]} in the backtest"


def _is_one_rate(fees: tuple[Money, Money], values: tuple[Money, Money]) -> bool:
    """Return whether both fees are one share of the value traded, as far as fees are rounded."""
    if not all(fees):
        return fees[0] == fees[1]
    unit = min(max(_unit(fees[0]), _unit(fees[1])), _COARSEST_FEE)
    ours, theirs = mul(fees[0], values[1]), mul(fees[1], values[0])
    return ours == theirs or _are_within(ours, theirs, mul(unit, values[1]))


def _bps(fee: Money, value: Money) -> str:
    return plain(divide_half_even(fee, mul(value, BPS), places=2))


def _in_parts(
    one: Fill, other: Fill, wanted: OrderIntent | None, evidence: Evidence
) -> Explanation | None:
    """Return how one of them is only a part of the order, or waited where the other did not."""
    if one.quantity != other.quantity and not _is_one_quantity(one, other, wanted, evidence):
        text = f"{plain(one.quantity)} in the session and {plain(other.quantity)} in the backtest"
        return Cause.LATENCY, f"traded in other parts: at first {text}"
    if one.liquidity is not other.liquidity:
        text = f"{one.liquidity.value} in the session, {other.liquidity.value} in the backtest"
        return Cause.LATENCY, f"one of the orders waited in the book: {text}"
    return None


def _is_one_quantity(
    one: Fill, other: Fill, wanted: OrderIntent | None, evidence: Evidence
) -> bool:
    """Return whether two quantities differ by rounding only: their own, or that of the price."""
    step = evidence.quantity_step(one.instrument_id)
    if wanted is not None and wanted.quantity is not None:
        return _are_within(one.quantity, other.quantity, step)
    # Bought for an amount: both are the largest quantity on their grids that it pays for.
    unit = max(step, _unit(one.quantity), _unit(other.quantity))
    ours, theirs = mul(one.quantity, one.price), mul(other.quantity, other.price)
    return _are_within(ours, theirs, mul(unit, max(one.price, other.price)))


def _rounded(one: Fill, other: Fill) -> Explanation:
    parts = [
        f"{name}: {plain(ours)} in the session and {plain(theirs)} in the backtest"
        for name, ours, theirs in (
            ("quantity", one.quantity, other.quantity),
            ("price", one.price, other.price),
            ("fee", one.fee, other.fee),
        )
        if ours != theirs
    ]
    return Cause.ROUNDING, "; ".join(parts)
