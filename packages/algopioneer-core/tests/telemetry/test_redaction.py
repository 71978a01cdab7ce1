"""Hiding secrets by value and by name."""

import enum
import json
from decimal import Decimal
from urllib.parse import quote

import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.fills import Side
from algopioneer_core.settings import option, secret
from algopioneer_core.telemetry.redaction import HIDDEN, Redactor, secrets_in

KEY = "sk/live+4711 äö"


@frozen(kw_only=True)
class Account:
    api_secret: str = secret(environment="ACCOUNT_SECRET", help="Key of the account.")
    name: str = option("main", help="Its name.")


@frozen(kw_only=True)
class Session:
    accounts: tuple[Account, ...] = ()
    spare: Account = field(factory=Account)


class Colour(enum.IntEnum):
    RED = 1


@given(st.text(min_size=4), st.text(), st.text())
def test_no_text_holds_a_secret_afterwards(value: str, before: str, after: str) -> None:
    """Wherever it stands, unless hiding it makes it."""
    hidden = Redactor([value]).text(before + value + after)
    if value.strip() == value:
        assert value not in hidden.replace(HIDDEN, "\x00")


@pytest.mark.parametrize(
    "text",
    [
        f"401 for key {KEY}",
        f"https://example.com/?key={quote(KEY, safe='')}&x=1",
        f"POST {KEY.replace(' ', '+')} {KEY}",
    ],
)
def test_a_secret_is_hidden_as_it_is_and_in_a_url(text: str) -> None:
    """Libraries log the URLs they ask."""
    hidden = Redactor([KEY]).text(text)
    assert HIDDEN in hidden
    assert KEY not in hidden
    assert quote(KEY, safe="") not in hidden


def test_each_line_of_a_key_file_is_hidden() -> None:
    """A traceback shows one line at a time."""
    pem = "-----BEGIN KEY-----\nMIIabcdefgh\nijklmnop\n-----END KEY-----\n"
    assert f"at {HIDDEN}" == Redactor([pem]).text("at ijklmnop")


def test_short_values_hide_nothing() -> None:
    """An empty or tiny value would blank out every text."""
    assert "a b abc" == Redactor(["", "a", "abc"]).text("a b abc")


def test_the_longer_of_two_secrets_is_hidden_whole() -> None:
    """No tail of it is left because its beginning is a secret too."""
    assert HIDDEN == Redactor(["abcd", "abcdefgh"]).text("abcdefgh")


@pytest.mark.parametrize(
    "name", ["password", "API_KEY", "api-sign", "Authorization", "x.access_token", "private_key"]
)
def test_what_is_called_a_secret_is_hidden(name: str) -> None:
    """Even where nobody registered its value."""
    assert {name: HIDDEN} == Redactor().fields({name: {"any": 1}})


@pytest.mark.parametrize("name", ["key", "tokens", "monkey", "authorized", "passwords_changed"])
def test_names_that_only_look_alike_are_kept(name: str) -> None:
    """`key` is the key of a trade."""
    assert {name: "alpha:1"} == Redactor().fields({name: "alpha:1"})


def test_values_of_every_kind_become_json_without_secrets() -> None:
    """Trees, errors and objects that show a secret in their repr."""
    fields = Redactor([KEY]).fields(
        {
            "amount": Decimal("1E+3"),
            "odd": Decimal("NaN"),
            "side": Side.BUY,
            "colour": Colour.RED,
            "flag": True,
            "nothing": None,
            "error": ValueError(f"bad {KEY}"),
            "tree": {"list": [KEY, 1, ("x", {"password": "p"})], KEY: 1},
            "object": frozenset({KEY}),
        }
    )
    assert KEY not in json.dumps(fields, ensure_ascii=False)
    assert fields == {
        "amount": "1000",
        "odd": "NaN",
        "side": "buy",
        "colour": 1,
        "flag": True,
        "nothing": None,
        "error": f"bad {HIDDEN}",
        "tree": {"list": [HIDDEN, 1, ["x", {"password": HIDDEN}]], HIDDEN: 1},
        "object": "frozenset({'***'})",
    }


def test_secrets_of_a_configuration_are_found_at_any_depth() -> None:
    """The session hands its whole configuration over."""
    session = Session(
        accounts=(Account(api_secret="one"), Account(api_secret="two", name="b")),
        spare=Account(api_secret="three"),
    )
    assert ["one", "two", "three"] == list(secrets_in(session))
    assert [] == list(secrets_in("text"))
