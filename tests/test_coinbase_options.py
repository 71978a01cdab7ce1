"""
Every option of the commands that trade, with `--exchange coinbase`, over a local exchange.

Its market jumps from one price to the other and back, about once in a second: a bar of a second
closes on the other side of the last one, however late it is.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import pytest

from algopioneer_coinbase.sandbox_market import Market
from algopioneer_core.cli.dual_leg import dual_leg
from algopioneer_core.cli.main import main
from algopioneer_core.cli.portfolio import portfolio
from algopioneer_core.cli.run import run
from algopioneer_core.cli.trade import trade
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.simulation.sandbox_candles import MINUTE_NS
from algopioneer_core.wire.machine import SystemClock
from tests.local_coinbase import go_to, local_coinbase

KEYS = ("COINBASE_API_KEY", "COINBASE_API_SECRET")
PRICES = {"BTC-USD": (6_000_000, 6_060_000), "BIT-27DEC30-CDE": (6_000_000, 6_000_000)}
"""In cents, in turn for a second each."""
COMMON = (
    *("--exchange", "coinbase", "--venue", "silence_s=9", "--env-file", "keys.env", "--json"),
    *("--journal", "it.journal", "--record", "it.csv", "--record", "it.jsonl"),
    *("--resume", "wallclock"),
)
ON_PAPER = ("--paper", "--paper-account", "taker_fee_bps=20")
TRADE = (
    *("trade", *COMMON, "--for", "7s", "--product-id", "BTC-USD", "--duration", "1"),
    *("--order-size", "0.02", "--short-window", "1", "--long-window", "2", "--max-history", "5"),
)
LEGS = ("BTC-USD", "BIT-27DEC30-CDE")
DUAL_LEG = (
    *("dual-leg", *COMMON, *ON_PAPER, "--for", "5s", "--strategy", "pairs"),
    *("--symbols", ",".join(LEGS), "--interval", "200ms", "--order-size", "2000"),
    *("--set", "window=3", "--set", "z_entry=0.5", "--set", "z_exit=0"),
    *("--set", "legs.short_mode=derivative"),
    *("--max-tick-age-ms", "5000", "--execution-timeout-ms", "5000"),
    *("--min-profit-threshold", "0", "--stop-loss-threshold", "-5000"),
    *("--throttle-interval-secs", "1"),
)
PORTFOLIO = (
    *("portfolio", *COMMON, *ON_PAPER, "--for", "5s", "--config", "pairs.json"),
    *("--interval", "200ms"),
)
RUN = ("run", "--config", "s.toml", "--live", "--json")
COMMANDS: Mapping[click.Command, tuple[str, ...]] = {
    trade: (*TRADE, *ON_PAPER, "--live"),
    dual_leg: (*DUAL_LEG, "--live"),
    portfolio: (*PORTFOLIO, "--live"),
    run: RUN,
}
PAIR = {
    "spot_symbol": LEGS[0],
    "future_symbol": LEGS[1],
    "order_size": "2000",
    "window_size": 3,
    "entry_z_score": 0.5,
    "exit_z_score": 0,
}
SESSION = """
[session]
for = "5s"

[journal]
path = "it.journal"

[venue.coinbase]
paper = false

[[strategy]]
kind = "moving-average"
instruments = ["coinbase:BTC-USD"]
interval = "200ms"
quantity = 0.02
short_window = 1
long_window = 2

