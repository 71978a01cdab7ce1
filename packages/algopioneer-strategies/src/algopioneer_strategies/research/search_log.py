"""
What a search writes into the ledger: its screen, and of each pair grid, walk-forward and backtest.

A search that goes on after an interruption writes down what it had not written before, and nothing
twice: `written` remembers the entries, by what was tried, and is kept with the pairs.
"""

import hashlib
import math
from collections.abc import Iterable, MutableMapping
from typing import Any

import numpy as np
from attrs import field, frozen

from algopioneer_core.domain.money import plain
from algopioneer_core.history.joined import JointColumns
from algopioneer_strategies.research.evaluation import PairTask, PairTrial
from algopioneer_strategies.research.experiments import (
    Experiment,
    ExperimentKind,
    canonical_json,
)
from algopioneer_strategies.research.fingerprints import data_hash
from algopioneer_strategies.research.grid_spec import GridMarket
from algopioneer_strategies.research.ledger import ExperimentLedger
from algopioneer_strategies.research.screen import Screen
from algopioneer_strategies.research.screened_pair import ScreenedPair

__all__ = ["SearchLog"]


@frozen
class SearchLog:
    """Appends what one search tries to a ledger."""

    ledger: ExperimentLedger
    ts_ns: int
    """When the search is made, UTC nanoseconds."""
    code: str
    """`fingerprints.code_version`."""
    written: MutableMapping[str, str] = field(factory=dict)
    """Entries of this search, also of before it was interrupted: the hash of each in the chain, by
    what was tried."""

    def screen(self, screen: Screen) -> None:
        """Append a screen; trials are its tests."""
        closes, rule = screen.closes, screen.rule
        self._append(
            kind=ExperimentKind.SCREEN,
            subject=f"{len(closes.symbols)} symbols",
            data_hash=data_hash(closes.symbols, closes.times_ns, [closes.log_prices]),
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

    def pair(self, pair: ScreenedPair, task: PairTask, found: PairTrial) -> None:
        """Append the grid of a pair, its walk-forward, and the backtest of that."""
        subject, whole = f"{pair.leg1} / {pair.leg2}", _hash(task.joint)
        market = _market_dict(task.market)
        shared = found.rule.as_dict() | {"split": task.split} | market
        self._append(
            kind=ExperimentKind.GRID,
            subject=subject,
            data_hash=_seen(task),
            trials=len(task.spec.cells),
            parameters=task.spec.as_dict() | market,
            result=_grid_result(found),
        )
        self._append(
            kind=ExperimentKind.WALK_FORWARD,
            subject=subject,
            data_hash=whole,
            trials=1,
            parameters=task.spec.as_dict() | shared,
            result=_walk_result(found),
        )
        self._append(
            kind=ExperimentKind.BACKTEST,
            subject=subject,
            data_hash=whole,
            trials=1,
            parameters=shared | {"engine": "event"},
            result=_backtest_result(found),
        )

    def recorded(self, tasks: Iterable[PairTask]) -> int:
        """Return how many cells were ever tried on the bars that the grids of *tasks* saw."""
        return self.ledger.trials(ExperimentKind.GRID, [_seen(task) for task in tasks])

    def _append(self, **fields: Any) -> None:
        experiment = Experiment(ts_ns=self.ts_ns, code_version=self.code, **fields)
        key = _key(experiment)
        if not self.ledger.contains(self.written.get(key, "")):
            [row] = self.ledger.append(experiment)
            self.written[key] = row.hash


def _key(experiment: Experiment) -> str:
    """Return what tells apart what was tried; neither when, nor what came of it."""
    parts = (
        experiment.kind.value,
        experiment.subject,
        experiment.data_hash,
        experiment.code_version,
        canonical_json(experiment.parameters),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _grid_result(found: PairTrial) -> dict[str, Any]:
    search = found.search
    sharpes = np.empty(0) if search.grid is None else search.grid.sharpe
    return {
        "sharpe": [_finite(value) for value in sharpes.tolist()],
        "best": search.best,
        "overfitting": search.overfitting.probability if search.overfitting else None,
    }


def _walk_result(found: PairTrial) -> dict[str, Any]:
    choices = [each.choice for each in found.walk.folds]
    return {
        "choices": [None if choice is None else choice.place for choice in choices],
        "sharpe": _finite(found.walk.sharpe),
        "trades": found.walk.trades,
    }


def _backtest_result(found: PairTrial) -> dict[str, Any]:
    return {
        "final_capital": plain(found.confirmed.final_capital),
        "sharpe": _finite(found.confirmed.figures.sharpe_ratio),
        "trades": len(found.confirmed.first_leg),
    }


def _seen(task: PairTask) -> str:
    """Return the hash of the bars that the screen saw, and the grid."""
    return _hash(task.joint.slice(0, task.split))


def _hash(joint: JointColumns) -> str:
    names = [leg.instrument_id.symbol for leg in joint.legs]
    columns = [column for leg in joint.legs for column in (leg.open, leg.close)]
    return data_hash(names, joint.ts_ns, columns)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _market_dict(market: GridMarket) -> dict[str, Any]:
    return {
        "fee": plain(market.fee),
        "slippage": plain(market.slippage),
        "fill": market.fill.value,
        "position_size": plain(market.position_size),
    }
