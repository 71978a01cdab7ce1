"""How a bar file is to be read, and which of its faults are to be accepted."""

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.history.columns import Stamp

if TYPE_CHECKING:
    from attrs import Attribute

__all__ = ["ACCEPTABLE", "COLUMN_ROLES", "LONG_DECIMALS", "ReadOptions"]

LONG_DECIMALS: Final = 8
"""Decimals that are kept of longer prices (where accepted) and volumes (always)."""

ACCEPTABLE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bad-ranges": "drop rows whose high or low contradicts another price of the row",
        "crossed": "drop quotes whose bid is above their ask",
        "duplicates": "keep the first of identical rows with one time",
        "long-prices": f"round prices that have more than {LONG_DECIMALS} decimals half to even",
        "nan": "drop rows with a blank or NaN time, price or volume",
        "non-positive": "drop rows with a price that is not positive or a negative volume or size",
        "off-grid": "take rows whose distance is not a whole number of intervals",
        "unsorted": "sort rows by time (this one needs memory for the whole file)",
    }
)
"""The faults that can be accepted by name, and what accepting does. All else is refused."""

COLUMN_ROLES: Final = ("time", "open", "high", "low", "close", "volume", "symbol")


def _as_names(names: Iterable[str]) -> frozenset[str]:
    return frozenset(names)


def _known_names(
    instance: object, attribute: "Attribute[frozenset[str]]", names: frozenset[str]
) -> None:
    for name in sorted(names - ACCEPTABLE.keys()):
        raise ConfigError(
            f"{name!r} is not a fault that can be accepted",
            where=attribute.name,
            remedy=_nearest(name, ACCEPTABLE),
        )


def _known_roles(
    instance: object, attribute: "Attribute[Mapping[str, str]]", roles: object
) -> None:
    assert isinstance(roles, Mapping)
    for role in sorted(set(roles) - set(COLUMN_ROLES)):
        raise ConfigError(
            f"{role!r} is not a column's role",
            where=attribute.name,
            remedy=_nearest(role, COLUMN_ROLES),
        )


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"choose from {', '.join(known)}"


def _positive(instance: object, attribute: "Attribute[int | None]", value: int | None) -> None:
    if value is not None and value <= 0:
        raise ConfigError(f"must be positive, not {value}", where=attribute.name)


def _decimals(instance: object, attribute: "Attribute[int | None]", value: int | None) -> None:
    if value is not None and not 0 <= value <= 18:
        raise ConfigError(f"must be from 0 to 18, not {value}", where=attribute.name)


@frozen(kw_only=True)
class ReadOptions:
    """
    What the reader of a bar file cannot know from the file alone.

    Raises:
        ConfigError: An unknown name to accept or column role, or a number out of range.
    """

    stamp: Stamp = field(default=Stamp.OPEN, converter=Stamp)
    """Which end of its interval the file writes on a bar. Files written by us say it themselves."""
    interval_ns: int | None = field(default=None, validator=_positive)
    """Length of a bar; None infers the most common distance of two rows."""
    start_ns: int | None = None
    """Keep bars that close at or after this time, UTC nanoseconds."""
    end_ns: int | None = None
    """Keep bars that close before this time, UTC nanoseconds (the range is half-open)."""
    accept: frozenset[str] = field(default=frozenset(), converter=_as_names, validator=_known_names)
    """Names from ACCEPTABLE."""
    columns: Mapping[str, str] = field(factory=dict, validator=_known_roles, hash=False)
    """Role to column name as in the file, where the names alone would mislead."""
    price_decimals: int | None = field(default=None, validator=_decimals)
    """Decimals of the price grid; None takes as few as keep every price exact."""

    def __attrs_post_init__(self) -> None:
        if self.start_ns is None or self.end_ns is None:
            return
        if self.start_ns >= self.end_ns:
            raise ConfigError("the start of the range must lie before its end", where="start_ns")
