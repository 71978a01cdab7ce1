"""Behaviour of option fields and their checks."""

import enum
from decimal import Decimal
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.settings import (
    at_least,
    at_most,
    below,
    fraction,
    nearest,
    not_negative,
    one_of,
    option,
    optional,
    positive,
    secret,
    settings_of,
)


class Mode(enum.Enum):
    FAST = "fast"
    SAFE = "safe"


@frozen(kw_only=True)
class Sample:
    window: int = option(20, help="Bars looked back.", unit="bars", validator=at_least(2))
    size: Decimal = option(Decimal(1), help="Share of equity.", validator=fraction)
    mode: Mode = option(Mode.FAST, help="How.")
    name: str | None = option(None, help="Who.", choices=("ann", "bob"))
    legs: tuple[str, ...] = option((), help="What.", section="Legs")
    start: str = option("", help="When.", key="from")
    token: str = secret(environment="SAMPLE_TOKEN", help="Key of the account.")
    plain: int = 3


@frozen(kw_only=True)
class Required:
    price: Decimal = option(help="Limit price.", validator=[positive, at_most(100)])


def _named(config: type[Any]) -> dict[str, Any]:
    return {setting.key: setting for setting in settings_of(config)}


def test_settings_describe_fields_in_their_order() -> None:
    """The order of the flags is the order of the class."""
    keys = [setting.key for setting in settings_of(Sample)]

    assert ["window", "size", "mode", "name", "legs", "from", "token", "plain"] == keys


def test_setting_tells_what_a_field_is() -> None:
    """Type, unit, default and help come from the field."""
    window = _named(Sample)["window"]

    assert (int, "bars", 20, "Bars looked back.", False) == (
        window.type,
        window.unit,
        window.default,
        window.help,
        window.required,
    )


def test_optional_and_tuple_types_are_unwrapped() -> None:
    """A flag takes one value of the inner type, or several."""
    settings = _named(Sample)

    assert (str, False) == (settings["name"].type, settings["name"].many)
    assert (str, True) == (settings["legs"].type, settings["legs"].many)


def test_enum_values_are_the_choices() -> None:
    """An enum needs no list of choices of its own."""
    assert ("fast", "safe") == _named(Sample)["mode"].choices


def test_section_and_key_can_be_stated() -> None:
    """A field that cannot have its name in Python can have it for users."""
    settings = _named(Sample)

    assert "Legs" == settings["legs"].section
    assert "start" == settings["from"].field


def test_field_without_default_is_required() -> None:
    """The default of a required setting is None, and it says so."""
    price = _named(Required)["price"]

    assert (True, None) == (price.required, price.default)


def test_secret_is_marked_and_never_in_the_repr() -> None:
    """A secret names its environment variable and does not show itself."""
    token = _named(Sample)["token"]

    assert (True, "SAMPLE_TOKEN") == (token.secret, token.environment)
    assert "hush" not in repr(Sample(token="hush"))


def test_plain_attrs_field_is_a_setting_without_help() -> None:
    """A field that was not made with `option` still has a key."""
    plain = _named(Sample)["plain"]

    assert ("", 3) == (plain.help, plain.default)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"window": 1}, "window"),
        ({"size": Decimal(0)}, "size"),
        ({"size": Decimal("1.01")}, "size"),
        ({"name": "eve"}, "name"),
    ],
)
def test_wrong_value_is_refused_with_its_key(values: dict[str, Any], key: str) -> None:
    """The error says which setting is wrong."""
    with pytest.raises(ConfigError, match=key) as caught:
        Sample(**values)

    assert key == caught.value.where


@pytest.mark.parametrize("price", [Decimal(0), Decimal(-1), Decimal(101)])
def test_all_of_several_validators_are_asked(price: Decimal) -> None:
    """Each check of a list may refuse."""
    with pytest.raises(ConfigError, match="price must be"):
        Required(price=price)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_not_negative_agrees_with_the_sign(value: Decimal) -> None:
    """Zero passes, anything below is refused."""

    @frozen
    class Holder:
        amount: Decimal = option(Decimal(0), help="Amount.", validator=not_negative)

    if value < 0:
        with pytest.raises(ConfigError, match="zero or more"):
            Holder(value)
    else:
        assert value == Holder(value).amount


def test_optional_lets_none_pass_and_asks_about_the_rest() -> None:
    """None means not given."""

    @frozen
    class Holder:
        amount: int | None = option(None, help="Amount.", validator=optional(positive))

    assert Holder().amount is None
    with pytest.raises(ConfigError, match="amount must be positive, not -1"):
        Holder(-1)


def test_below_excludes_its_limit() -> None:
    """The limit itself is too much."""

    @frozen
    class Holder:
        share: Decimal = option(Decimal(0), help="Share.", validator=below(1))

    assert Decimal("0.999") == Holder(Decimal("0.999")).share
    with pytest.raises(ConfigError, match="share must be below 1, not 1"):
        Holder(Decimal(1))


def test_one_of_checks_each_item_of_a_tuple() -> None:
    """A list of choices is checked item by item."""

    @frozen
    class Holder:
        flaws: tuple[str, ...] = option((), help="Flaws.", validator=one_of("nan", "gap"))

    assert ("nan", "gap") == Holder(("nan", "gap")).flaws
    with pytest.raises(ConfigError, match="one of nan, gap, not void"):
        Holder(("nan", "void"))


def test_nearest_finds_a_misspelling_and_nothing_far() -> None:
    """A hint is given only when it is likely right."""
    assert "window" == nearest("windoww", ["window", "size"])
    assert nearest("zzz", ["window", "size"]) is None
