"""Behaviour of turning plain values into checked configuration objects."""

import datetime
import enum
from decimal import Decimal
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.config.structure import structure
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.settings import NumberOrWord, at_least, option


class Mode(enum.Enum):
    NEXT_OPEN = "next-open"
    NEXT_CLOSE = "next-close"


@frozen(kw_only=True)
class Leg:
    symbol: str
    ratio: Decimal = option(Decimal(1), help="Ratio.")


@frozen(kw_only=True)
class Sample:
    window: int = option(20, help="Bars.", validator=at_least(2))
    size: Decimal | None = option(None, help="Share.")
    scale: float = option(1.0, help="Statistics only.")
    mode: Mode = option(Mode.NEXT_OPEN, help="How.")
    short: bool = option(False, help="Whether.")
    names: tuple[str, ...] = option((), help="Who.")
    start: datetime.datetime | None = option(None, help="When.", key="from")
    legs: tuple[Leg, ...] = option((), help="What.")

    def __attrs_post_init__(self) -> None:
        if self.window > 100 and self.short:
            raise ConfigError("window is too long to be short", where="window", remedy="shorten it")


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimal_text_is_taken_exactly(number: Decimal) -> None:
    """What is written is what is used, to the last digit."""
    taken = structure(Sample, {"size": str(number)}).size

    assert taken is not None
    assert number.as_tuple() == taken.as_tuple()


@pytest.mark.parametrize("value", [0.5, True, "half", "NaN", "Infinity", [], None])
def test_decimal_refuses_floats_and_what_is_no_number(value: object) -> None:
    """A float is not what was written, so it never becomes money."""

    @frozen
    class Price:
        price: Decimal = option(help="Price.")

    with pytest.raises(ConfigError, match="price: must be a"):
        structure(Price, {"price": value})


@pytest.mark.parametrize("value", [Decimal("5.5"), 5.5, True, "five"])
def test_integer_refuses_fractions_and_texts(value: object) -> None:
    """A window of five and a half bars is a mistake, not five."""
    with pytest.raises(ConfigError, match="window: must be a whole number"):
        structure(Sample, {"window": value})


def test_enum_is_chosen_by_its_value() -> None:
    """Underscores and capitals are forgiven."""
    assert Mode.NEXT_CLOSE is structure(Sample, {"mode": "Next_Close"}).mode


def test_unknown_choice_lists_the_choices_and_the_nearest() -> None:
    """The error has the whole list."""
    with pytest.raises(ConfigError, match=r"one of next-open, next-close, not 'next-clos' \(did"):
        structure(Sample, {"mode": "next-clos"})


@pytest.mark.parametrize("value", ["a,b", ["a", "b"], ("a", "b"), " a , b ,"])
def test_list_may_be_written_with_commas(value: object) -> None:
    """One text is enough for a short list."""
    assert ("a", "b") == structure(Sample, {"names": value}).names


@pytest.mark.parametrize(("value", "truth"), [("true", True), ("false", False), (True, True)])
def test_truth_may_be_text(value: object, truth: bool) -> None:
    """`--exit` and environment variables have only texts."""
    assert truth is structure(Sample, {"short": value}).short


@pytest.mark.parametrize("value", ["yes", 1, "True "])
def test_other_words_for_truth_are_refused(value: object) -> None:
    """There is one way to write it."""
    with pytest.raises(ConfigError, match="short: must be true or false"):
        structure(Sample, {"short": value})


@pytest.mark.parametrize(
    "value",
    ["2022-01-05", "2022-01-05T00:00:00", "2022-01-05 00:00Z", "2022-01-05T02:00+02:00",
     datetime.date(2022, 1, 5), datetime.datetime(2022, 1, 5, tzinfo=datetime.UTC)],
)  # fmt: skip
def test_time_without_zone_is_utc(value: object) -> None:
    """All these are one moment."""
    moment = structure(Sample, {"from": value}).start

    assert datetime.datetime(2022, 1, 5, tzinfo=datetime.UTC) == moment


@pytest.mark.parametrize("value", ["yesterday", 20220105])
def test_time_that_is_none_is_refused(value: object) -> None:
    """The error shows how a time is written."""
    with pytest.raises(ConfigError, match="from: must be a time such as 2024"):
        structure(Sample, {"from": value})


def test_statistics_may_be_floats() -> None:
    """A float field takes any number."""
    assert 0.25 == structure(Sample, {"scale": Decimal("0.25")}).scale
    assert 0.25 == structure(Sample, {"scale": 0.25}).scale


def test_unknown_key_suggests_the_nearest() -> None:
    """A misspelt key never passes silently."""
    with pytest.raises(ConfigError, match=r"unknown option 'windoww'.*did you mean 'window'"):
        structure(Sample, {"windoww": 5})


def test_key_of_another_table_is_sent_there() -> None:
    """A parameter in the wrong table is told the right one."""
    with pytest.raises(ConfigError, match=r"it belongs to \[backtest\]"):
        structure(Sample, {"fee_bps": 5}, known=lambda: {"fee_bps": "[backtest]"})


def test_unknown_key_far_from_all_lists_them() -> None:
    """Without a near name the known ones are shown."""
    with pytest.raises(ConfigError, match="known: window, size"):
        structure(Sample, {"zzzzz": 5})


@pytest.mark.parametrize(
    ("values", "place", "message"),
    [
        ({"legs": [{"symbol": "A"}, {"symbol": "B", "ratio": "x"}]}, "legs[1].ratio", "a number"),
        ({"legs": [{"ratio": 1}]}, "legs[0].symbol", "is required and missing"),
        ({"legs": [{"symbol": "A", "rato": 1}]}, "legs[0].rato", "unknown option"),
        ({"legs": 5}, "legs", "must be a list"),
        ({"names": [1]}, "names[0]", "must be text"),
        ({"window": 1}, "window", "must be at least 2, not 1"),
        ({"window": 101, "short": True}, "window", "too long to be short"),
    ],
)
def test_error_names_the_path(values: dict[str, Any], place: str, message: str) -> None:
    """The place is as deep as the mistake."""
    with pytest.raises(ConfigError, match=message) as caught:
        structure(Sample, values, locate=lambda key: f"file: {key}")

    assert f"file: {place}" == caught.value.where


def test_a_number_or_a_word_may_stand_bare() -> None:
    """A speed of 60 needs no quotes, and neither does its text on a command line."""

    @frozen(kw_only=True)
    class Pace:
        speed: NumberOrWord = option(NumberOrWord("max"), help="How fast.")

    for value, expected in ((60, "60"), (Decimal("0.5"), "0.5"), ("max", "max")):
        assert structure(Pace, {"speed": value}).speed == expected
    with pytest.raises(ConfigError, match="must be text"):
        structure(Pace, {"speed": True})
