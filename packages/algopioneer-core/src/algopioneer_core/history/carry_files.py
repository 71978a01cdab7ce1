"""
Files of funding rates, borrowing rates and dividends: CSV as `dated_amounts` describes.

A funding rate is a fraction of the position's worth; where it is positive, longs pay shorts. That
is the sign of Kraken Derivatives (`relativeFundingRate` of `/historical-funding-rates`), Binance
and Bybit. A borrowing rate is such a fraction too, for the time since the last one, and positive is
a cost of who is short. A dividend is an amount of quote currency for each unit. `mark_price`, at
which the worth of a position was reckoned, may be left out.
"""

from collections.abc import Collection, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

from algopioneer_core.domain.carry import BorrowRate, Dividend, FundingRate
from algopioneer_core.domain.errors import ConfigError, DataError
from algopioneer_core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from algopioneer_core.history.dated_amounts import DatedForm, read_dated_amounts

__all__ = ["read_borrow", "read_dividends", "read_funding"]

_MOST: Final = Decimal("0.1")
"""A tenth of the position in one payment: what is above was written in another unit."""


def _no_fraction(rate: Decimal) -> tuple[str, str] | None:
    if abs(rate) < _MOST:
        return None
    return "which is no fraction", "write 0.0001 for one basis point"


def _negative(amount: Decimal) -> tuple[str, str] | None:
    if amount >= 0:
        return None
    return "which is negative", "write what one unit brings its holder"


_FUNDING: Final = DatedForm(
    amount="rate",
    names=("rate", "relativefundingrate", "fundingrate"),
    fault=_no_fraction,
    whose="perpetuals",
    passes_over=True,
)
_BORROW: Final = DatedForm(
    amount="rate",
    names=("rate", "borrowrate"),
    fault=_no_fraction,
    whose="shares or coins",
)
_DIVIDENDS: Final = DatedForm(
    amount="amount",
    names=("amount", "dividend"),
    fault=_negative,
    whose="shares or coins",
)


def read_funding(path: Path, instruments: Sequence[Instrument]) -> tuple[FundingRate, ...]:
    """
    Return the funding rates of *instruments* in a file, by ascending time.

    Rows of other symbols are passed over: venues export many.

    Args:
        path: The file.
        instruments: What is traded.

    Raises:
        ConfigError: None of the instruments is a perpetual.
        DataError: The file cannot be read or trusted, or has no rate of one of the perpetuals;
            names file and line.
    """
    perpetuals = [each for each in instruments if each.kind is InstrumentKind.PERPETUAL]
    if not perpetuals:
        raise ConfigError(
            "none of the instruments is a perpetual, and nothing else pays funding",
            where=str(path),
            remedy='state kind = "perpetual" with --instruments FILE, or leave the file out',
        )
    rows = read_dated_amounts(path, perpetuals, _FUNDING)
    _check_all_there(path, perpetuals, {row.instrument_id for row in rows})
    return tuple(FundingRate(*row) for row in rows)


def read_borrow(path: Path, instruments: Sequence[Instrument]) -> tuple[BorrowRate, ...]:
    """
    Return the borrowing rates of *instruments* in a file, by ascending time.

    Args:
        path: The file.
        instruments: What is traded.

    Raises:
        ConfigError: All of the instruments are contracts.
        DataError: The file cannot be read or trusted, or has no rows; names file and line.
    """
    rows = read_dated_amounts(path, _delivered(path, instruments, "is borrowed"), _BORROW)
    _check_any(path, rows)
    return tuple(BorrowRate(*row) for row in rows)


def read_dividends(path: Path, instruments: Sequence[Instrument]) -> tuple[Dividend, ...]:
    """
    Return the dividends of *instruments* in a file, by ascending time.

    Args:
        path: The file.
        instruments: What is traded.

    Raises:
        ConfigError: All of the instruments are contracts.
        DataError: The file cannot be read or trusted, or has no rows; names file and line.
    """
    rows = read_dated_amounts(path, _delivered(path, instruments, "pays dividends"), _DIVIDENDS)
    _check_any(path, rows)
    return tuple(Dividend(row.instrument_id, row.ts_ns, row.amount) for row in rows)


def _delivered(path: Path, instruments: Sequence[Instrument], what: str) -> list[Instrument]:
    delivered = [each for each in instruments if each.delivers_base]
    if not delivered:
        raise ConfigError(
            f"all of the instruments are contracts, and none of them {what}",
            where=str(path),
            remedy="leave the file out",
        )
    return delivered


def _check_any(path: Path, rows: Collection[object]) -> None:
    if not rows:
        raise DataError("has no rows", where=str(path), remedy="leave the file out")


def _check_all_there(
    path: Path, perpetuals: Sequence[Instrument], have: Collection[InstrumentId]
) -> None:
    for each in perpetuals:
        if each.id not in have:
            raise DataError(
                f"has no rate of {each.id.symbol!r}",
                where=str(path),
                remedy="write the symbol as in --symbols",
            )
