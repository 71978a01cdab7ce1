"""
A checked session as tables again, defaults and plugins' keys included, to be shown.

Secrets are left out, and a text that came from the environment is shown as it is written, with
its `${NAME}`. Written as TOML the tables are a session file that means the same.
"""

from collections.abc import Mapping
from typing import Any

import attrs

from algopioneer_core.bootstrap.session_config import (
    CheckedPart,
    CheckedSession,
    CheckedStrategy,
    CheckedVenue,
)
from algopioneer_core.config.environment import EnvironmentText
from algopioneer_core.config.runs import Part
from algopioneer_core.config.session_tables import SAFE_LEGS, SAFE_LIMITS
from algopioneer_core.history.intervals import format_interval
from algopioneer_core.settings import settings_of

__all__ = ["described", "secret_states", "session_view"]

_OFF = "off"


def session_view(checked: CheckedSession) -> dict[str, Any]:
    """Return the tables of *checked*: by name, of plain values, None for what is not set."""
    config = checked.config
    return {
        "session": {**described(config.session), "resume": checked.resume.value},
        "journal": {**described(config.journal), "path": str(config.journal_path)},
        "venue": {venue.table.name: _venue(venue) for venue in checked.venues},
        "strategy": [_strategy(strategy) for strategy in checked.strategies],
        "risk": _with_off(described(config.risk), SAFE_LIMITS),
        "execution": described(config.execution),
        "reconciliation": described(config.reconciliation),
        "recorder": [_part(part) for part in checked.recorders] or None,
        "notifier": [_part(part) for part in checked.notifiers] or None,
        "web": None if config.web is None else described(config.web),
        "log": described(config.log),
        "plugins": None if config.allow is None else {"allow": list(config.allow)},
    }


def secret_states(checked: CheckedSession) -> dict[str, bool]:
    """Return the variables in which secrets are looked for, and whether each is there."""
    return {
        setting.environment: bool(getattr(each, setting.field))
        for each in checked.plugin_configs
        for setting in settings_of(type(each))
        if setting.environment is not None
    }


def described(config: Any) -> dict[str, Any]:
    """Return the settings of an attrs object by key as plain values; secrets are left out."""
    if config is None:
        return {}
    shown = (setting for setting in settings_of(type(config)) if not setting.secret)
    return {setting.key: _plain(getattr(config, setting.field)) for setting in shown}


def _venue(venue: CheckedVenue) -> dict[str, Any]:
    paper: Any = described(venue.paper_config) if venue.paper is not None else False
    return {"kind": venue.spec.name, **described(venue.config), "paper": paper}


def _strategy(strategy: CheckedStrategy) -> dict[str, Any]:
    table = strategy.table
    interval = None if table.interval_ns is None else format_interval(table.interval_ns)
    return {
        "kind": strategy.spec.name,
        "name": table.name,
        "instruments": list(table.instruments),
        "interval": interval,
        "capital": table.capital,
        "capital_share": table.capital_share,
        "history": table.history,
        "on_remove": table.on_remove.value,
        "on_exhausted": table.on_exhausted.value,
        **described(strategy.config),
        "restart": described(table.restart),
        "legs": None if strategy.legs is None else _with_off(described(strategy.legs), SAFE_LEGS),
        "risk": described(table.risk),
        "exit": [_exit(part) for part in table.exits] or None,
    }


def _exit(part: Part) -> dict[str, Any]:
    return {"kind": part.kind, **{k: _plain(v) for k, v in part.settings.filed.items()}}


def _part(part: CheckedPart) -> dict[str, Any]:
    return {"kind": part.spec.name, "name": part.name, **described(part.config)}


def _with_off(values: dict[str, Any], safe: Mapping[str, object]) -> dict[str, Any]:
    """Say "off" where a default is switched off: left out, it would come back."""
    return {key: _OFF if value is None and key in safe else value for key, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, EnvironmentText):
        return value.written
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if attrs.has(type(value)):
        return described(value)
    if isinstance(value, str):
        return value.replace("${", "$${")
    return getattr(value, "value", value)
