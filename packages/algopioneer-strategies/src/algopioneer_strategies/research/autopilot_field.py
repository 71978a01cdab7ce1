"""
Who is compared: the pairs that are traded, and those that a search found, measured alike.

A pair that is traded is described as it is alone, so that no filter of the screen can leave it out;
its grid, costs, held-out bars and choice of parameters are those of every candidate. What is
compared is the pair, not the parameters it happens to run with: those may have been chosen on the
very bars it would be judged by.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from attrs import frozen

from algopioneer_strategies.research.autopilot_portfolio import Holding, Portfolio, pair_name
from algopioneer_strategies.research.autopilot_rule import Contender
from algopioneer_strategies.research.discovery import Discovery
from algopioneer_strategies.research.screen import ScreenRule, screen
from algopioneer_strategies.research.screened_pair import ScreenedPair
from algopioneer_strategies.research.search import (
    FoundPair,
    pair_tasks,
    trade_pairs,
    trading_of,
)
from algopioneer_strategies.research.search_log import SearchLog
from algopioneer_strategies.research.tiles import TileRunner
from algopioneer_strategies.research.trading_options import TradingOptions

__all__ = ["Field"]

_UNTESTABLE: Final = "its legs explain each other wholly"


@frozen(eq=False, kw_only=True)
class Field:
    """Everybody who is compared."""

    found: Discovery
    portfolio: Portfolio
    traded: Mapping[str, FoundPair]
    """Every pair that was walked forward."""
    unjudged: Mapping[str, str]
    """Pairs that are traded and cannot be judged, and why."""

    @classmethod
    def of(
        cls,
        found: Discovery,
        portfolio: Portfolio,
        survivors: Sequence[ScreenedPair],
        trading: TradingOptions,
        log: SearchLog,
        tiles: TileRunner | None = None,
    ) -> "Field":
        """Walk everybody forward, over the same bars."""
        held, unjudged = _held(found, portfolio.holdings)
        legs = {frozenset((each.leg1, each.leg2)) for each in held.values()}
        new = [each for each in survivors if frozenset((each.leg1, each.leg2)) not in legs]
        pairs = [*held.values(), *new]
        tasks = pair_tasks(pairs, found.closes, trading_of(trading), split=found.split)
        walked = trade_pairs(pairs, tasks, log, min_sharpe=trading.min_sharpe, tiles=tiles)
        traded = {pair_name(each.screened.leg1, each.screened.leg2): each for each in walked}
        return cls(found=found, portfolio=portfolio, traded=traded, unjudged=unjudged)

    @property
    def incumbents(self) -> list[Contender]:
        """Pairs that are traded and can be judged, in the order of the file."""
        names = [each.name for each in self.portfolio.holdings]
        return [_contender(name, self.traded[name]) for name in names if name in self.traded]

    @property
    def candidates(self) -> list[Contender]:
        """Pairs that were found and are not traded, by name."""
        known = {each.name for each in self.portfolio.holdings}
        return [_contender(name, self.traded[name]) for name in sorted(set(self.traded) - known)]


def _contender(name: str, found: FoundPair) -> Contender:
    returns = found.evaluation.confirmed.returns
    # After a ruin there is nothing left to gain or lose.
    return Contender(name, np.where(np.isfinite(returns), returns, 0.0), found.refusal)


def _held(
    found: Discovery, holdings: Iterable[Holding]
) -> tuple[dict[str, ScreenedPair], dict[str, str]]:
    """Return the traded pairs as a screen describes them, and why others cannot be."""
    held, unjudged = dict[str, ScreenedPair](), dict[str, str]()
    for each in holdings:
        missing = [leg for leg in (each.leg1, each.leg2) if leg not in found.closes.symbols]
        pair = None if missing else _described(found, each)
        if pair is not None:
            held[each.name] = pair
        else:
            unjudged[each.name] = (
                f"the search has no bars of {' and '.join(missing)}" if missing else _UNTESTABLE
            )
    return held, unjudged


def _described(found: Discovery, holding: Holding) -> ScreenedPair | None:
    """Return a pair as it is alone, whatever the screen's filters are."""
    closes = found.closes.between(0, found.split)
    places = [closes.symbols.index(leg) for leg in (holding.leg1, holding.leg2)]
    alone = screen(closes.only(places), ScreenRule(lags=found.screen.rule.lags))
    return next(iter(alone.every_pair()), None)
