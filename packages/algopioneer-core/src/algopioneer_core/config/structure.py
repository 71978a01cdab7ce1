"""
From plain values (a configuration file, command-line flags) to a checked configuration object.

Texts, integers and exact decimals come in; an attrs object comes out, or a `ConfigError` that
names the key, says what is wrong and suggests the nearest key where one is unknown.
"""

import datetime
import enum
import types
import typing
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar

import attrs
import cattrs
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, override

from algopioneer_core.domain.errors import AlgopioneerError, ConfigError
from algopioneer_core.domain.money import plain
from algopioneer_core.settings import NumberOrWord, nearest, settings_of

__all__ = ["check_keys", "structure"]

T = TypeVar("T")
_TRUTH: Final = {"true": True, "false": False}


def structure(
    config: type[T],
    values: Mapping[str, object],
    *,
    locate: Callable[[str], str] = str,
    known: Callable[[], Mapping[str, str]] = dict,
) -> T:
    """
    Make a *config* from *values*.

    Args:
        config: An attrs class, its fields made with `settings.option`.
        values: By key. A `Decimal` field takes text, an integer or a decimal, never a float; a
            tuple takes a list, or text separated by commas.
        locate: Turns a key (`window`, `legs[1].ratio`) into what the user calls that place.
        known: Keys of other tables, and where they belong; a stray one is told so.

    Raises:
        ConfigError: A key is unknown or missing, or a value is wrong; names the place.
    """
    check_keys(config, values, locate=locate, known=known)
    try:
        return _CONVERTER.structure(values, config)
    except cattrs.BaseValidationError as group:
        raise _first_error(group, locate) from None


def check_keys(
    config: type[Any],
    values: Mapping[str, object],
    *,
    locate: Callable[[str], str] = str,
    known: Callable[[], Mapping[str, str]] = dict,
) -> None:
    """
    Refuse keys that *config* does not have.

    Raises:
        ConfigError: A key is unknown; suggests the nearest, or the table it belongs to.
    """
    keys = [setting.key for setting in settings_of(config)]
    for key in values:
        if key not in keys:
            raise ConfigError(
                f"unknown option {key!r}", where=locate(key), remedy=_hint(key, keys, known())
            )


def _hint(key: str, keys: list[str], elsewhere: Mapping[str, str]) -> str:
    if key in elsewhere:
        return f"it belongs to {elsewhere[key]}"
    near = nearest(key, [*keys, *elsewhere])
    if near is not None and near in elsewhere and near not in keys:
        return f"did you mean {near!r} of {elsewhere[near]}?"
    return f"did you mean {near!r}?" if near else f"known: {', '.join(keys)}"


def _first_error(group: Exception, locate: Callable[[str], str]) -> AlgopioneerError:
    """Return the first failure inside cattrs' nested groups, with its path."""
    path = ""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        owner = getattr(error, "cl", None)
        error = error.exceptions[0]
        path += _step(error, owner)
    if isinstance(error, AlgopioneerError):
        return _placed(error, path, locate)
    if isinstance(error, ForbiddenExtraKeysError):
        key = min(error.extra_fields)
        return ConfigError(f"unknown option {key!r}", where=locate(f"{path}.{key}".strip(".")))
    if isinstance(error, KeyError):
        return ConfigError(
            "is required and missing", where=locate(path.lstrip(".")), remedy="give it a value"
        )
    return ConfigError(str(error), where=locate(path.lstrip(".")) or None)


def _placed(error: AlgopioneerError, path: str, locate: Callable[[str], str]) -> AlgopioneerError:
    """Return *error* as the user's place sees it; a check of a whole class names its own key."""
    key = f"{path}.{error.where}" if error.where else path
    place = locate(key.lstrip(".")) if key else None
    return ConfigError(error.message, where=place or None, remedy=error.remedy)


def _step(error: BaseException, owner: Any) -> str:
    """Return what cattrs noted on *error* about the field of *owner*, or the item, it is in."""
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, cattrs.AttributeValidationNote):
            keys = {s.field: s.key for s in settings_of(owner)} if attrs.has(owner) else {}
            return f".{keys.get(note.name, note.name)}"
        if isinstance(note, cattrs.IterableValidationNote):
            return f"[{note.index}]"
    return ""


