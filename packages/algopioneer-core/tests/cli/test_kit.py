"""Behaviour of flags made from configuration classes."""

import enum
import json
from decimal import Decimal
from typing import Any

import click
import pytest
from attrs import frozen
from click.testing import CliRunner

from algopioneer_core.cli.kit import given_values, json_option, print_json, setting_options
from algopioneer_core.settings import option, secret


class Mode(enum.Enum):
    FAST = "fast"
    SAFE = "safe"


@frozen(kw_only=True)
class Sample:
    short_window: int = option(5, help="Bars in the short average.", unit="bars")
    size: Decimal = option(Decimal("0.5"), help="Share of equity.")
    mode: Mode = option(Mode.FAST, help="How.")
    allow_short: bool = option(False, help="Whether to sell short.")
    names: tuple[str, ...] = option((), help="Who.")
    price: Decimal = option(help="Limit price.", section="Orders")
    token: str = secret(environment="SAMPLE_TOKEN", help="Key of the account.")


_FLAGS = setting_options(Sample, section="Sample")


def _run(*words: str) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    @click.command()
    def command(**parameters: Any) -> None:
        seen.update(given_values(_FLAGS, parameters))

    command.params.extend(_FLAGS)
    result = CliRunner().invoke(command, words)
    if result.exit_code:
        raise click.UsageError(result.output)
    return seen


def _help_of() -> str:
    command = click.Command("sample", params=list(setting_options(Sample, section="Sample")))
    return CliRunner().invoke(command, ["--help"], terminal_width=200).output


def test_nothing_given_gives_nothing() -> None:
    """Defaults stay in the class, so that a file can lie under the flags."""
    assert {} == _run()


def test_given_flags_become_values_by_key() -> None:
    """Hyphens become underscores; money keeps its digits."""
    values = _run(
        "--short-window", "7", "--size", "0.10", "--mode", "SAFE", "--allow-short", "--names", "a",
        "--names", "b",
    )  # fmt: skip

    expected = {
        "short_window": 7,
        "size": Decimal("0.10"),
        "mode": "safe",
        "allow_short": True,
        "names": ["a", "b"],
    }
    assert expected == {**values, "mode": str(values["mode"]).lower()}
    assert "0.10" == str(values["size"])


def test_switch_can_be_turned_off() -> None:
    """What a file turned on, a flag can turn off."""
    assert {"allow_short": False} == _run("--no-allow-short")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--short-window", "x"), "not a valid integer"),
        (("--size", "x"), "'x' is not a number"),
        (("--size", "nan"), "not a finite number"),
        (("--mode", "slow"), "'slow' is not one of"),
    ],
)
def test_value_of_the_wrong_type_is_a_usage_error(words: tuple[str, ...], message: str) -> None:
    """click says which flag."""
    with pytest.raises(click.UsageError, match=message):
        _run(*words)


def test_help_shows_unit_default_and_requirement() -> None:
    """Everything a user needs is on one line."""
    text = _help_of()

    assert "Bars in the short average. [bars; default: 5]" in text
    assert "Share of equity. [default: 0.5]" in text
    assert "[default: fast]" in text
    assert "Limit price. [required]" in text


def test_secret_has_no_flag() -> None:
    """A secret on a command line would be seen by every user of the machine."""
    assert "token" not in _help_of()


def test_taken_flag_gets_the_prefix() -> None:
    """A strategy may call a parameter as it likes."""
    (flag,) = (f for f in setting_options(
        Sample, section="Sample", taken={"--size"}, prefix="strategy-"
    ) if f.setting.key == "size")  # fmt: skip

    assert ["--strategy-size"] == flag.opts


def test_section_of_a_field_wins_over_that_of_the_class() -> None:
    """Flags are listed under headings."""
    sections = {flag.setting.key: flag.section for flag in _FLAGS}

    assert ("Orders", "Sample") == (sections["price"], sections["size"])


def test_no_class_has_no_flags() -> None:
    """A strategy without configuration adds nothing."""
    assert [] == setting_options(None, section="Sample")


def test_json_keeps_money_as_text() -> None:
    """A float would lose digits."""

    @click.command()
    @json_option
    def command(as_json: bool) -> None:
        print_json({"amount": Decimal("0.10"), "json": as_json})

    output = CliRunner().invoke(command, ["--json"]).output

    assert {"amount": "0.10", "json": True} == json.loads(output)


def test_json_refuses_what_it_cannot_say() -> None:
    """An object is not turned into its repr."""
    with pytest.raises(TypeError, match="object cannot be written"):
        print_json({"x": object()})
