"""Both engines against `oracle_pairs.py`, which knows the rules and not the project."""

import csv
import datetime
import gzip
import io
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
from algopioneer_core.history.joined import JoinedSource, join_bars
from algopioneer_core.simulation.config import BacktestConfig, EngineChoice, FeeModel, FillTiming
from algopioneer_core.simulation.spread_backtest import SpreadBacktestRequest, run_spread_backtest
from algopioneer_core.testing.backtests import RowsSink
from algopioneer_strategies.pairs import Pairs
from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig

ORACLE = Path(__file__).with_name("oracle_pairs.py")
REAL_BARS = Path(__file__).parents[2] / "shared/data/us-equities-20-daily-1990-2022.csv.gz"
DAY_NS = 86_400 * 10**9

CASES: dict[str, dict[str, Any]] = {
    "free": {},
    "fees": {"fee_bps": "10"},
    "fees and slippage": {"fee_bps": "7.5", "slippage_bps": "5"},
    "next close": {"fill": "next-close", "fee_bps": "10"},
    "z-stop": {"z_stop": "2.5", "fee_bps": "10"},
    "a third of equity, other levels": {"share": "0.33", "z_entry": "1.5", "z_exit": "-0.25"},
    "a fixed amount, another beta": {"notional": "2500", "beta": "0.75", "window": "20"},
    "fitted": {"fitted": True, "window": "90", "z_stop": "3", "fee_bps": "1"},
}
ON_REAL_BARS = ("free", "fees and slippage", "z-stop", "fitted")
PAIRS = (("KO", "PEP"), ("XOM", "CVX"))


def ask_oracle(path: Path, pair: tuple[str, str], case: dict[str, Any]) -> Any:
    """Return the answer of the oracle, run as a program of its own."""
    options = [
        part
        for key, value in case.items()
        for part in ([f"--{key}"] if value is True else [f"--{key}={value}"])
    ]
    words = [option.replace("_", "-") for option in options]
    command = [sys.executable, "-I", str(ORACLE), str(path), *pair, *words]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def ask_project(joined: JoinedSource, case: dict[str, Any], engine: EngineChoice) -> dict[str, Any]:
    """Return what the project makes of the same, in the words of the oracle."""
    ids = joined.instrument_ids
    fee = mul(Decimal(case.get("fee_bps", "0")), BPS)
    stop, notional = (case.get(key) for key in ("z_stop", "notional"))
    config = PairsConfig(
        window=int(case.get("window", "60")),
        z_entry=Decimal(case.get("z_entry", "2")),
        z_exit=Decimal(case.get("z_exit", "0.5")),
        z_stop=None if stop is None else Decimal(stop),
        beta=Decimal(case.get("beta", "1")),
        hedge=HedgeMethod.FITTED if case.get("fitted") else HedgeMethod.FIXED,
        position_size=Decimal(case.get("share", "1")),
        notional=None if notional is None else Decimal(notional),
    )
    sink = RowsSink()
    request = SpreadBacktestRequest(
        name="pairs",
        make_strategy=lambda: Pairs(config, *ids),
        instruments=tuple(map(Instrument.undescribed, ids)),
        source=joined,
        config=BacktestConfig(
            fees=FeeModel(maker=fee, taker=fee),
            slippage=mul(Decimal(case.get("slippage_bps", "0")), BPS),
            fill=FillTiming(case.get("fill", "next-open")),
            engine=engine,
        ),
    )
    result = run_spread_backtest(request, [sink])
    assert result.engine == engine.value
    assert result.performance.trades.totals.total * 2 == len(sink.trades)
    trades = [plain(trade, "ab"[ids.index(trade.instrument_id)]) for trade in sink.trades]
    return {"cash": str(Fraction(result.final_capital)), "trades": trades}


def plain(trade: RoundTrip, leg: str) -> dict[str, str]:
    """Return a leg's trade as the oracle writes it."""
    return {
        "leg": leg,
        "entry_time": iso_utc(trade.entry_ns),
        "exit_time": iso_utc(trade.exit_ns),
        "side": trade.side.value,
        "quantity": str(Fraction(trade.quantity)),
        "entry_price": str(Fraction(trade.entry_price)),
        "exit_price": str(Fraction(trade.exit_price)),
        "pnl": str(Fraction(trade.pnl)),
        "fees": str(Fraction(trade.fees)),
        "exit_reason": trade.exit_reason,
    }


def opened(path: Path, pair: tuple[str, str]) -> JoinedSource:
    """Return both columns of a wide file, joined."""
    return opened_each((path, path), pair)


def opened_each(paths: tuple[Path, Path], pair: tuple[str, str]) -> JoinedSource:
    """Return the legs of two files, joined."""
    reading = ReadOptions(stamp=Stamp.CLOSE, interval_ns=DAY_NS)
    return join_bars(
        [
            open_bars(path, InstrumentId("sim", symbol), reading)
            for path, symbol in zip(paths, pair, strict=True)
        ]
    )


