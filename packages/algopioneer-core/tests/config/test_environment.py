"""Behaviour of values that come from the environment."""

from pathlib import Path

import pytest
from attrs import frozen

from algopioneer_core.config.environment import (
    EnvironmentText,
    load_environment,
    substitute,
    with_secrets,
)
from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.settings import option, secret


@frozen(kw_only=True)
class Keys:
    host: str = option("here", help="Host.")
    key: str = secret(environment="ACME_KEY", help="Key.")
    token: str = secret(environment="ACME_TOKEN", help="Token.", required=True)


def _dotenv(folder: Path, text: str) -> Path:
    path = folder / ".env"
    path.write_text(text, encoding="utf-8")
    return path


def test_process_wins_over_the_file(tmp_path: Path) -> None:
    """What is exported now is what is meant."""
    path = _dotenv(tmp_path, "A=1\nexport B='x y' # note\n# comment\nC=\n")

    assert {"A": "9", "B": "x y", "C": ""} == load_environment(path, {"A": "9"})


def test_file_that_is_not_there_gives_nothing(tmp_path: Path) -> None:
    """Nobody needs a `.env`."""
    assert {"A": "1"} == load_environment(tmp_path / ".env", {"A": "1"})
    assert {"A": "1"} == load_environment(None, {"A": "1"})


@pytest.mark.parametrize(
    ("text", "line"),
    [("A=1\n= s3cret\n", 2), ("A=1\n\n\ns3cret\n", 4), ("A='s3cret\n", 1)],
)
def test_line_that_is_not_one_is_refused_unquoted(tmp_path: Path, text: str, line: int) -> None:
    """The error names the line and does not print it."""
    path = _dotenv(tmp_path, text)

    with pytest.raises(ConfigError, match="is not NAME=value") as caught:
        load_environment(path, {})

    assert f"{path}:{line}" == caught.value.where
    assert "s3cret" not in str(caught.value)


def test_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """A folder or a binary file is not taken for an empty one."""
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory"):
        load_environment(tmp_path, {})
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"cannot be read: not UTF-8"):
        load_environment(tmp_path / "binary", {})


def test_references_are_replaced_everywhere() -> None:
    """Tables and lists are gone through; what is no text stays."""
    content = {"a": {"b": ["x-${NAME}-${NAME}", 5, True]}, "c": "$${NAME} $5"}

    found = substitute(content, {"NAME": "v"})

    assert {"a": {"b": ["x-v-v", 5, True]}, "c": "${NAME} $5"} == found
    assert isinstance(found["a"]["b"][0], EnvironmentText)
    assert "'x-${NAME}-${NAME}'" == repr(found["a"]["b"][0])
    assert not isinstance(found["c"], EnvironmentText)


@pytest.mark.parametrize(
    ("text", "message"),
    [("${NONE}", "environment variable NONE is not set"), ("${not one}", "does not name")],
)
def test_reference_to_nothing_is_refused_with_its_key(text: str, message: str) -> None:
    """The error names the key and the variable."""
    with pytest.raises(ConfigError, match=message) as caught:
        substitute({"a": [{"b": text}]}, {}, locate=lambda key: f"run.toml: {key}")

    assert "run.toml: a[0].b" == caught.value.where


def test_secrets_come_from_the_variables_they_declare() -> None:
    """A secret that is not needed may be missing."""
    filled = with_secrets(Settings("venue.acme", {"host": "there"}), Keys, {"ACME_TOKEN": "t"})

    config = filled.make(Keys)

    assert ("there", "", "t") == (config.host, config.key, config.token)
    assert "'t'" not in repr(config)


def test_secret_may_be_a_reference() -> None:
    """Two accounts have two variables."""
    text = EnvironmentText("v", written="${OTHER}")
    settings = Settings("venue.acme", {"key": text, "token": text})

    assert "v" == with_secrets(settings, Keys, {}).make(Keys).key


def test_missing_secret_is_named() -> None:
    """The error has the key and the variable."""
    settings = Settings("venue.acme", {}, Path("run.toml"))

    with pytest.raises(ConfigError, match="ACME_TOKEN is not set") as caught:
        with_secrets(settings, Keys, {"ACME_KEY": "k"})
    assert "run.toml: venue.acme.token" == caught.value.where

    with pytest.raises(ConfigError, match="ACME_KEY is not set"):
        with_secrets(settings, Keys, {"ACME_TOKEN": "t"}, all_needed=True)


def test_secret_in_the_file_is_refused_unquoted() -> None:
    """A file is copied and committed; the error does not repeat the secret."""
    with pytest.raises(ConfigError, match="set the environment variable ACME_KEY") as caught:
        with_secrets(Settings("venue.acme", {"key": "s3cret"}), Keys, {"ACME_TOKEN": "t"})

    assert "s3cret" not in str(caught.value)
