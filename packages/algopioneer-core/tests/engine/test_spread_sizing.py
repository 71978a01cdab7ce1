"""How large both legs of a spread are, for each kind of neutrality and contract."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.instruments import Instrument, InstrumentKind
from algopioneer_core.domain.money import Increment, Price, add, from_scaled, mul
from algopioneer_core.domain.spreads import Neutrality, SpreadSize
from algopioneer_core.engine.leg_guards import quote_worth
from algopioneer_core.engine.spread_sizing import SizedSpread, size_spread
from algopioneer_core.testing.domain import INVERSE_PERPETUAL, LINEAR_PERPETUAL
from algopioneer_core.testing.legs import LEFT, RIGHT, leg_instrument

ONE = Increment(Decimal(1))
PERPETUAL = leg_instrument(
    "right",
    "P",
    kind=InstrumentKind.PERPETUAL,
    multiplier=Decimal("0.1"),
    quantity_increment=ONE,
)
SHARES = leg_instrument("right", "S", fractionable=False)


def sized(
    second: Instrument,
    prices: tuple[str, str],
    *,
    first: Instrument = LEFT,
    hedge: str = "1",
    equity: str = "10000",
    **size: Any,
) -> SizedSpread:
    """Return the size of a spread of the left leg against *second*."""
    first_price, second_price = map(Decimal, prices)
    wanted = SpreadSize(**size)
    return size_spread(
        (first, second), (first_price, second_price), wanted, Decimal(hedge), Decimal(equity)
    )


def test_dollar_neutral_legs_are_worth_half_each() -> None:
    """Rounded down to the grid of each leg."""
    got = sized(RIGHT, ("30", "7"), notional=Decimal(1_000))
    assert (Decimal("16.66"), Decimal("71.42")) == got[:2]
    assert Fraction(14, 49_994) == got.imbalance


def test_fraction_is_of_the_equity_at_the_signal() -> None:
    """For both legs together."""
    got = sized(RIGHT, ("100", "50"), fraction=Decimal("0.5"), equity="4000")
    assert (Decimal(10), Decimal(20)) == got[:2]
    assert 0 == got.imbalance


def test_beta_neutral_second_leg_is_worth_the_hedge_ratio() -> None:
    """Times the first leg; together they are the amount."""
    beta = Neutrality.BETA
    got = sized(RIGHT, ("10", "10"), hedge="3", notional=Decimal(400), neutrality=beta)
    assert (Decimal(10), Decimal(30)) == got[:2]
    assert 0 == got.imbalance


def test_delta_neutral_linear_contracts_stand_for_the_same_base() -> None:
    """The spot leg is cut to the base of whole contracts."""
    delta = Neutrality.DELTA
    got = sized(PERPETUAL, ("100", "101"), notional=Decimal(2_047), neutrality=delta)
    assert (Decimal("10.1"), Decimal(101)) == got[:2]
    assert 0 == got.imbalance


def test_delta_neutral_inverse_contracts_are_rounded_down() -> None:
    """Contracts of 100 dollars: floor of spot value over contract value."""
    delta = Neutrality.DELTA
    got = sized(INVERSE_PERPETUAL, ("100", "100"), notional=Decimal(2_150), neutrality=delta)
    assert (Decimal(10), Decimal(10)) == got[:2]
    assert 0 == got.imbalance


def test_dollar_neutral_contracts_count_their_multiplier() -> None:
    """Linear by price, inverse by the contract's own value."""
    got = sized(INVERSE_PERPETUAL, ("5", "7"), first=LINEAR_PERPETUAL, notional=Decimal(1_000))
    assert (Decimal(10_000), Decimal(5)) == got[:2]


def test_whole_shares_are_rounded_down_to_whole() -> None:
    """Where the venue trades no fractions."""
    assert Decimal(16) == sized(SHARES, ("30", "30"), notional=Decimal(1_000)).second


@pytest.mark.parametrize(
    ("rules", "size", "message"),
    [
        ({}, {"notional": Decimal("0.01")}, "the leg rounds to nothing"),
        ({}, {"fraction": Decimal(1), "equity": "-5"}, "the leg rounds to nothing"),
        (
            {"minimum_quantity": Decimal(11)},
            {"notional": Decimal(2_000)},
            "a quantity of 10.00 is below the minimum 11",
        ),
        (
            {"minimum_notional": Decimal(1_001)},
            {"notional": Decimal(2_000)},
            "its value is below the minimum of 1001",
        ),
    ],
)
def test_leg_below_its_minimum_is_refused(
    rules: dict[str, Any], size: dict[str, Any], message: str
) -> None:
    """And the instrument is named."""
    second = leg_instrument("right", "M", **rules)
    first = leg_instrument("left", "A", quantity_increment=Increment(Decimal("0.000001")))
    with pytest.raises(RefusedError, match=message):
        sized(second, ("100", "100"), first=first, **size)


@settings(max_examples=60)
@given(
    neutrality=st.sampled_from(Neutrality),
    second=st.sampled_from((RIGHT, SHARES, PERPETUAL, INVERSE_PERPETUAL)),
    prices=st.tuples(*[st.integers(50, 20_000).map(lambda cents: from_scaled(cents, 2))] * 2),
    hedge=st.integers(1, 400).map(lambda parts: from_scaled(parts, 2)),
    amount=st.integers(1_000, 10**7).map(Decimal),
)
def test_both_legs_are_within_the_amount_and_on_their_grids(
    neutrality: Neutrality,
    second: Instrument,
    prices: tuple[Price, Price],
    hedge: Decimal,
    amount: Decimal,
) -> None:
    """Whatever is wanted, nothing is rounded up."""
    wanted = SpreadSize(notional=amount, neutrality=neutrality)
    try:
        got = size_spread((LEFT, second), prices, wanted, hedge, Decimal(0))
    except RefusedError:
        assume(False)
        raise
    values = [
        quote_worth(leg, quantity, price)
        for leg, quantity, price in zip((LEFT, second), got[:2], prices, strict=True)
    ]
    assert add(*values) <= amount
    assert second.whole_quantity(got.second) == got.second
    if neutrality is Neutrality.BETA:
        step = quote_worth(LEFT, LEFT.quantity_increment.step, prices[0])
        assert values[1] <= mul(add(values[0], step), hedge)
    assert 0 <= got.imbalance <= 1
