"""
`trades.csv` and `equity.csv`, written while the run goes on, in constant memory.

Both are result sinks and context managers: leaving the block normally gives the file its name,
leaving it by an error removes what was written. Amounts are exact text, never in exponent form;
times are ISO 8601 in UTC.
"""

import operator
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import Money, divide_half_even, from_scaled, mul, plain, scaled
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.domain.trade_fields import round_trip_fields
from algopioneer_core.history.joined import JointColumns
from algopioneer_core.reports.output import PartFile
from algopioneer_core.simulation.sinks import Float64Array, Holding
from algopioneer_core.simulation.valuation import Held, Valuation

__all__ = ["EQUITY_COLUMNS", "TRADE_COLUMNS", "EquityCsv", "TradesCsv", "iso_times", "pnl_pct"]

TRADE_COLUMNS: Final = (
    "entry_time",
    "exit_time",
    "side",
    "quantity",
    "entry_price",
    "exit_price",
    "pnl",
    "pnl_pct",
    "fees",
    "exit_reason",
    "symbol",
    "currency",
)
EQUITY_COLUMNS: Final = ("time", "equity", "cash", "quantity", "close")
"""Of a run on one instrument. With several, quantity and close are there for each, in the order of
`symbols` in results.json: quantity_1, close_1, quantity_2, close_2. Where some settle in coins,
those come after cash."""

_PCT_PLACES: Final = 6
_SECONDS_PER_DAY: Final = 86_400


def pnl_pct(trade: RoundTrip) -> Decimal | None:
    """
    Return the PnL of *trade* in per cent of the value of its entry.

    Rounded half to even at 6 decimals; None when the entry was worth nothing.
    """
    if not trade.cost:
        return None
    return divide_half_even(mul(trade.pnl, Decimal(100)), trade.cost, places=_PCT_PLACES)


