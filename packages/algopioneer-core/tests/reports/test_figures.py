from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from algopioneer_core.reports.figures import (
    UNDEFINED,
    amount_text,
    assumptions,
    figure_sections,
    number_text,
    percent_text,
    setting_sections,
)
from algopioneer_core.simulation.carry_totals import CarryTotals
from algopioneer_core.simulation.config import BacktestConfig, FeeModel, FillTiming
from algopioneer_core.simulation.equity_statistics import EquityStatistics
from algopioneer_core.simulation.performance import Performance
from algopioneer_core.simulation.trade_statistics import TradeStatistics


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("1234567.895", "1,234,567.90"),
        ("-1234.5", "-1,234.50"),
        ("0", "0.00"),
        ("2.345", "2.34"),
        ("0.000012345678", "0.00001235"),
        ("-0.5", "-0.5"),
    ],
)
def test_amounts_are_rounded_half_to_even_for_people(amount: str, text: str) -> None:
    """Two decimals, eight below one, thousands separated."""
    assert text == amount_text(Decimal(amount))


def test_amounts_name_their_currency() -> None:
    """When they are given one."""
    assert amount_text(Decimal(1), "USD") == "1.00 USD"


def test_undefined_figures_are_shown_as_such() -> None:
    """Not as zero."""
    assert (amount_text(None), percent_text(None), number_text(None)) == (UNDEFINED,) * 3


def test_large_rates_are_shown_in_powers_of_ten() -> None:
    """A row of thirty digits says nothing."""
    assert (percent_text(1e9, signed=True), percent_text(1e9)) == ("+1.00e+09 %", "1.00e+09 %")
    assert number_text(1e9) == "1.00e+09"


def test_sections_hold_the_figures(run: Any) -> None:
    """Return, risk and trades, with units."""
    sections = {section.title: dict(section.rows) for section in figure_sections(run.result)}
    assert sections["Return"]["Net profit"] == "50.50 USD"
    assert sections["Return"]["Return"] == "+5.05 %"
    assert sections["Return"]["Buy and hold"] == "+15.00 %"
    assert sections["Risk"]["Maximum drawdown"] == "10.00 %"
    assert sections["Risk"]["• from peak"] == "2022-01-01 02:00:00 UTC"
    assert sections["Risk"]["• recovery"] == "not recovered"
    assert sections["Risk"]["• lasted"] == "3 h"
    assert sections["Trades"]["Won / lost"] == "1 / 1"
    assert sections["Trades"]["Worst trade"] == "-110.00 USD"


def test_a_run_without_trades_or_drawdown_shows_undefined_figures(run: Any) -> None:
    """Its figures are dashes, and there is nothing to recover from."""
    equity = EquityStatistics(initial_capital=Decimal(1_000))
    statistics = run.series.equity.points()
    equity.add(statistics[0], statistics[1] * 0 + 1_000, statistics[1], statistics[1] < 0)
    quiet = Performance(equity.finish(Decimal(1_000)), TradeStatistics().finish())
    sections = figure_sections(evolve(run.result, performance=quiet))
    risk, trades = dict(sections[1].rows), dict(sections[2].rows)
    assert {UNDEFINED} == {risk["Sharpe ratio"], risk["• recovery"], risk["• lasted"]}
    assert {UNDEFINED} == {trades["Win rate"], trades["Profit factor"], trades["Best trade"]}


def test_settings_are_shown_in_words(run: Any) -> None:
    """Parameters, costs, and where the data came from."""
    sections = {section.title: dict(section.rows) for section in setting_sections(run.result)}
    assert sections["Strategy parameters"] == {
        "short window": "5",
        "position size": "0.5",
        "allow short": "yes",
    }
    assert sections["Costs and fills"]["slippage bps"] == "5"
    assert sections["Costs and fills"]["volume limit"] == "off"
    data = sections["Data"]
    assert (data["interval"], data["gaps"], data["symbols"]) == ("1h", "count 1", "a, b")


def test_a_strategy_without_parameters_has_no_section(run: Any) -> None:
    """An empty table helps nobody."""
    titles = [section.title for section in setting_sections(evolve(run.result, parameters={}))]
    assert titles == ["Costs and fills", "Data"]


def test_assumptions_say_how_orders_filled_and_what_they_cost(run: Any) -> None:
    """The defaults of the model, then the notes of the run."""
    texts = assumptions(run.result)
    assert "at the open of the next bar" in texts[0]
    assert "slippage 0.05 %, taker fee 0.1 %, maker fee 0 %" in texts[1]
    assert "Borrowing, funding, dividends" in texts[2]
    assert texts[-1] == "Bars were stamped by their <open>."


def test_what_holding_brought_has_rows_of_its_own(run: Any) -> None:
    """As far as it was given; what was not is named among the assumptions."""
    some = {"USD": Decimal("1.5"), "BTC": Decimal("-0.1")}
    result = evolve(run.result, carry=CarryTotals(borrow=some, dividends={}))
    rows = dict(figure_sections(result)[0].rows)
    assert "1.50 USD and -0.1 BTC" == rows["\N{BULLET} borrowing cost"]
    assert "0.00" == rows["\N{BULLET} of it dividends"]
    assert "\N{BULLET} of it funding" not in rows
    assert assumptions(result)[2].startswith("Funding and interest on cash were not given")
    everything = evolve(result, carry=CarryTotals(funding=some, borrow=some, dividends=some))
    assert assumptions(everything)[2].startswith("Interest on cash is not counted")


def test_assumptions_follow_the_configuration(run: Any) -> None:
    """Every deviation from the defaults is said."""
    config = BacktestConfig(
        fill=FillTiming.NEXT_CLOSE,
        latency_bars=2,
        volume_limit=Decimal("0.1"),
        fees=FeeModel(maker_rebate=Decimal("0.0001"), per_unit=Decimal("0.005")),
    )
    texts = " ".join(assumptions(evolve(run.result, config=config, ruined=True)))
    assert "at the close of the bar 3 bars later" in texts
    assert "at most 10 % of a bar's volume" in texts
    assert "maker rebate 0.01 %, 0.005 per unit" in texts
    assert "the run ended early" in texts
