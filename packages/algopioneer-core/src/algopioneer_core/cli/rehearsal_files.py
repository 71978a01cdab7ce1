"""What the rehearsal of the demo trades: bar files of a made-up market, and a session file."""

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import plain
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.history.columns import BarSource
from algopioneer_core.history.synthetic import MARKETS, START_NS, synthetic_sources

__all__ = ["JOURNAL", "SESSION_FILE", "TRADES", "write_rehearsal"]

SESSION_FILE: Final = "run.toml"
JOURNAL: Final = "rehearsal.journal"
TRADES: Final = "trades.csv"
_MINUTE_NS: Final = 60 * NS_PER_SECOND
_MINUTES_A_DAY: Final = 1440
_MARKETS: Final = (("trending", ("TREND",)), ("cointegrated", ("ALPHA", "BETA")))
_SESSION: Final = """\
# The rehearsal of `algopioneer demo`: two strategies on paper, each with half of the account.

[session]
name = "rehearsal"

[journal]
snapshot_every = 5000
record_inputs = {record}

[venue.replay]
data = ["TREND=TREND.csv", "ALPHA=ALPHA.csv", "BETA=BETA.csv"]
speed = "{speed}"

[venue.replay.paper]
balances = ["USD=20000"]
taker_fee_bps = 1
slippage_bps = 1

[[strategy]]
kind = "moving-average"
name = "trend"
instruments = ["replay:TREND"]
interval = "1m"
capital_share = 0.5
short_window = 120
long_window = 720

[[strategy]]
kind = "pairs"
name = "spread"
instruments = ["replay:ALPHA", "replay:BETA"]
interval = "1m"
capital_share = 0.5
window = 720

[risk]
daily_loss_fraction = 0.2

[[recorder]]
kind = "csv"
path = "{trades}"
"""


def write_rehearsal(folder: Path, *, days: int, speed: str, record: bool = False) -> None:
    """
    Write bar files and the session file into *folder*, which is made if need be.

    Nothing of an earlier rehearsal stays: it would be gone on with.

    Args:
        folder: Where to.
        days: Length of the market, in bars of a minute.
        speed: The replay's.
        record: Whether the session records its inputs, so that it can be replayed.

    Raises:
        OSError: It cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob(f"{JOURNAL}*"), folder / TRADES):
        old.unlink(missing_ok=True)
    text = _SESSION.format(speed=speed, trades=TRADES, record=str(record).lower())
    (folder / SESSION_FILE).write_text(text, "utf-8")
    for market, symbols in _MARKETS:
        made: Any = MARKETS[market]()
        ids = tuple(InstrumentId("replay", symbol) for symbol in symbols)
        count = days * _MINUTES_A_DAY
        for source in synthetic_sources(
            made, ids, count=count, interval_ns=_MINUTE_NS, start_ns=START_NS, seed=7
        ):
            _write_bars(folder / f"{source.instrument_id.symbol}.csv", source)


def _write_bars(path: Path, source: BarSource) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("time", "open", "high", "low", "close", "volume"))
        for bars in source.chunks():
            prices = (bars.open, bars.high, bars.low, bars.close)
            columns = [_texts(each.tolist(), bars.price_decimals) for each in prices]
            columns.append(_texts(bars.volume.tolist(), bars.volume_decimals))
            opened = [iso_utc(close - source.interval_ns) for close in bars.ts_ns.tolist()]
            rows.writerows(zip(opened, *columns, strict=True))


def _texts(numbers: list[int], decimals: int) -> list[str]:
    return [plain(Decimal(number).scaleb(-decimals)) for number in numbers]
