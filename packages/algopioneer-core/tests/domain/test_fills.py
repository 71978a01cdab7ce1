"""Fills, and how totals that a venue reports become single fills."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import MoneyError
from algopioneer_core.domain.fills import (
    CumulativeFill,
    Fill,
    Liquidity,
    Side,
    fill_from_cumulative,
)
from algopioneer_core.domain.money import ZERO, mul
from algopioneer_core.testing.domain import BITCOIN, amounts, prices, quantities

BOUGHT = Fill(
    "f", "o", BITCOIN.id, Side.BUY, Decimal(2), Decimal(100), Decimal(1), "USD", Liquidity.MAKER, 3
)


def changed(field: str, value: object) -> dict[str, Any]:
    """Return the one argument that replaces a field."""
    return {field: value}


def difference(before: CumulativeFill, now: CumulativeFill) -> Fill | None:
    """Return what was executed between two totals of one order."""
    return fill_from_cumulative(
        before,
        now,
        client_order_id="o",
        instrument_id=BITCOIN.id,
        side=Side.SELL,
        fee_asset="USD",
        liquidity=Liquidity.TAKER,
        ts_event=9,
    )


def test_sides_are_opposite() -> None:
    """A buy adds, a sale takes away, and each is the other's opposite."""
    assert [(1, Side.SELL), (-1, Side.BUY)] == [(side.sign, side.opposite) for side in Side]


def test_signed_quantity_is_negative_for_a_sale() -> None:
    """The sign is that of the change of the position."""
    assert Decimal(2) == BOUGHT.signed_quantity
    assert Decimal(-2) == evolve(BOUGHT, side=Side.SELL).signed_quantity


@pytest.mark.parametrize("field", ["quantity", "price"])
@pytest.mark.parametrize("value", ["0", "-1"])
def test_fill_of_nothing_is_refused(field: str, value: str) -> None:
    """Quantity and price are positive; the error names which is not."""
    with pytest.raises(MoneyError, match=f"{field} must be positive"):
        evolve(BOUGHT, **changed(field, Decimal(value)))


@given(st.lists(st.tuples(quantities(), prices(), amounts()), max_size=6))
def test_totals_come_apart_into_the_fills_they_were_made_of(
    parts: list[tuple[Decimal, Decimal, Decimal]],
) -> None:
    """Where no two reports were merged, each difference is the venue's own fill again."""
    totals = CumulativeFill()
    for quantity, price, fee in parts:
        single = evolve(BOUGHT, quantity=quantity, price=price, fee=fee)
        now = totals.plus(single)
        fill = difference(totals, now)
        assert fill is not None
        assert (quantity, price, fee) == (fill.quantity, fill.price, fill.fee)
        totals = now


@given(st.lists(st.tuples(quantities(), prices()), min_size=1, max_size=6), st.data())
def test_merged_totals_lose_no_quantity_and_no_fee(
    parts: list[tuple[Decimal, Decimal]], data: st.DataObject
) -> None:
    """However the venue merges, repeats or reorders its reports, the sums are the venue's."""
    # A fill worth less than what rounding left of the others takes the average price instead.
    assume(all(mul(quantity, price) > Decimal("1e-9") for quantity, price in parts))
    reports = [CumulativeFill()]
    for quantity, price in parts:
        reports.append(reports[-1].plus(evolve(BOUGHT, quantity=quantity, price=price)))
    heard = data.draw(st.lists(st.sampled_from(reports)))
    totals = CumulativeFill()
    for report in [*heard, reports[-1]]:
        fill = difference(totals, report)
        totals = totals if fill is None else totals.plus(fill)
    final = reports[-1]
    assert (final.quantity, final.fee) == (totals.quantity, totals.fee)
    slack = Fraction(totals.quantity) * len(parts) / 10**18
    assert abs(Fraction(final.value) - Fraction(totals.value)) <= slack


def test_older_or_repeated_total_is_no_fill() -> None:
    """A replay after a reconnect changes nothing."""
    three = CumulativeFill(quantity=Decimal(3), value=Decimal(30))
    two = CumulativeFill(quantity=Decimal(2), value=Decimal(20))
    assert difference(three, three) is difference(three, two) is None


def test_fill_from_total_is_named_by_the_total() -> None:
    """However a venue writes the quantity, the id is the same, so the fill counts once."""
    ids = set()
    for text in ("3", "3.00", "0.3E1"):
        fill = difference(
            CumulativeFill(), CumulativeFill(quantity=Decimal(text), value=Decimal(6))
        )
        assert fill is not None
        ids.add(fill.fill_id)
    assert {"o#3"} == ids


def test_fill_from_total_keeps_what_it_is_told() -> None:
    """Order, side, instrument, fee and time are the report's."""
    now = CumulativeFill(quantity=Decimal(4), value=Decimal(10), fee=Decimal("0.1"))
    assert Fill(
        "o#4",
        "o",
        BITCOIN.id,
        Side.SELL,
        Decimal(4),
        Decimal("2.5"),
        Decimal("0.1"),
        "USD",
        Liquidity.TAKER,
        9,
    ) == difference(CumulativeFill(), now)


def test_rounded_average_cannot_make_a_price_of_nothing() -> None:
    """Where the venue's rounding eats the difference, the average so far is the price."""
    before = CumulativeFill(quantity=Decimal(1), value=Decimal("100.01"))
    now = CumulativeFill(quantity=Decimal("1.0001"), value=Decimal("100.01"))
    fill = difference(before, now)
    assert fill is not None
    assert Decimal("100.01") > fill.price > Decimal("99.99")


def test_totals_without_any_price_are_refused() -> None:
    """An average of zero is a broken report, not a free purchase."""
    with pytest.raises(MoneyError, match="price must be positive"):
        difference(CumulativeFill(), CumulativeFill(quantity=Decimal(1)))


def test_totals_start_at_nothing() -> None:
    """An order of which nothing was reported has no totals, and adding a fill makes them."""
    empty = CumulativeFill()
    assert (ZERO, ZERO, ZERO) == (empty.quantity, empty.value, empty.fee)
    value = mul(BOUGHT.quantity, BOUGHT.price)
    assert CumulativeFill(quantity=Decimal(2), value=value, fee=Decimal(1)) == empty.plus(BOUGHT)
