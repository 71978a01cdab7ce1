"""
Which symbols belong together: the default lists of symbols, and their sectors.

Fewer tests with a reason to expect something find more than many without. `--same-sector` tests
pairs inside a sector only. Equities carry the eleven sectors of the Global Industry Classification
Standard; coins carry what they are for. A file says it for other symbols: two columns, `symbol` and
`sector`.
"""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.history.bar_headers import same_symbol

__all__ = ["COINS", "EQUITIES", "read_sectors", "sectors_of"]

EQUITIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        symbol: sector
        for sector, symbols in {
            "information technology": "AAPL MSFT NVDA AMD INTC CSCO ORCL IBM QCOM TXN ADBE CRM",
            "communication services": "GOOGL META NFLX DIS VZ T CMCSA",
            "consumer discretionary": "AMZN HD LOW MCD SBUX NKE TGT BBY F GM",
            "consumer staples": "KO PEP PG WMT COST CL KMB PM MO",
            "health care": "JNJ PFE MRK LLY ABBV BMY UNH AMGN GILD CVS",
            "financials": "JPM BAC WFC C GS MS AXP V MA USB PNC",
            "energy": "XOM CVX COP SLB EOG OXY RRC",
            "industrials": "GE BA CAT HON MMM UPS FDX LMT RTX",
            "materials": "LIN APD DOW FCX NEM",
            "utilities": "NEE DUK SO D AEP",
            "real estate": "AMT PLD SPG O EQIX",
        }.items()
        for symbol in symbols.split()
    }
)
"""Large companies of the United States, and their sectors."""
COINS: Final[Mapping[str, str]] = MappingProxyType(
    {
        f"{coin}-USD": sector
        for sector, coins in {
            "store of value": "BTC BCH LTC",
            "smart contracts": "ETH SOL ADA AVAX DOT ATOM NEAR ALGO ETC XTZ ICP APT SUI",
            "scaling": "ARB OP POL IMX",
            "payments": "XRP XLM DASH ZEC HBAR",
            "finance": "UNI AAVE MKR CRV COMP SNX LDO INJ",
            "infrastructure": "LINK GRT FIL RNDR",
            "memes": "DOGE SHIB PEPE BONK",
        }.items()
        for coin in coins.split()
    }
)
"""Coins against the dollar, and what they are for."""


def read_sectors(path: Path) -> dict[str, str]:
    """
    Return symbol to sector from a CSV file with the columns `symbol` and `sector`.

    Raises:
        ConfigError: It cannot be read, a column is missing, or a symbol has two sectors.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            if not {"symbol", "sector"} <= set(rows.fieldnames or ()):
                raise ConfigError(
                    "the columns symbol and sector are not both there",
                    where=str(path),
                    remedy="begin the file with the line: symbol,sector",
                )
            return _table(path, rows)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(
            f"the file of sectors cannot be read: {reason}", where=str(path)
        ) from None


def _table(path: Path, rows: "csv.DictReader[str]") -> dict[str, str]:
    found: dict[str, str] = {}
    for row in rows:
        symbol, sector = ((row[key] or "").strip() for key in ("symbol", "sector"))
        if not (symbol and sector) or found.get(symbol, sector) != sector:
            raise ConfigError(
                f"{symbol or 'a row'} has no sector, or two" if symbol else "a row names no symbol",
                where=f"{path}:{rows.line_num}",
                remedy="give each symbol one sector",
            )
        found[symbol] = sector
    return found


def sectors_of(
    symbols: Iterable[str], known: Mapping[str, str] | None = None
) -> tuple[str | None, ...]:
    """
    Return the sector of each symbol; None where it is not known.

    Args:
        symbols: As a file or venue writes them; case and separators do not matter.
        known: From a file; goes before the built-in table.
    """
    return tuple(_sector(symbol, (known or {}, EQUITIES, COINS)) for symbol in symbols)


def _sector(symbol: str, tables: Iterable[Mapping[str, str]]) -> str | None:
    for table in tables:
        if symbol in table:
            return table[symbol]
        near = (sector for name, sector in table.items() if same_symbol(name, symbol))
        sector = next(near, None)
        if sector is not None:
            return sector
    return None
