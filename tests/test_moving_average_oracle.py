"""Both engines against `oracle_moving_average.py`, which knows the rules and not the project."""

import json
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import BPS, mul
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.history.bar_files import ReadOptions, open_bars
from algopioneer_core.history.columns import Stamp
from algopioneer_core.simulation.backtest import BacktestRequest, run_backtest
from algopioneer_core.simulation.config import BacktestConfig, EngineChoice, FeeModel, FillTiming
from algopioneer_core.testing.backtests import RowsSink
from algopioneer_strategies.config import MovingAverageConfig
from algopioneer_strategies.moving_average import MovingAverage

ORACLE = Path(__file__).with_name("oracle_moving_average.py")
REAL_BARS = Path(__file__).parents[2] / "shared" / "data" / "btc-perp-2022-01-1m.csv"

CASES: dict[str, dict[str, Any]] = {
    "free": {},
    "fees": {"fee_bps": "10"},
    "fees and slippage": {"fee_bps": "7.5", "slippage_bps": "5"},
    "next close": {"fill": "next-close", "fee_bps": "10"},
    "short": {"allow_short": True, "fee_bps": "10", "slippage_bps": "1"},
    "short at the next close": {"allow_short": True, "fill": "next-close"},
    "a third of equity, other windows": {"share": "0.33", "short": "13", "long": "34"},
    "fixed quantity": {"quantity": "0.5", "allow_short": True, "fee_bps": "20"},
}
ON_REAL_BARS = ("free", "fees and slippage", "next close", "short")


def ask_oracle(path: Path, case: dict[str, Any]) -> Any:
    """Return the answer of the oracle, run as a program of its own."""
    options = [
        part
        for key, value in case.items()
        for part in ([f"--{key}"] if value is True else [f"--{key}", value])
    ]
    words = [option.replace("_", "-") if option[0] == "-" else option for option in options]
    command = [sys.executable, "-I", str(ORACLE), str(path), *words]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def ask_project(path: Path, case: dict[str, Any], engine: EngineChoice) -> dict[str, Any]:
    """Return what the project makes of the same, in the words of the oracle."""
    instrument = Instrument.undescribed(InstrumentId("sim", "BTC-PERP"))
    fee = mul(Decimal(case.get("fee_bps", "0")), BPS)
    quantity = case.get("quantity")
    strategy = MovingAverageConfig(
        short_window=int(case.get("short", 5)),
        long_window=int(case.get("long", 20)),
        position_size=Decimal(case.get("share", "1")),
        quantity=None if quantity is None else Decimal(quantity),
        allow_short=case.get("allow_short", False),
    )
    sink = RowsSink()
    request = BacktestRequest(
        name="moving-average",
        make_strategy=lambda: MovingAverage(strategy, instrument.id),
        instrument=instrument,
        source=open_bars(path, instrument.id, ReadOptions(stamp=Stamp.OPEN)),
        config=BacktestConfig(
            fees=FeeModel(maker=fee, taker=fee),
            slippage=mul(Decimal(case.get("slippage_bps", "0")), BPS),
            fill=FillTiming(case.get("fill", "next-open")),
            engine=engine,
        ),
    )
    result = run_backtest(request, [sink])
    assert result.engine == engine.value
    trades = [plain(trade) for trade in sink.trades]
    return {"cash": exact(result.final_capital), "ruined": result.ruined, "trades": trades}


def exact(amount: Decimal) -> str:
    """Return an amount as the oracle writes it."""
    return str(Fraction(amount))


def plain(trade: RoundTrip) -> dict[str, str]:
    """Return a trade as the oracle writes it."""
    return {
        "entry_time": iso_utc(trade.entry_ns),
        "exit_time": iso_utc(trade.exit_ns),
        "side": trade.side.value,
        "quantity": exact(trade.quantity),
        "entry_price": exact(trade.entry_price),
        "exit_price": exact(trade.exit_price),
        "pnl": exact(trade.pnl),
        "fees": exact(trade.fees),
        "exit_reason": trade.exit_reason,
    }


@pytest.fixture(scope="session")
def small_bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of 600 bars on a coarse grid, where means often tie: a walk, a fall, a jump."""
    state, price = 12_345, 4_000
    lines = ["timestamp,open,high,low,close,volume"]
    for minute in range(600):
        state = (state * 1_103_515_245 + 12_345) % 2**31
        start = price
        falling = 1 if 470 <= minute < 500 else 0
        price += (state >> 16) % 5 - 2 - falling + (2_600 if minute == 500 else 0)
        top, bottom = max(start, price), min(start, price)
        cells = (f"{each // 10}.{each % 10}" for each in (start, top, bottom, price))
        when = f"2024-03-01 {minute // 60:02}:{minute % 60:02}:00"
        lines.append(f"{when},{','.join(cells)},{minute % 7}")
    path = tmp_path_factory.mktemp("bars") / "small.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_both_engines_equal_the_oracle_on_a_small_market(
    small_bars: Path, case: dict[str, Any]
) -> None:
    """Every trade, and the cash at the end, is the oracle's to the last digit."""
    expected = ask_oracle(small_bars, case)
    assert len(expected["trades"]) > 3
    assert expected == ask_project(small_bars, case, EngineChoice.EVENT)
    assert expected == ask_project(small_bars, case, EngineChoice.VECTOR)


def test_a_short_position_is_ruined_by_the_same_jump(small_bars: Path) -> None:
    """Where a jump eats all the equity of a short position, all three end the run at that bar."""
    case = {"quantity": "60", "allow_short": True}
    expected = ask_oracle(small_bars, case)
    assert expected["ruined"]
    assert "ruined" == expected["trades"][-1]["exit_reason"]
    assert expected == ask_project(small_bars, case, EngineChoice.EVENT)
    assert expected == ask_project(small_bars, case, EngineChoice.VECTOR)


@pytest.mark.slow
@pytest.mark.skipif(not REAL_BARS.exists(), reason="the real bars are not beside the checkout")
@pytest.mark.parametrize("name", ON_REAL_BARS)
def test_both_engines_equal_the_oracle_on_real_bars(name: str) -> None:
    """A month of real one-minute bars gives the oracle's trades and cash to the last digit."""
    case = CASES[name]
    expected = ask_oracle(REAL_BARS, case)
    assert len(expected["trades"]) > 100
    assert expected == ask_project(REAL_BARS, case, EngineChoice.EVENT)
    assert expected == ask_project(REAL_BARS, case, EngineChoice.VECTOR)
