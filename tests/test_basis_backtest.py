"""`algopioneer backtest --strategy basis`, end to end, against a second program."""

import csv
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from algopioneer_core.cli.main import main
from tests import oracle_basis

HOURS = 400
RATES = {8 * number: Fraction((number * 7) % 23 - 6, 10_000) for number in range(HOURS // 8)}
"""Bar after whose close funding is paid -> rate."""


def spot_and_future(hour: int) -> tuple[Fraction, Fraction]:
    """Return prices at the end of an hour: a walk, and a premium that comes and goes."""
    spot = 40_000 + 37 * ((hour * 7919) % 101) - 11 * hour % 977
    premium = 12 * ((hour // 3 * 5) % 19) - 60
    return Fraction(spot), Fraction(2 * (spot + premium) + 1, 2)


def stamp(hour: int) -> str:
    """Return the time at the start of an hour."""
    return f"2024-{1 + hour // 24 // 28:02}-{1 + hour // 24 % 28:02}T{hour % 24:02}:00:00Z"


def bars(leg: int) -> str:
    """Return a file of bars that open where the one before closed."""
    lines = ["time,open,high,low,close,volume"]
    for hour in range(HOURS):
        start, end = (float(spot_and_future(each)[leg]) for each in (hour, hour + 1))
        lines.append(f"{stamp(hour)},{start},{max(start, end)},{min(start, end)},{end},1")
    return "\n".join(lines) + "\n"


INSTRUMENTS = """
["BTC-USD"]
quantity_increment = 0.00001
taker_fee_bps = 4
["BTC-PERP"]
kind = "perpetual"
base = "BTC"
quote = "USD"
quantity_increment = 1
multiplier = {multiplier}
inverse = {inverse}
taker_fee_bps = 4
"""


@pytest.fixture
def backtest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Any]:
    """Return what runs the command, in a folder that has the files."""
    monkeypatch.chdir(tmp_path)
    Path("spot.csv").write_text(bars(0))
    Path("perp.csv").write_text(bars(1))
    Path("linear.toml").write_text(INSTRUMENTS.format(multiplier="0.001", inverse="false"))
    Path("inverse.toml").write_text(INSTRUMENTS.format(multiplier="100", inverse="true"))
    rows = [f"{stamp(hour)},BTC-PERP,{float(rate):.4f}" for hour, rate in RATES.items()]
    Path("funding.csv").write_text("\n".join(["time,symbol,rate", *reversed(rows)]) + "\n")

    def run(*words: str) -> Any:
        code = main(["backtest", "--strategy", "basis", *FILES, *words, "--json"])
        answer = capsys.readouterr()
        assert 0 == code, answer.err
        return json.loads(answer.out)

    return run


FILES = ("--data", "spot.csv,perp.csv", "--symbols", "BTC-USD,BTC-PERP", "--interval", "1h")
RULE = ("--entry-bps", "5", "--exit-bps", "-10", "--slippage-bps", "1", "--fill-slippage-bps", "1")


def expected(*, inverse: bool, funding: bool = True) -> oracle_basis.Book:
    """Return the second program's account."""
    terms = oracle_basis.Terms(
        entry_bps=Fraction(5),
        exit_bps=Fraction(-10),
        fee_bps=Fraction(4),
        slippage_bps=Fraction(1),
        multiplier=Fraction(100) if inverse else Fraction(1, 1000),
        inverse=inverse,
        capital=Fraction(10_000),
        spot_step=Fraction(1, 100_000),
    )
    market = oracle_basis.Market(
        opens=[spot_and_future(hour) for hour in range(HOURS)],
        closes=[spot_and_future(hour + 1) for hour in range(HOURS)],
        # A bar that is stamped 07:00 closes at 08:00, when funding is paid.
        funding={hour - 1: rate for hour, rate in RATES.items() if hour and funding},
    )
    return oracle_basis.run(terms, market)


@pytest.mark.parametrize("funding", [True, False], ids=["funding", "none"])
def test_a_linear_perpetual_equals_a_second_program(
    backtest: Callable[..., Any], *, funding: bool
) -> None:
    """Entries, sizes, funding, equity at every bar and final capital, to the last digit."""
    more = ("--funding", "funding.csv") if funding else ()
    found = backtest(*RULE, "--instruments", "linear.toml", *more, "--output-dir", "out")
    book = expected(inverse=False, funding=funding)
    assert len(book.entries) > 5
    assert len(book.exits) == found["total_trades"]
    assert book.equity[-1] == Fraction(found["final_capital"])
    with Path("out/equity.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert book.equity == [Fraction(row["equity"]) for row in rows]
    with Path("out/trades.csv").open(newline="") as file:
        trades = list(csv.DictReader(file))
    assert [size for entry in book.entries for size in (entry[1], -entry[2])] == [
        Fraction(trade["quantity"]) for trade in trades
    ]
    if funding:
        assert book.funding_of_all == Fraction(found["funding_received"]["USD"])
        assert any("a positive rate is paid by who is long" in note for note in found["notes"])
    else:
        assert found["funding_received"] is None
        assert "Funding of BTC-PERP was not given and counts as zero." in found["notes"]


@pytest.mark.parametrize("funding", [True, False], ids=["funding", "none"])
def test_an_inverse_perpetual_equals_a_second_program(
    backtest: Callable[..., Any], *, funding: bool
) -> None:
    """Gains, fees and funding in coins, equity in money at the spot's close, to the last digit."""
    more = ("--funding", "funding.csv") if funding else ()
    found = backtest(*RULE, "--instruments", "inverse.toml", *more, "--output-dir", "out")
    book = expected(inverse=True, funding=funding)
    assert len(book.entries) > 5
    assert "USD" == found["currency"]
    assert book.equity[-1] == Fraction(found["final_capital"])
    with Path("out/equity.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert book.equity == [Fraction(row["equity"]) for row in rows]
    assert book.coins == Fraction(rows[-1]["coins"]) != 0
    with Path("out/trades.csv").open(newline="") as file:
        trades = list(csv.DictReader(file))
    assert {("BTC-USD", "USD"), ("BTC-PERP", "BTC")} == {
        (trade["symbol"], trade["currency"]) for trade in trades
    }
    for _, units, contracts in book.entries:  # the same base on both sides, at the signal's prices
        assert units > 0 > contracts
        assert contracts.denominator == 1
    assert any("are in BTC" in note for note in found["notes"])
    if funding:
        assert book.funding_of_all == Fraction(found["funding_received"]["BTC"])


def test_the_report_says_what_funding_brought(backtest: Callable[..., Any]) -> None:
    """In its table of returns; and that nothing else is carried."""
    backtest(
        *RULE, "--instruments", "linear.toml", "--funding", "funding.csv", "--output-dir", "out"
    )
    page = Path("out/report.html").read_text()
    assert "of it funding" in page
    assert "Borrowing, dividends and interest on cash were not given" in page
