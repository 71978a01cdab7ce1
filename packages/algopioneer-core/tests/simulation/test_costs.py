from decimal import Decimal
from fractions import Fraction

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.fills import Liquidity, Side
from algopioneer_core.domain.instruments import FeeAsset, Instrument
from algopioneer_core.domain.money import ONE, ZERO, Increment, from_scaled
from algopioneer_core.simulation.config import BacktestConfig, FeeModel
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.scaled_costs import ScaledCosts
from algopioneer_core.testing.domain import BITCOIN, INVERSE_PERPETUAL, LINEAR_PERPETUAL

CHARGED = evolve(BITCOIN, maker_fee=Decimal("-0.0001"), taker_fee=Decimal("0.0004"))
TENTH = Decimal("0.1")


def fractions(highest: int) -> st.SearchStrategy[Decimal]:
    """Return fractions of up to *highest* basis points."""
    return st.integers(0, highest).map(lambda points: from_scaled(points, 4))


@pytest.mark.parametrize(
    ("fees", "maker", "taker"),
    [
        (FeeModel(), "-0.0001", "0.0004"),  # nothing said: the instrument's own
        (FeeModel(maker=ZERO, taker=ZERO), "0", "0"),  # zero said: zero
        (FeeModel(taker=TENTH), "-0.0001", "0.1"),
        (FeeModel(maker=TENTH), "0.1", "0.0004"),
        (FeeModel(maker_rebate=TENTH), "-0.1", "0.0004"),
        (FeeModel(maker=ONE, maker_rebate=TENTH), "0.9", "0.0004"),
    ],
)
def test_a_stated_fee_wins_over_the_instruments_own(fees: FeeModel, maker: str, taker: str) -> None:
    """Also when it is zero; what is not stated is the instrument's."""
    costs = CostModel.of(CHARGED, BacktestConfig(fees=fees))
    assert (Decimal(maker), Decimal(taker)) == (costs.maker, costs.taker)
    shown = fees.on(CHARGED)
    assert costs.maker == shown.maker - shown.maker_rebate
    assert costs.taker == shown.taker


def test_nothing_is_charged_where_nobody_states_a_fee() -> None:
    """An instrument without metadata trades for free unless told otherwise."""
    costs = CostModel.of(BITCOIN, BacktestConfig())
    assert (ZERO, "USD") == costs.fee(ONE, TENTH, Liquidity.TAKER)
    assert TENTH == costs.market_price(Side.BUY, TENTH)


@pytest.mark.parametrize("name", ["maker", "taker", "maker_rebate", "per_unit"])
def test_negative_fees_are_refused_by_name(name: str) -> None:
    """A rebate has an option of its own."""
    with pytest.raises(ConfigError, match=f"{name} must not be negative"):
        FeeModel(**{name: Decimal(-1)})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("slippage", ONE),
        ("slippage", Decimal("-0.1")),
        ("volume_limit", ZERO),
        ("initial_capital", ZERO),
        ("latency_bars", -1),
    ],
)
def test_settings_out_of_range_are_refused_by_name(name: str, value: Decimal | int) -> None:
    """A slippage of one would sell for nothing."""
    with pytest.raises(ConfigError, match=name):
        BacktestConfig(**{name: value})  # type: ignore[arg-type]  # a name for each type


def test_fees_in_base_and_per_unit_exclude_each_other() -> None:
    """One fill is charged in one asset."""
    in_base = evolve(BITCOIN, fee_asset=FeeAsset.BASE)
    with pytest.raises(ConfigError, match="charged in BTC, a fee per unit in USD"):
        CostModel.of(in_base, BacktestConfig(fees=FeeModel(per_unit=ONE)))


@given(
    st.sampled_from((BITCOIN, LINEAR_PERPETUAL, INVERSE_PERPETUAL)),
    st.integers(1, 1000),
    st.integers(-(10**9), 10**9).map(lambda number: from_scaled(number, 3)),
    st.integers(1, 10**7).map(lambda number: from_scaled(number, 2)),
    fractions(500),
    fractions(900),
)
def test_affordable_quantity_is_the_largest_on_the_grid(
    instrument: Instrument,
    step: int,
    amount: Decimal,
    price: Decimal,
    taker: Decimal,
    per_unit: Decimal,
) -> None:
    """It costs no more than the amount, fee included, and one step more would cost more."""
    increment = Increment(from_scaled(step, 4))
    instrument = evolve(instrument, quantity_increment=increment)
    fees = FeeModel(taker=taker, per_unit=per_unit)
    quantity = CostModel.of(instrument, BacktestConfig(fees=fees)).affordable(amount, price)
    assert increment.contains(quantity)

    def cost(size: Fraction) -> Fraction:
        worth = size * Fraction(instrument.multiplier)
        worth = worth / Fraction(price) if instrument.inverse else worth * Fraction(price)
        return worth * (1 + Fraction(taker)) + size * Fraction(per_unit)

    if amount <= 0:
        assert ZERO == quantity
        return
    assert cost(Fraction(quantity)) <= Fraction(amount)
    assert cost(Fraction(quantity) + Fraction(increment.step)) > Fraction(amount)


@given(
    st.sampled_from((BITCOIN, LINEAR_PERPETUAL)),
    st.integers(1, 1000),
    st.integers(1, 10**6),
    st.integers(0, 6),
    st.integers(0, 10**6),
    fractions(500),
    fractions(900),
    fractions(900),
)
def test_scaled_costs_are_the_decimal_ones_in_integers(
    instrument: Instrument,
    step: int,
    ticks: int,
    decimals: int,
    steps: int,
    taker: Decimal,
    slippage: Decimal,
    per_unit: Decimal,
) -> None:
    """Value, fee and mark of any fill are the same money on both paths."""
    instrument = evolve(instrument, quantity_increment=Increment(from_scaled(step, 4)))
    config = BacktestConfig(fees=FeeModel(taker=taker, per_unit=per_unit), slippage=slippage)
    costs = CostModel.of(instrument, config)
    grid = ScaledCosts.of(costs, decimals, config.initial_capital)
    quantity, raw = grid.quantity(steps), from_scaled(ticks, decimals)
    for side, way in ((Side.BUY, grid.buy), (Side.SELL, grid.sell)):
        price = costs.market_price(side, raw)
        assert grid.money(steps * ticks * way.value) == instrument.value(quantity, price)
        fee, _ = costs.fee(quantity, price, Liquidity.TAKER)
        assert grid.money(steps * (ticks * way.fee + grid.unit_fee)) == fee
    assert grid.money(steps * ticks * grid.tick) == instrument.value(quantity, raw)
