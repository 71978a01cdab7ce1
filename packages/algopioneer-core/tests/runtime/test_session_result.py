"""What a session says of its end, and what portfolios are worth."""

from decimal import Decimal

import pytest

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.money import Money
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.runtime.session_result import SessionResult, equity_of, held_in
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.engine import fill, wishing_at_bar
from algopioneer_core.testing.floors import FloorStage


@pytest.mark.parametrize(
    ("equity", "total"),
    [
        ({}, Decimal(0)),
        ({"a": Decimal("10.50"), "b": Decimal("-0.25")}, Decimal("10.25")),
        ({"a": Decimal(10), "b": None}, None),
    ],
)
def test_the_total_is_known_only_when_every_part_is(
    equity: dict[str, Money | None], total: Money | None
) -> None:
    """One strategy without a price leaves the sum unknown."""
    assert SessionResult(reason="the end", trades=0, equity=equity).total == total


def test_a_portfolio_is_worth_its_cash_and_its_positions_at_their_marks() -> None:
    """What is flat is not listed as held."""
    stage = FloorStage()
    wanted = OrderIntent(instrument_id=BITCOIN.id, side=Side.BUY, quantity=Decimal(2))
    portfolio = stage.start("one", lambda: wishing_at_bar(1, wanted)).engine.portfolio
    assert held_in(portfolio) == {}
    stage.bar(1, "100")
    stage.floor.report(fill(stage.order("one"), "100"))
    stage.bar(2, "110")
    assert held_in(portfolio) == {BITCOIN.id: Decimal(2)}
    assert equity_of(portfolio) == Decimal(10_020)


def test_a_portfolio_without_a_price_has_no_worth() -> None:
    """A position that was never marked."""
    stage = FloorStage()
    wanted = OrderIntent(instrument_id=BITCOIN.id, side=Side.BUY, quantity=Decimal(2))
    stage.start("one", lambda: wishing_at_bar(1, wanted))
    stage.bar(1, "100")
    portfolio = Portfolio([BITCOIN], Decimal(10_000))
    portfolio.apply(fill(stage.order("one"), "100").fill, "signal")
    assert equity_of(portfolio) is None
