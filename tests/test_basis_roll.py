"""`algopioneer backtest --strategy basis` with futures that expire: rolled, closed, or held."""

import csv
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from algopioneer_core.cli.main import main

HOURS = 120
NEAR_LAST = 72
"""Hour at which the near contract expires."""
FAR_FIRST = 40
"""Hour of the far contract's first bar."""


def stamp(hour: int) -> str:
    """Return the time at the start of an hour."""
    return f"2024-03-{1 + hour // 24:02}T{hour % 24:02}:00:00Z"


def spot_at(hour: int) -> Decimal:
    """Return the spot's price at an hour: it wanders by some tens of dollars."""
    return Decimal(50_000 + (hour * 37) % 101)


def near_at(hour: int) -> Decimal:
    """Return the near contract's: a premium that melts until it expires."""
    return spot_at(hour) + 10 * (NEAR_LAST - hour) // 2


def far_at(hour: int) -> Decimal:
    """Return the far contract's: a premium that melts more slowly, up to beyond the last bar."""
    return spot_at(hour) + 5 * (2 * HOURS - hour)


def write_bars(name: str, hours: range, price: Callable[[int], Decimal]) -> None:
    """Write bars that open where the one before closed."""
    lines = ["time,open,high,low,close,volume"]
    for hour in hours:
        ends = price(hour), price(hour + 1)
        lines.append(f"{stamp(hour)},{ends[0]},{max(ends)},{min(ends)},{ends[1]},1")
    Path(name).write_text("\n".join(lines) + "\n")


CONTRACTS = f"""
["BTC-USD"]
quantity_increment = 0.00001
["BTC-MAR"]
kind = "future"
base = "BTC"
quote = "USD"
quantity_increment = 1
multiplier = 0.001
expiry = {stamp(NEAR_LAST)}
["BTC-JUN"]
kind = "future"
base = "BTC"
quote = "USD"
quantity_increment = 1
multiplier = 0.001
expiry = 2024-06-28T08:00:00Z
"""
CHAIN = ("--data", "spot.csv,mar.csv,jun.csv", "--symbols", "BTC-USD,BTC-MAR,BTC-JUN")
ONE = ("--data", "spot.csv,mar.csv", "--symbols", "BTC-USD,BTC-MAR")
WORDS = (
    *("--interval", "1h", "--instruments", "contracts.toml", "--slippage-bps", "0"),
    *("--fee-bps", "2", "--spot-fee-bps", "2", "--future-fee-bps", "2", "--entry-bps", "20"),
    *("--exit-bps", "-1000", "--output-dir", "out"),
)


@pytest.fixture
def backtest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Any]:
    """Return what runs the command in a folder with the files, and gives result and trades."""
    monkeypatch.chdir(tmp_path)
    write_bars("spot.csv", range(HOURS), spot_at)
    write_bars("mar.csv", range(NEAR_LAST), near_at)
    write_bars("jun.csv", range(FAR_FIRST, HOURS), far_at)
    Path("contracts.toml").write_text(CONTRACTS)

    def run(*words: str) -> Any:
        code = main(["backtest", "--strategy", "basis", *WORDS, *words, "--json"])
        answer = capsys.readouterr()
        assert 0 == code, answer.err
        with Path("out/trades.csv").open(newline="") as file:
            return json.loads(answer.out), list(csv.DictReader(file))

    return run


def test_a_position_is_rolled_into_the_next_contract(backtest: Callable[..., Any]) -> None:
    """A day before expiry, at one open, as much as was held; the spot is not touched."""
    result, trades = backtest(*CHAIN)
    assert 1 == result["total_trades"]
    rows = {trade["symbol"]: trade for trade in trades}
    assert {"BTC-USD", "BTC-MAR", "BTC-JUN"} == set(rows)
    near, far, spot = rows["BTC-MAR"], rows["BTC-JUN"], rows["BTC-USD"]
    rolled = stamp(NEAR_LAST - 24)
    assert near["exit_time"] == far["entry_time"] == rolled
    assert ("roll", "end_of_data", "end_of_data") == tuple(
        each["exit_reason"] for each in (near, far, spot)
    )
    assert near["quantity"] == far["quantity"]
    assert {"short"} == {near["side"], far["side"]}
    assert near["entry_time"] == spot["entry_time"] == stamp(1)
    assert spot["exit_time"] == far["exit_time"] == stamp(HOURS)
    gain = sum(Decimal(each["pnl"]) for each in trades)
    assert Decimal(result["net_profit"]) == gain
    size = Decimal(near["quantity"]) * Decimal("0.001")
    earned = near_at(1) - near_at(48) + far_at(48) - far_at(HOURS) + spot_at(HOURS) - spot_at(1)
    fees = sum(Decimal(each["fees"]) for each in trades)
    units = Decimal(spot["quantity"])
    cut = (units - size) * (spot_at(HOURS) - spot_at(1))
    assert gain == size * earned + cut - fees


