"""The limits of the risk gate, as users set them. All are off unless set."""

import itertools
from decimal import Decimal
from typing import Any, Final

import attrs
from attrs import frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.engine.trading_day import time_of_day, time_zone
from algopioneer_core.settings import at_least, fraction, option, optional, positive

__all__ = ["RiskLimits"]

_POSITIVE: Final = optional(positive)
_FRACTION: Final = optional(fraction)
_COUNT: Final = optional(at_least(1))
_NUMERAIRE: Final = "numeraire"
_LOSS: Final = "Daily loss"
_OF_LIMIT: Final = "fraction of the daily loss limit"


def _time_of_day(_: Any, __: Any, value: str) -> None:
    time_of_day(value)


def _time_zone(_: Any, __: Any, value: str) -> None:
    time_zone(value)


@frozen(kw_only=True)
class RiskLimits:
    """
    Limits for one strategy, or for the session as the sum of all its strategies.

    Money is in the gate's numeraire. "At the limit" passes and "above the limit" is refused, except
    for the daily loss, whose stages begin *at* their loss. Position limits count open orders as if
    they had filled, each side by itself, without netting between strategies.

    Raises:
        ConfigError: A value is out of its range, the stages are out of order, or the trading day
            cannot be understood.
    """

    daily_loss: Decimal | None = option(
        None,
        help="Largest loss of a trading day, realised and unrealised.",
        unit=_NUMERAIRE,
        validator=_POSITIVE,
        section=_LOSS,
    )
    daily_loss_fraction: Decimal | None = option(
        None,
        help="The same as a fraction of equity at the day's start; with both, the smaller counts.",
        validator=_FRACTION,
        section=_LOSS,
    )
    warn_at: Decimal | None = option(
        Decimal("0.5"),
        help="Where the warning is given.",
        unit=_OF_LIMIT,
        validator=_FRACTION,
        section=_LOSS,
    )
    no_new_at: Decimal | None = option(
        Decimal("0.75"),
        help="Where new positions are refused; those that exist may still grow.",
        unit=_OF_LIMIT,
        validator=_FRACTION,
        section=_LOSS,
    )
    reduce_at: Decimal | None = option(
        Decimal("0.9"),
        help="Where only orders that reduce a position pass.",
        unit=_OF_LIMIT,
        validator=_FRACTION,
        section=_LOSS,
    )
    flatten_at: Decimal | None = option(
        Decimal(1),
        help="Where positions are closed.",
        unit=_OF_LIMIT,
        validator=_FRACTION,
        section=_LOSS,
    )
    warn_loss: Decimal | None = option(
        None,
        help="Day's loss for the warning, instead of a fraction of the limit.",
        unit=_NUMERAIRE,
        validator=_POSITIVE,
        section=_LOSS,
    )
    no_new_loss: Decimal | None = option(
        None,
        help="Day's loss for refusing new positions, instead of a fraction.",
        unit=_NUMERAIRE,
        validator=_POSITIVE,
        section=_LOSS,
    )
    reduce_loss: Decimal | None = option(
        None,
        help="Day's loss for reducing only, instead of a fraction.",
        unit=_NUMERAIRE,
        validator=_POSITIVE,
        section=_LOSS,
    )
    flatten_loss: Decimal | None = option(
        None,
        help="Day's loss for closing positions, instead of a fraction.",
        unit=_NUMERAIRE,
        validator=_POSITIVE,
        section=_LOSS,
    )
    day_start: str = option(
        "00:00",
        help="Time of day, HH:MM, at which a trading day begins.",
        validator=_time_of_day,
        section=_LOSS,
    )
    day_zone: str = option(
        "UTC",
        help="Time zone of that time, such as America/New_York.",
        validator=_time_zone,
        section=_LOSS,
    )
    max_order_notional: Decimal | None = option(
        None, help="Largest value of one order.", unit=_NUMERAIRE, validator=_POSITIVE
    )
    max_instrument_notional: Decimal | None = option(
        None,
        help="Largest position in one instrument, open orders included.",
        unit=_NUMERAIRE,
        validator=_POSITIVE,
    )
    max_gross_notional: Decimal | None = option(
        None,
        help="Largest sum of all positions, each without sign, open orders included.",
        unit=_NUMERAIRE,
        validator=_POSITIVE,
    )
    max_positions: int | None = option(
        None, help="Most positions at one time, those of open orders included.", validator=_COUNT
    )
    max_orders_per_second: int | None = option(
        None, help="Most orders approved within any second of event time.", validator=_COUNT
    )
    price_collar: Decimal | None = option(
        None,
        help="How far a limit price may be on the losing side of the market.",
        unit="fraction of the mark",
        validator=_FRACTION,
    )
    max_quote_age_s: Decimal | None = option(
        None, help="Oldest price on which exposure may grow.", unit="s", validator=_POSITIVE
    )
    check_buying_power: bool = option(
        False, help="Refuse orders that the account cannot pay for or margin."
    )
    check_minimums: bool = option(
        False, help="Refuse orders below the instrument's minimum quantity or notional."
    )

    def __attrs_post_init__(self) -> None:
        _check_order(self, "warn_at", "no_new_at", "reduce_at", "flatten_at")
        _check_order(self, "warn_loss", "no_new_loss", "reduce_loss", "flatten_loss")

    @property
    def is_off(self) -> bool:
        """Whether nothing is limited."""
        return not self.limits_daily_loss and all(
            getattr(self, each.name) == each.default
            for each in attrs.fields(RiskLimits)
            if each.metadata["algopioneer"].section != _LOSS
        )

    @property
    def limits_daily_loss(self) -> bool:
        """Whether any stage of the daily loss can be reached."""
        limits = (self.daily_loss, self.daily_loss_fraction)
        stages = (self.warn_loss, self.no_new_loss, self.reduce_loss, self.flatten_loss)
        return any(each is not None for each in limits + stages)


def _check_order(limits: RiskLimits, *names: str) -> None:
    given = [(name, getattr(limits, name)) for name in names if getattr(limits, name) is not None]
    for (milder, less), (harder, more) in itertools.pairwise(given):
        if less > more:
            raise ConfigError(
                f"{milder} is {less}, which is beyond {harder}, {more}",
                where=milder,
                remedy="let the stages come in the order warn, no_new, reduce, flatten",
            )
