"""Configuring what a plugin provides: its settings from the user, its secrets from outside."""

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.plugins.specs import ComponentSpec
from algopioneer_core.settings import Setting, settings_of

__all__ = ["component_config"]


def component_config(
    spec: ComponentSpec,
    asked: Settings,
    environment: Mapping[str, str],
    *,
    elsewhere: Mapping[str, str] | None = None,
) -> Any:
    """
    Return the checked configuration of *spec*; None when it has nothing to configure.

    Args:
        spec: What is configured.
        asked: What the user set, and where.
        environment: Where the fields made with `settings.secret` are read from: `os.environ`. One
            that is not there is empty, and whoever needs it says so when it does.
        elsewhere: Keys of other tables and where they belong, for the hint about a stray one.

    Raises:
        ConfigError: A key is unknown or missing, a value is wrong, or a secret stands in a file.
        PluginError: The configuration class cannot be loaded.
    """
    config = spec.load_config()
    if config is None:
        _refuse_keys(spec, asked)
        return None
    secrets = [setting for setting in settings_of(config) if setting.secret]
    _refuse_secrets(secrets, asked)
    read = {setting.key: environment.get(setting.environment or "") for setting in secrets}
    found = {key: value for key, value in read.items() if value is not None}
    return evolve(asked, filed={**asked.filed, **found}).make(config, elsewhere=elsewhere)


def _refuse_keys(spec: ComponentSpec, asked: Settings) -> None:
    for key in (*asked.flags, *asked.filed):
        raise ConfigError(
            f"{spec.kind} {spec.name!r} has nothing to configure",
            where=asked.place(key),
            remedy="leave it out",
        )


def _refuse_secrets(secrets: list[Setting], asked: Settings) -> None:
    for setting in secrets:
        if setting.key in asked.filed or setting.key in asked.flags:
            raise ConfigError(
                "a secret is not read from files and flags, where others can see it",
                where=asked.place(setting.key),
                remedy=f"set the environment variable {setting.environment}",
            )
