"""A screen as JSON values; `docs/reference/discovery.md` says what each key is."""

from collections.abc import Sequence
from typing import Any

from algopioneer_core.domain.times import iso_utc
from algopioneer_core.history.intervals import format_interval
from algopioneer_strategies.research.discovery import Discovery
from algopioneer_strategies.research.johansen import TRACE_CRITICAL, Johansen
from algopioneer_strategies.research.screen import Screen
from algopioneer_strategies.research.screened_pair import Direction, ScreenedPair
from algopioneer_strategies.research.universe import Coverage

__all__ = ["pair_values", "screen_values"]


def screen_values(discovery: Discovery) -> dict[str, Any]:
    """Return what `--json` prints."""
    found, coverage = discovery.screen, discovery.coverage
    rule = found.rule
    pairs = [pair_values(pair) for pair in discovery.pairs]
    for values, tested in zip(pairs, discovery.johansen, strict=False):  # none, or one for each
        values["johansen"] = _trace(tested)
    return {
        "tests": found.test_count,
        "survivors": len(found.survivors),
        "naive": found.naive,
        "discoveries": found.discoveries,
        "fdr": rule.fdr,
        "lag_choice": rule.lags.criterion.value,
        "lags": rule.lags.lags,
        "lag_ties": found.ties,
        "recheck": discovery.recheck.difference if discovery.recheck else None,
        "rechecked": discovery.recheck.pairs if discovery.recheck else 0,
        "collinear": [list(names) for names in found.collinear],
        "universe": _universe(found, coverage),
        "pairs": pairs,
    }


def _universe(found: Screen, coverage: Sequence[Coverage]) -> dict[str, Any]:
    closes = found.closes
    order = {symbol: place for place, symbol in enumerate(closes.symbols)}
    return {
        "interval": format_interval(closes.interval_ns),
        "bars": len(closes),
        "first_bar": iso_utc(int(closes.times_ns[0])),
        "last_bar": iso_utc(int(closes.times_ns[-1])),
        "symbols": [_symbol(each, found, order.get(each.symbol)) for each in coverage],
    }


def _symbol(each: Coverage, found: Screen, place: int | None) -> dict[str, Any]:
    values: dict[str, Any] = {
        "symbol": each.symbol,
        "bars": each.bars,
        "coverage": each.share,
        "first_bar": iso_utc(each.first_ns),
        "last_bar": iso_utc(each.last_ns),
        "longest_gap": each.longest_gap,
        "longest_unchanged": each.longest_unchanged,
        "left_out": each.left_out,
    }
    if place is not None:
        tested = found.integrations[place]
        values |= {
            "sector": found.sectors[place],
            "adf_p_value": tested.adf_p_value,
            "kpss_statistic": tested.kpss_statistic,
            "step_adf_p_value": tested.step_p_value,
        }
    return values


def pair_values(pair: ScreenedPair) -> dict[str, Any]:
    """Return one pair as JSON values."""
    return {
        "leg1": pair.leg1,
        "leg2": pair.leg2,
        "sector1": pair.sectors[0],
        "sector2": pair.sectors[1],
        "correlation": pair.correlation,
        **_direction(pair.ab, "ab"),
        **_direction(pair.ba, "ba"),
        "p_value": pair.p_value,
        "q_value": pair.q_value,
        "q_value_by": pair.q_value_by,
        "hedge_ratio": pair.hedge_ratio,
        "hedge_ratio_low": pair.hedge_ratio_low,
        "hedge_ratio_high": pair.hedge_ratio_high,
        "intercept": pair.intercept,
        "deviation": pair.deviation,
        "half_life": pair.half_life,
        "half_life_low": pair.half_life_low,
        "half_life_high": pair.half_life_high,
        "variance_ratio": pair.variance_ratio,
        "variance_ratio_p_value": pair.variance_ratio_p_value,
        "crossings": pair.crossings,
        "survives": pair.survives,
        "failures": [failure.value for failure in pair.failures],
    }


def _trace(tested: Johansen) -> dict[str, Any]:
    return {
        "trace": tested.trace.tolist(),
        "critical": list(reversed(TRACE_CRITICAL[: len(tested.trace)])),
        "rank": tested.rank,
    }


def _direction(test: Direction | None, name: str) -> dict[str, Any]:
    return {
        f"statistic_{name}": None if test is None else test.statistic,
        f"p_value_{name}": None if test is None else test.p_value,
        f"lag_{name}": None if test is None else test.lags,
        f"lag_tie_{name}": None if test is None else test.is_tied,
    }
