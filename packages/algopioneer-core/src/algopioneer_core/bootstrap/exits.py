"""Making exit policies from what the user named."""

from collections.abc import Iterable, Mapping
from typing import Any

from algopioneer_core.bootstrap.components import refuse_keys
from algopioneer_core.config.runs import Part, Settings
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.engine.exits import ExitPolicy
from algopioneer_core.plugins.catalogue import Catalogue
from algopioneer_core.plugins.specs import ExitPolicySpec
from algopioneer_core.settings import settings_of

__all__ = ["make_exits"]


def make_exits(
    parts: Iterable[Part], catalogue: Catalogue[ExitPolicySpec]
) -> tuple[ExitPolicy, ...]:
    """
    Return the policies the user named, in that order.

    A policy whose configuration has a tuple of policies gets tables of them, each with its `kind`.

    Raises:
        PluginError: A kind is unknown or cannot be loaded.
        ConfigError: A setting is wrong.
    """
    return tuple(_make(part, catalogue) for part in parts)


def _make(part: Part, catalogue: Catalogue[ExitPolicySpec]) -> ExitPolicy:
    spec = catalogue.get(part.kind)
    config = spec.load_config()
    factory = spec.load_factory()
    if config is None:
        refuse_keys(spec, part.settings)
        policy: ExitPolicy = factory(None)
        return policy
    combined = [s.key for s in settings_of(config) if s.many and s.type is ExitPolicy]
    if not combined:
        return factory(part.settings.make(config))  # type: ignore[no-any-return]
    return factory(_combination(config, combined[0], part, catalogue))  # type: ignore[no-any-return]


def _combination(
    config: type[Any], key: str, part: Part, catalogue: Catalogue[ExitPolicySpec]
) -> Any:
    """Return the configuration of a policy of policies; it has no other settings."""
    values = dict(part.settings.filed)
    tables = values.pop(key, [])
    if values:
        stray = min(values)
        raise ConfigError(
            f"unknown option {stray!r}", where=part.settings.place(stray), remedy=f"known: {key}"
        )
    if not isinstance(tables, list) or not tables:
        raise ConfigError(
            "must be a list of policies",
            where=part.settings.place(key),
            remedy=f"in a file, write [[exit.{key}]] with a kind for each",
        )
    children = (_child(values, index, key, part.settings) for index, values in enumerate(tables))
    return config(**{key: make_exits(children, catalogue)})


def _child(values: Any, index: int, key: str, parent: Settings) -> Part:
    name = f"{parent.table}.{key}[{index}]"
    if not isinstance(values, Mapping) or not isinstance(values.get("kind"), str):
        raise ConfigError(
            "needs a kind", where=parent.place(f"{key}[{index}]"), remedy='write kind = "NAME"'
        )
    rest = {each: value for each, value in values.items() if each != "kind"}
    return Part(values["kind"], Settings(name, rest, parent.path))
