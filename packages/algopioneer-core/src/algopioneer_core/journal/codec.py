"""
The canonical text of everything the journal stores: one value, one text, in every process.

JSON without spaces, object keys sorted, decimals as the text of their digits (`1.50` stays
`1.50`), enum members by value, named tuples as arrays, sets sorted. An object of the domain that
stands where any type may stand, at the top or inside a mapping, is tagged with its class:

    {"$OrderCanceled":{"client_order_id":"7f-12","message":"","ts_event":1650000000000000000}}

Inside such an object the fields say what their values are, so nothing there is tagged. Every
attrs class, named tuple and enum of the domain's vocabulary has a text; nothing is written by hand
for one of them. msgspec writes (1 µs for an order) and cattrs reads (some 15 µs), because it knows
every kind of attrs class and refuses fields it does not know: a text by a newer version is an
error, never half of a value.
"""

import collections
import enum
import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType, ModuleType
from typing import Any, Final, TypeAlias

import attrs
import cattrs
import msgspec
from cattrs.gen import make_dict_structure_fn

from algopioneer_core.domain import (
    account_events,
    commands,
    events,
    execution_reports,
    fills,
    instruments,
    market_data,
    money,
    order_states,
    orders,
    positions,
    round_trips,
    spreads,
)
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.kept import KeptList, KeptMapping
from algopioneer_core.journal.errors import CodecError

__all__ = ["TYPES", "Written", "decode", "encode", "written"]

_VOCABULARY: Final = (
    account_events,
    commands,
    events,
    execution_reports,
    fills,
    instruments,
    market_data,
    money,
    order_states,
    orders,
    positions,
    round_trips,
    spreads,
)
_TAG: Final = "$"
_PLAIN: Final = frozenset((str, int, bool, type(None)))
_LISTS: Final = frozenset((list, tuple, collections.deque))


def _is_word(found: object) -> bool:
    if not isinstance(found, type):
        return False
    return attrs.has(found) or issubclass(found, enum.Enum) or _is_named_tuple(found)


def _is_named_tuple(found: type) -> bool:
    return issubclass(found, tuple) and hasattr(found, "_fields")


def _words(modules: tuple[ModuleType, ...]) -> Iterator[tuple[str, type]]:
    yield "Decimal", Decimal
    yield "InstrumentId", InstrumentId
    for module in modules:
        for name, found in sorted(vars(module).items()):
            if _is_word(found) and found.__module__ == module.__name__ and name[0] != "_":
                yield name, found


TYPES: Final[Mapping[str, type]] = MappingProxyType(dict(_words(_VOCABULARY)))
"""The classes that have a text, by the name that stands in it."""
_TAGS: Final = {found: f"{_TAG}{name}" for name, found in TYPES.items()}


# --- writing ---------------------------------------------------------------------------------


@attrs.frozen
class Written:
    """A value whose canonical text is made already; where it is a part, that is put in as it is."""

    text: str

    def value(self) -> Any:
        """Return the value as the journal gives it back, a new one each time."""
        return decode(self.text)


def _as_text(value: object) -> str:
    """Write what msgspec has no own text for: the domain's one kind of text."""
    if isinstance(value, InstrumentId):
        return str(value)
    raise TypeError(f"a {type(value).__name__} has no text")


_encode: Final = msgspec.json.Encoder(order="sorted", enc_hook=_as_text).encode


def encode(value: object) -> str:
    """
    Return the canonical text of a domain object, or of JSON values that may contain some.

    Lists and tuples are one thing in JSON and come back as lists.

    Raises:
        CodecError: Something in it has no canonical text: a set, a float that is not finite, a key
            that is not text or begins with `$`, a class outside the domain's vocabulary.
    """
    tag = _TAGS.get(type(value))
    try:
        if tag is None:
            if type(value) is Written:
                return value.text
            return _encode(_tagged(value)).decode()
        return f'{{"{tag}":{_encode(value).decode()}}}'
    except (TypeError, ValueError, RecursionError) as error:
        raise CodecError(f"{type(value).__name__} cannot be journalled: {error}") from error


def written(value: object) -> Written:
    """
    Return *value* as the text that it has now, whatever becomes of it.

    Raises:
        CodecError: As `encode`.
    """
    return Written(encode(value))


