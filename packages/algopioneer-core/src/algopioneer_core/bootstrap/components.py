"""Configuring what a plugin provides: its settings from the user, its secrets from outside."""

from collections.abc import Mapping
from typing import Any

from algopioneer_core.config.environment import with_secrets
from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.plugins.specs import ComponentSpec

__all__ = ["component_config", "refuse_keys"]


def component_config(
    spec: ComponentSpec,
    asked: Settings,
    environment: Mapping[str, str],
    *,
    elsewhere: Mapping[str, str] | None = None,
    all_secrets: bool = False,
) -> Any:
    """
    Return the checked configuration of *spec*; None when it has nothing to configure.

    Args:
        spec: What is configured.
        asked: What the user set, and where.
        environment: Where the fields made with `settings.secret` are read from: `os.environ`. One
            that is not there is empty where the class does not require it.
        elsewhere: Keys of other tables and where they belong, for the hint about a stray one.
        all_secrets: Whether every secret must be there, as where trading with money begins.

    Raises:
        ConfigError: A key is unknown or missing, a value is wrong, or a secret is missing or
            stands in a file.
        PluginError: The configuration class cannot be loaded.
    """
    config = spec.load_config()
    if config is None:
        refuse_keys(spec, asked)
        return None
    filled = with_secrets(asked, config, environment, all_needed=all_secrets)
    return filled.make(config, elsewhere=elsewhere)


def refuse_keys(spec: ComponentSpec, asked: Settings) -> None:
    """
    Refuse settings of what has nothing to configure.

    Raises:
        ConfigError: There are some; names the first.
    """
    for key in (*asked.flags, *asked.filed):
        raise ConfigError(
            f"{spec.kind} {spec.name!r} has nothing to configure",
            where=asked.place(key),
            remedy="leave it out",
        )
