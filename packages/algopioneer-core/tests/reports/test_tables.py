import csv
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.history.columns import BarColumns
from algopioneer_core.history.joined import JointColumns
from algopioneer_core.reports.tables import EquityCsv, TradesCsv, iso_times, pnl_pct
from algopioneer_core.simulation.sinks import Holding

MINUTE = 60_000_000_000


def bars(closes: Sequence[int], *, decimals: int = 2, start: int = MINUTE) -> JointColumns:
    """Return one-minute bars of one instrument with these closes in ticks."""
    return joint((closes, decimals), start=start)


def joint(*legs: tuple[Sequence[int], int], start: int = MINUTE) -> JointColumns:
    """Return one-minute joint bars of (closes in ticks, decimals) for each leg."""
    return JointColumns(tuple(_leg(*leg, start) for leg in legs))


def _leg(closes: Sequence[int], decimals: int, start: int) -> BarColumns:
    prices = np.array(closes, np.int64)
    return BarColumns(
        instrument_id=InstrumentId("file", "X"),
        interval_ns=MINUTE,
        ts_ns=start + np.arange(len(closes), dtype=np.int64) * MINUTE,
        open=prices,
        high=prices,
        low=prices,
        close=prices,
        volume=np.zeros_like(prices),
        price_decimals=decimals,
        volume_decimals=0,
    )


def trade(**changes: object) -> RoundTrip:
    """Return a short trade; any part can be given."""
    parts = {
        "instrument_id": InstrumentId("kraken", "BTC/USD"),
        "side": Side.SELL,
        "quantity": Decimal("0.50"),
        "entry_ns": MINUTE,
        "exit_ns": 3 * MINUTE,
        "entry_price": Decimal("46000.25"),
        "exit_price": Decimal("4.6E+4"),
        "pnl": Decimal("0.025"),
        "fees": Decimal("0.100"),
        "cost": Decimal("23000.125"),
        "exit_reason": "signal",
        **changes,
    }
    return RoundTrip(**parts)  # type: ignore[arg-type]  # the parts are those of the class


def _of(name: str, **changes: Any) -> Instrument:
    return Instrument(id=InstrumentId("kraken", name), base="BTC", quote="USD", **changes)


SPOT = _of("BTC/USD")
TENTH = _of("BTC-MINI", kind=InstrumentKind.PERPETUAL, multiplier=Decimal("0.1"))
INVERSE = _of("BTC-INV", kind=InstrumentKind.PERPETUAL, multiplier=Decimal(100), inverse=True)


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_trade_is_one_row(tmp_path: Path) -> None:
    """Times in UTC, the direction in words, money exact and plain."""
    with TradesCsv(tmp_path / "trades.csv", [SPOT]) as sink:
        sink.bars(bars([100]), np.ones(1), [Holding(0, Decimal(1), (Decimal(0),))])
        sink.round_trip(trade())
    expected = {
        "entry_time": "1970-01-01T00:01:00Z",
        "exit_time": "1970-01-01T00:03:00Z",
        "side": "short",
        "quantity": "0.5",
        "entry_price": "46000.25",
        "exit_price": "46000",
        "pnl": "0.025",
        "pnl_pct": "0.000109",
        "fees": "0.1",
        "exit_reason": "signal",
        "symbol": "BTC/USD",
        "currency": "USD",
    }
    assert [expected] == rows_of(tmp_path / "trades.csv")
    assert list(expected) == list(rows_of(tmp_path / "trades.csv")[0])


@pytest.mark.parametrize("reason", ["stop, then out", 'a "quoted" word', "two\nlines"])
def test_awkward_reasons_read_back(tmp_path: Path, reason: str) -> None:
    """A plugin may name its exit as it likes."""
    with TradesCsv(tmp_path / "trades.csv", [SPOT]) as sink:
        sink.round_trip(trade(exit_reason=reason))
    assert reason == rows_of(tmp_path / "trades.csv")[0]["exit_reason"]


def test_a_worthless_entry_has_no_percentage(tmp_path: Path) -> None:
    """The cell is empty rather than zero."""
    free = trade(cost=Decimal(0))
    assert pnl_pct(free) is None
    with TradesCsv(tmp_path / "trades.csv", [SPOT]) as sink:
        sink.round_trip(free)
    assert rows_of(tmp_path / "trades.csv")[0]["pnl_pct"] == ""


def test_equity_is_cash_and_position_at_the_close(tmp_path: Path) -> None:
    """Flat, then long, then short below nothing."""
    segments = [
        Holding(0, Decimal(100), (Decimal(0),)),
        Holding(1, Decimal("50.5"), (Decimal("0.25"),)),
        Holding(3, Decimal(-1), (Decimal(-2),)),
    ]
    with EquityCsv(tmp_path / "equity.csv", [SPOT]) as sink:
        sink.round_trip(trade())
        sink.bars(bars([10000, 20000, 20001, 1]), np.zeros(4), segments)
    rows = rows_of(tmp_path / "equity.csv")
    assert [row["equity"] for row in rows] == ["100", "100.5000", "100.5025", "-1.02"]
    assert [row["cash"] for row in rows] == ["100", "50.5", "50.5", "-1"]
    assert [row["quantity"] for row in rows] == ["0", "0.25", "0.25", "-2"]
    assert [row["close"] for row in rows] == ["100.00", "200.00", "200.01", "0.01"]
    assert rows[3]["time"] == "1970-01-01T00:04:00Z"


def test_a_holding_replaced_at_its_own_bar_has_no_row(tmp_path: Path) -> None:
    """Of several holdings at one bar the last one counts."""
    segments = [Holding(0, Decimal(1), (Decimal(0),)), Holding(0, Decimal(2), (Decimal(0),))]
    with EquityCsv(tmp_path / "equity.csv", [SPOT]) as sink:
        sink.bars(bars([100]), np.zeros(1), segments)
    assert [row["equity"] for row in rows_of(tmp_path / "equity.csv")] == ["2"]


