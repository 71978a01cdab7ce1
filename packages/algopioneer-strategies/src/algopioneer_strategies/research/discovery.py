"""One search for pairs, from what a user asks for to what is reported."""

from pathlib import Path

from attrs import frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.history.columns import Stamp
from algopioneer_core.history.intervals import DAY_NS, parse_interval
from algopioneer_strategies.research.close_files import read_closes
from algopioneer_strategies.research.lag_choice import LagCriterion, LagRule
from algopioneer_strategies.research.options import DiscoveryOptions
from algopioneer_strategies.research.recheck import recheck
from algopioneer_strategies.research.screen import Screen, ScreenRule, screen
from algopioneer_strategies.research.screened_pair import ScreenedPair
from algopioneer_strategies.research.sectors import read_sectors, sectors_of
from algopioneer_strategies.research.universe import Coverage, SymbolCloses, align

__all__ = ["Discovery", "discover", "screen_rule"]


@frozen(eq=False)
class Discovery:
    """What a search found."""

    screen: Screen
    coverage: tuple[Coverage, ...]
    """Of every symbol that was asked for."""
    pairs: tuple[ScreenedPair, ...]
    """Those to report."""
    recheck: float | None
    """Largest difference of theirs from statsmodels; None where nothing was tested."""


def discover(options: DiscoveryOptions) -> Discovery:
    """
    Read the universe, screen it, and check what is to be reported.

    Raises:
        AlgopioneerError: Something is wrong or missing; says what, where and what to do.
    """
    rule = screen_rule(options)
    files = read_closes(
        [Path(name) for name in options.data],
        symbols=_separated(options.symbols),
        interval_ns=parse_interval(options.interval) if options.interval else None,
        stamp=Stamp(options.stamp),
    )
    found = _recent(files.closes, options.lookback_days)
    closes, coverage = align(found, files.interval_ns, min_coverage=float(options.min_coverage))
    known = read_sectors(Path(options.sectors)) if options.sectors else None
    screened = screen(closes, rule, sectors=sectors_of(closes.symbols, known))
    pairs = screened.every_pair() if options.keep == "all" else screened.survivors
    pairs = pairs[: options.max_pairs]
    checked = recheck(closes, screened.survivors[: options.max_pairs])
    return Discovery(screened, coverage, pairs, checked if rule.cointegration else None)


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
        cointegration=not options.no_cointegration,
        min_half_life=float(options.min_half_life),
        max_half_life=None if longest is None else float(longest),
    )


def _separated(texts: tuple[str, ...]) -> tuple[str, ...]:
    names = [name.strip() for text in texts for name in text.split(",") if name.strip()]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ConfigError(f"{twice!r} is named twice", where="--symbols", remedy="name it once")
    return tuple(names)


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
