"""What a user says about trading what a screen finds; light, because `--help` reads it."""

import math
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Final, TypeVar

from attrs import frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.settings import (
    at_least,
    below,
    fraction,
    not_negative,
    option,
    optional,
    positive,
)

__all__ = ["TradingOptions", "numbers"]

_GRID: Final = "Grid"
_WALK: Final = "Walk-forward"
_OUT: Final = "Output"
_T = TypeVar("_T", int, Decimal)


def numbers(text: str, kind: Callable[[str], _T], *, where: str) -> tuple[_T, ...]:
    """
    Return the numbers of a text that separates them by commas, each once.

    Raises:
        ConfigError: One of them is no number, or not finite.
    """
    return tuple(dict.fromkeys(_number(word.strip(), kind, where) for word in text.split(",")))


def _number(word: str, kind: Callable[[str], _T], where: str) -> _T:
    try:
        number = kind(word)
    except (ValueError, InvalidOperation):
        number = None
    if number is None or not math.isfinite(number):
        raise ConfigError(f"{word!r} is no number", where=where, remedy="write 1.5,2,2.5")
    return number


@frozen(kw_only=True)
class TradingOptions:
    """
    How the survivors of a screen are traded, judged and written down.

    Raises:
        ConfigError: A value is out of its range.
    """

    windows: str = option(
        "20,40,60,120", help="Windows of z that are tried.", unit="bars", section=_GRID
    )
    entries: str = option(
        "1.5,1.75,2,2.25,2.5,3", help="Entry levels of z that are tried.", section=_GRID
    )
    exits: str = option("-0.5,0,0.5,1", help="Exit levels of z that are tried.", section=_GRID)
    hedges: str = option(
        "fitted,ols",
        help="Hedges that are tried: fitted on the formation window and kept, ols over the rolling "
        "window, kalman by the innovations of a filter whose noises are those of the spread that "
        "the screen saw, or fixed at 1.",
        section=_GRID,
    )
    fee_bps: Decimal = option(
        Decimal(10),
        help="Fee of each of the four fills.",
        unit="bps",
        section=_GRID,
        validator=[not_negative, below(10_000)],
    )
    slippage_bps: Decimal = option(
        Decimal(5),
        help="By how much each fill is worse than the close it is made at.",
        unit="bps",
        section=_GRID,
        validator=[not_negative, below(10_000)],
    )
    holdout: Decimal = option(
        Decimal("0.3"),
        help="Share of the latest bars that the screen does not see; test windows lie in it.",
        section=_WALK,
        validator=[fraction, below(1)],
    )
    formation: int | None = option(
        None,
        help="Bars that parameters are chosen on; by default all before the holdout.",
        unit="bars",
        section=_WALK,
        validator=optional(at_least(2)),
    )
    test: int | None = option(
        None,
        help="Bars of a test window; by default a quarter of the holdout.",
        unit="bars",
        section=_WALK,
        validator=optional(at_least(2)),
    )
    embargo: int | None = option(
        None,
        help="Bars between formation and test; by default a half-life of the spread.",
        unit="bars",
        section=_WALK,
        validator=optional(at_least(0)),
    )
    min_sharpe: Decimal = option(
        Decimal(0),
        help="Write only pairs whose out-of-sample Sharpe ratio, a year, is at least this.",
        section=_WALK,
    )
    initial_capital: Decimal = option(
        Decimal(10_000),
        help="Cash at the start of a pair's test, and shared by the pairs that are written.",
        unit="quote currency",
        section=_OUT,
        validator=positive,
    )
    output: str = option(
        "discovered_pairs.json",
        help="Where the pairs are written, as portfolio reads them.",
        section=_OUT,
        metavar="FILE",
    )
    report: str = option(
        "report.html", help="Where the report is written.", section=_OUT, metavar="FILE"
    )
    ledger: str = option(
        "experiments.sqlite",
        help="The ledger that every screen, grid and backtest is appended to.",
        section=_OUT,
        metavar="FILE",
    )
