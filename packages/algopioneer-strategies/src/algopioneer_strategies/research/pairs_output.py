"""
What a search writes: `discovered_pairs.json` for `portfolio`, and its figures as JSON values.

The file is the list of pairs that `algopioneer portfolio --config` reads. The capital is shared by
the pairs in equal parts, and half of a part is what goes into the first leg.
"""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from algopioneer_core.domain.errors import OutputError
from algopioneer_core.domain.money import divide_half_even, plain
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.history.intervals import format_interval
from algopioneer_strategies.pairs_config import KALMAN_KEYS, HedgeMethod, PairsConfig
from algopioneer_strategies.research.drafts import draft_of
from algopioneer_strategies.research.evaluation import Honesty, PairEvaluation
from algopioneer_strategies.research.overfitting import Deflation
from algopioneer_strategies.research.search import FoundPair
from algopioneer_strategies.research.trading_options import TradingOptions

__all__ = [
    "check_place",
    "evaluation_values",
    "honesty_values",
    "pairs_file",
    "pairs_text",
    "write_file",
]

_LEGS: Final = 2
_CENT_PLACES: Final = 2


def pairs_file(found: Sequence[FoundPair], options: TradingOptions) -> list[dict[str, Any]]:
    """Return what `portfolio` reads: the pairs that are worth it, best first."""
    chosen = [(each, each.evaluation.parameters) for each in found if each.refusal is None]
    return [
        _pair(each, parameters, options, len(chosen))
        for each, parameters in chosen
        if parameters is not None
    ]


def _pair(
    found: FoundPair, parameters: PairsConfig, options: TradingOptions, pairs: int
) -> dict[str, Any]:
    order = divide_half_even(options.initial_capital, Decimal(_LEGS * pairs), places=_CENT_PLACES)
    return {
        "spot_symbol": found.screened.leg1,
        "future_symbol": found.screened.leg2,
        "order_size": plain(order),
        "window_size": parameters.window,
        "entry_z_score": plain(parameters.z_entry),
        "exit_z_score": plain(parameters.z_exit),
        "hedge": parameters.hedge.value,
        **_hedge_numbers(parameters, ratio="hedge_ratio"),
        "interval": format_interval(found.evaluation.joint.legs[0].interval_ns),
        "fee_tier": {
            "maker_fee_bps": plain(options.fee_bps),
            "taker_fee_bps": plain(options.fee_bps),
            "slippage_bps": plain(options.slippage_bps),
        },
    }


def _hedge_numbers(cell: PairsConfig, *, ratio: str) -> dict[str, str]:
    """Return what the hedge of *cell* needs to be traded as it is; *ratio* is the key of beta."""
    match cell.hedge:
        case HedgeMethod.FIXED:
            return {ratio: plain(cell.beta)}
        case HedgeMethod.KALMAN:  # beta is where the filter begins
            return {ratio: plain(cell.beta)} | {
                key: plain(getattr(cell, key)) for key in KALMAN_KEYS
            }
        case HedgeMethod.FITTED | HedgeMethod.OLS:
            return {}


def write_file(path: Path, text: str, *, check: Callable[[Path], object] = lambda _: None) -> None:
    """
    Write *text* to *path*, whole or not at all.

    Args:
        path: The file.
        text: All of it.
        check: Looks at what was written, beside *path*, before it takes its place; what it raises
            leaves *path* as it was.

    Raises:
        OutputError: It cannot be written.
    """
    check_place(path)
    with draft_of(path, remedy="name a file that can be written") as draft:
        draft.write_text(text, encoding="utf-8")
        check(draft)


def check_place(path: Path) -> None:
    """
    Refuse a place where no file can be, before hours of work are lost to it.

    Raises:
        OutputError: It is a folder, or lies in none.
    """
    reason = "it is a folder" if path.is_dir() else "there is no such folder"
    if path.is_dir() or not path.parent.is_dir():
        raise OutputError(
            f"cannot write here: {reason}", where=str(path), remedy="name a file in a folder"
        )


def pairs_text(found: Sequence[FoundPair], options: TradingOptions) -> str:
    """Return the content of `discovered_pairs.json`."""
    return json.dumps(pairs_file(found, options), indent=2, ensure_ascii=False) + "\n"


def evaluation_values(found: FoundPair) -> dict[str, Any]:
    """Return what trading a pair came to, as JSON values; what is undefined is None."""
    evaluation = found.evaluation
    figures, walk = evaluation.confirmed.figures, evaluation.walk
    ts_ns = evaluation.confirmed.ts_ns
    return {
        "is_written": found.refusal is None,
        "refusal": found.refusal,
        "out_of_sample": {
            "first_bar": iso_utc(int(ts_ns[0])),
            "last_bar": iso_utc(int(ts_ns[-1])),
            "bars": len(ts_ns),
            "final_capital": plain(evaluation.confirmed.final_capital),
            "return_pct": figures.return_pct,
            "sharpe_ratio": figures.sharpe_ratio,
            "max_drawdown_pct": figures.drawdown.depth_pct,
            "trades": len(evaluation.confirmed.first_leg),
        },
        "walk_forward": {
            **evaluation.rule.as_dict(),
            "folds": len(walk.folds),
            "in_sample_sharpe_per_bar": walk.in_sample_sharpe,
            "sharpe_per_bar": walk.sharpe,
            "efficiency": walk.efficiency,
        },
        "honesty": honesty_values(evaluation.honesty),
        "parameters": _parameters(evaluation),
    }


def honesty_values(honesty: Honesty) -> dict[str, Any]:
    """Return how far the figures can be trusted, as JSON values."""
    return {
        "trials": honesty.trials,
        "effective_trials": honesty.effective,
        "deflated_sharpe": _deflated(honesty.by_recorded),
        "sharpe_by_luck_per_bar": honesty.by_recorded.by_luck if honesty.by_recorded else None,
        "deflated_sharpe_effective": _deflated(honesty.by_effective),
        "overfitting_probability": honesty.overfitting,
        "probability_above_zero": honesty.above_zero,
        "minimum_track_record_bars": honesty.track_record,
        "bars": honesty.bars,
    }


def _deflated(deflation: Deflation | None) -> float | None:
    return None if deflation is None else deflation.deflated


def _parameters(evaluation: PairEvaluation) -> dict[str, Any] | None:
    cell = evaluation.parameters
    if cell is None:
        return None
    return {
        "window": cell.window,
        "z_entry": plain(cell.z_entry),
        "z_exit": plain(cell.z_exit),
        "hedge": cell.hedge.value,
        "beta": None,
        **_hedge_numbers(cell, ratio="beta"),
    }
