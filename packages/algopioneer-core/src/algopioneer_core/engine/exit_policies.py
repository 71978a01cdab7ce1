"""
The bundled exit policies. Each fires exactly at its threshold, in exact arithmetic.

Every threshold on a gain is given either as money (in the settlement asset) or as a fraction of
what the position cost to enter. Gains are net: after the fees paid, and after fee and slippage of
the way out.
"""

from decimal import Decimal

from attrs import frozen

from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import Money, neg, sub
from algopioneer_core.engine.exit_thresholds import (
    FRACTION,
    MONEY,
    OPTIONAL_NOT_NEGATIVE,
    OPTIONAL_POSITIVE,
    at_most_one,
    needs,
    threshold,
)
from algopioneer_core.engine.exits import ExitVerdict, OpenPosition
from algopioneer_core.settings import at_least, option, optional

__all__ = [
    "MinimumProfit",
    "MinimumProfitConfig",
    "PnlBand",
    "PnlBandConfig",
    "StopLoss",
    "StopLossConfig",
    "TimeStop",
    "TimeStopConfig",
    "TrailingStop",
    "TrailingStopConfig",
]


@frozen(kw_only=True)
class MinimumProfitConfig:
    """
    How much must be gained before the strategy may leave.

    Raises:
        ConfigError: Not exactly one of the two is given, or it is negative.
    """

    profit: Decimal | None = option(
        None,
        help="Net gain from which a strategy's exit passes.",
        unit=MONEY,
        validator=OPTIONAL_NOT_NEGATIVE,
    )
    profit_fraction: Decimal | None = option(
        None,
        help="The same as a fraction of the entry's cost.",
        unit=FRACTION,
        validator=OPTIONAL_NOT_NEGATIVE,
    )

    def __attrs_post_init__(self) -> None:
        found = at_most_one(
            "minimum-profit", profit=self.profit, profit_fraction=self.profit_fraction
        )
        needs("minimum-profit", found, "profit", "profit_fraction")


class MinimumProfit:
    """Refuses the strategy's exit below a net gain: HOLD, then CONSENT from the threshold on."""

    __slots__ = ("_config",)
    name = "minimum-profit"

    def __init__(self, config: MinimumProfitConfig) -> None:
        self._config = config

    def evaluate(self, position: OpenPosition) -> ExitVerdict:
        """See `ExitPolicy.evaluate`."""
        config = self._config
        wanted = threshold(position, config.profit, config.profit_fraction)
        reached = wanted is not None and position.net_pnl >= wanted
        return ExitVerdict.CONSENT if reached else ExitVerdict.HOLD


@frozen(kw_only=True)
class StopLossConfig:
    """
    At which loss to leave.

    Raises:
        ConfigError: Not exactly one of the two is given, or it is not positive.
    """

    loss: Decimal | None = option(
        None,
        help="Net loss at which the position is closed.",
        unit=MONEY,
        validator=OPTIONAL_POSITIVE,
    )
    loss_fraction: Decimal | None = option(
        None,
        help="The same as a fraction of the entry's cost.",
        unit=FRACTION,
        validator=OPTIONAL_POSITIVE,
    )

    def __attrs_post_init__(self) -> None:
        found = at_most_one("stop-loss", loss=self.loss, loss_fraction=self.loss_fraction)
        needs("stop-loss", found, "loss", "loss_fraction")


class StopLoss:
    """Leaves at a net loss: EXIT at or beyond the threshold, else ABSTAIN."""

    __slots__ = ("_config",)
    name = "stop-loss"

    def __init__(self, config: StopLossConfig) -> None:
        self._config = config

    def evaluate(self, position: OpenPosition) -> ExitVerdict:
        """See `ExitPolicy.evaluate`."""
        return _exit_if(_lost(position, self._config.loss, self._config.loss_fraction))


def _lost(position: OpenPosition, money: Money | None, fraction: Decimal | None) -> bool:
    most = threshold(position, money, fraction)
    return most is not None and position.net_pnl <= neg(most)


def _exit_if(fired: bool) -> ExitVerdict:
    return ExitVerdict.EXIT if fired else ExitVerdict.ABSTAIN


@frozen(kw_only=True)
class PnlBandConfig:
    """
    The net gain and the net loss at which to leave; one of the two sides may be left open.

    Raises:
        ConfigError: No side is given, or one is given twice, or a value is not positive.
    """

    take_profit: Decimal | None = option(
        None,
        help="Net gain at which the position is closed.",
        unit=MONEY,
        validator=OPTIONAL_POSITIVE,
    )
    take_profit_fraction: Decimal | None = option(
        None,
        help="The same as a fraction of the entry's cost.",
        unit=FRACTION,
        validator=OPTIONAL_POSITIVE,
    )
    stop_loss: Decimal | None = option(
        None,
        help="Net loss at which the position is closed.",
        unit=MONEY,
        validator=OPTIONAL_POSITIVE,
    )
    stop_loss_fraction: Decimal | None = option(
        None,
        help="The same as a fraction of the entry's cost.",
        unit=FRACTION,
        validator=OPTIONAL_POSITIVE,
    )

    def __attrs_post_init__(self) -> None:
        above = at_most_one(
            "pnl-band",
            take_profit=self.take_profit,
            take_profit_fraction=self.take_profit_fraction,
        )
        below = at_most_one(
            "pnl-band", stop_loss=self.stop_loss, stop_loss_fraction=self.stop_loss_fraction
        )
        needs("pnl-band", above or below, "take_profit", "stop_loss")


