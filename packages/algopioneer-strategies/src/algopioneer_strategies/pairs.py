"""
Pairs: sell what has become dear against its partner, buy the partner, wait for the way back.

The rule (SEMANTICS, pairs): the spread is s = ln a - beta ln b over closes, and z is its distance
from the mean of the last `window` spreads in standard deviations (ddof 0).

- z > entry: sell a, buy b (short the spread). z < -entry: buy a, sell b (long the spread).
- A short spread leaves at z < exit, a long one at z > -exit, so a jump over the band leaves too.
- Stop at |z| > stop, or after so many half-lives; no entry at |z| >= stop; and after any stop no
  entry until |z| < entry was seen.
- Exits are judged, and quantities made, at the hedge that was frozen at the entry.

The position is what the context says it is. A wish that was refused, changed or carried out by
somebody else therefore needs no bookkeeping here; a spread that is gone without the strategy's own
exit was stopped by a policy or the risk gate, and counts as stopped.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from math import inf, log
from typing import Final, NamedTuple, Self

from algopioneer_core.domain.commands import CloseSpread, OpenSpread, StrategyCommand
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.events import Event, OrderFilled
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar, JointBar
from algopioneer_core.domain.spreads import SpreadSize
from algopioneer_core.engine.strategy import Requirements, StrategyContext
from algopioneer_core.history.columns import BarColumns
from algopioneer_strategies.half_life import hold_limit
from algopioneer_strategies.hedge import Hedge
from algopioneer_strategies.pair_models import constant_spreads, spread_model
from algopioneer_strategies.pair_signals import PairSignals, PairThresholds, pair_signals
from algopioneer_strategies.pairs_config import PairsConfig
from algopioneer_strategies.spread import LOG_UNITS, TENS, log_price
from algopioneer_strategies.zscore import GUARD, Level, Score

__all__ = ["SIGNAL", "TIME_STOP", "Z_STOP", "PairReading", "Pairs"]

SIGNAL: Final = "signal"
"""Reason of an exit by the rule."""
Z_STOP: Final = "z_stop"
"""Reason of an exit because the spread went too far."""
TIME_STOP: Final = "time_stop"
"""Reason of an exit because it took too long."""


_NEVER: Final = (inf, -inf)
"""Between these is no number."""


class PairReading(NamedTuple):
    """What the strategy saw at the latest joint bar; for charts and logs."""

    z: float | None
    """At this bar's hedge; None while the window fills, or when nothing varies."""
    hedge_ratio: Decimal | None
    spread: float
    """ln a - beta ln b at this bar's hedge, less alpha where the hedge has one."""


class _Entry(NamedTuple):
    """What is frozen when a spread is opened."""

    hedge: Hedge
    bar: int
    """Number of the joint bar that decided."""
    hold_limit: int | None
    """Bars until the time stop; None for never."""


