"""
Finding plugins: entry points, who they belong to, and which of them may be loaded.

Only metadata is read here; no plugin is imported.
"""

import importlib.metadata
import os
from collections.abc import Callable, Collection, Iterable
from typing import Final, NamedTuple

from algopioneer_core.domain.errors import PluginError
from algopioneer_core.plugins.hookspecs import PROJECT
from algopioneer_core.settings import nearest

__all__ = [
    "ALLOW_VARIABLE",
    "BUILTIN",
    "Candidate",
    "allowed_names",
    "api_mismatch",
    "candidates",
    "check_allowed",
    "conflicts",
]

ALLOW_VARIABLE: Final = "ALGOPIONEER_PLUGINS"
"""Environment variable that holds the names of the plugins to load, separated by commas."""
BUILTIN: Final = "builtin"
"""The plugin that core itself is; it is always loaded."""
_CORE: Final = "algopioneer-core"


class Candidate(NamedTuple):
    """One entry point of the group, before anything of it is imported."""

    name: str
    module: str
    distribution: str
    version: str
    load: Callable[[], object]
    requirements: Callable[[], Iterable[str]]

    @property
    def origin(self) -> str:
        """The distribution and its version, as a message names them."""
        return f"{self.distribution} {self.version}"


def candidates() -> tuple[Candidate, ...]:
    """Return every installed plugin, sorted by name and distribution."""
    found = (_candidate(e) for e in importlib.metadata.entry_points(group=PROJECT))
    return tuple(sorted(found, key=lambda c: (c.name, c.distribution)))


def _candidate(entry: importlib.metadata.EntryPoint) -> Candidate:
    owner = entry.dist
    return Candidate(
        name=entry.name,
        module=entry.value,
        distribution=owner.name if owner else "(unknown distribution)",
        version=owner.version if owner else "?",
        load=entry.load,
        requirements=lambda: (owner.requires or ()) if owner else (),
    )


def allowed_names(configured: Collection[str] | None) -> frozenset[str] | None:
    """
    Return the names of the plugins that may be loaded, or None when all may.

    Args:
        configured: The list of the configuration file, if it has one. The environment variable
            `ALGOPIONEER_PLUGINS` (names separated by commas; empty allows none) replaces it.
    """
    text = os.environ.get(ALLOW_VARIABLE)
    if text is not None:
        configured = [name.strip() for name in text.split(",") if name.strip()]
    return None if configured is None else frozenset(configured) | {BUILTIN}


def check_allowed(allowed: frozenset[str] | None, installed: Collection[str]) -> None:
    """
    Refuse an allow-list that names what is not installed: a misspelling would drop a plugin.

    Raises:
        PluginError: A name is not installed.
    """
    for name in sorted((allowed or frozenset()) - set(installed) - {BUILTIN}):
        near = nearest(name, installed)
        raise PluginError(
            f"plugin {name!r} is allowed but not installed",
            where=ALLOW_VARIABLE if ALLOW_VARIABLE in os.environ else "plugins.allow",
            remedy=f"did you mean {near!r}?" if near else f"installed: {', '.join(installed)}",
        )


def conflicts(found: Iterable[Candidate]) -> dict[str, PluginError]:
    """Return, for each name that several distributions claim, the error that names them."""
    owners: dict[str, list[Candidate]] = {}
    for candidate in found:
        owners.setdefault(candidate.name, []).append(candidate)
    return {name: _conflict(name, group) for name, group in owners.items() if len(group) > 1}


def _conflict(name: str, group: list[Candidate]) -> PluginError:
    origins = " and ".join(candidate.origin for candidate in group)
    return PluginError(
        f"plugin name {name!r} is claimed by {origins}",
        where=f"plugin {name!r}",
        remedy=f"uninstall one of them: pip uninstall {group[-1].distribution}",
    )


def api_mismatch(candidate: Candidate) -> str | None:
    """
    Return how the plugin's range of core versions excludes the installed core, if it does.

    The range in the plugin's own requirements is its API version; it is read only here, after a
    failure or by `plugins check`, because parsing requirements is slow to import.
    """
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    core = importlib.metadata.version(_CORE)
    for text in candidate.requirements():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if canonicalize_name(requirement.name) != _CORE or requirement.marker:
            continue
        if not requirement.specifier.contains(core, prereleases=True):
            return f"it was made for {_CORE}{requirement.specifier}, installed is {core}"
    return None
