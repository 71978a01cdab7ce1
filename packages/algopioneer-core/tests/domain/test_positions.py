"""Positions: gains equal flows to the last digit, through zero, with fees and adjustments."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import MoneyError
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import ZERO, add, mul, neg
from algopioneer_core.domain.positions import COST_PLACES, Position, average_price
from algopioneer_core.testing.domain import (
    BITCOIN,
    INVERSE_PERPETUAL,
    LINEAR_PERPETUAL,
    amounts,
    fills,
    instruments,
    prices,
    quantities,
    sides,
)


@st.composite
def traded(draw: st.DrawFn) -> tuple[Instrument, list[Fill], Decimal]:
    """Return an instrument, fills of it, and a price to value what is left at."""
    instrument = draw(instruments())
    return instrument, draw(fills(instrument)), draw(prices())


def deal(side: Side, quantity: str, price: str, fee: str = "0", asset: str = "USD") -> Fill:
    """Return one fill of bitcoin."""
    return Fill(
        f"{side.value}-{quantity}-{price}",
        "o",
        BITCOIN.id,
        side,
        Decimal(quantity),
        Decimal(price),
        Decimal(fee),
        asset,
        Liquidity.TAKER,
        1,
    )


def held(*deals: Fill, of: Instrument = BITCOIN) -> Position:
    """Return the position after *deals*."""
    position = Position(of)
    for each in deals:
        position = position.apply(evolve(each, instrument_id=of.id))
    return position


def state(position: Position) -> tuple[str, ...]:
    """Return quantity, cost and realised gain as text that is easy to compare."""
    parts = (position.quantity, position.cost, position.realised)
    return tuple(str(each.normalize()) if each else "0" for each in parts)


def flows(instrument: Instrument, made: list[Fill], mark: Decimal) -> Fraction:
    """Return what the fills brought in, and what is left is worth at *mark*; fees aside."""
    quantity, paid = Fraction(0), Fraction(0)
    for fill in made:
        quantity += Fraction(fill.signed_quantity)
        paid += Fraction(instrument.value(fill.signed_quantity, fill.price))
        if fill.fee_asset == instrument.base and instrument.delivers_base:
            quantity -= Fraction(fill.fee)
    size = quantity * Fraction(instrument.multiplier)
    if not instrument.inverse:
        return size * Fraction(mark) - paid
    scale = 10**18
    return paid - Fraction(round(size / Fraction(mark) * scale), scale)


@given(traded())
def test_realised_and_unrealised_gains_are_the_flows(
    case: tuple[Instrument, list[Fill], Decimal],
) -> None:
    """However a position was opened, reduced and turned around, no digit of money is lost."""
    instrument, made, mark = case
    position = held(*made, of=instrument)
    gains = Fraction(position.realised) + Fraction(position.unrealised(mark))
    assert flows(instrument, made, mark) == gains


@given(instruments(), sides, quantities(), quantities(), prices(), prices())
def test_turning_around_loses_no_digit(
    instrument: Instrument,
    first: Side,
    opened: Decimal,
    beyond: Decimal,
    entry: Decimal,
    turn: Decimal,
) -> None:
    """What closes and what opens add up to the trade, even where each had to be rounded."""
    signed = opened if first is Side.BUY else neg(opened)
    back = neg(add(opened, beyond)) if first is Side.BUY else add(opened, beyond)
    position = Position(instrument).trade(signed, entry).trade(back, turn)
    paid = Fraction(instrument.value(signed, entry)) + Fraction(instrument.value(back, turn))
    gain = Fraction(position.cost) - paid
    assert Fraction(position.realised) == (-gain if instrument.inverse else gain)


@given(traded())
def test_quantity_and_fees_are_sums(case: tuple[Instrument, list[Fill], Decimal]) -> None:
    """Quantity is what was bought less what was sold and charged in base; fees add up by asset."""
    instrument, made, _ = case
    position = held(*made, of=instrument)
    charged: dict[str, Fraction] = {}
    for fill in made:
        charged[fill.fee_asset] = charged.get(fill.fee_asset, Fraction(0)) + Fraction(fill.fee)
    settled = charged.pop(instrument.settlement_asset, Fraction(0))
    bought = sum((Fraction(fill.signed_quantity) for fill in made), Fraction(0))
    in_base = charged.get(instrument.base, Fraction(0)) if instrument.delivers_base else 0
    assert bought - in_base == Fraction(position.quantity)
    assert settled == Fraction(position.fees)
    listed = {asset: Fraction(fee) for asset, fee in position.other_fees}
    assert {asset: fee for asset, fee in charged.items() if fee} == {
        asset: fee for asset, fee in listed.items() if fee
    }
    assert sorted(listed) == [asset for asset, _ in position.other_fees]


@given(traded())
def test_cost_follows_the_quantity(case: tuple[Instrument, list[Fill], Decimal]) -> None:
    """A flat position has no cost left, and an open one never the sign of the other side."""
    instrument, made, _ = case
    position = Position(instrument)
    for fill in made:
        position = position.apply(fill)
        assert position.is_flat == (not position.quantity)
        if position.is_flat:
            assert not position.cost
        else:
            assert Fraction(position.cost) * Fraction(position.quantity) >= 0


@given(traded(), st.randoms(use_true_random=False))
def test_order_of_fills_does_not_change_the_total(
    case: tuple[Instrument, list[Fill], Decimal], shuffle: Any
) -> None:
    """Realised and unrealised may be split otherwise; their sum, quantity and fees may not."""
    instrument, made, mark = case
    other = list(made)
    shuffle.shuffle(other)
    one, two = held(*made, of=instrument), held(*other, of=instrument)
    assert (one.quantity, one.fees, one.other_fees) == (two.quantity, two.fees, two.other_fees)
    first, second = (
        Fraction(each.realised) + Fraction(each.unrealised(mark)) for each in (one, two)
    )
    assert first == second


@given(traded(), st.data())
def test_undone_fill_leaves_no_trace_in_the_total(
    case: tuple[Instrument, list[Fill], Decimal], data: st.DataObject
) -> None:
    """Taking a fill back later gives the quantity, fees and total gain without it."""
    instrument, made, mark = case
    if not made:
        return
    gone = data.draw(st.sampled_from(made))
    after = held(*made, of=instrument).undo(gone)
    without = held(*(fill for fill in made if fill is not gone), of=instrument)
    assert (without.quantity, without.fees) == (after.quantity, after.fees)
    assert Fraction(without.realised) + Fraction(without.unrealised(mark)) == Fraction(
        after.realised
    ) + Fraction(after.unrealised(mark))


# --- examples by hand ------------------------------------------------------------------------


def test_opening_raising_reducing_closing() -> None:
    """Each step changes quantity, cost and realised gain as by hand."""
    position = held(deal(Side.BUY, "2", "100"))
    assert ("2", "2E+2", "0") == state(position)
    position = position.apply(deal(Side.BUY, "2", "110"))
    assert ("4", "4.2E+2", "0") == state(position)
    position = position.apply(deal(Side.SELL, "1", "125"))
    assert ("3", "315", "2E+1") == state(position)
    position = position.apply(deal(Side.SELL, "3", "95"))
    assert ("0", "0", "-1E+1") == state(position)


def test_short_gains_when_the_price_falls() -> None:
    """A short position has negative quantity and cost, and gains below its entry."""
    position = held(deal(Side.SELL, "2", "100"))
    assert ("-2", "-2E+2", "0") == state(position)
    assert Decimal(20) == position.unrealised(Decimal(90))
    assert Decimal(20) == position.apply(deal(Side.BUY, "2", "90")).realised


@pytest.mark.parametrize(("first", "then"), [(Side.BUY, Side.SELL), (Side.SELL, Side.BUY)])
def test_turning_around_closes_all_and_opens_the_rest(first: Side, then: Side) -> None:
    """What goes beyond zero opens at the price of the same fill."""
    position = held(deal(first, "2", "100"), deal(then, "5", "110"))
    sign = first.sign
    assert (Decimal(-3 * sign), Decimal(-330 * sign), Decimal(20 * sign)) == (
        position.quantity,
        position.cost,
        position.realised,
    )
    assert Decimal(110) == position.average_entry


def test_partial_close_releases_a_rounded_share_and_keeps_the_rest() -> None:
    """A third of a cost has no last digit; what is released and what is kept still add up."""
    position = held(deal(Side.BUY, "3", "33.33"), deal(Side.BUY, "4", "1"))
    after = position.apply(deal(Side.SELL, "1", "10"))
    released = Fraction(Decimal(10)) - Fraction(after.realised)
    assert Fraction(position.cost) - Fraction(after.cost) == released
    exact = Fraction(position.cost) / 7
    assert abs(released - exact) <= Fraction(1, 2 * 10**COST_PLACES)


def test_inverse_contract_gains_in_base() -> None:
    """100 contracts of 100 dollars, from 50 000 to 62 500: 0.2 - 0.16 bitcoin gained."""
    bought = deal(Side.BUY, "100", "50000", "0.0001", "BTC")
    position = held(bought, of=INVERSE_PERPETUAL)
    assert ("1E+2", "0.2", "0") == state(position)
    assert Decimal("0.04") == position.unrealised(Decimal(62500))
    assert Decimal("0.0001") == position.fees
    assert Decimal(50000) == position.average_entry
    closed = position.apply(
        evolve(deal(Side.SELL, "100", "62500"), instrument_id=INVERSE_PERPETUAL.id)
    )
    assert ("0", "0", "0.04") == state(closed)


def test_linear_contract_uses_its_multiplier() -> None:
    """Ten contracts on a hundredth of a bitcoin gain a tenth of the price change."""
    position = held(deal(Side.BUY, "10", "50000"), of=LINEAR_PERPETUAL)
    assert Decimal(1000) == position.unrealised(Decimal(60000))
    assert Decimal(50000) == position.average_entry


def test_fee_in_base_makes_the_entry_worse() -> None:
    """Less arrives for the same money."""
    position = held(deal(Side.BUY, "1", "100", "0.2", "BTC"))
    assert ("0.8", "1E+2", "0") == state(position)
    assert Decimal(125) == position.average_entry
    assert (("BTC", Decimal("0.2")),) == position.other_fees


def test_fee_in_base_of_a_contract_is_only_listed() -> None:
    """A contract holds no base that a fee could be taken from."""
    position = held(deal(Side.BUY, "1", "100", "0.2", "BTC"), of=LINEAR_PERPETUAL)
    assert Decimal(1) == position.quantity
    assert (("BTC", Decimal("0.2")),) == position.other_fees


def test_fee_in_a_third_asset_is_listed_by_asset() -> None:
    """A venue's own coin touches neither quantity nor fees; its charges add up."""
    deals = (deal(Side.BUY, "1", "1", fee, asset) for fee, asset in (("2", "ZZ"), ("1", "BNB")))
    position = held(*deals).charge(Decimal(3), "ZZ")
    assert (("BNB", Decimal(1)), ("ZZ", Decimal(5))) == position.other_fees
    assert ZERO == position.fees