class Pairs:
    """
    The pairs rule on two instruments.

    Args:
        config: Windows, thresholds, hedge and size.
        first: The leg a.
        second: The leg b.

    Raises:
        ConfigError: Both legs are the same instrument.
    """

    def __init__(self, config: PairsConfig, first: InstrumentId, second: InstrumentId) -> None:
        if first == second:
            raise ConfigError(
                "a pair needs two different instruments", where=first, remedy="name another one"
            )
        self._config = config
        self._a = first
        self._b = second
        self._size = _size_of(config)
        self._levels = levels = _thresholds(config)
        self._calm = levels.entry.approximate - GUARD
        self._model = model = spread_model(config)
        # Where the hedge may move, or time runs out, a float of this bar's z says too little.
        is_sure = model.is_constant and levels.time_stop is None
        self._keeps_long, self._keeps_short = _keeping(levels) if is_sure else (_NEVER, _NEVER)
        self._take = model.take
        self._bars = 0
        self._armed = True
        """Whether an entry is allowed: after a stop only once |z| < entry was seen."""
        self._held = False
        """Whether a position was seen since the last time both legs were flat."""
        self._leaving: str | None = None
        """Reason of the exit asked for last, while the position is not flat yet."""
        self._entry: _Entry | None = None
        self._seen: tuple[Bar, ...] = ()
        self._z: float | None = None

    @classmethod
    def make(cls, config: PairsConfig, instruments: Sequence[Instrument]) -> Self:
        """Make the strategy for the two instruments it trades, in the order they were named."""
        first, second = instruments
        return cls(config, first.id, second.id)

    def requirements(self) -> Requirements:
        """Say that the windows of z and hedge must be full at the first decision."""
        return Requirements(warmup_bars=self._model.bars_needed)

    @property
    def reading(self) -> PairReading:
        """What was seen at the latest joint bar."""
        hedge = self._model.hedge() or Hedge(0)
        log_a, log_b = map(_log_close, self._seen) if self._seen else (0.0, 0.0)
        return PairReading(
            z=self._z,
            hedge_ratio=hedge.decimal if hedge.ratio else None,
            spread=log_a - hedge.beta * log_b - hedge.alpha,
        )

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Take in a joint bar and decide; of other events, only note that a leg was filled."""
        if type(event) is not JointBar:
            if not self._held and type(event) is OrderFilled:
                self._held = self._is_held(context)
            return ()
        self._seen = bar_a, bar_b = event.bars
        # `_log_close`, without a call: this is done at every bar.
        self._z = z = self._take(
            log(bar_a.close_ticks / TENS[bar_a.price_decimals]),
            log(bar_b.close_ticks / TENS[bar_b.price_decimals]),
        )
        self._bars += 1
        quantity = context.quantity
        if held := quantity(self._a):
            return self._decide_held(context, z, is_long=held > 0)
        if held := quantity(self._b):
            return self._decide_held(context, z, is_long=held < 0)
        if self._held:
            self._note_flat()
        if z is None:
            return ()
        if -self._calm < z < self._calm:
            self._armed = True
            return ()
        return self._decide_flat(context)

    def _is_held(self, context: StrategyContext) -> bool:
        return bool(context.quantity(self._a) or context.quantity(self._b))

    # --- flat --------------------------------------------------------------------------------

    def _note_flat(self) -> None:
        """Forget the position; unless the strategy left it itself, something stopped it."""
        if self._leaving is None:
            self._armed = False
        self._held, self._leaving, self._entry = False, None, None

    def _decide_flat(self, context: StrategyContext) -> Iterable[StrategyCommand]:
        score = self._model.score()
        if score is None:
            return ()
        side = self._beyond_entry(score)
        if side is None:
            self._armed = True
        if not side or not self._armed or context.has_working_orders:
            return ()
        stop = self._levels.stop
        if stop is not None and (stop.side(score) >= 0 or stop.mirrored.side(score) <= 0):
            return ()
        return self._open(side)

    def _beyond_entry(self, score: Score) -> int | None:
        """Return 1 for z > entry, -1 for z < -entry, 0 on either level, None for |z| < entry."""
        entry = self._levels.entry
        high, low = entry.side(score), entry.mirrored.side(score)
        if high < 0 < low:
            return None
        return max(high, 0) or min(low, 0)

    def _open(self, side: int) -> Iterable[StrategyCommand]:
        """Open a spread: short when *side* is 1, long when it is -1."""
        hedge = self._model.hedge()
        if hedge is None or hedge.ratio <= 0:
            return ()  # both legs would be on one side: that is no spread
        self._entry = _Entry(hedge, self._bars, self._hold_limit(hedge))
        buy, sell = (self._b, self._a) if side > 0 else (self._a, self._b)
        return (OpenSpread(buy=buy, sell=sell, size=self._size, hedge_ratio=hedge.decimal),)

    def _hold_limit(self, hedge: Hedge) -> int | None:
        half_lives = self._levels.time_stop
        return None if half_lives is None else hold_limit(self._model.spreads_at(hedge), half_lives)

    # --- in a position -----------------------------------------------------------------------

    def _decide_held(
        self, context: StrategyContext, z: float | None, *, is_long: bool
    ) -> Iterable[StrategyCommand]:
        self._held = True
        if not self._armed:
            score = self._model.score()
            self._armed = score is not None and self._beyond_entry(score) is None
        if context.has_working_orders:
            return ()
        if z is not None:
            above, below = self._keeps_long if is_long else self._keeps_short
            if above < z < below:
                self._leaving = None
                return ()
        self._leaving = reason = self._reason_to_leave(is_long=is_long)
        if reason is None:
            return ()
        is_stop = reason != SIGNAL
        if is_stop:
            self._armed = False
        return (CloseSpread(reason=reason, stop=is_stop),)

    def _reason_to_leave(self, *, is_long: bool) -> str | None:
        """Return why the position must be left; stops come first, for nothing may veto them."""
        entry = self._entry
        hedge = entry.hedge if entry else self._model.hedge()
        score = self._model.score_at(hedge) if hedge else None
        stop = self._levels.stop
        if score and stop and (stop.side(score) > 0 or stop.mirrored.side(score) < 0):
            return Z_STOP
        if entry and entry.hold_limit is not None and self._bars - entry.bar >= entry.hold_limit:
            return TIME_STOP
        return SIGNAL if score and self._has_come_back(score, is_long=is_long) else None

    def _has_come_back(self, score: Score, *, is_long: bool) -> bool:
        if is_long:
            return self._levels.exit.mirrored.side(score) > 0
        return self._levels.exit.side(score) < 0

    # --- state -------------------------------------------------------------------------------

    def snapshot(self) -> Mapping[str, object]:
        """Return the model's windows, what is frozen, and what a stop has barred."""
        entry = self._entry
        return {
            "model": self._model.snapshot(),
            "bars": self._bars,
            "armed": self._armed,
            "held": self._held,
            "leaving": self._leaving,
            "entry": None
            if entry is None
            else {
                "ratio": entry.hedge.ratio,
                "alpha": entry.hedge.alpha.hex(),
                "bar": entry.bar,
                "hold_limit": entry.hold_limit,
            },
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Continue from `snapshot`."""
        model, bars, leaving, entry = (state[key] for key in ("model", "bars", "leaving", "entry"))
        assert isinstance(model, dict)
        assert isinstance(bars, int)
        assert leaving is None or isinstance(leaving, str)
        assert entry is None or isinstance(entry, dict)
        self._model.restore(model)
        self._bars, self._leaving = bars, leaving
        self._armed, self._held = bool(state["armed"]), bool(state["held"])
        if entry is not None:
            hedge = Hedge(entry["ratio"], float.fromhex(entry["alpha"]))
            self._entry = _Entry(hedge, entry["bar"], entry["hold_limit"])

    # --- the same rule for a whole array of bars ---------------------------------------------

    def pair_signals(self, bars_a: BarColumns, bars_b: BarColumns) -> PairSignals | None:
        """
        Return the signals at each of the joint bars, equal to those decided bar by bar.

        Args:
            bars_a: The first leg's bars, inner-joined with the second's.
            bars_b: The second leg's, at the same times.

        Returns:
            None where z depends on what was frozen at an entry (the hedge moves) or on all bars
            before (volatility scaling), or where the spreads are too large for 63 bits.

        Raises:
            DataError: The times differ.
            RefusedError: The fitted hedge ratio is not positive.
        """
        spreads = constant_spreads(self._config, bars_a, bars_b)
        if spreads is None:
            return None
        units, hedge = spreads
        return pair_signals(
            units,
            unit=1.0 / LOG_UNITS,
            window=self._config.window,
            first=self._model.bars_needed - 1,
            thresholds=self._levels,
            size=self._size,
            hedge=hedge,
        )


def _log_close(bar: Bar) -> float:
    return log_price(bar.close_ticks, bar.price_decimals)


def _size_of(config: PairsConfig) -> SpreadSize:
    if config.notional is not None:
        return SpreadSize(notional=config.notional, neutrality=config.neutrality)
    return SpreadSize(fraction=config.position_size, neutrality=config.neutrality)


def _keeping(levels: PairThresholds) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return between which z a long and a short spread is kept, where floats are sure of it."""
    stop = inf if levels.stop is None else levels.stop.approximate - GUARD
    leave = levels.exit.approximate + GUARD
    return (-stop, -leave), (leave, stop)


def _thresholds(config: PairsConfig) -> PairThresholds:
    return PairThresholds(
        entry=Level(config.z_entry),
        exit=Level(config.z_exit),
        stop=None if config.z_stop is None else Level(config.z_stop),
        time_stop=None if config.time_stop is None else float(config.time_stop),
    )
