"""How the configurations of exit policies state a threshold: in money or as a fraction."""

from decimal import Decimal
from typing import Final

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.money import Money, mul
from algopioneer_core.engine.exits import OpenPosition
from algopioneer_core.settings import not_negative, optional, positive

__all__ = [
    "FRACTION",
    "MONEY",
    "OPTIONAL_NOT_NEGATIVE",
    "OPTIONAL_POSITIVE",
    "at_most_one",
    "needs",
    "threshold",
]


MONEY: Final = "settlement asset"
"""Unit of a threshold given as money."""
FRACTION: Final = "fraction of the entry's cost"
"""Unit of a threshold given as a fraction."""
OPTIONAL_POSITIVE: Final = optional(positive)
OPTIONAL_NOT_NEGATIVE: Final = optional(not_negative)


def at_most_one(policy: str, **given: Decimal | None) -> bool:
    """
    Return whether one of a threshold's two forms is given.

    Raises:
        ConfigError: Both are.
    """
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise ConfigError(
            f"{policy} is given both {' and '.join(names)}",
            where=names[0],
            remedy="give one of them",
        )
    return bool(names)


def needs(policy: str, found: bool, *names: str) -> None:
    """
    Insist that a threshold was given.

    Raises:
        ConfigError: *found* is false; the remedy names the fields.
    """
    if not found:
        raise ConfigError(
            f"{policy} has no threshold", where=names[0], remedy=f"give {' or '.join(names)}"
        )


def threshold(
    position: OpenPosition, money: Money | None, fraction: Decimal | None
) -> Money | None:
    """Return a threshold in money; None when neither form is given."""
    return money if fraction is None else mul(fraction, position.cost)