def test_late_fee_in_the_settlement_asset_is_added() -> None:
    """A charge that comes without a fill counts like one that came with it."""
    position = held(deal(Side.BUY, "1", "100", "0.5")).charge(Decimal("0.25"), "USD")
    assert (Decimal("0.75"), ()) == (position.fees, position.other_fees)


def test_all_that_was_held_leaving_realises_its_cost() -> None:
    """Nothing is held, so nothing may be left unrealised at any price."""
    position = held(deal(Side.BUY, "1", "100")).adjust(Decimal(-1))
    assert ("0", "0", "-1E+2") == state(position)
    assert not position.unrealised(Decimal(500))


def test_adjustment_beyond_zero_has_no_cost() -> None:
    """A base fee larger than what is left leaves a debt that was never paid for."""
    position = held(deal(Side.BUY, "1", "100")).adjust(Decimal(-3))
    assert ("-2", "0", "-1E+2") == state(position)
    assert Decimal(0) == position.average_entry


@given(traded(), amounts())
def test_adjustment_changes_the_total_by_what_it_is_worth(
    case: tuple[Instrument, list[Fill], Decimal], quantity: Decimal
) -> None:
    """It costs nothing, so its whole value is gained or lost (linear; inverse is rounded)."""
    instrument, made, mark = case
    before = held(*made, of=instrument)
    after = before.adjust(quantity)
    assert Fraction(before.quantity) + Fraction(quantity) == Fraction(after.quantity)
    gained = (
        Fraction(after.realised)
        + Fraction(after.unrealised(mark))
        - Fraction(before.realised)
        - Fraction(before.unrealised(mark))
    )
    worth = Fraction(instrument.value(quantity, mark))
    slack = Fraction(2, 10**18) if instrument.inverse else 0
    assert abs(gained - (-worth if instrument.inverse else worth)) <= slack