def _tagged(value: object) -> object:
    """Return JSON values in which each domain object stands below its tag."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    tag = _TAGS.get(kind)
    if tag is not None:
        return {tag: value}
    # To ask whether something is some mapping takes long: it is done last.
    if kind is dict:
        return _tagged_parts(value)  # type: ignore[arg-type]  # as its kind says
    if kind in _LISTS:
        return _tagged_list(value)  # type: ignore[arg-type]  # as its kind says
    if kind is Written:
        return msgspec.Raw(value.text.encode())  # type: ignore[attr-defined]  # as its kind says
    if isinstance(value, KeptMapping | KeptList):
        return msgspec.Raw(_text_of(value).encode())
    if kind is float and math.isfinite(value):  # type: ignore[arg-type]
        return value
    if isinstance(value, Mapping):
        return _tagged_parts(value)
    raise TypeError(f"{value!r} ({kind.__name__}) has no canonical text")


# Most parts are plain and most keys are text: they are looked at without a call for each.
def _tagged_parts(value: Mapping[Any, object]) -> object:
    return {
        key if type(key) is str and key[:1] != _TAG else _key(key): (
            part if type(part) in _PLAIN else _tagged(part)
        )
        for key, part in value.items()
    }


def _tagged_list(value: Iterable[object]) -> object:
    return [part if type(part) in _PLAIN else _tagged(part) for part in value]


def _text_of(kept: KeptMapping | KeptList) -> str:
    """Return the text of a part that does not change, made when first asked for."""
    if not kept.text:
        parts = _tagged_parts(kept) if isinstance(kept, KeptMapping) else _tagged_list(kept)
        kept.text = _encode(parts).decode()
    return kept.text


def _key(key: object) -> str:
    if not isinstance(key, str) or key.startswith(_TAG):
        raise TypeError(f"{key!r} cannot be a key: keys are text and do not begin with {_TAG}")
    return str(key)


# --- reading ---------------------------------------------------------------------------------

_Structure: TypeAlias = Callable[[Any, Any], Any]


def _decimal(text: Any, _: type[Decimal]) -> Decimal:
    if type(text) is not str:  # money never comes from a float
        raise ValueError(f"{text!r} is not the text of a decimal")
    return Decimal(text)


def _instrument_id(text: Any, _: type[InstrumentId]) -> InstrumentId:
    return _parsed_id(text)


_parsed_id: Final = functools.lru_cache(maxsize=1024)(InstrumentId.parse)  # a journal names few


def _without_derived(kind: type, converter: cattrs.Converter) -> _Structure:
    """Read a class some of whose fields are worked out from the others."""
    derived = {each.name for each in attrs.fields(kind) if not each.init}
    read: Callable[[Any, Any], Any] = make_dict_structure_fn(
        kind, converter, _cattrs_forbid_extra_keys=True
    )

    def structure(fields: Mapping[str, Any], _: Any) -> Any:
        return read({key: part for key, part in fields.items() if key not in derived}, kind)

    return structure


def _has_derived_fields(kind: Any) -> bool:
    return attrs.has(kind) and not all(each.init for each in attrs.fields(kind))


def _new_converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=False, forbid_extra_keys=True)
    converter.register_structure_hook(Decimal, _decimal)
    converter.register_structure_hook(InstrumentId, _instrument_id)
    converter.register_structure_hook_factory(
        _has_derived_fields, lambda kind: _without_derived(kind, converter)
    )
    return converter


_structure: Final = _new_converter().structure


def decode(text: str) -> Any:
    """
    Return what `encode` wrote.

    Raises:
        CodecError: It is not such a text, or has a type or a field that this version does not know.
    """
    try:
        return _revived(msgspec.json.decode(text))
    except CodecError:
        raise
    except Exception as error:  # whatever a domain class thinks of its fields
        raise CodecError(
            f"cannot be read: {error}: {_shortened(text)}",
            remedy="was it written by a newer version of algopioneer? then use that version",
        ) from error


def _revived(value: Any) -> Any:
    if type(value) is list:
        return [_revived(part) for part in value]
    if type(value) is not dict:
        return value
    if len(value) == 1:
        [(tag, fields)] = value.items()
        if tag.startswith(_TAG):
            return _structure(fields, _type_of(tag))
    return {key: _revived(part) for key, part in value.items()}


def _type_of(tag: str) -> type:
    found = TYPES.get(tag.removeprefix(_TAG))
    if found is None:
        raise CodecError(
            f"nothing here is called {tag.removeprefix(_TAG)!r}",
            remedy="it was written by a newer version of algopioneer; use that version",
        )
    return found


def _shortened(value: object, length: int = 120) -> str:
    text = str(value)
    return text if len(text) <= length else f"{text[:length]}…"
