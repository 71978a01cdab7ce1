"""What a user asks of `discover-pairs`; light, because `--help` reads it."""

import re
from decimal import Decimal
from typing import Final

from attrs import frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.history.intervals import length_of_time
from algopioneer_core.settings import (
    at_least,
    at_most,
    fraction,
    option,
    optional,
    positive,
)

__all__ = ["DiscoveryOptions"]

_DATA: Final = "Universe"
_TEST: Final = "Tests"
_FILTER: Final = "What survives"
_ADDRESS: Final = re.compile(r"(tcp|tls)://\S+:\d+")


@frozen(kw_only=True)
class DiscoveryOptions:
    """
    One search for pairs.

    Raises:
        ConfigError: A value is out of its range, or two of them contradict each other.
    """

    data: tuple[str, ...] = option(
        (),
        help="CSV or Parquet file, long or wide, or a folder of such. May be repeated.",
        section=_DATA,
        metavar="FILE",
    )
    exchange: str | None = option(
        None,
        help="Take bars from this venue's history; they are kept in --bars.",
        section=_DATA,
        metavar="NAME",
    )
    bars: str = option(
        "bars", help="Where bars of a venue are kept.", section=_DATA, metavar="FOLDER"
    )
    venue: tuple[str, ...] = option(
        (), help="A setting of the venue. May be repeated.", section=_DATA, metavar="KEY=VALUE"
    )
    symbols: tuple[str, ...] = option(
        (),
        help="Which symbols, separated by commas; or one of default, equities, crypto; or a file "
        "with one a line. By default all that the files have.",
        section=_DATA,
        metavar="SYMBOL",
    )
    interval: str | None = option(
        None,
        help="Length of a bar (1h, 1d); by default as the files have it, of a venue 1h.",
        section=_DATA,
        metavar="LENGTH",
        validator=optional(length_of_time),
    )
    stamp: str = option(
        "open",
        help="Which end of its bar a time in a file is.",
        choices=("open", "close"),
        section=_DATA,
    )
    lookback_days: int | None = option(
        None,
        help="Use the last so many days; by default all there is, of a venue 90.",
        unit="days",
        section=_DATA,
        validator=optional(at_least(1)),
    )
    min_coverage: Decimal = option(
        Decimal("0.9"),
        help="Leave out a symbol that has a smaller share of the calendar's bars.",
        section=_DATA,
        validator=fraction,
    )
    sectors: str | None = option(
        None,
        help="CSV file with the columns symbol and sector.",
        section=_DATA,
        metavar="FILE",
    )
    state: str = option(
        "discover-pairs.state",
        help="Where an interrupted search is kept; the same search goes on from there.",
        section=_TEST,
        metavar="FILE",
    )
    lag_choice: str = option(
        "aic",
        help="How the lags of a test are chosen.",
        choices=("aic", "bic", "fixed"),
        section=_TEST,
    )
    lags: int | None = option(
        None,
        help="The number of lags, or the most that are tried; by default 12 (bars / 100)^(1/4).",
        section=_TEST,
        validator=optional(at_least(0)),
    )
    min_correlation: Decimal | None = option(
        None,
        help="Do not test pairs whose log returns correlate less.",
        section=_TEST,
        validator=[optional(at_least(-1)), optional(at_most(1))],
    )
    same_sector: bool = option(False, help="Test pairs of one sector only.", section=_TEST)
    cointegration: bool = option(
        True,
        help="Test for cointegration; without, pairs are judged by correlation and half-life.",
        section=_TEST,
    )
    scheduler: str | None = option(
        None,
        help="Let the workers of this Dask scheduler test and search (tcp://host:8786); by default "
        "all processors of this machine do.",
        section=_TEST,
        metavar="ADDRESS",
    )
    fdr: Decimal = option(
        Decimal("0.10"),
        help="Largest q-value that survives: the false discovery rate.",
        section=_FILTER,
        validator=fraction,
    )
    min_half_life: Decimal = option(
        Decimal(2),
        help="Shortest half-life that survives.",
        unit="bars",
        section=_FILTER,
        validator=positive,
    )
    max_half_life: Decimal | None = option(
        None,
        help="Longest half-life that survives; by default a quarter of the bars.",
        unit="bars",
        section=_FILTER,
        validator=optional(positive),
    )
    johansen: bool = option(
        False,
        help="Test what is reported by Johansen's trace too, with a restricted constant.",
        section=_TEST,
    )
    max_pairs: int | None = option(
        None,
        help="Report no more than so many pairs, the most certain ones.",
        section=_FILTER,
        validator=optional(at_least(1)),
    )
    keep: str = option(
        "survivors",
        help="Which pairs to report.",
        choices=("survivors", "all"),
        section=_FILTER,
    )

    def __attrs_post_init__(self) -> None:
        if bool(self.data) == bool(self.exchange):
            raise ConfigError(
                "prices come from files or from a venue, not from both"
                if self.data
                else "it is not said where prices come from",
                where="--data",
                remedy="give --data FILE, --data FOLDER, or --exchange NAME",
            )
        if self.scheduler is not None and not _ADDRESS.fullmatch(self.scheduler):
            raise ConfigError(
                f"{self.scheduler!r} is no address of a scheduler",
                where="--scheduler",
                remedy="write tcp://host:8786, or tls://host:8786",
            )
        if self.max_half_life is not None and self.max_half_life < self.min_half_life:
            raise ConfigError(
                f"({self.max_half_life}) is below the shortest half-life ({self.min_half_life})",
                where="--max-half-life",
                remedy="choose a longer one, or lower --min-half-life",
            )
