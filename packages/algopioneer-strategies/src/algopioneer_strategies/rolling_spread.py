"""
Spreads at a hedge ratio that moves from bar to bar.

`RollingSpread` takes the whole window at this bar's ratio, out of cross sums (`hedge`); the ratio
is that of a rolling least squares (`LeastSquaresHedge`) or of a Kalman filter (`KalmanHedge`).
`InnovationSpread` needs no window: the filter itself says how far an observation may be off.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final, Protocol

from algopioneer_strategies.hedge import RATIO_UNITS, CrossSums, Hedge
from algopioneer_strategies.kalman import Innovation, KalmanFilter, KalmanSettings
from algopioneer_strategies.spread import LOG_UNITS, log_units
from algopioneer_strategies.volatility import VolatilityScale
from algopioneer_strategies.zscore import Score, score_of

__all__ = ["HedgeSource", "InnovationSpread", "KalmanHedge", "LeastSquaresHedge", "RollingSpread"]

_VARIANCE_UNITS: Final = float(LOG_UNITS) ** 2


class HedgeSource(Protocol):
    """Where the hedge of each bar comes from."""

    bars_needed: int
    """Bars until the first hedge that may be traded on."""

    def take(self, log_a: float, log_b: float, window: CrossSums) -> Hedge | None:
        """Take in a bar, which *window* has already; return its hedge, None without one."""

    def snapshot(self) -> Mapping[str, object]:
        """Return the state as JSON values."""

    def restore(self, state: Mapping[str, object]) -> None:
        """Continue from `snapshot`; on a fresh source."""


class LeastSquaresHedge:
    """
    The least-squares slope of ln a on ln b over a rolling window, this bar included.

    Args:
        window: Bars of the regression, at least 2.
    """

    def __init__(self, window: int) -> None:
        self._sums = CrossSums(window)
        self.bars_needed = window

    def take(self, log_a: float, log_b: float, window: CrossSums) -> Hedge | None:
        """See `HedgeSource.take`; None while the window fills or when ln b does not vary."""
        sums = self._sums
        if window.window == sums.window:
            sums = window  # the same bars: nothing to keep twice
        else:
            sums.take(log_units(log_a), log_units(log_b))
        ratio = sums.slope() if sums.is_full else None
        return None if ratio is None else Hedge(ratio)

    def snapshot(self) -> Mapping[str, object]:
        """See `HedgeSource.snapshot`."""
        return {"pairs": self._sums.snapshot()}

    def restore(self, state: Mapping[str, object]) -> None:
        """See `HedgeSource.restore`."""
        self._sums.restore(state["pairs"])


class KalmanHedge:
    """
    A Kalman filter's prior: what was known of alpha and beta before this bar.

    Args:
        settings: The filter's model.
    """

    def __init__(self, settings: KalmanSettings) -> None:
        self.filter = KalmanFilter.begin(settings)
        self.innovation: Innovation | None = None
        """Of the bar taken last; None when it was ignored."""
        self.bars_needed = 1

    def take(self, log_a: float, log_b: float, window: CrossSums | None = None) -> Hedge | None:
        """See `HedgeSource.take`; None for a bar that the filter ignores."""
        del window
        self.innovation = innovation = self.filter.update(log_a, log_b)
        if innovation is None:
            return None
        return Hedge(round(innovation.beta * RATIO_UNITS), innovation.alpha)

    def snapshot(self) -> Mapping[str, object]:
        """See `HedgeSource.snapshot`."""
        return self.filter.snapshot()

    def restore(self, state: Mapping[str, object]) -> None:
        """See `HedgeSource.restore`."""
        self.filter.restore(state)


class RollingSpread:
    """
    The z-score of a window of spreads, all of them at one ratio.

    Args:
        window: Bars of the z-score.
        source: Gives each bar's hedge.
        volatility: Scales the score, where wanted.
    """

    def __init__(
        self, window: int, source: HedgeSource, volatility: VolatilityScale | None = None
    ) -> None:
        self._sums = CrossSums(window)
        self._source = source
        self._volatility = volatility
        self._hedge: Hedge | None = None
        self._score: Score | None = None
        self.bars_needed = max(window, source.bars_needed)
        self.is_constant = False

    def take(self, log_a: float, log_b: float) -> float | None:
        """See `SpreadModel.take`."""
        full = self._sums.take(log_units(log_a), log_units(log_b))
        self._hedge = hedge = self._source.take(log_a, log_b, self._sums)
        if self._volatility is not None and hedge is not None and len(self._sums.pairs) > 1:
            self._volatility.take(self._sums.change(hedge.ratio))
        self._score = score = self.score_at(hedge) if full and hedge is not None else None
        return score.z if score else None

    def score(self) -> Score | None:
        """See `SpreadModel.score`."""
        return self._score

    def hedge(self) -> Hedge | None:
        """See `SpreadModel.hedge`."""
        return self._hedge

    def score_at(self, hedge: Hedge) -> Score | None:
        """See `SpreadModel.score_at`."""
        if not self._sums.is_full:
            return None
        deviation, variance = self._sums.score(hedge.ratio)
        if self._volatility is not None:
            deviation, variance = self._volatility.scaled(deviation, variance)
        return score_of(deviation, variance)

    def spreads_at(self, hedge: Hedge) -> list[int]:
        """See `SpreadModel.spreads_at`."""
        return self._sums.spreads(hedge.ratio)

    def snapshot(self) -> Mapping[str, object]:
        """See `SpreadModel.snapshot`."""
        return {
            "pairs": self._sums.snapshot(),
            "source": self._source.snapshot(),
            "volatility": self._volatility.snapshot() if self._volatility else None,
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """See `SpreadModel.restore`; the hedge and its z come with the next bar."""
        source, volatility = state["source"], state["volatility"]
        assert isinstance(source, dict)
        self._sums.restore(state["pairs"])
        self._source.restore(source)
        if self._volatility is not None:
            assert isinstance(volatility, dict)
            self._volatility.restore(volatility)


class InnovationSpread:
    """
    The standardised innovation of a Kalman filter: e / sqrt(S), both of the prior.

    At a frozen hedge it is y - alpha - beta x with the frozen alpha and beta, over the root of
    this bar's S. e is quantised to 2**-40 and S to 2**-80, so that levels are decided on integers.

    Args:
        source: The filter.
        window: Bars before the first decision, and those that a half-life is estimated over.
    """

    def __init__(self, source: KalmanHedge, window: int) -> None:
        self._source = source
        self._logs: deque[tuple[float, float]] = deque(maxlen=window)
        self._hedge: Hedge | None = None
        self._score: Score | None = None
        self.bars_needed = window
        self.is_constant = False

    def take(self, log_a: float, log_b: float) -> float | None:
        """See `SpreadModel.take`."""
        self._logs.append((log_a, log_b))
        self._hedge = self._source.take(log_a, log_b)
        innovation = self._source.innovation
        self._score = None
        if innovation is None or len(self._logs) < self.bars_needed:
            return None
        self._score = score = _standardised(innovation.value, innovation)
        return score.z if score else None

    def score(self) -> Score | None:
        """See `SpreadModel.score`."""
        return self._score

    def hedge(self) -> Hedge | None:
        """See `SpreadModel.hedge`."""
        return self._hedge

    def score_at(self, hedge: Hedge) -> Score | None:
        """See `SpreadModel.score_at`."""
        innovation = self._source.innovation
        if innovation is None or len(self._logs) < self.bars_needed:
            return None
        log_a, log_b = self._logs[-1]
        return _standardised(log_a - hedge.alpha - hedge.beta * log_b, innovation)

    def spreads_at(self, hedge: Hedge) -> list[int]:
        """See `SpreadModel.spreads_at`."""
        return [log_units(log_a - hedge.beta * log_b) for log_a, log_b in self._logs]

    def snapshot(self) -> Mapping[str, object]:
        """See `SpreadModel.snapshot`; logarithms as hexadecimal text, so that no bit is lost."""
        return {
            "logs": [[y.hex(), x.hex()] for y, x in self._logs],
            "filter": self._source.snapshot(),
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """See `SpreadModel.restore`; the hedge and its z come with the next bar."""
        logs, kalman = state["logs"], state["filter"]
        assert isinstance(logs, list)
        assert isinstance(kalman, dict)
        self._logs.extend((float.fromhex(y), float.fromhex(x)) for y, x in logs)
        self._source.restore(kalman)


def _standardised(value: float, innovation: Innovation) -> Score | None:
    """Return *value* over the root of the innovation's variance, quantised."""
    return score_of(log_units(value), round(innovation.variance * _VARIANCE_UNITS))