@given(quantities(), prices(), st.integers(1, 50), st.integers(1, 50))
def test_split_keeps_the_cost(
    quantity: Decimal, price: Decimal, numerator: int, denominator: int
) -> None:
    """There are more or fewer units, and they cost what they cost."""
    position = Position(BITCOIN, neg(quantity), neg(mul(quantity, price)))
    after = position.split(numerator, denominator)
    exact = -Fraction(quantity) * numerator / denominator
    assert Fraction(round(exact * 10**18), 10**18) == Fraction(after.quantity)
    assert (position.cost, position.realised) == (after.cost, after.realised)


@pytest.mark.parametrize(("numerator", "denominator"), [(0, 1), (1, 0), (-2, 1)])
def test_impossible_split_is_refused(numerator: int, denominator: int) -> None:
    """Both terms are positive."""
    with pytest.raises(MoneyError, match="a split of"):
        held(deal(Side.BUY, "1", "1")).split(numerator, denominator)


def test_fill_of_another_instrument_is_refused() -> None:
    """The error names both."""
    stray = evolve(deal(Side.BUY, "1", "1"), instrument_id=InstrumentId("sim", "ETH-USD"))
    for book in (Position(BITCOIN).apply, Position(BITCOIN).undo):
        with pytest.raises(MoneyError, match=r"sim:BTC-USD: fill .* is of sim:ETH-USD"):
            book(stray)


def test_trade_is_a_fill_without_fees() -> None:
    """The same exchange gives the same position."""
    opened = Position(BITCOIN).trade(Decimal(2), Decimal(100))
    assert held(deal(Side.BUY, "2", "100")) == opened
    assert held(deal(Side.BUY, "2", "100"), deal(Side.SELL, "3", "90")) == opened.trade(
        Decimal(-3), Decimal(90)
    )


def test_flat_position_has_no_average() -> None:
    """Nor has an inverse contract that was received for nothing."""
    assert Position(BITCOIN).average_entry is None
    assert Position(INVERSE_PERPETUAL).adjust(Decimal(5)).average_entry is None


@given(instruments(), quantities(), prices())
def test_average_price_is_the_price_where_there_is_one(
    instrument: Instrument, quantity: Decimal, price: Decimal
) -> None:
    """Of one price the average is that price (inverse: as far as the value was rounded)."""
    value = instrument.value(quantity, price)
    if not value:
        return
    average = Fraction(average_price(instrument, quantity, value))
    size = Fraction(quantity) * Fraction(instrument.multiplier)
    exact = size / Fraction(value) if instrument.inverse else Fraction(value) / size
    assert abs(average - exact) <= Fraction(1, 2 * 10**12)