class _CsvSink:
    """A CSV file that is complete when its block is left."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._file = PartFile(path)
        self._file.write(",".join(columns) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._file.commit()
        finally:
            self._file.discard()


class TradesCsv(_CsvSink):
    """
    One row for each round trip, `TRADE_COLUMNS`.

    `side` is `long` or `short`; `pnl` is net of `fees`, both in `currency`; `pnl_pct` is empty
    where undefined.

    Args:
        path: The final name.
        instruments: What is traded.

    Raises:
        OutputError: The file cannot be written, now or later.
    """

    def __init__(self, path: Path, instruments: Sequence[Instrument]) -> None:
        super().__init__(path, TRADE_COLUMNS)
        self._currencies = {each.id: each.settlement_asset for each in instruments}

    def bars(self, chunk: JointColumns, equity: Float64Array, segments: Sequence[Holding]) -> None:
        """Take no notice: only trades are written."""

    def round_trip(self, trade: RoundTrip) -> None:
        """Write the row of *trade*."""
        share = pnl_pct(trade)
        fields = round_trip_fields(trade)
        fields["pnl_pct"] = "" if share is None else plain(share)
        fields["symbol"] = trade.instrument_id.symbol
        fields["currency"] = self._currencies[trade.instrument_id]
        self._file.write(",".join(_quoted(fields[name]) for name in TRADE_COLUMNS) + "\n")


def _quoted(text: str) -> str:
    """Return *text* as a CSV cell, in quotation marks where it needs them (RFC 4180)."""
    if any(character in text for character in ',"\n\r'):
        return '"' + text.replace('"', '""') + '"'
    return text


class EquityCsv(_CsvSink):
    """
    One row for each bar, `EQUITY_COLUMNS`: what the account held and was worth at the close.

    `equity` is exact: cash + the sum of quantity * multiplier * close over linear instruments; see
    `Valuation` for inverse contracts, and for `coins`, which are there where some instrument
    settles in another asset than the rest. Closes have the decimals of the data, and so may zeros
    at the end of equity.

    Args:
        path: The final name.
        instruments: What is traded.

    Raises:
        OutputError: The file cannot be written, now or later.
    """

    def __init__(self, path: Path, instruments: Sequence[Instrument]) -> None:
        self._valuation = Valuation.of(instruments)
        super().__init__(path, _equity_columns(self._valuation))
        self._multipliers = [each.multiplier for each in instruments]

    def round_trip(self, trade: RoundTrip) -> None:
        """Take no notice: only bars are written."""

    def bars(
        self,
        chunk: JointColumns,
        equity: Float64Array,  # noqa: ARG002  # every sink gets it; here the exact one is made
        segments: Sequence[Holding],
    ) -> None:
        """Write a row for each bar of *chunk*."""
        times, closes = iso_times(chunk.ts_ns), [leg.close.tolist() for leg in chunk.legs]
        decimals = [leg.price_decimals for leg in chunk.legs]
        starts = [each.start for each in segments]
        for (start, stop), segment in zip(pairwise((*starts, len(chunk))), segments, strict=True):
            _, cash, quantities, _ = segment
            if not self._valuation.is_linear:
                make = self._exact_row_maker(segment, decimals)
            elif len(quantities) == 1:
                make = self._row_maker(cash, quantities[0], decimals[0])
            else:
                make = self._joint_row_maker(cash, quantities, decimals)
            rows = map(make, times[start:stop], *(leg[start:stop] for leg in closes))
            self._file.write("".join(rows))

    def _exact_row_maker(self, segment: Holding, decimals: Sequence[int]) -> Callable[..., str]:
        """Return what writes a row where a division makes the worth, from closes in ticks."""
        _, cash, quantities, coins = segment
        held = Held(cash, quantities, coins)
        fixed = plain(cash)
        if self._valuation.coin is not None:
            fixed += f",{plain(coins)}"

        def row(time: str, *ticks: int) -> str:
            closes = [from_scaled(*each) for each in zip(ticks, decimals, strict=True)]
            legs = "".join(
                f",{plain(quantity)},{plain(close)}"
                for quantity, close in zip(quantities, closes, strict=True)
            )
            return f"{time},{plain(self._valuation.worth(held, closes))},{fixed}{legs}\n"

        return row

    def _joint_row_maker(
        self, cash: Money, quantities: Sequence[Decimal], decimals: Sequence[int]
    ) -> Callable[..., str]:
        """Return what writes a row of several legs, from its time and their closes in ticks."""
        holds = any(quantities)
        sizes = [mul(*each) for each in zip(quantities, self._multipliers, strict=True)]
        places = max(_places(cash), *map(operator.add, map(_places, sizes), decimals))
        per_tick = [scaled(size, places - each) for size, each in zip(sizes, decimals, strict=True)]
        fixed, cash_units, worth = plain(cash), scaled(cash, places), _fixed_point(places)
        cells = [f",{plain(quantity)}," for quantity in quantities]
        prices = [_fixed_point(each) for each in decimals]

        def row(time: str, *ticks: int) -> str:
            value = sum(map(operator.mul, per_tick, ticks))
            equity = worth(cash_units + value) if holds else fixed
            legs = (
                f"{cell}{price(tick)}"
                for cell, price, tick in zip(cells, prices, ticks, strict=True)
            )
            return f"{time},{equity},{fixed}{''.join(legs)}\n"

        return row

    def _row_maker(self, cash: Money, quantity: Decimal, decimals: int) -> Callable[..., str]:
        """
        Return what writes a row from its time and its close in ticks, for one holding.

        The sum is made in integers of the smallest unit that occurs: exact, and ten times faster
        than decimals, which matters here because it is done for every bar.
        """
        fixed, size = plain(cash), mul(quantity, self._multipliers[0])
        held = f",{fixed},{plain(quantity)},"
        close = _fixed_point(decimals)
        if not size:
            return lambda time, ticks: f"{time},{fixed}{held}{close(ticks)}\n"
        places = max(_places(cash), _places(size) + decimals)
        worth, cash_units = _fixed_point(places), scaled(cash, places)
        per_tick = scaled(size, places - decimals)
        return lambda time, ticks: (
            f"{time},{worth(cash_units + per_tick * ticks)}{held}{close(ticks)}\n"
        )


def _equity_columns(valuation: Valuation) -> tuple[str, ...]:
    legs = len(valuation.instruments)
    if legs == 1:
        return EQUITY_COLUMNS
    coins = () if valuation.coin is None else ("coins",)
    each = (f"{name}_{leg}" for leg in range(1, legs + 1) for name in ("quantity", "close"))
    return (*EQUITY_COLUMNS[:3], *coins, *each)


def _places(value: Decimal) -> int:
    """Return the number of decimals *value* is written with; never negative."""
    exponent = value.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _fixed_point(places: int) -> Callable[[int], str]:
    """Return what writes number * 10**-places with that many decimals."""
    if not places:
        return str
    unit = 10**places

    def text(number: int) -> str:
        if number >= unit:  # the usual case, written without a format because it is every bar's
            digits = str(number)
            return f"{digits[:-places]}.{digits[-places:]}"
        whole, part = divmod(abs(number), unit)
        return f"{'-' if number < 0 else ''}{whole}.{part:0{places}d}"

    return text


def iso_times(ts_ns: NDArray[np.int64]) -> list[str]:
    """Return the text of `iso_utc` for each time; in bulk where all are on whole seconds."""
    seconds, fractions = np.divmod(ts_ns, NS_PER_SECOND)
    if fractions.any():
        return [iso_utc(moment) for moment in ts_ns.tolist()]
    days, of_day = np.divmod(seconds, _SECONDS_PER_DAY)
    dates = _each_once(days, lambda day: iso_utc(day * _SECONDS_PER_DAY * NS_PER_SECOND)[:-9])
    clock = _each_once(of_day, lambda second: iso_utc(second * NS_PER_SECOND)[11:])
    return list(map(operator.add, dates, clock))


def _each_once(values: NDArray[np.int64], text: Callable[[int], str]) -> list[str]:
    """Return the text of each value, made once for each value that occurs."""
    distinct, index = np.unique(values, return_inverse=True)
    texts = list(map(text, distinct.tolist()))
    return [texts[place] for place in index.tolist()]
