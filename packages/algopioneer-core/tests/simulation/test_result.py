import json
from decimal import Decimal

import numpy as np

from algopioneer_core.domain.money import ZERO
from algopioneer_core.simulation.config import BacktestConfig, FeeModel
from algopioneer_core.simulation.equity_statistics import EquityStatistics
from algopioneer_core.simulation.performance import Performance
from algopioneer_core.simulation.result import BacktestResult, costs_as_dict
from algopioneer_core.simulation.trade_statistics import TradeStatistics

REQUIRED_KEYS = [
    "strategy",
    "symbols",
    "interval",
    "bars",
    "first_bar",
    "last_bar",
    "initial_capital",
    "final_capital",
    "net_profit",
    "return_pct",
    "total_trades",
    "winning_trades",
    "losing_trades",
    "win_rate_pct",
    "max_drawdown_pct",
    "sharpe_ratio",
    "sortino_ratio",
    "profit_factor",
    "expectancy",
    "fees_paid",
]


def result() -> BacktestResult:
    """Return the result of two bars in which nothing was traded."""
    equity = EquityStatistics(initial_capital=Decimal(10_000))
    equity.add(
        np.array([0, 60_000_000_000]), np.full(2, 1e4), np.array([1.0, 2.0]), np.zeros(2, bool)
    )
    return BacktestResult(
        strategy="moving-average",
        symbols=("BTC-USD",),
        interval_ns=60_000_000_000,
        bars=2,
        first_bar_ns=0,
        last_bar_ns=60_000_000_000,
        initial_capital=Decimal(10_000),
        final_capital=Decimal("9999.50"),
        performance=Performance(equity.finish(Decimal("9999.5")), TradeStatistics().finish()),
        engine="vector",
        config=BacktestConfig(fees=FeeModel(taker=Decimal("0.001")), slippage=Decimal("0.0005")),
        parameters={"position_size": Decimal("1.0"), "windows": (5, 20)},
        data={"gaps": {"count": 0}},
        notes=("Bars were stamped by their open.",),
    )


def test_results_have_every_promised_key() -> None:
    """Whoever reads `results.json` finds the documented keys."""
    assert set(REQUIRED_KEYS) <= result().as_dict().keys()


def test_results_are_json_with_money_as_text_and_undefined_as_null() -> None:
    """Exact text for money, numbers for ratios, null for what is undefined."""
    content = json.loads(json.dumps(result().as_dict(), allow_nan=False))
    assert content["final_capital"] == "9999.5"
    assert content["net_profit"] == "-0.5"
    assert content["return_pct"] == -0.005
    assert content["sharpe_ratio"] is None
    assert (content["interval"], content["symbols"]) == ("1m", ["BTC-USD"])
    assert (
        content["first_bar"],
        content["last_bar"],
    ) == ("1970-01-01T00:00:00Z", "1970-01-01T00:01:00Z")
    assert content["parameters"] == {"position_size": "1", "windows": [5, 20]}
    assert content["data"] == {"gaps": {"count": 0}}


def test_costs_are_stated_in_the_words_of_the_command_line() -> None:
    """Fractions become basis points; what is off is None."""
    costs = costs_as_dict(
        BacktestConfig(
            slippage=Decimal("0.00025"),
            fees=FeeModel(maker=ZERO, taker=Decimal("0.001")),
            volume_limit=Decimal("0.1"),
        )
    )
    assert (
        costs["slippage_bps"],
        costs["maker_fee_bps"],
        costs["taker_fee_bps"],
    ) == ("2.5", "0", "10")
    assert costs["volume_limit"] == "0.1"
    assert costs_as_dict(BacktestConfig())["volume_limit"] is None
