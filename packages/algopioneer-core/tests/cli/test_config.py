"""Behaviour of `algopioneer config`."""

import json
import sys
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from algopioneer_core.cli.main import main
from algopioneer_core.testing.distributions import write_distribution

PLUGIN = """
from attrs import frozen
from algopioneer_core.domain.capabilities import (
    Capabilities, Capability, FillReporting, IdempotentSubmit, Support,
)
from algopioneer_core.plugins import StrategySpec, VenueSpec, hookimpl
from algopioneer_core.settings import at_least, option, secret


@frozen(kw_only=True)
class ShopConfig:
    page: int = option(100, help="Rows.", validator=at_least(1))
    key: str = secret(environment="ACME_SHOP_KEY", help="Key.")


@frozen(kw_only=True)
class DriftConfig:
    window: int = option(20, help="Bars.", validator=at_least(2))


@hookimpl
def algopioneer_venues():
    able = (Capability.MARKET_ORDERS, Capability.LIMIT_ORDERS, Capability.TRADES)
    return [VenueSpec(
        name="acme-shop", summary="s", factory="a:b", config="acme_shop:ShopConfig",
        capabilities=Capabilities(
            support=dict.fromkeys(able, Support.NATIVE),
            idempotent_submit=IdempotentSubmit.ALWAYS,
            fill_reporting=FillReporting.SINGLE,
            absence_after_ns=1,
        ),
    )]


@hookimpl
def algopioneer_strategies():
    return [StrategySpec(
        name="drift", summary="s", factory="a:b", config="acme_shop:DriftConfig"
    )]
"""
SESSION = """
[session]
name = "shop"
interval = "1m"
[venue.acme-shop]
paper = false
page = 50
[[strategy]]
kind = "drift"
instruments = ["X-USD"]
window = 30
"""


@pytest.fixture(autouse=True)
def _acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install a venue and a strategy, with their secret in `.env`."""
    plugins = {"acme-shop": "acme_shop"}
    write_distribution(tmp_path, "acme-shop", plugins=plugins, modules={"acme_shop": PLUGIN})
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ACME_SHOP_KEY", raising=False)
    Path(".env").write_text("ACME_SHOP_KEY=s3cret\n", "utf-8")
    Path("shop.toml").write_text(SESSION, "utf-8")
    yield
    sys.modules.pop("acme_shop", None)


def test_right_file_is_valid(capsys: pytest.CaptureFixture[str]) -> None:
    """It says what would be traded, and whether with money."""
    assert 0 == main(["config", "validate", "--config", "shop.toml"])

    assert "shop.toml: valid: 1 strategy with money on 1 venue\n" == capsys.readouterr().out


def test_every_mistake_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is that of a configuration."""
    Path("shop.toml").write_text(SESSION.replace("50", "0").replace("window", "widow"), "utf-8")

    assert 4 == main(["config", "validate", "--config", "shop.toml", "--env-file", "none"])

    captured = capsys.readouterr()
    assert "" == captured.out
    first, second = captured.err.splitlines()
    assert first.startswith("error: shop.toml: venue.acme-shop.key: the secret is missing")
    assert second.startswith("error: shop.toml: strategy[0].widow: unknown option 'widow'")
    assert "(did you mean 'window'?)" in second


def test_mistakes_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """One document, valid or not."""
    assert 0 == main(["config", "validate", "--config", "shop.toml", "--json"])
    assert {"valid": True, "problems": []} == json.loads(capsys.readouterr().out)
    Path("shop.toml").write_text(SESSION.replace("50", "0"), "utf-8")

    assert 4 == main(["config", "validate", "--config", "shop.toml", "--json"])

    answer = json.loads(capsys.readouterr().out)
    assert not answer["valid"]
    assert {
        "type": "ConfigError",
        "where": "shop.toml: venue.acme-shop.page",
        "message": "page must be at least 1, not 0",
        "remedy": None,
    } == answer["problems"][0]


def test_file_that_is_no_session_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be read at all is one line too."""
    Path("shop.toml").write_text("[sesion]\n", "utf-8")

    assert 4 == main(["config", "validate", "--config", "shop.toml"])

    assert "did you mean 'session'?" in capsys.readouterr().err


def test_shown_session_has_its_defaults_and_no_secret(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is printed is a session file."""
    assert 0 == main(["config", "show", "--config", "shop.toml"])

    out = capsys.readouterr().out
    assert out.startswith("# secret from ACME_SHOP_KEY: set\n")
    assert "s3cret" not in out
    tables = tomllib.loads(out, parse_float=Decimal)
    assert {"kind": "acme-shop", "page": 50, "paper": False} == tables["venue"]["acme-shop"]
    assert "wallclock" == tables["session"]["resume"]
    assert Decimal("0.05") == tables["risk"]["daily_loss_fraction"]
    assert 30 == tables["strategy"][0]["window"]
    Path("shown.toml").write_text(out, "utf-8")
    assert 0 == main(["config", "validate", "--config", "shown.toml"])


def test_shown_session_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The same tables, and which secrets are there."""
    assert 0 == main(["config", "show", "--config", "shop.toml", "--json"])

    answer = json.loads(capsys.readouterr().out)
    assert {"ACME_SHOP_KEY": True} == answer["secrets"]
    assert "shop.journal" == answer["journal"]["path"]


def test_wrong_session_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Its first mistake is."""
    Path("shop.toml").write_text(SESSION.replace("drift", "drfit"), "utf-8")

    assert 4 == main(["config", "show", "--config", "shop.toml"])

    assert "strategy[0].kind: no strategy is named 'drfit'" in capsys.readouterr().err
