"""
From the survivors of a screen to the pairs that are worth trading, every try written down.

All pairs are tried before any is judged, for the number of trials that a Sharpe ratio is deflated
by is that of the whole search, and of every earlier one on the same bars.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from typing import Final, TypeAlias

from attrs import frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.money import mul
from algopioneer_core.simulation.config import FillTiming
from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig
from algopioneer_strategies.research.evaluation import (
    PairEvaluation,
    PairTask,
    PairTrial,
    split_rule,
    try_pair,
    weigh,
)
from algopioneer_strategies.research.grid_spec import GridMarket, GridSpec
from algopioneer_strategies.research.kalman_noise import with_noises
from algopioneer_strategies.research.pair_bars import pair_bars
from algopioneer_strategies.research.pair_state import PairState
from algopioneer_strategies.research.processes import LocalProcesses, OneByOne
from algopioneer_strategies.research.screened_pair import ScreenedPair
from algopioneer_strategies.research.search_log import SearchLog
from algopioneer_strategies.research.tiles import TileRunner
from algopioneer_strategies.research.trading_options import TradingOptions, numbers
from algopioneer_strategies.research.universe import AlignedCloses

__all__ = ["FoundPair", "PairTrading", "PairWatch", "pair_tasks", "trade_pairs", "trading_of"]

PairWatch: TypeAlias = Callable[[int, int], None]
"""Told how many pairs of how many are done."""
_BPS: Final = Decimal("0.0001")
_WORTH_PROCESSES: Final = 20_000_000
"""Cells times bars, some eight pairs of the default grid over 2 160 bars, five seconds of one
processor: from here on starting processes takes less than it saves."""


@frozen(kw_only=True)
class PairTrading:
    """How the survivors are traded, made of a user's options."""

    spec: GridSpec
    market: GridMarket
    options: TradingOptions


@frozen(eq=False)
class FoundPair:
    """A pair of the screen, and what trading it came to."""

    screened: ScreenedPair
    evaluation: PairEvaluation
    min_sharpe: float

    @property
    def refusal(self) -> str | None:
        """Why it is not written; None when it is."""
        sharpe = self.evaluation.sharpe
        if sharpe is None:
            return "it was not traded out of sample"
        if sharpe < self.min_sharpe:
            return f"its out-of-sample Sharpe ratio of {sharpe:.2f} is below {self.min_sharpe:g}"
        if self.evaluation.parameters is None:
            return "nothing can be chosen on the latest bars"
        return None


def trading_of(options: TradingOptions) -> PairTrading:
    """
    Return the grid and the market that *options* describe.

    Raises:
        ConfigError: A number is none, a hedge is unknown, or no cell makes sense.
    """
    spec = GridSpec(
        windows=numbers(options.windows, int, where="--windows"),
        entries=numbers(options.entries, Decimal, where="--entries"),
        exits=numbers(options.exits, Decimal, where="--exits"),
        hedges=tuple(_hedge(word.strip()) for word in options.hedges.split(",")),
    )
    market = GridMarket(
        fee=mul(options.fee_bps, _BPS),
        slippage=mul(options.slippage_bps, _BPS),
        fill=FillTiming.NEXT_CLOSE,
    )
    return PairTrading(spec=spec, market=market, options=options)


def _hedge(word: str) -> PairsConfig:
    known = {method.value: method for method in HedgeMethod}
    if word not in known:
        raise ConfigError(
            f"{word!r} is no hedge that can be tried",
            where="--hedges",
            remedy=f"choose among {', '.join(known)}",
        )
    return PairsConfig(hedge=known[word])


def pair_tasks(
    pairs: Iterable[ScreenedPair], closes: AlignedCloses, trading: PairTrading, *, split: int
) -> list[PairTask]:
    """
    Return what there is to do for each of *pairs*.

    Args:
        pairs: Survivors of a screen of the bars before the *split*.
        closes: All bars.
        trading: How they are traded.
        split: How many bars the screen saw.

    Raises:
        ConfigError: The formation window does not fit in front of the split.
    """
    return [_task(pair, closes, trading, split) for pair in pairs]


def _task(pair: ScreenedPair, closes: AlignedCloses, trading: PairTrading, split: int) -> PairTask:
    options, joint = trading.options, pair_bars(closes, pair.leg1, pair.leg2)
    second = closes.log_prices[closes.symbols.index(pair.leg2), :split]
    rule = split_rule(
        len(joint),
        split,
        half_life=pair.half_life,
        formation=options.formation,
        test=options.test,
        embargo=options.embargo,
    )
    return PairTask(
        spec=with_noises(trading.spec, pair, second),
        joint=joint,
        market=trading.market,
        rule=rule,
        split=split,
        capital=options.initial_capital,
    )


def trade_pairs(
    pairs: Sequence[ScreenedPair],
    tasks: Sequence[PairTask],
    log: SearchLog,
    *,
    min_sharpe: Decimal,
    kept: PairState | None = None,
    watch: PairWatch | None = None,
    tiles: TileRunner | None = None,
) -> list[FoundPair]:
    """
    Search, walk forward and confirm each of *pairs*.

    Args:
        pairs: Survivors of a screen.
        tasks: What there is to do for each of them: `pair_tasks`.
        log: Where each try is written down.
        min_sharpe: Out-of-sample Sharpe ratio, a year, of a pair that is worth writing.
        kept: Pairs that were tried before an interruption are not tried again; where this is
            interrupted, those that were tried are written to its file.
        watch: Told of pairs as they are tried.
        tiles: Who tries them; None is this process, or all processors where it is worth it. It
            changes no bit.

    Returns:
        The pairs by falling out-of-sample Sharpe ratio.

    Raises:
        NotEnoughData: There are too few bars for the grid or for a test window.
    """
    try:
        trials = list(_tried(pairs, tasks, log, kept, watch, tiles))
    except BaseException:  # Ctrl-C above all
        if kept:
            kept.keep()
        raise
    recorded = log.recorded(tasks)
    found = [
        FoundPair(pair, weigh(trial, task, recorded), float(min_sharpe))
        for pair, task, trial in zip(pairs, tasks, trials, strict=True)
    ]
    return sorted(found, key=lambda each: -(each.evaluation.sharpe or -math.inf))


def _tried(
    pairs: Sequence[ScreenedPair],
    tasks: Sequence[PairTask],
    log: SearchLog,
    kept: PairState | None,
    watch: PairWatch | None,
    tiles: TileRunner | None,
) -> Iterator[PairTrial]:
    """Yield the trial of each pair, written down as soon as it is there."""
    known = [kept.trial(task) if kept else None for task in tasks]
    left = [task for task, trial in zip(tasks, known, strict=True) if not trial]
    runner = _runner(left) if tiles is None else tiles
    with closing(runner.run(try_pair, left)) as fresh:
        for done, (pair, task, before) in enumerate(zip(pairs, tasks, known, strict=True), 1):
            trial = before or next(fresh)
            if kept:
                kept.add(task, trial)
            log.pair(pair, task, trial)
            if watch:
                watch(done, len(tasks))
            yield trial


def _runner(tasks: Sequence[PairTask]) -> TileRunner:
    """Return who tries the pairs of *tasks*: processes, where they are worth starting."""
    work = sum(task.cells * len(task.joint) for task in tasks)
    is_worth = len(tasks) > 1 and work >= _WORTH_PROCESSES
    return LocalProcesses() if is_worth else OneByOne()