def test_equity_and_report_follow_a_roll(backtest: Callable[..., Any]) -> None:
    """What is held of every contract, at every close; a contract without a bar stays as it was."""
    result, _ = backtest(*CHAIN)
    with Path("out/equity.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[-1]["equity"] == result["final_capital"]
    for hour, row in enumerate(rows):
        worth = Decimal(row["cash"]) + sum(
            Decimal(row[f"quantity_{leg}"]) * Decimal(row[f"close_{leg}"]) * size
            for leg, size in ((1, Decimal(1)), (2, Decimal("0.001")), (3, Decimal("0.001")))
        )
        assert worth == Decimal(row["equity"])
        assert not (Decimal(row["quantity_2"]) and hour >= NEAR_LAST - 24)
        assert Decimal(row["close_1"]) == spot_at(hour + 1)
    page = Path("out/report.html").read_text()
    assert "Buy and hold is BTC-USD" in page


@pytest.mark.parametrize(
    ("words", "reason", "left"),
    [
        (ONE, "expiry", NEAR_LAST - 24),
        ((*CHAIN, "--at-expiry", "close"), "expiry", NEAR_LAST - 24),
        ((*ONE, "--close-before-expiry-s", "60"), "expiry", NEAR_LAST - 1),
        ((*CHAIN, "--close-before-expiry-s", "60"), "roll", NEAR_LAST - 1),
        ((*ONE, "--at-expiry", "hold"), "end_of_data", NEAR_LAST),
    ],
)
def test_nothing_is_held_through_expiry_unless_told(
    backtest: Callable[..., Any], words: tuple[str, ...], reason: str, left: int
) -> None:
    """Without a next contract it is closed in time; with a short notice, at the last bar."""
    _, trades = backtest(*words)
    (near,) = (each for each in trades if each["symbol"] == "BTC-MAR")
    assert (near["exit_reason"], near["exit_time"]) == (reason, stamp(left))


def test_a_next_contract_with_nothing_to_earn_is_not_rolled_into(
    backtest: Callable[..., Any],
) -> None:
    """The far contract's premium would have to be left at once: the position is closed."""
    write_bars("jun.csv", range(FAR_FIRST, HOURS), lambda hour: spot_at(hour) - 6_000)
    _, trades = backtest(*CHAIN)
    assert {"BTC-USD", "BTC-MAR"} == {each["symbol"] for each in trades}
    assert {"expiry"} == {each["exit_reason"] for each in trades}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("multiplier = 0.001", "multiplier = 0.01"), "they differ in multiplier"),
        (("2024-06-28", "2024-02-28"), "BTC-JUN does not expire after sim:BTC-MAR"),
        (
            ('kind = "future"', 'kind = "perpetual"\n#'),
            "sim:BTC-JUN cannot follow sim:BTC-MAR",
        ),
    ],
)
@pytest.mark.usefixtures("backtest")
def test_contracts_that_are_no_chain_are_refused(
    capsys: pytest.CaptureFixture[str], change: tuple[str, str], message: str
) -> None:
    """In one line, before anything is traded."""
    path = Path("contracts.toml")
    head, symbol, last = path.read_text().partition('["BTC-JUN"]')
    last = last.replace(*change)
    if "perpetual" in change[1]:
        last = last.replace("expiry = 2024-06-28T08:00:00Z", "")
    path.write_text(head + symbol + last)
    code = main(["backtest", "--strategy", "basis", *WORDS, *CHAIN])
    assert code in (3, 4, 5)
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
