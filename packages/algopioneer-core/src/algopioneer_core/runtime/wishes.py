"""
What a strategy answers, looked at before an engine sees it.

The domain trusts its types, and a strategy is code that nobody checked: a float where money
belongs, or text that no journal can hold, must end that strategy and not the session.
"""

import types
import typing
from decimal import Decimal
from typing import Any, Final

import attrs

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.spreads import SpreadSize

__all__ = ["check_wish"]

_Kinds = tuple[type, ...]


def _kinds_of(hint: Any) -> _Kinds:
    """Return the classes that a field of this type may have."""
    parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return tuple(parts)


def _fields_of(kind: type) -> tuple[tuple[str, _Kinds], ...]:
    hints = typing.get_type_hints(kind)
    return tuple((each.name, _kinds_of(hints[each.name])) for each in attrs.fields(kind))


_WISHES: Final = typing.get_args(StrategyCommand)
_FIELDS: Final[dict[type, tuple[tuple[str, _Kinds], ...]]] = {
    kind: _fields_of(kind) for kind in (*_WISHES, SpreadSize)
}


def check_wish(wish: object) -> None:
    """
    Refuse what is no command of a strategy, or has parts that are not what they should be.

    Raises:
        TypeError: It is none of the commands, or a part has another type.
        ValueError: An amount is not a number, or a text cannot be written down.
    """
    if type(wish) not in _WISHES:
        raise TypeError(f"answered with {wish!r}, which is no command")
    _check_fields(wish)


def _check_fields(part: object) -> None:
    for name, kinds in _FIELDS[type(part)]:
        value = getattr(part, name)
        if not isinstance(value, kinds):
            raise TypeError(f"answered with {part!r}, in which {name} is {value!r}")
        if isinstance(value, str):
            value.encode()
        elif isinstance(value, Decimal) and not value.is_finite():
            raise ValueError(f"answered with {part!r}, in which {name} is {value}")
        elif type(value) is SpreadSize:
            _check_fields(value)
