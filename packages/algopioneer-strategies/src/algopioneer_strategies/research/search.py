"""
From the survivors of a screen to the pairs that are worth trading, every try written down.

All grids are searched before any is judged, for the number of trials that a Sharpe ratio is
deflated by is that of the whole search, and of every earlier one on the same bars.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np
from attrs import frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.money import mul, plain
from algopioneer_core.history.joined import JointColumns
from algopioneer_core.simulation.config import FillTiming
from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig
from algopioneer_strategies.research.evaluation import (
    PairEvaluation,
    PairSearch,
    evaluate,
    search_grid,
    split_rule,
)
from algopioneer_strategies.research.experiments import Experiment, ExperimentKind
from algopioneer_strategies.research.fingerprints import code_version, data_hash
from algopioneer_strategies.research.grid_spec import GridMarket, GridSpec
from algopioneer_strategies.research.ledger import ExperimentLedger
from algopioneer_strategies.research.pair_bars import pair_bars
from algopioneer_strategies.research.screen import Screen
from algopioneer_strategies.research.screened_pair import ScreenedPair
from algopioneer_strategies.research.trading_options import TradingOptions, numbers
from algopioneer_strategies.research.universe import AlignedCloses

__all__ = ["FoundPair", "PairTrading", "log_screen", "trade_pairs", "trading_of"]

_BPS: Final = Decimal("0.0001")
_HEDGES: Final = (HedgeMethod.FIXED, HedgeMethod.FITTED, HedgeMethod.OLS)


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
    known = {method.value: method for method in _HEDGES}
    if word not in known:
        raise ConfigError(
            f"{word!r} is no hedge that can be tried",
            where="--hedges",
            remedy=f"choose among {', '.join(known)}",
        )
    return PairsConfig(hedge=known[word])


def log_screen(ledger: ExperimentLedger, screen: Screen, *, ts_ns: int) -> None:
    """Append a screen to the ledger; trials are its tests."""
    closes, rule = screen.closes, screen.rule
    ledger.append(
        Experiment(
            kind=ExperimentKind.SCREEN,
            ts_ns=ts_ns,
            subject=f"{len(closes.symbols)} symbols",
            data_hash=data_hash(closes.symbols, closes.times_ns, [closes.log_prices]),
            code_version=code_version(),
            trials=max(screen.test_count, 1),
            parameters={
                "fdr": rule.fdr,
                "lag_choice": rule.lags.criterion.value,
                "lags": rule.lags.lags,
                "min_correlation": rule.min_correlation,
                "same_sector": rule.same_sector,
                "cointegration": rule.cointegration,
            },
            result={
                "tests": screen.test_count,
                "survivors": [f"{pair.leg1} / {pair.leg2}" for pair in screen.survivors],
            },
        )
    )


def trade_pairs(
    pairs: Sequence[ScreenedPair],
    closes: AlignedCloses,
    trading: PairTrading,
    ledger: ExperimentLedger,
    *,
    split: int,
    ts_ns: int,
) -> list[FoundPair]:
    """
    Search, walk forward and confirm each of *pairs*.

    Args:
        pairs: Survivors of a screen of the bars before the *split*.
        closes: All bars.
        trading: How they are traded.
        ledger: Where each try is appended.
        split: How many bars the screen saw.
        ts_ns: When this is done, for the ledger.

    Returns:
        The pairs by falling out-of-sample Sharpe ratio.

    Raises:
        NotEnoughData: There are too few bars for the grid or for a test window.
    """
    log = _Log(ledger, ts_ns, code_version())
    bars = [pair_bars(closes, pair.leg1, pair.leg2) for pair in pairs]
    searches = [search_grid(trading.spec, joint, trading.market, split) for joint in bars]
    for pair, joint, search in zip(pairs, bars, searches, strict=True):
        log.grid(pair, joint.slice(0, split), trading, search)
    trials = ledger.trials(ExperimentKind.GRID, [_hash(joint.slice(0, split)) for joint in bars])
    found = []
    for pair, joint, search in zip(pairs, bars, searches, strict=True):
        options = trading.options
        rule = split_rule(
            len(joint),
            split,
            half_life=pair.half_life,
            formation=options.formation,
            test=options.test,
            embargo=options.embargo,
        )
        evaluation = evaluate(
            trading.spec,
            joint,
            trading.market,
            rule,
            split=split,
            search=search,
            trials=trials,
            capital=options.initial_capital,
        )
        log.walk(pair, evaluation, trading)
        found.append(FoundPair(pair, evaluation, float(options.min_sharpe)))
    return sorted(found, key=lambda each: -(each.evaluation.sharpe or -math.inf))


def _hash(joint: JointColumns) -> str:
    names = [leg.instrument_id.symbol for leg in joint.legs]
    columns = [column for leg in joint.legs for column in (leg.open, leg.close)]
    return data_hash(names, joint.ts_ns, columns)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


@frozen
class _Log:
    """Appends to a ledger."""

    ledger: ExperimentLedger
    ts_ns: int
    code: str

    def grid(
        self, pair: ScreenedPair, joint: JointColumns, trading: PairTrading, search: PairSearch
    ) -> None:
        sharpes = np.empty(0) if search.grid is None else search.grid.sharpe
        self._append(
            ExperimentKind.GRID,
            pair,
            joint,
            trials=len(trading.spec.cells),
            parameters=trading.spec.as_dict() | _market_dict(trading.market),
            result={
                "sharpe": [_finite(value) for value in sharpes.tolist()],
                "best": search.best,
                "overfitting": search.overfitting.probability if search.overfitting else None,
            },
        )

    def walk(self, pair: ScreenedPair, found: PairEvaluation, trading: PairTrading) -> None:
        figures, rule = found.confirmed.figures, found.rule
        shared = rule.as_dict() | {"split": found.split} | _market_dict(trading.market)
        self._append(
            ExperimentKind.WALK_FORWARD,
            pair,
            found.joint,
            trials=1,
            parameters=trading.spec.as_dict() | shared,
            result={
                "choices": [
                    None if each.choice is None else each.choice.place for each in found.walk.folds
                ],
                "sharpe": _finite(found.walk.sharpe),
                "trades": found.walk.trades,
            },
        )
        self._append(
            ExperimentKind.BACKTEST,
            pair,
            found.joint,
            trials=1,
            parameters=shared | {"engine": "event"},
            result={
                "final_capital": plain(found.confirmed.final_capital),
                "sharpe": _finite(figures.sharpe_ratio),
                "trades": len(found.confirmed.first_leg),
            },
        )

    def _append(
        self,
        kind: ExperimentKind,
        pair: ScreenedPair,
        joint: JointColumns,
        *,
        trials: int,
        parameters: dict[str, Any],
        result: dict[str, Any],
    ) -> None:
        self.ledger.append(
            Experiment(
                kind=kind,
                ts_ns=self.ts_ns,
                subject=f"{pair.leg1} / {pair.leg2}",
                data_hash=_hash(joint),
                code_version=self.code,
                trials=trials,
                parameters=parameters,
                result=result,
            )
        )


def _market_dict(market: GridMarket) -> dict[str, Any]:
    return {
        "fee": plain(market.fee),
        "slippage": plain(market.slippage),
        "fill": market.fill.value,
        "position_size": plain(market.position_size),
    }