def test_a_multiplier_counts(tmp_path: Path) -> None:
    """Two contracts of a tenth at 30."""
    with EquityCsv(tmp_path / "equity.csv", [TENTH]) as sink:
        sink.bars(bars([30], decimals=0), np.zeros(1), [Holding(0, Decimal(1), (Decimal(2),))])
    assert Decimal(7) == Decimal(rows_of(tmp_path / "equity.csv")[0]["equity"])


def test_several_legs_have_columns_each(tmp_path: Path) -> None:
    """Equity is cash and both legs, with each leg's own multiplier and decimals."""
    segments = [
        Holding(0, Decimal("100.5"), (Decimal(0), Decimal(0))),
        Holding(1, Decimal(100), (Decimal("0.25"), Decimal(-3))),
    ]
    legs = joint(([10000, 20000], 2), ([31, 30], 0))
    with EquityCsv(tmp_path / "equity.csv", [SPOT, TENTH]) as sink:
        sink.bars(legs, np.zeros(2), segments)
    lines = (tmp_path / "equity.csv").read_text().splitlines()
    assert lines == [
        "time,equity,cash,quantity_1,close_1,quantity_2,close_2",
        "1970-01-01T00:01:00Z,100.5,100.5,0,100.00,0,31",
        "1970-01-01T00:02:00Z,141.0000,100,0.25,200.00,-3,30",
    ]


def test_what_an_inverse_contract_earns_counts_in_coins(tmp_path: Path) -> None:
    """Short three contracts of 100 dollars, opened at 200: 1.5 coins, less 300 dollars' worth."""
    segments = [
        Holding(0, Decimal(100), (Decimal(0), Decimal(0))),
        Holding(1, Decimal(-200), (Decimal("1.5"), Decimal(-3)), Decimal("-1.5")),
    ]
    legs = joint(([200, 300], 0), ([200, 400], 0))
    with EquityCsv(tmp_path / "equity.csv", [SPOT, INVERSE]) as sink:
        sink.bars(legs, np.zeros(2), segments)
    lines = (tmp_path / "equity.csv").read_text().splitlines()
    assert lines == [
        "time,equity,cash,coins,quantity_1,close_1,quantity_2,close_2",
        "1970-01-01T00:01:00Z,100,100,0,0,200,0,200",
        "1970-01-01T00:02:00Z,25,-200,-1.5,1.5,300,-3,400",
    ]


def test_an_inverse_contract_alone_is_worth_its_base(tmp_path: Path) -> None:
    """Long two contracts of 100 dollars, opened at 100 with ten coins: at 400 it gained 1.5."""
    with EquityCsv(tmp_path / "equity.csv", [INVERSE]) as sink:
        segments = [Holding(0, Decimal(12), (Decimal(2),))]
        sink.bars(bars([400], decimals=0), np.zeros(1), segments)
    assert "11.5" == rows_of(tmp_path / "equity.csv")[0]["equity"]


def test_a_failed_run_leaves_the_older_files(tmp_path: Path) -> None:
    """Half a table is worse than none."""
    (tmp_path / "equity.csv").write_text("old")

    def run_that_fails() -> None:
        with EquityCsv(tmp_path / "equity.csv", [SPOT]) as sink:
            sink.bars(bars([1]), np.zeros(1), [Holding(0, Decimal(1), (Decimal(0),))])
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        run_that_fails()
    assert (tmp_path / "equity.csv").read_text() == "old"
    assert [tmp_path / "equity.csv"] == list(tmp_path.iterdir())


_CASH = st.decimals(-10_000, 10_000, places=9)
_SIZE = st.tuples(st.decimals(-5, 5, places=8))


@given(
    closes=st.lists(st.integers(1, 10**9), min_size=1, max_size=12),
    decimals=st.integers(0, 6),
    cuts=st.lists(st.tuples(st.integers(0, 12), _CASH, _SIZE), max_size=4),
    first=st.tuples(_CASH, _SIZE),
)
def test_every_row_is_exact(
    tmp_path_factory: pytest.TempPathFactory,
    closes: list[int],
    decimals: int,
    cuts: list[tuple[int, Decimal, tuple[Decimal]]],
    first: tuple[Decimal, tuple[Decimal]],
) -> None:
    """Equity equals cash + quantity * close in fractions, to the last digit."""
    path = tmp_path_factory.mktemp("equity") / "equity.csv"
    later = sorted((cut for cut in cuts if cut[0] < len(closes)), key=lambda cut: cut[0])
    segments = [Holding(0, *first), *(Holding(*cut) for cut in later)]
    with EquityCsv(path, [SPOT]) as sink:
        sink.bars(bars(closes, decimals=decimals), np.zeros(len(closes)), segments)
    rows = rows_of(path)
    assert len(closes) == len(rows)
    for index, (row, ticks) in enumerate(zip(rows, closes, strict=True)):
        _, cash, (quantity,), _ = [held for held in segments if held[0] <= index][-1]
        price = Fraction(ticks, 10**decimals)
        assert price == Fraction(row["close"])
        assert Fraction(cash) + Fraction(quantity) * price == Fraction(row["equity"])
        assert "E" not in "".join(row.values()).replace("Z", "")


@given(st.lists(st.integers(-(10**17), 10**18), max_size=10), st.booleans())
def test_times_in_bulk_equal_times_one_by_one(times: list[int], whole: bool) -> None:
    """With and without fractions of a second, before and after 1970."""
    times = [time - time % 1_000_000_000 for time in times] if whole else times
    assert [iso_utc(time) for time in times] == iso_times(np.array(times, np.int64))