class PnlBand:
    """Leaves at a net gain or at a net loss: EXIT on or outside the band, ABSTAIN inside."""

    __slots__ = ("_config",)
    name = "pnl-band"

    def __init__(self, config: PnlBandConfig) -> None:
        self._config = config

    def evaluate(self, position: OpenPosition) -> ExitVerdict:
        """See `ExitPolicy.evaluate`."""
        config = self._config
        target = threshold(position, config.take_profit, config.take_profit_fraction)
        if target is not None and position.net_pnl >= target:
            return ExitVerdict.EXIT
        return _exit_if(_lost(position, config.stop_loss, config.stop_loss_fraction))


@frozen(kw_only=True)
class TrailingStopConfig:
    """
    How far the net gain may fall from its best, and from which gain on that is watched.

    Raises:
        ConfigError: Not exactly one distance, or two activations, or a value is out of range.
    """

    distance: Decimal | None = option(
        None,
        help="Fall of the net gain from its best that closes.",
        unit=MONEY,
        validator=OPTIONAL_POSITIVE,
    )
    distance_fraction: Decimal | None = option(
        None,
        help="The same as a fraction of the entry's cost.",
        unit=FRACTION,
        validator=OPTIONAL_POSITIVE,
    )
    activation: Decimal | None = option(
        None,
        help="Net gain that must have been seen first; from the entry on when not given.",
        unit=MONEY,
        validator=OPTIONAL_NOT_NEGATIVE,
    )
    activation_fraction: Decimal | None = option(
        None,
        help="The same as a fraction of the entry's cost.",
        unit=FRACTION,
        validator=OPTIONAL_NOT_NEGATIVE,
    )

    def __attrs_post_init__(self) -> None:
        found = at_most_one(
            "trailing-stop", distance=self.distance, distance_fraction=self.distance_fraction
        )
        needs("trailing-stop", found, "distance", "distance_fraction")
        at_most_one(
            "trailing-stop",
            activation=self.activation,
            activation_fraction=self.activation_fraction,
        )


class TrailingStop:
    """
    Leaves when the net gain has fallen from its best since entry by the distance or more.

    Without an activation it is watched from the first mark after the entry, with the net gain of
    that mark as the first best. EXIT when it fires, else ABSTAIN.
    """

    __slots__ = ("_config",)
    name = "trailing-stop"

    def __init__(self, config: TrailingStopConfig) -> None:
        self._config = config

    def evaluate(self, position: OpenPosition) -> ExitVerdict:
        """See `ExitPolicy.evaluate`."""
        config, peak = self._config, position.peak_net_pnl
        active_from = threshold(position, config.activation, config.activation_fraction)
        if active_from is not None and peak < active_from:
            return ExitVerdict.ABSTAIN
        distance = threshold(position, config.distance, config.distance_fraction)
        fallen = sub(peak, position.net_pnl)
        return _exit_if(distance is not None and fallen >= distance)


@frozen(kw_only=True)
class TimeStopConfig:
    """
    How long a position may be held; when both are given, whichever comes first.

    Raises:
        ConfigError: Neither is given, or one is below 1.
    """

    bars: int | None = option(
        None,
        help="Finished bars after the entry at which the position is closed.",
        unit="bars",
        validator=optional(at_least(1)),
    )
    seconds: int | None = option(
        None,
        help="Time after the entry at which the position is closed.",
        unit="s",
        validator=optional(at_least(1)),
    )

    def __attrs_post_init__(self) -> None:
        found = self.bars is not None or self.seconds is not None
        needs("time-stop", found, "bars", "seconds")


class TimeStop:
    """Leaves after a number of bars or seconds: EXIT from then on, else ABSTAIN."""

    __slots__ = ("_config",)
    name = "time-stop"

    def __init__(self, config: TimeStopConfig) -> None:
        self._config = config

    def evaluate(self, position: OpenPosition) -> ExitVerdict:
        """See `ExitPolicy.evaluate`."""
        bars, seconds = self._config.bars, self._config.seconds
        if bars is not None and position.bars_held >= bars:
            return ExitVerdict.EXIT
        return _exit_if(seconds is not None and position.held_ns >= seconds * NS_PER_SECOND)
