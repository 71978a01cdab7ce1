"""`algopioneer backtest --borrow FILE --dividends FILE`, end to end, against a second reckoning."""

import csv
import datetime
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from algopioneer_core.cli.main import main

DAYS = 400
START = datetime.datetime(2022, 1, 1, tzinfo=datetime.UTC)
INSTRUMENTS = """
["AA-USD"]
kind = "equity"
["BB-USD"]
kind = "equity"
"""


def price(symbol: str, day: int) -> Fraction:
    """Return the price at the end of a day: two shares that stray from each other and come back."""
    if symbol == "AA-USD":
        return Fraction(500 + day * 7 % 11 + (40 if day % 40 == 30 else 0), 10)
    return Fraction(1000 + day * 5 % 13 + (70 if day % 56 == 17 else 0), 10)


def stamp(days: float) -> str:
    """Return the time so many days after the start."""
    return (START + datetime.timedelta(days=days)).isoformat()


def bars(symbol: str) -> str:
    """Return a file of days that open where the one before closed."""
    lines = ["time,open,high,low,close,volume"]
    for day in range(DAYS):
        first, last = (float(price(symbol, each)) for each in (day - 1, day))
        lines.append(f"{stamp(day)},{first},{max(first, last)},{min(first, last)},{last},1")
    return "\n".join(lines) + "\n"


BORROW = [
    (symbol, Fraction(day, 2), Fraction(day % 17 - 2, 10_000))
    for symbol in ("AA-USD", "BB-USD")
    for day in range(2, 2 * DAYS, 3)
]
"""Symbol, days since the start, rate: at the ends of days and in the middle of them."""
DIVIDENDS = [
    (symbol, Fraction(day), Fraction(day % 7, 100))
    for symbol, first in (("AA-USD", 31), ("BB-USD", 18))
    for day in range(first, DAYS, first)
]
"""Symbol, days since the start, amount of a unit."""


def rows(header: str, payments: list[tuple[str, Fraction, Fraction]]) -> str:
    """Return a file of *payments*, the newest first, as many exports are."""
    lines = [f"{stamp(float(day))},{name},{float(amount)}" for name, day, amount in payments]
    return "\n".join([header, *reversed(lines)]) + "\n"


@pytest.fixture
def backtest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Return what runs the command in a folder that has the files; it gives code and texts."""
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text(bars("AA-USD"))
    Path("b.csv").write_text(bars("BB-USD"))
    Path("kinds.toml").write_text(INSTRUMENTS)
    Path("borrow.csv").write_text(rows("time,symbol,rate", BORROW))
    Path("dividends.csv").write_text(rows("time,symbol,amount", DIVIDENDS))

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["backtest", *words])
        return code, *capsys.readouterr()

    return run


PAIR = (
    "--strategy", "pairs", "--data", "a.csv,b.csv", "--symbols", "AA-USD,BB-USD", "--interval",
    "1d", "--window", "20", "--instruments", "kinds.toml",
)  # fmt: skip
ONE = (
    "--strategy", "moving-average", "--data", "a.csv", "--symbols", "AA-USD", "--interval", "1d",
    "--instruments", "kinds.toml", "--short-window", "2", "--long-window", "7",
)  # fmt: skip
BOTH = ("--borrow", "borrow.csv", "--dividends", "dividends.csv")


def results(backtest: Callable[..., tuple[int, str, str]], *words: str) -> Any:
    """Return the command's JSON."""
    code, out, err = backtest(*words, "--json")
    assert 0 == code, err
    return json.loads(out)


def held(folder: str, symbol: str, day: Fraction) -> Fraction:
    """Return what trades.csv says was held at a time; a fill at that time does not count yet."""
    when = datetime.datetime.fromisoformat(stamp(float(day)))
    total = Fraction(0)
    with Path(folder, "trades.csv").open(newline="") as file:
        for trade in csv.DictReader(file):
            entry, end = (
                datetime.datetime.fromisoformat(trade[key]) for key in ("entry_time", "exit_time")
            )
            if trade["symbol"] == symbol and entry < when <= end:
                side = 1 if trade["side"] in ("buy", "long") else -1
                total += side * Fraction(trade["quantity"])
    return total