def _refuse(value: object, wanted: str) -> ConfigError:
    return ConfigError(f"must be {wanted}, not {_shown(value)}")


def _shown(value: object) -> str:
    return str(value) if isinstance(value, Decimal | int) else repr(value)


def _decimal(value: object, _: object) -> Decimal:
    if isinstance(value, bool | float) or not isinstance(value, str | int | Decimal):
        raise _refuse(value, "a number")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise _refuse(value, "a number") from None
    if not number.is_finite():
        raise _refuse(value, "a finite number")
    return number


def _int(value: object, _: object) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _refuse(value, "a whole number")
    try:
        return int(value)
    except ValueError:
        raise _refuse(value, "a whole number") from None


def _float(value: object, target: object) -> float:
    return float(value) if isinstance(value, float) else float(_decimal(value, target))


def _bool(value: object, _: object) -> bool:
    truth = _TRUTH.get(value) if isinstance(value, str) else value
    if not isinstance(truth, bool):
        raise _refuse(value, "true or false")
    return truth


def _str(value: object, _: object) -> str:
    if not isinstance(value, str):
        raise _refuse(value, "text")
    return value


def _number_or_word(value: object, _: object) -> NumberOrWord:
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return NumberOrWord(plain(Decimal(value)))
    return NumberOrWord(_str(value, None))


def _enum(value: object, target: type[enum.Enum]) -> enum.Enum:
    if isinstance(value, target):
        return value
    members = {str(member.value): member for member in target}
    word = str(value).lower().replace("_", "-")
    if word not in members:
        near = nearest(word, members)
        error = _refuse(value, f"one of {', '.join(members)}")
        error.remedy = f"did you mean {near!r}?" if near else None
        raise error
    return members[word]


def _datetime(value: object, _: object) -> datetime.datetime:
    """Read TOML's date or date-time, or ISO 8601 text; what has no zone is UTC."""
    moment = value
    if isinstance(value, str):
        try:
            moment = datetime.datetime.fromisoformat(value.strip())
        except ValueError:
            raise _refuse(value, "a time such as 2024-01-31T09:30:00Z") from None
    if isinstance(moment, datetime.datetime):
        return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
    if isinstance(moment, datetime.date):
        return datetime.datetime.combine(moment, datetime.time(), datetime.UTC)
    raise _refuse(value, "a time such as 2024-01-31T09:30:00Z")


def _is_tuple(target: Any) -> bool:
    return typing.get_origin(target) is tuple


def _is_enum(target: Any) -> bool:
    return isinstance(target, type) and issubclass(target, enum.Enum)


def _tuple(value: object, target: Any) -> tuple[object, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple):
        raise _refuse(value, "a list")
    items: Any = types.GenericAlias(list, (typing.get_args(target)[0],))
    return tuple(_CONVERTER.structure(list(value), items))


def _attrs_hook(config: type[Any]) -> Callable[[Mapping[str, Any], Any], Any]:
    renames: dict[str, Any] = {
        s.field: override(rename=s.key) for s in settings_of(config) if s.key != s.field
    }
    return make_dict_structure_fn(config, _CONVERTER, _cattrs_forbid_extra_keys=True, **renames)


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=True)
    converter.register_structure_hook(Decimal, _decimal)
    converter.register_structure_hook(int, _int)
    converter.register_structure_hook(float, _float)
    converter.register_structure_hook(bool, _bool)
    converter.register_structure_hook(str, _str)
    converter.register_structure_hook(NumberOrWord, _number_or_word)
    converter.register_structure_hook(datetime.datetime, _datetime)
    # Old versions of cattrs find enums by their base, new ones by asking a function.
    converter.register_structure_hook(enum.Enum, _enum)
    converter.register_structure_hook_func(_is_enum, _enum)
    converter.register_structure_hook_func(_is_tuple, _tuple)
    converter.register_structure_hook_factory(attrs.has, _attrs_hook)
    return converter


_CONVERTER: Final = _make_converter()
