"""One search for pairs, from what a user asks for to what is reported."""

import math
from decimal import Decimal
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from algopioneer_core.cli.kit import fetch_bars
from algopioneer_core.domain.money import ZERO
from algopioneer_core.history.columns import Stamp
from algopioneer_core.history.intervals import DAY_NS, parse_interval
from algopioneer_strategies.research.close_files import FileCloses, read_closes
from algopioneer_strategies.research.cointegration import Watch
from algopioneer_strategies.research.johansen import Johansen, johansen
from algopioneer_strategies.research.lag_choice import LagCriterion, LagRule
from algopioneer_strategies.research.options import DiscoveryOptions
from algopioneer_strategies.research.recheck import Recheck, recheck, to_recheck
from algopioneer_strategies.research.screen import Screen, ScreenRule, screen
from algopioneer_strategies.research.screen_state import ScreenState
from algopioneer_strategies.research.screened_pair import ScreenedPair
from algopioneer_strategies.research.sectors import COINS, EQUITIES, read_sectors, sectors_of
from algopioneer_strategies.research.symbol_lists import EQUITY_VENUES, wanted_symbols
from algopioneer_strategies.research.tiles import TileRunner
from algopioneer_strategies.research.universe import (
    AlignedCloses,
    Coverage,
    SymbolCloses,
    align,
)

__all__ = ["Discovery", "discover", "screen_rule"]

_INTERVAL: Final = "1h"
_LOOKBACK_DAYS: Final = 90
"""What is asked of a venue where the user does not say it: 2 160 hours."""


@frozen(eq=False, kw_only=True)
class Discovery:
    """What a search found."""

    screen: Screen
    coverage: tuple[Coverage, ...]
    """Of every symbol that was asked for."""
    pairs: tuple[ScreenedPair, ...]
    """Those to report."""
    johansen: tuple[Johansen, ...]
    """Of each of those; empty where it was not asked for."""
    recheck: Recheck | None
    """How far their tests are from those of statsmodels; None where nothing was tested."""
    closes: AlignedCloses
    """All joint closes, those that were held out too."""
    split: int
    """How many of them the screen saw."""


def discover(
    options: DiscoveryOptions,
    *,
    holdout: Decimal = ZERO,
    watch: Watch | None = None,
    tiles: TileRunner | None = None,
) -> Discovery:
    """
    Read the universe, screen it, and check what is to be reported.

    Where it is interrupted, the tests that were done are kept in the file of `options.state`; the
    same search goes on from there, and removes the file at its end.

    Args:
        options: What a user asks for.
        holdout: Share of the latest joint closes that the screen does not see.
        watch: Told of pairs as they are tested.
        tiles: Who tests; None is all processors of this machine.

    Raises:
        AlgopioneerError: Something is wrong or missing; says what, where and what to do.
    """
    rule = screen_rule(options)
    files = _fetched(options) if options.exchange else _read(options)
    found = _recent(files.closes, options.lookback_days)
    every, coverage = align(found, files.interval_ns, min_coverage=float(options.min_coverage))
    split = len(every) - math.floor(holdout * len(every))
    closes = every.between(0, split)
    known = read_sectors(Path(options.sectors)) if options.sectors else None
    kept = ScreenState(Path(options.state))
    groups = sectors_of(closes.symbols, known)
    screened = screen(closes, rule, sectors=groups, watch=watch, kept=kept, tiles=tiles)
    pairs = screened.every_pair() if options.keep == "all" else screened.survivors
    pairs = pairs[: options.max_pairs]
    # Survivors go on to the grid, whatever is reported of the screen.
    traded = screened.survivors[: options.max_pairs]
    wanted = {(pair.leg1, pair.leg2): pair for pair in (*traded, *to_recheck(pairs))}
    checked = recheck(closes, tuple(wanted.values()))
    kept.forget()
    return Discovery(
        screen=screened,
        coverage=coverage,
        pairs=pairs,
        johansen=tuple(_traced(closes, pair) for pair in pairs) if options.johansen else (),
        recheck=checked if rule.cointegration else None,
        closes=every,
        split=split,
    )


def _traced(closes: AlignedCloses, pair: ScreenedPair) -> Johansen:
    """Return Johansen's tests of a pair, with the lags its residual was tested with."""
    legs = [closes.symbols.index(leg) for leg in (pair.leg1, pair.leg2)]
    return johansen(closes.log_prices[legs], pair.ab.lags if pair.ab else 1)


def _read(options: DiscoveryOptions) -> FileCloses:
    return read_closes(
        [Path(name) for name in options.data],
        wanted=wanted_symbols(options.symbols, {**COINS, **EQUITIES}),
        interval_ns=parse_interval(options.interval) if options.interval else None,
        stamp=Stamp(options.stamp),
    )


def _fetched(options: DiscoveryOptions) -> FileCloses:
    assert options.exchange is not None  # who calls has looked
    default = EQUITIES if options.exchange in EQUITY_VENUES else COINS
    wanted = wanted_symbols(options.symbols or ("default",), default)
    paths = fetch_bars(
        options.exchange,
        wanted.symbols,
        interval=options.interval or _INTERVAL,
        lookback_days=options.lookback_days or _LOOKBACK_DAYS,
        folder=options.bars,
        venue=options.venue,
        only_traded=wanted.is_list,
    )
    found = read_closes(paths)
    return evolve(found, closes=_recent(found.closes, options.lookback_days or _LOOKBACK_DAYS))


def screen_rule(options: DiscoveryOptions) -> ScreenRule:
    """
    Return what *options* say about tests and filters.

    Raises:
        ConfigError: A value is out of its range.
    """
    longest, least = options.max_half_life, options.min_correlation
    return ScreenRule(
        lags=LagRule(LagCriterion(options.lag_choice), options.lags),
        fdr=float(options.fdr),
        min_correlation=None if least is None else float(least),
        same_sector=options.same_sector,
        cointegration=options.cointegration,
        min_half_life=float(options.min_half_life),
        max_half_life=None if longest is None else float(longest),
    )


def _recent(found: tuple[SymbolCloses, ...], days: int | None) -> tuple[SymbolCloses, ...]:
    """Return the closes of the last *days*; symbols without any are dropped."""
    if days is None:
        return found
    since = max(int(each.times_ns[-1]) for each in found) - days * DAY_NS
    parts = [(each, each.times_ns > since) for each in found]
    return tuple(
        SymbolCloses(each.symbol, each.times_ns[keep], each.closes[keep])
        for each, keep in parts
        if keep.any()
    )
