"""What a venue says about the account is shared out among the strategies, exactly."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.events import (
    AccountEvent,
    BorrowCharged,
    DividendPaid,
    FeeCharged,
    FillBusted,
    FillCorrected,
    FundingPaid,
    Liquidated,
    OrderAccepted,
    OrderFilled,
    Split,
    Transferred,
)
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.money import total
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.order_ids import order_ids
from algopioneer_core.engine.risk import RiskGate
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.runtime.account_routing import shares_of
from algopioneer_core.runtime.runner import StrategyRunner
from algopioneer_core.testing.domain import BITCOIN, amounts
from algopioneer_core.testing.engine import ScriptedStrategy
from algopioneer_core.testing.sessions import strategy_plan

_D = Decimal


def _runner(name: str, held: str) -> StrategyRunner:
    """Return a strategy that holds so much."""
    runner = StrategyRunner(
        strategy_plan(name, ScriptedStrategy, BITCOIN),
        RiskGate(RiskLimits(), numeraire="USD"),
        order_ids("test", "test", name),
        jitter=lambda _: 0.5,
    )
    quantity = _D(held)
    if quantity:
        side = Side.BUY if quantity > 0 else Side.SELL
        intent = OrderIntent(instrument_id=BITCOIN.id, side=side, quantity=abs(quantity))
        order = runner.engine.orders.submit(intent, 1)
        runner.engine.handle(OrderAccepted(order.client_order_id, 1))
        runner.engine.handle(OrderFilled(_fill(side, abs(quantity), order.client_order_id)))
    return runner


def _fill(side: Side, quantity: Decimal, key: str = "theirs", fee: str = "0") -> Fill:
    return Fill(
        f"f-{key}", key, BITCOIN.id, side, quantity, _D(100), _D(fee), "USD", Liquidity.TAKER, 1
    )


def _shares(event: AccountEvent, *held: str) -> list[tuple[str, Any]]:
    runners = [_runner(f"s{number}", each) for number, each in enumerate(held)]
    found = shares_of(event, runners, lambda _: runners[0])
    return [(runner.name, share) for runner, share in found]


def _amounts(event: Any, *held: str) -> list[tuple[str, Decimal]]:
    return [(name, share.amount) for name, share in _shares(event, *held)]


_FUNDING = FundingPaid(BITCOIN.id, 1, _D(-9), "USD")


@pytest.mark.parametrize(
    ("held", "shares"),
    [
        (["2", "1"], [("s0", _D(-6)), ("s1", _D(-3))]),
        (["2", "-1"], [("s0", _D(-18)), ("s1", _D(9))]),
        (["0", "1"], [("s1", _D(-9))]),
        (["0", "0"], [("s0", _D(-9))]),
        (["1", "-1"], [("s0", _D(-9))]),
    ],
)
def test_funding_follows_signed_positions(
    held: list[str], shares: list[tuple[str, Decimal]]
) -> None:
    """The long pays what the short of another strategy receives; nobody's goes to the first."""
    assert _amounts(_FUNDING, *held) == shares


@pytest.mark.parametrize("kind", [BorrowCharged, DividendPaid])
def test_borrow_and_dividends_are_shared_alike(kind: Any) -> None:
    """By signed position."""
    assert _amounts(kind(BITCOIN.id, 1, _D(6), "USD"), "1", "2") == [("s0", _D(2)), ("s1", _D(4))]


def test_a_fee_is_shared_by_size_alone() -> None:
    """A short pays its part as a long does."""
    fee = FeeCharged(BITCOIN.id, 1, _D(9), "USD")

    assert _amounts(fee, "2", "-1") == [("s0", _D(6)), ("s1", _D(3))]


@given(amounts(), st.lists(st.integers(-50, 50), min_size=1, max_size=5))
def test_shares_sum_exactly(amount: Decimal, held: list[int]) -> None:
    """Nothing is lost or made by rounding."""
    shares = _amounts(FundingPaid(BITCOIN.id, 1, amount, "USD"), *map(str, held))

    assert total(*(share for _, share in shares)) == amount


def test_a_liquidation_goes_to_those_whose_side_it_closes() -> None:
    """Each holder gets a fill of its own, and its part of the fee; the other side gets none."""
    shares = _shares(Liquidated(_fill(Side.SELL, _D(3), fee="1")), "2", "1", "-5")

    assert [(name, each.fill.quantity) for name, each in shares] == [("s0", _D(2)), ("s1", _D(1))]
    assert total(*(each.fill.fee for _, each in shares)) == 1
    assert len({each.fill.fill_id for _, each in shares}) == 2


def test_a_liquidation_of_one_holder_keeps_its_id() -> None:
    """Nothing is shared where there is one."""
    [(name, share)] = _shares(Liquidated(_fill(Side.SELL, _D(3))), "3")

    assert (name, share.fill.fill_id) == ("s0", "f-theirs")


def test_a_busted_or_corrected_fill_goes_to_whose_order_it_was() -> None:
    """And to nobody where the order is not ours."""
    fill = _fill(Side.BUY, _D(1))
    for event in (FillBusted(fill, 1), FillCorrected(fill, fill, 1)):
        assert [name for name, _ in _shares(event, "1", "1")] == ["s0"]
        assert list(shares_of(event, [], lambda _: None)) == []


def test_a_split_concerns_all_who_trade_the_instrument() -> None:
    """Whole, not shared."""
    split = Split(BITCOIN.id, 1, 2, 1)

    assert _shares(split, "1", "0") == [("s0", split), ("s1", split)]
    assert _shares(Split(InstrumentId("sim", "ETH-USD"), 1, 2, 1), "1") == []


def test_a_transfer_concerns_no_strategy() -> None:
    """It is the account's alone."""
    assert _shares(Transferred("sim", 1, "USD", _D(5)), "1") == []
