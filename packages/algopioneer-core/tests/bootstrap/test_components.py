"""Behaviour of configuring what a plugin provides."""

import sys
from pathlib import Path

import pytest
from attrs import frozen

from algopioneer_core.bootstrap.components import component_config
from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.plugins.specs import RecorderSpec
from algopioneer_core.settings import option, secret


@frozen(kw_only=True)
class Sample:
    size: int = option(1, help="Size.")
    token: str = secret(environment="SAMPLE_TOKEN", help="Key.")


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolve references to this module."""
    monkeypatch.setitem(sys.modules, "components_here", sys.modules[__name__])


def _spec(config: str | None = "components_here:Sample") -> RecorderSpec:
    return RecorderSpec(name="sample", summary="s", factory="a:b", config=config)


def test_values_come_from_the_user_and_secrets_from_the_environment() -> None:
    """Other variables are not looked at."""
    environment = {"SAMPLE_TOKEN": "hush", "SIZE": "9"}

    config = component_config(_spec(), Settings("recorder", {"size": 2}), environment)

    assert Sample(size=2, token="hush") == config
    assert "hush" not in repr(config)


def test_secret_that_is_not_set_is_empty() -> None:
    """Public data needs no key: who needs it says so when it does."""
    assert Sample() == component_config(_spec(), Settings("recorder"), {})


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        (Settings("recorder", {"token": "x"}, Path("run.toml")), "run.toml: recorder.token"),
        (Settings("recorder", flags={"token": "x"}), "--token"),
    ],
)
def test_secret_in_a_file_or_flag_is_refused(asked: Settings, place: str) -> None:
    """The line names the variable, and not the secret."""
    with pytest.raises(ConfigError) as caught:
        component_config(_spec(), asked, {})

    assert place == caught.value.where
    assert "set the environment variable SAMPLE_TOKEN" == caught.value.remedy
    assert "x" not in caught.value.message.split()


def test_nothing_to_configure_takes_nothing() -> None:
    """A setting that would be ignored is refused."""
    assert component_config(_spec(None), Settings("recorder"), {}) is None
    with pytest.raises(ConfigError, match="recorder 'sample' has nothing to configure"):
        component_config(_spec(None), Settings("recorder", {"size": 2}), {})
