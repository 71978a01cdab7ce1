"""
How a configuration class says what its fields are for.

A strategy, a venue or a recorder is configured by a frozen attrs class. Making its fields with
`option` and `secret` gives each a help text, a unit and a check, from which the command line makes
its flags and their `--help`, and the configuration file its keys, without either knowing the class:

    @frozen(kw_only=True)
    class BreakoutConfig:
        window: int = option(20, help="Bars looked back.", unit="bars", validator=at_least(2))

Supported field types: `int`, `Decimal`, `float` (statistics only, never money), `bool`, `str`, an
`enum.Enum` with text values, each of them `| None`, and tuples of them.
"""

import enum
import typing
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final, TypeAlias

import attrs
from attrs import frozen

from algopioneer_core.domain.errors import ConfigError

__all__ = [
    "NumberOrWord",
    "Setting",
    "Validator",
    "at_least",
    "at_most",
    "below",
    "fraction",
    "nearest",
    "not_negative",
    "one_of",
    "option",
    "optional",
    "positive",
    "secret",
    "settings_of",
]


class NumberOrWord(str):
    """The type of a field that is a number or one of a few words: a file may have either bare."""

    __slots__ = ()


Validator: TypeAlias = Callable[[Any, Any, Any], None]
"""An attrs validator: called with the instance, the attribute and the value."""
_METADATA: Final = "algopioneer"


@frozen
class _About:
    help: str
    unit: str = ""
    choices: tuple[str, ...] = ()
    key: str | None = None
    section: str = ""
    environment: str | None = None
    metavar: str = ""


@frozen(kw_only=True)
class Setting:
    """One field of a configuration class, as the command line and the file reader see it."""

    field: str
    """Name of the attribute."""
    key: str
    """Name in a configuration file; the flag is this with hyphens."""
    type: Any
    """The type without `None`; for a tuple, the type of its items."""
    many: bool
    """Whether it is a tuple."""
    required: bool
    """Whether there is no default."""
    default: Any
    """The default; None when it is required or made by a factory that gives nothing."""
    help: str
    unit: str
    choices: tuple[str, ...]
    """The accepted texts; empty when not a closed list."""
    metavar: str
    """What stands for the value in the help; empty for the type's own word."""
    section: str
    """Heading it is shown under; empty for the class's own."""
    secret: bool
    """Whether its value must never be shown or given on a command line."""
    environment: str | None
    """Environment variable it is read from, for a secret."""


def option(
    default: Any = attrs.NOTHING,
    *,
    help: str,  # noqa: A002 - the word every option parser uses
    unit: str = "",
    choices: tuple[str, ...] = (),
    validator: Validator | list[Validator] | None = None,
    key: str | None = None,
    section: str = "",
    metavar: str = "",
) -> Any:
    """
    Return an attrs field for a value that users set.

    Args:
        default: Used when the user says nothing; without one the value must be given.
        help: One sentence for `--help`.
        unit: What one of it is: `bars`, `%`, `bps`, `quote currency`.
        choices: The accepted texts of a `str` field. An enum field needs none.
        validator: Checks the value; the ones of this module raise ConfigError.
        key: Name in files and flags where the attribute's name will not do (`from`).
        section: Heading to show it under.
        metavar: What stands for the value in the help (`FILE`), where the type does not say it.
    """
    checks = [validator] if callable(validator) else list(validator or ())
    if choices:
        checks.append(one_of(*choices))
    about = _About(help=help, unit=unit, choices=choices, key=key, section=section, metavar=metavar)
    return attrs.field(default=default, validator=checks, metadata={_METADATA: about})


def secret(
    *,
    environment: str,
    help: str,  # noqa: A002 - as for `option`
    required: bool = False,
) -> Any:
    """
    Return an attrs field for a value that must never be printed, logged or passed as an argument.

    Args:
        environment: Name of the environment variable it is read from.
        help: One sentence that says what it is.
        required: Whether nothing works without it. A venue's keys are not required: they are
            asked for when it trades with money, whatever is said here.
    """
    about = _About(help=help, environment=environment)
    default: Any = attrs.NOTHING if required else ""
    return attrs.field(default=default, repr=False, metadata={_METADATA: about})


