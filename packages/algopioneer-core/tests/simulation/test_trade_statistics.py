from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.simulation.trade_statistics import (
    TradeFigures,
    TradeStatistics,
    TradeTotals,
    turnover_of,
)


def trade(pnl: str | Decimal, *, fees: str = "0", side: Side = Side.BUY) -> RoundTrip:
    """Return a round trip of one unit entered at 100."""
    return RoundTrip(
        instrument_id=InstrumentId("file", "X"),
        side=side,
        quantity=Decimal(1),
        entry_ns=0,
        exit_ns=1,
        entry_price=Decimal(100),
        exit_price=Decimal(100),
        pnl=Decimal(pnl),
        fees=Decimal(fees),
        cost=Decimal(100),
        exit_reason="signal",
    )


def figures_of(*pnls: str) -> TradeFigures:
    """Return the figures of trades with these gains and losses."""
    statistics = TradeStatistics()
    for pnl in pnls:
        statistics.add(trade(pnl))
    return statistics.finish()


def test_figures_of_four_trades_by_hand() -> None:
    """Two won, one lost, one neither."""
    figures = figures_of("10", "-4", "0", "2.5")
    assert (figures.totals.total, figures.totals.winning, figures.totals.losing) == (4, 2, 1)
    assert figures.win_rate_pct == 50.0
    assert figures.profit_factor == 3.125
    assert Decimal("2.125") == figures.expectancy
    assert Decimal("6.25") == figures.average_win
    assert Decimal(-4) == figures.average_loss
    assert (Decimal(10), Decimal(-4)) == (figures.totals.best, figures.totals.worst)


def test_averages_are_rounded_half_to_even_at_eight_places() -> None:
    """A third is cut where the text says so."""
    assert figures_of("1", "0", "0").as_dict()["expectancy"] == "0.33333333"
    assert figures_of("0.00000003", "0").as_dict()["expectancy"] == "0.00000002"


def test_no_trades_leave_every_ratio_undefined() -> None:
    """Counts and sums are zero; nothing else is a number."""
    figures = TradeStatistics().finish().as_dict()
    undefined = {key for key, value in figures.items() if value is None}
    assert undefined == {
        "win_rate_pct",
        "profit_factor",
        "expectancy",
        "average_win",
        "average_loss",
        "best_trade",
        "worst_trade",
    }
    assert figures["total_trades"] == 0
    assert figures["fees_paid"] == "0"


def test_without_a_loss_there_is_no_profit_factor() -> None:
    """Neither infinity nor 999."""
    figures = figures_of("1", "2")
    assert figures.profit_factor is None
    assert figures.average_loss is None


def test_losses_alone_have_a_profit_factor_of_zero() -> None:
    """Nothing was gained: that is a number."""
    figures = figures_of("-1", "-2")
    assert figures.profit_factor == 0.0
    assert figures.average_win is None
    assert Decimal(-1) == figures.totals.best


@pytest.mark.parametrize(
    ("side", "inverse", "turnover"),
    [
        (Side.BUY, False, 100 + 107),
        (Side.SELL, False, 100 + 93),
        (Side.BUY, True, 100 + 93),
        (Side.SELL, True, 100 + 107),
    ],
)
def test_turnover_counts_both_ways_without_fees(side: Side, inverse: bool, turnover: int) -> None:
    """A gross gain of 7 on an entry of 100, of which 2 went in fees."""
    assert Decimal(turnover) == turnover_of(trade("5", fees="2", side=side), inverse=inverse)


_MONEY = st.decimals(-1_000, 1_000, places=6)


@given(st.lists(_MONEY, max_size=30))
def test_one_by_one_equals_the_totals(pnls: list[Decimal]) -> None:
    """The figures from totals that were summed elsewhere are the same."""
    statistics = TradeStatistics()
    for pnl in pnls:
        statistics.add(trade(pnl, fees="0.5"))
    exact = [Fraction(pnl) for pnl in pnls]
    count = len(pnls)
    totals = TradeTotals(
        total=count,
        winning=sum(pnl > 0 for pnl in exact),
        losing=sum(pnl < 0 for pnl in exact),
        gross_profit=_decimal(sum((pnl for pnl in exact if pnl > 0), Fraction(0))),
        gross_loss=_decimal(-sum((pnl for pnl in exact if pnl < 0), Fraction(0))),
        best=max(pnls, default=None),
        worst=min(pnls, default=None),
        fees=_decimal(Fraction(count, 2)),
        turnover=_decimal(sum(exact, Fraction(0)) + 200 * count + Fraction(count, 2)),
    )
    assert TradeFigures.of(totals) == statistics.finish()


@given(st.lists(_MONEY, min_size=1, max_size=30))
def test_expectancy_is_the_exact_mean_rounded_once(pnls: list[Decimal]) -> None:
    """It lies within half a unit of the eighth place of the exact mean."""
    expectancy = figures_of(*map(str, pnls)).expectancy
    assert expectancy is not None
    mean = sum(map(Fraction, pnls), Fraction(0)) / len(pnls)
    assert abs(Fraction(expectancy) - mean) <= Fraction(1, 2 * 10**8)


def _decimal(number: Fraction) -> Decimal:
    return Decimal(int(number * 10**6)).scaleb(-6)
