"""
Spreads at a hedge ratio that stays: given (`FixedSpread`), or fitted once (`FittedSpread`).

The spread ln a - beta ln b is quantised once, and the z-score is a matter of one rolling window.
"""

from collections.abc import Mapping, Sequence

from algopioneer_core.domain.errors import RefusedError
from algopioneer_strategies.hedge import CrossSums, Hedge
from algopioneer_strategies.spread import FLOAT_LOG_UNITS, LOG_UNITS, log_units
from algopioneer_strategies.volatility import VolatilityScale
from algopioneer_strategies.zscore import RollingZ, Score, score_of

__all__ = ["FittedSpread", "FixedSpread", "fitted_hedge"]


class FixedSpread:
    """
    ln a - beta ln b with a beta that never changes.

    Args:
        hedge: The hedge; its intercept does not matter.
        window: Bars of the z-score.
        volatility: Scales the score, where wanted.
    """

    def __init__(
        self, hedge: Hedge, window: int, volatility: VolatilityScale | None = None
    ) -> None:
        self._hedge = hedge
        self._beta = hedge.beta
        self._rolling = RollingZ(window)
        self._take = self._rolling.take
        self._volatility = volatility
        self._last: int | None = None
        self.bars_needed = window
        self.is_constant = True

    def take(self, log_a: float, log_b: float) -> float | None:
        """See `SpreadModel.take`."""
        # `log_units`, without a call: this is done at every bar.
        spread = round((log_a - self._beta * log_b) * FLOAT_LOG_UNITS)
        z = self._take(spread)
        return z if self._volatility is None else self._scale(self._volatility, spread)

    def _scale(self, volatility: VolatilityScale, spread: int) -> float | None:
        if self._last is not None:
            volatility.take(spread - self._last)
        self._last = spread
        score = self.score()
        return score.z if score else None

    def score(self) -> Score | None:
        """See `SpreadModel.score`."""
        deviation, variance = self._rolling.deviation, self._rolling.variance
        if self._volatility is not None:
            deviation, variance = self._volatility.scaled(deviation, variance)
        return score_of(deviation, variance)

    def hedge(self) -> Hedge:
        """See `SpreadModel.hedge`."""
        return self._hedge

    def score_at(self, hedge: Hedge) -> Score | None:
        """See `SpreadModel.score_at`; every frozen hedge is the one there is."""
        del hedge
        return self.score()

    def spreads_at(self, hedge: Hedge) -> list[int]:
        """See `SpreadModel.spreads_at`; all of them less the same constant."""
        del hedge
        return list(self._rolling.values)

    def snapshot(self) -> Mapping[str, object]:
        """See `SpreadModel.snapshot`."""
        origin = self._rolling.origin
        return {
            "spreads": [value + origin for value in self._rolling.values],
            "volatility": self._volatility.snapshot() if self._volatility else None,
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """See `SpreadModel.restore`."""
        spreads, volatility = state["spreads"], state["volatility"]
        assert isinstance(spreads, list)
        for spread in spreads:
            self._rolling.take(spread)
            self._last = spread
        if self._volatility is not None:
            assert isinstance(volatility, dict)
            self._volatility.restore(volatility)


class FittedSpread:
    """
    ln a - beta ln b with the least-squares beta of the first bars, never fitted again.

    The spreads of the fitting bars are taken at the fitted beta too, so that the window is as full
    as it can be when the fit is done.

    Args:
        bars: Bars that are fitted on; nothing is decided before the last of them.
        window: Bars of the z-score.
        volatility: Scales the score, where wanted.
    """

    def __init__(self, bars: int, window: int, volatility: VolatilityScale | None = None) -> None:
        self._bars = bars
        self._window = window
        self._volatility = volatility
        self._logs: list[tuple[float, float]] = []
        self._fixed: FixedSpread | None = None
        self.bars_needed = max(bars, window)
        self.is_constant = True

    def take(self, log_a: float, log_b: float) -> float | None:
        """
        See `SpreadModel.take`.

        Raises:
            RefusedError: The fitted beta is not positive, or the second leg did not move.
        """
        fixed = self._fixed
        return self._gather(log_a, log_b) if fixed is None else fixed.take(log_a, log_b)

    def _gather(self, log_a: float, log_b: float) -> float | None:
        self._logs.append((log_a, log_b))
        if len(self._logs) < self._bars:
            return None
        self._fixed = FixedSpread(fitted_hedge(self._logs), self._window, self._volatility)
        z = None
        for each in self._logs:
            z = self._fixed.take(*each)
        self._logs = []
        return z

    def score(self) -> Score | None:
        """See `SpreadModel.score`."""
        return self._fixed.score() if self._fixed else None

    def hedge(self) -> Hedge | None:
        """See `SpreadModel.hedge`."""
        return self._fixed.hedge() if self._fixed else None

    def score_at(self, hedge: Hedge) -> Score | None:
        """See `SpreadModel.score_at`."""
        return self._fixed.score_at(hedge) if self._fixed else None

    def spreads_at(self, hedge: Hedge) -> list[int]:
        """See `SpreadModel.spreads_at`."""
        return self._fixed.spreads_at(hedge) if self._fixed else []

    def snapshot(self) -> Mapping[str, object]:
        """See `SpreadModel.snapshot`; logarithms as hexadecimal text, so that no bit is lost."""
        if self._fixed is None:
            return {"logs": [[y.hex(), x.hex()] for y, x in self._logs]}
        return {"ratio": self._fixed.hedge().ratio, **self._fixed.snapshot()}

    def restore(self, state: Mapping[str, object]) -> None:
        """See `SpreadModel.restore`."""
        if "logs" in state:
            logs = state["logs"]
            assert isinstance(logs, list)
            self._logs = [(float.fromhex(y), float.fromhex(x)) for y, x in logs]
            return
        ratio = state["ratio"]
        assert isinstance(ratio, int)
        self._fixed = FixedSpread(Hedge(ratio), self._window, self._volatility)
        self._fixed.restore(state)


def fitted_hedge(logs: Sequence[tuple[float, float]]) -> Hedge:
    """
    Return the least-squares hedge of ln a on ln b, with its intercept.

    Args:
        logs: (ln a, ln b) of each bar.

    Raises:
        RefusedError: The ratio is not positive, or ln b does not vary.
    """
    sums = CrossSums(len(logs))
    for log_a, log_b in logs:
        sums.take(log_units(log_a), log_units(log_b))
    ratio = sums.slope()
    if ratio is None or ratio <= 0:
        found = "undefined, because the second leg does not move" if ratio is None else ratio / 1e9
        raise RefusedError(
            f"the hedge ratio fitted on the first {len(logs)} bars is {found}",
            where="hedge",
            remedy="a pair needs a positive one: choose other legs, more bars (hedge_window) "
            "or the fixed hedge",
        )
    return Hedge(ratio, sums.intercept(ratio) / LOG_UNITS)