def settings_of(config: type[Any]) -> tuple[Setting, ...]:
    """
    Return what users can set in the attrs class *config*, in the order of its fields.

    A field made with plain `attrs.field` takes part too; it has no help. Fields that are not
    arguments of the class are left out.
    """
    hints = typing.get_type_hints(config)
    return tuple(
        _setting(attribute, hints[attribute.name])
        for attribute in attrs.fields(config)
        if attribute.init
    )


def _setting(attribute: "attrs.Attribute[Any]", hint: Any) -> Setting:
    about: _About = attribute.metadata.get(_METADATA, _About(help=""))
    value_type, many = _unwrapped(hint)
    choices = about.choices
    if isinstance(value_type, type) and issubclass(value_type, enum.Enum):
        choices = tuple(str(member.value) for member in value_type)
    required = attribute.default is attrs.NOTHING
    return Setting(
        field=attribute.name,
        key=about.key or attribute.name,
        type=value_type,
        many=many,
        required=required,
        default=None if required else _default(attribute.default),
        help=about.help,
        unit=about.unit,
        choices=choices,
        metavar=about.metavar,
        section=about.section,
        secret=about.environment is not None,
        environment=about.environment,
    )


def _default(default: Any) -> Any:
    factory = getattr(default, "factory", None)
    if factory is None:
        return default
    return None if default.takes_self else factory()


def _unwrapped(hint: Any) -> tuple[Any, bool]:
    """Return the type of one value, and whether there are several."""
    arguments = typing.get_args(hint)
    if type(None) in arguments:
        (inner,) = (a for a in arguments if a is not type(None))
        return _unwrapped(inner)
    if typing.get_origin(hint) is tuple:
        return arguments[0], True
    return hint, False


def _fail(attribute: Any, value: Any, wanted: str) -> None:
    about = attribute.metadata.get(_METADATA)
    key = (about and about.key) or attribute.name
    shown = value.value if isinstance(value, enum.Enum) else value
    raise ConfigError(f"{key} must be {wanted}, not {shown}", where=key)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the member of *known* that *word* is most likely a misspelling of, if any is near."""
    import difflib

    matches = difflib.get_close_matches(word, sorted(known), n=1)
    return matches[0] if matches else None


def positive(_: Any, attribute: Any, value: Decimal | float) -> None:
    """
    Check that the value is above zero.

    Raises:
        ConfigError: It is not.
    """
    if not value > 0:
        _fail(attribute, value, "positive")


def not_negative(_: Any, attribute: Any, value: Decimal | float) -> None:
    """
    Check that the value is zero or above.

    Raises:
        ConfigError: It is not.
    """
    if not value >= 0:
        _fail(attribute, value, "zero or more")


def fraction(_: Any, attribute: Any, value: Decimal | float) -> None:
    """
    Check that the value is above 0 and at most 1.

    Raises:
        ConfigError: It is not.
    """
    if not 0 < value <= 1:
        _fail(attribute, value, "above 0 and at most 1")


def at_least(lowest: Decimal | int) -> Validator:
    """Return a validator that raises ConfigError for a value below *lowest*."""

    def check(_: Any, attribute: Any, value: Decimal | float) -> None:
        if not value >= lowest:
            _fail(attribute, value, f"at least {lowest}")

    return check


def at_most(highest: Decimal | int) -> Validator:
    """Return a validator that raises ConfigError for a value above *highest*."""

    def check(_: Any, attribute: Any, value: Decimal | float) -> None:
        if not value <= highest:
            _fail(attribute, value, f"at most {highest}")

    return check


def below(limit: Decimal | int) -> Validator:
    """Return a validator that raises ConfigError for a value that is *limit* or more."""

    def check(_: Any, attribute: Any, value: Decimal | float) -> None:
        if not value < limit:
            _fail(attribute, value, f"below {limit}")

    return check


def one_of(*choices: str) -> Validator:
    """Return a validator that raises ConfigError for a text that is not among *choices*."""

    def check(_: Any, attribute: Any, value: str | tuple[str, ...] | None) -> None:
        values = value if isinstance(value, tuple) else (value,)
        for item in values:
            if item is not None and item not in choices:
                _fail(attribute, item, f"one of {', '.join(choices)}")

    return check


def optional(validator: Validator) -> Validator:
    """Return a validator that lets None pass and asks *validator* about anything else."""

    def check(instance: Any, attribute: Any, value: Any) -> None:
        if value is not None:
            validator(instance, attribute, value)

    return check