def reckoned(folder: str, symbols: tuple[str, ...]) -> tuple[Fraction, Fraction]:
    """Return what borrowing cost and dividends brought."""
    cost = income = Fraction(0)
    for symbol, day, rate in BORROW:
        if symbol in symbols and day <= DAYS:
            short = min(held(folder, symbol, day), Fraction(0))
            cost += -short * price(symbol, int(day) - 1) * rate  # the last close not later
    for symbol, day, amount in DIVIDENDS:
        if symbol in symbols:
            income += held(folder, symbol, day) * amount
    return cost, income


def amount(found: Any, key: str) -> Fraction:
    """Return one sum of the result."""
    (value,) = found[key].values()
    return Fraction(value)


@pytest.mark.parametrize("engine", ["event", "vector"])
def test_a_pair_of_shares_equals_a_second_reckoning(
    backtest: Callable[..., Any], engine: str
) -> None:
    """Both sums follow from the trades, and the final capital from both, to the last digit."""
    found = results(backtest, *PAIR, *BOTH, "--engine", engine, "--output-dir", "out")
    cost, income = reckoned("out", ("AA-USD", "BB-USD"))
    assert found["total_trades"] > 5
    assert cost
    assert income
    assert (cost, income) == (amount(found, "borrow_paid"), amount(found, "dividends_received"))
    with Path("out/trades.csv").open(newline="") as file:
        gains = sum(Fraction(trade["pnl"]) for trade in csv.DictReader(file))
    assert gains - cost + income == Fraction(found["net_profit"])
    assert not any("counts as zero" in note or "count as zero" in note for note in found["notes"])


def test_both_engines_give_the_same(backtest: Callable[..., Any]) -> None:
    """To the last digit, with the files and without."""
    for more in (BOTH, (), BOTH[:2], BOTH[2:]):
        event, vector = (
            results(backtest, *PAIR, *more, "--engine", engine) for engine in ("event", "vector")
        )
        assert ("event", "vector") == (event.pop("engine"), vector.pop("engine"))
        assert event == vector


def test_what_was_not_given_is_said_where_it_matters(backtest: Callable[..., Any]) -> None:
    """Of shares that were sold short; who never was short borrowed nothing."""
    found = results(backtest, *PAIR)
    assert found["borrow_paid"] is found["dividends_received"] is None
    for symbol in ("AA-USD", "BB-USD"):
        assert f"Borrowing of {symbol} was not given and counts as zero." in found["notes"]
        assert f"Dividends of {symbol} were not given and count as zero." in found["notes"]
    Path("borrow.csv").write_text(rows("time,symbol,rate", [BORROW[0]]))
    found = results(backtest, *PAIR, "--borrow", "borrow.csv")
    assert "Borrowing of BB-USD was not given and counts as zero." in found["notes"]
    assert "Borrowing of AA-USD was not given and counts as zero." not in found["notes"]
    for more, said in ((), False), (("--allow-short",), True):
        for engine in ("event", "vector"):
            notes = results(backtest, *ONE, *more, "--engine", engine)["notes"]
            assert said == ("Borrowing of AA-USD was not given and counts as zero." in notes)


def test_one_instrument_pays_and_receives(backtest: Callable[..., Any]) -> None:
    """Long and short in turn; the report says what both came to, and that only cash is free."""
    ours = [f"{stamp(float(day))},{float(rate)}" for name, day, rate in BORROW if name == "AA-USD"]
    Path("borrow.csv").write_text("\n".join(["time,rate", *ours]) + "\n")
    Path("dividends.csv").write_text(
        rows("time,symbol,amount", [each for each in DIVIDENDS if each[0] == "AA-USD"])
    )
    found = results(backtest, *ONE, "--allow-short", *BOTH, "--output-dir", "out")
    cost, income = reckoned("out", ("AA-USD",))
    assert (cost, income) == (amount(found, "borrow_paid"), amount(found, "dividends_received"))
    page = Path("out/report.html").read_text()
    assert "borrowing cost" in page
    assert "of it dividends" in page
    assert "Funding and interest on cash were not given" in page


