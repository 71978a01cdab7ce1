"""
How far an account is from having its contracts closed by the venue, and what follows.

A venue closes positions where equity falls to the maintenance margin. What may be lost until then,
as a share of equity, is the distance. Alert, then reduce (SEMANTICS, contracts and basis): at each
stage the ones before it hold too.
"""

import enum
import itertools
from decimal import Decimal
from typing import Final, Protocol, runtime_checkable

from attrs import frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.money import Money, divide_half_even, mul, sub
from algopioneer_core.settings import below, not_negative, option, positive

__all__ = ["MarginRules", "MarginStage", "MarginState", "MarginWatch", "SupportsMargin"]

_SHARE: Final = [not_negative, below(1)]
_PLACES: Final = 4
"""Of a distance that is shown, rounded half to even; decisions do not use it."""


class MarginStage(enum.IntEnum):
    """What the distance allows."""

    NORMAL = 0
    WARN = 1
    """Someone should look."""
    REDUCE_ONLY = 2
    """Whoever trades contracts there opens nothing more."""
    FLATTEN = 3
    """Whoever holds contracts there closes its position, both legs of a pair."""


@frozen(kw_only=True)
class MarginState:
    """The money behind the contracts at one venue, as the venue reckons it; in one *asset*."""

    asset: str
    equity: Money
    """Cash and unrealised gains."""
    maintenance: Money
    """Where equity must not fall to; zero when no contract is held."""
    free: Money
    """What may cover more."""

    @property
    def distance(self) -> Decimal | None:
        """
        Share of equity that may be lost, at 4 decimals, for people to read.

        None while nothing is held; negative where the venue should be closing already.
        """
        if not self.maintenance:
            return None
        if self.equity <= 0:
            return Decimal(-1)
        return divide_half_even(sub(self.equity, self.maintenance), self.equity, places=_PLACES)

    def is_within(self, share: Decimal) -> bool:
        """Return whether no more than *share* of equity may be lost; exact."""
        if not self.maintenance:
            return False
        return self.equity <= 0 or sub(self.equity, self.maintenance) <= mul(self.equity, share)

    def is_taken_up(self, share: Decimal) -> bool:
        """Return whether no more than *share* of equity is free to cover more; exact."""
        return bool(self.maintenance) and self.free <= mul(self.equity, share)


@runtime_checkable
class SupportsMargin(Protocol):
    """The account of a venue that can say how its contracts are covered."""

    async def margin(self) -> MarginState | None:
        """
        Return how contracts are covered now; None where the account cannot have any.

        Raises:
            VenueError: The venue does not answer.
        """


@frozen(kw_only=True)
class MarginRules:
    """
    At which distances something is done; 0 is never.

    Raises:
        ConfigError: A value is out of its range, or the stages are out of order.
    """

    warn_at: Decimal = option(
        Decimal("0.4"),
        help="Share of equity that may still be lost when a person is told.",
        validator=_SHARE,
        section="Margin",
    )
    reduce_at: Decimal = option(
        Decimal("0.25"),
        help="The same where strategies that trade contracts there open nothing more.",
        validator=_SHARE,
        section="Margin",
    )
    flatten_at: Decimal = option(
        Decimal("0.1"),
        help="The same where those that hold contracts there close what they hold.",
        validator=_SHARE,
        section="Margin",
    )
    free_at: Decimal = option(
        Decimal("0.05"),
        help="Share of equity that is still free to cover more when a person is told.",
        validator=_SHARE,
        section="Margin",
    )
    every_s: Decimal = option(
        Decimal(10),
        help="How often the venue is asked.",
        unit="s",
        validator=positive,
        section="Margin",
    )

    def __attrs_post_init__(self) -> None:
        shares = [each for each in (self.warn_at, self.reduce_at, self.flatten_at) if each]
        if any(later >= earlier for earlier, later in itertools.pairwise(shares)):
            raise ConfigError(
                "a later stage begins nearer to the venue's own",
                where="margin",
                remedy="let warn_at be larger than reduce_at, and that than flatten_at",
            )

    def stage_of(self, state: MarginState | None) -> MarginStage:
        """Return what *state* allows."""
        if state is None:
            return MarginStage.NORMAL
        stages = (
            (MarginStage.FLATTEN, self.flatten_at),
            (MarginStage.REDUCE_ONLY, self.reduce_at),
            (MarginStage.WARN, self.warn_at),
        )
        reached = (stage for stage, share in stages if share and state.is_within(share))
        is_taken_up = self.free_at > 0 and state.is_taken_up(self.free_at)
        return next(reached, MarginStage.WARN if is_taken_up else MarginStage.NORMAL)


class MarginWatch:
    """
    Follows one account and says each stage once, until all is well again.

    Args:
        rules: Where the stages begin.
    """

    def __init__(self, rules: MarginRules) -> None:
        self._rules = rules
        self.stage = MarginStage.NORMAL
        """The hardest stage reached since all was well. Read only."""

    def see(self, state: MarginState | None) -> MarginStage | None:
        """Take note of *state*; return the stage it has newly reached, if it has."""
        reached = self._rules.stage_of(state)
        if reached is MarginStage.NORMAL:
            self.stage = reached
        if reached <= self.stage:
            return None
        self.stage = reached
        return reached
