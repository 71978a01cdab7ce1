"""Live sessions that are killed while things go wrong: their ledger is the exchange's books."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import anyio
import msgspec
import pytest

from algopioneer_coinbase.messages import Product
from algopioneer_coinbase.sandbox_products import DEFAULT_PRODUCTS
from algopioneer_coinbase.symbols import Symbols
from tests.live_coinbase import (
    LocalCoinbase,
    finish,
    journalled_fills,
    kill_at_fill,
    ledger,
    local_coinbase,
)

OPENING = {"USD": Decimal(100_000), "BTC": Decimal(2), "ETH": Decimal(20), "SOL": Decimal(500)}
BALANCES = [word for asset, sum_ in OPENING.items() for word in ("--balance", f"{asset}={sum_}")]
SYMBOLS = Symbols.of(msgspec.convert(each, Product) for each in DEFAULT_PRODUCTS)
INSTRUMENTS = {each.symbol: listing.instrument for each, listing in SYMBOLS.listings.items()}
KINDS = (
    "lost_ack",
    "partial_fill",
    "rate_limit",
    "disconnect",
    "lost_request",
    "server_error",
    "late_fill",
    "duplicate",
    "reject",
)
LASTING = ("delayed_fill", "stall", "half_open", "delayed_read", "silence", "outage")
FAULTS = [
    *({"at_s": 4 + 3 * number, "kind": KINDS[number % len(KINDS)]} for number in range(100)),
    *(
        {"at_s": 9 + 13 * number, "kind": LASTING[number % len(LASTING)], "duration_s": 3}
        for number in range(25)
    ),
]
LIVE = (
    *("--exchange", "coinbase", "--venue", "absence_after_s=5", "--live"),
    *("--interval", "1s", "--journal", "live.journal"),
)
BASIS = (
    *("dual-leg", "--strategy", "basis", "--symbols", "BTC-USD,BIT-27DEC30-CDE", *LIVE),
    *("--order-size", "2000", "--execution-timeout-ms", "20000", "--max-tick-age-ms", "5000"),
    *("--set", "entry_bps=20", "--set", "exit_bps=15"),
    *("--set", "spot_fee_bps=0", "--set", "future_fee_bps=0"),
)
PAIRS = (
    *("dual-leg", "--strategy", "pairs", "--symbols", "BTC-USD,ETH-USD", *LIVE),
    *("--order-size", "2000", "--execution-timeout-ms", "20000", "--max-tick-age-ms", "5000"),
    *("--set", "window=6", "--set", "z_entry=1", "--set", "z_exit=0.5"),
    *("--set", "legs.short_mode=inventory"),
)

FILE = """
[session]
name = "two"
interval = "1s"

[journal]
path = "live.journal"

[venue.coinbase]
paper = false
absence_after_s = 5

[[strategy]]
kind = "basis"
instruments = ["BTC-USD", "BIT-27DEC30-CDE"]
capital = 20000
notional = 4000
entry_bps = 20
exit_bps = 15
spot_fee_bps = 0
future_fee_bps = 0

[[strategy]]
kind = "pairs"
instruments = ["ETH-USD", "SOL-USD"]
capital = 20000
notional = 4000
window = 6
z_entry = 1
[strategy.legs]
short_mode = "inventory"
"""
RUN = ("run", "--config", "two.toml", "--live")


async def check_books(folder: Path, exchange: LocalCoinbase) -> None:
    """Hold the journal against the exchange's books, to the last digit."""
    fills, books = await journalled_fills(folder / "live.journal"), exchange.books()
    ids = [each.fill_id for each in fills]
    assert len(ids) == len(set(ids)), "a fill is journalled twice"
    assert set(ids) == set(books.fills)
    for fill in fills:
        _, product, side, *numbers = books.fills[fill.fill_id]
        assert (product, side) == (fill.instrument_id.symbol, fill.side.name)
        assert numbers == [fill.quantity, fill.price, fill.fee]
    cash, contracts = ledger(OPENING, fills, INSTRUMENTS)
    assert cash == {asset: books.cash[asset] for asset in OPENING}
    assert contracts == books.contracts
    assert not books.working


@pytest.mark.long
@pytest.mark.parametrize("words", [BASIS, PAIRS, RUN], ids=["basis", "pairs", "run"])
def test_session_killed_twice_has_the_ledger_of_the_exchange(
    tmp_path: Path, words: Sequence[str]
) -> None:
    """Under faults of every kind, killed right after an execution and started again, twice."""
    (tmp_path / "two.toml").write_text(FILE, "utf-8")
    with local_coinbase(tmp_path, FAULTS, *BALANCES) as exchange:
        kill_at_fill(tmp_path, exchange, words, 1)
        kill_at_fill(tmp_path, exchange, words, 2)
        finish(tmp_path, exchange, words, 3)

        anyio.run(check_books, tmp_path, exchange)