HEADERS = {"borrow": "time,symbol,rate", "dividends": "time,symbol,amount"}
FAULTS = {
    "unknown symbol": (
        "{header}\n2022-02-01,AA-USD,0.01\n2022-02-01,CC,0.01\n",
        3,
        "has the symbol 'CC'",
    ),
    "wrong columns": ("time,symbol,cost\n2022-02-01,AA-USD,0.01\n", 1, "there is no column"),
    "no header": ("2022-02-01,AA-USD,0.01\n", 1, "there is no column 'time'"),
    "duplicate times": ("{header}\n2022-02-01,AA-USD,0.01\n2022-02-01,AA-USD,0.02\n", 3, "second"),
    "not a number": ("{header}\n2022-02-01,AA-USD,NaN\n", 2, "'NaN', which is not a number"),
    "infinite": ("{header}\n2022-02-01,AA-USD,inf\n", 2, "'inf', which is not a number"),
    "not a time": ("{header}\nsoon,AA-USD,0.01\n", 2, "'soon', which is not a time"),
    "a cell too few": ("{header}\n2022-02-01,AA-USD\n", 2, "fewer than the header"),
    "no symbol": ("time,rate,amount\n2022-02-01,0.01,0.01\n", 1, "no column 'symbol'"),
}


@pytest.mark.parametrize("option", list(HEADERS))
@pytest.mark.parametrize("case", FAULTS.values(), ids=list(FAULTS))
def test_a_bad_file_is_refused_in_one_line(
    backtest: Callable[..., Any], case: tuple[str, int, str], option: str
) -> None:
    """With the file, the line, and what is wrong there."""
    text, line, what = case
    Path("bad.csv").write_text(text.format(header=HEADERS[option]))
    code, out, err = backtest(*PAIR, f"--{option}", "bad.csv")
    assert (3, "") == (code, out)
    assert f"bad.csv:{line}" in err
    assert what in err
    assert 1 == len(err.splitlines())


@pytest.mark.parametrize(
    ("option", "row", "what"),
    [
        ("borrow", "2022-02-01,AA-USD,0.5", "has the rate 0.5, which is no fraction"),
        ("dividends", "2022-02-01,AA-USD,-1", "has the amount -1, which is negative"),
    ],
)
def test_amounts_of_another_unit_or_sign_are_refused(
    backtest: Callable[..., Any], option: str, row: str, what: str
) -> None:
    """A rate in per cent is no fraction, and nobody pays a negative dividend."""
    Path("bad.csv").write_text(f"{HEADERS[option]}\n{row}\n")
    code, _, err = backtest(*PAIR, f"--{option}", "bad.csv")
    assert 3 == code
    assert "bad.csv:2" in err
    assert what in err


@pytest.mark.parametrize("option", list(HEADERS))
def test_files_that_say_nothing_are_refused(backtest: Callable[..., Any], option: str) -> None:
    """One that is not there, one without rows, and one for contracts, which borrow nothing."""
    code, _, err = backtest(*PAIR, f"--{option}", "none.csv")
    assert (3, True) == (code, "none.csv" in err)
    Path("bad.csv").write_text(HEADERS[option] + "\n")
    code, _, err = backtest(*PAIR, f"--{option}", "bad.csv")
    assert (3, True) == (code, "has no rows" in err)
    contracts = '["{}-USD"]\nkind = "perpetual"\nbase = "{}"\nquote = "USD"\n'
    Path("kinds.toml").write_text("".join(contracts.format(each, each) for each in ("AA", "BB")))
    code, _, err = backtest(*PAIR, f"--{option}", f"{option}.csv")
    assert (4, True) == (code, "all of the instruments are contracts" in err)