[[recorder]]
kind = "csv"
path = "it.csv"
"""


def _bar(product: str, number: int, ts_ns: int) -> Bar:
    price = PRICES[product][number // 4 % 2]
    return Bar(
        InstrumentId("coinbase", product), ts_ns, price, price, price, price, 40, 2, 0, ts_ns
    )


def _market() -> Market:
    now_ns = SystemClock().now_ns()
    first = now_ns - now_ns % MINUTE_NS - 60 * MINUTE_NS
    bars = [
        _bar(product, number, first + number * MINUTE_NS)
        for number in range(60 + 24_000)
        for product in PRICES
    ]
    past = [bar for bar in bars if bar.ts_event <= now_ns]
    return Market(past, iter(bars[len(past) :]), MINUTE_NS)


@pytest.fixture(scope="module")
def coinbase(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """Serve it: a minute takes a quarter of a second."""
    folder = tmp_path_factory.mktemp("coinbase")
    with local_coinbase(folder, market=_market(), speed=240.0) as variables:
        yield variables


@pytest.fixture
def here(coinbase: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder; the key is in a file there."""
    go_to(tmp_path, coinbase, monkeypatch)
    lines = [f'{name}="{coinbase[name]}"' for name in KEYS]
    (tmp_path / "keys.env").write_text("\n".join(lines), "utf-8")
    (tmp_path / "pairs.json").write_text(json.dumps([PAIR]), "utf-8")
    (tmp_path / "s.toml").write_text(SESSION, "utf-8")
    return tmp_path


def _traded(here: Path, capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, str]]:
    """Run a command; return what it recorded, which is what it says that it traded."""
    code = main(words)
    shown = capsys.readouterr()
    assert 0 == code, shown.err
    answer: dict[str, Any] = json.loads(shown.out)
    assert answer["trades"] > 0, shown.err
    with (here / "it.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert answer["trades"] == len({row["key"] for row in rows})
    assert 0 == main(["journal", "verify", "--journal", "it.journal"])
    capsys.readouterr()
    return rows


def _recorded_alike(here: Path, rows: list[dict[str, str]]) -> None:
    """Check that the second record has the same trades."""
    lines = (here / "it.jsonl").read_text("utf-8").splitlines()
    assert [row["key"] for row in rows] == [json.loads(line)["key"] for line in lines]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: str(each.name))
def test_every_option_is_tried_here(command: click.Command) -> None:
    """One that is added needs a test too."""
    known = {
        name
        for param in command.params
        for name in (*param.opts, *param.secondary_opts)
        if name not in ("-h", "--help")
    }
    assert known == {word for word in COMMANDS[command] if word.startswith("--")}


@pytest.mark.long
def test_trade_on_paper(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the size and at the fee that were asked for."""
    rows = _traded(here, capsys, *TRADE, *ON_PAPER)
    for row in rows:
        size, *prices = (Decimal(row[key]) for key in ("quantity", "entry_price", "exit_price"))
        assert Decimal("0.02") == size
        assert sum(prices) * size * Decimal("0.002") == Decimal(row["fees"])
    _recorded_alike(here, rows)


@pytest.mark.long
def test_trade_live(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the key of the file, and the fees of its tier."""
    rows = _traded(here, capsys, *TRADE, "--live")
    size, *prices = (Decimal(rows[0][key]) for key in ("quantity", "entry_price", "exit_price"))
    assert sum(prices) * size * Decimal("0.006") == Decimal(rows[0]["fees"])
    _recorded_alike(here, rows)


@pytest.mark.long
@pytest.mark.parametrize(
    "words", [pytest.param(DUAL_LEG, id="dual-leg"), pytest.param(PORTFOLIO, id="portfolio")]
)
def test_pairs_of_a_coin_and_its_future(
    words: tuple[str, ...], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both legs are recorded."""
    rows = _traded(here, capsys, *words)
    assert {f"coinbase:{each}" for each in LEGS} == {row["instrument"] for row in rows}
    _recorded_alike(here, rows)


@pytest.mark.long
def test_run_live(
    coinbase: Mapping[str, str],
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the key of the environment; without `--live` a file that trades money is refused."""
    for name in KEYS:
        monkeypatch.setenv(name, coinbase[name])
    assert 0 != main([word for word in RUN if word != "--live"])
    capsys.readouterr()
    assert _traded(here, capsys, *RUN)