Table = list[tuple[str, str, str]]
"""Date, and the close of each leg; empty where it has none."""


def write(directory: Path, pair: tuple[str, str], rows: Table) -> tuple[Path, tuple[Path, Path]]:
    """Write one wide file for the oracle, and one file for each leg."""
    whole, first, second = (directory / f"{name}.csv" for name in ("whole", *pair))
    whole.write_text(_lines(["Date", *pair], [list(row) for row in rows]))
    first.write_text(_lines(["Date", pair[0]], [[day, a] for day, a, _ in rows if a]))
    second.write_text(_lines(["Date", pair[1]], [[day, b] for day, _, b in rows if b]))
    return whole, (first, second)


def _lines(header: list[str], rows: list[list[str]]) -> str:
    return "\n".join(map(",".join, [header, *rows])) + "\n"


def with_holes(rows: Table) -> Table:
    """Return the rows without every seventh close of the first leg and eleventh of the second."""
    return [
        (day, "" if number % 7 == 3 else a, "" if number % 11 == 5 else b)
        for number, (day, a, b) in enumerate(rows)
    ]


def small_table() -> Table:
    """Return 700 days of two prices that stray from each other and come back, with a jump."""
    state, common, gap = 4_711, 6_000, 0
    rows: Table = []
    for number in range(700):
        state = (state * 1_103_515_245 + 12_345) % 2**31
        common += (state >> 16) % 41 - 20
        state = (state * 1_103_515_245 + 12_345) % 2**31
        gap += (state >> 16) % 61 - 30 - gap // 12 + (900 if number == 400 else 0)
        day = datetime.date(2001, 1, 1) + datetime.timedelta(days=number)
        a, b = common + gap, 2 * common
        rows.append((day.isoformat(), f"{a // 100}.{a % 100:02}", f"{b // 100}.{b % 100:02}"))
    return rows


def check(
    whole: Path, joined: JoinedSource, pair: tuple[str, str], case: dict[str, Any], *, least: int
) -> None:
    """Compare both engines with the oracle, which must find more than *least* legs' trades."""
    expected = ask_oracle(whole, pair, case)
    assert len(expected["trades"]) > least
    assert expected == ask_project(joined, case, EngineChoice.VECTOR)
    assert expected == ask_project(joined, case, EngineChoice.EVENT)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_both_engines_equal_the_oracle_on_a_small_market(
    tmp_path: Path, case: dict[str, Any]
) -> None:
    """Every leg of every trade, and the cash at the end, is the oracle's to the last digit."""
    pair = ("AA", "BB")
    whole, legs = write(tmp_path, pair, small_table())
    check(whole, opened_each(legs, pair), pair, case, least=6)


def test_both_engines_equal_the_oracle_where_calendars_differ(tmp_path: Path) -> None:
    """A time that one leg lacks is skipped, and said to have been."""
    pair = ("AA", "BB")
    whole, legs = write(tmp_path, pair, with_holes(small_table()))
    joined = opened_each(legs, pair)
    first, second = joined.unmatched
    assert (first.count, second.count) == (55, 91)
    check(whole, joined, pair, CASES["z-stop"], least=6)


def real_table(pair: tuple[str, str]) -> Table:
    """Return the closes of two shares."""
    text = gzip.decompress(REAL_BARS.read_bytes()).decode()
    return [(row["Date"], row[pair[0]], row[pair[1]]) for row in csv.DictReader(io.StringIO(text))]


@pytest.mark.slow
@pytest.mark.skipif(not REAL_BARS.exists(), reason="the daily equities are not beside the checkout")
@pytest.mark.parametrize("name", ON_REAL_BARS)
@pytest.mark.parametrize("pair", PAIRS, ids="/".join)
def test_both_engines_equal_the_oracle_on_real_closes(pair: tuple[str, str], name: str) -> None:
    """Thirty-three years of two shares give the oracle's trades and cash to the last digit."""
    check(REAL_BARS, opened(REAL_BARS, pair), pair, CASES[name], least=200)


@pytest.mark.slow
@pytest.mark.skipif(not REAL_BARS.exists(), reason="the daily equities are not beside the checkout")
@pytest.mark.parametrize("pair", PAIRS, ids="/".join)
def test_both_engines_equal_the_oracle_on_real_closes_with_holes(
    tmp_path: Path, pair: tuple[str, str]
) -> None:
    """The same where each leg lacks days that the other has."""
    whole, legs = write(tmp_path, pair, with_holes(real_table(pair)))
    joined = opened_each(legs, pair)
    assert all(each.count > 100 for each in joined.unmatched)
    check(whole, joined, pair, CASES["z-stop"], least=200)
