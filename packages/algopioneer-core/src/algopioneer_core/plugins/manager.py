"""
The plugin host: loads what is installed, survives what is broken, and hands out specs by name.

pluggy does the hook matching and is not seen outside this module. Each plugin is loaded by itself:
whatever it raises is kept as a `BrokenPlugin` and the others go on. What is ambiguous is not
survived silently: two distributions with one plugin name, or two specs with one name, are
`conflicts`, and `PluginHost.require_unambiguous` raises the first.
"""

import types
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import pluggy
from attrs import field, frozen

from algopioneer_core.domain.errors import PluginError
from algopioneer_core.domain.text import one_line
from algopioneer_core.plugins import hookspecs
from algopioneer_core.plugins.catalogue import Catalogue, Provided
from algopioneer_core.plugins.discovery import (
    ALLOW_VARIABLE,
    Candidate,
    allowed_names,
    api_mismatch,
    candidates,
    check_allowed,
    conflicts,
)
from algopioneer_core.plugins.specs import (
    CommandSpec,
    ExitPolicySpec,
    NotifierSpec,
    RecorderSpec,
    Spec,
    StrategySpec,
    VenueSpec,
)
from algopioneer_core.settings import nearest

__all__ = ["BrokenPlugin", "LoadedPlugin", "PluginHost", "load_plugins"]

_HOOKS: Final[Mapping[str, type[Spec]]] = {
    "algopioneer_venues": VenueSpec,
    "algopioneer_strategies": StrategySpec,
    "algopioneer_exit_policies": ExitPolicySpec,
    "algopioneer_recorders": RecorderSpec,
    "algopioneer_notifiers": NotifierSpec,
    "algopioneer_commands": CommandSpec,
}


@frozen
class LoadedPlugin:
    """A plugin that works, and the specs it returned in the order of the hooks."""

    candidate: Candidate
    specs: tuple[Spec, ...]


@frozen
class BrokenPlugin:
    """A plugin that was left out, and why."""

    candidate: Candidate
    error: PluginError
    """One line with the cause and a remedy; what the plugin raised is its `__cause__`."""


@frozen(eq=False)
class PluginHost:
    """What is installed, by kind."""

    loaded: tuple[LoadedPlugin, ...]
    broken: tuple[BrokenPlugin, ...]
    not_allowed: tuple[Candidate, ...]
    ambiguous: tuple[Candidate, ...]
    """The claimants of plugin names that several distributions claim; none was loaded."""
    venues: Catalogue[VenueSpec] = field(init=False)
    strategies: Catalogue[StrategySpec] = field(init=False)
    exit_policies: Catalogue[ExitPolicySpec] = field(init=False)
    recorders: Catalogue[RecorderSpec] = field(init=False)
    notifiers: Catalogue[NotifierSpec] = field(init=False)
    commands: Catalogue[CommandSpec] = field(init=False)

    def __attrs_post_init__(self) -> None:
        for name, spec_class in _HOOKS.items():
            # Frozen classes are filled in through object: the catalogues derive from the fields.
            attribute = name.removeprefix("algopioneer_")
            object.__setattr__(self, attribute, self._catalogue(spec_class))

    def _catalogue(self, spec_class: type[Spec]) -> Catalogue[Any]:
        provided: Iterable[Provided[Any]] = (
            Provided(spec, plugin.candidate.name, plugin.candidate.origin)
            for plugin in self.loaded
            for spec in plugin.specs
            if type(spec) is spec_class
        )
        return Catalogue(spec_class.kind, provided, self._absences())

    def _absences(self) -> dict[str, str]:
        """Return why each plugin that is installed and not loaded is missing."""
        absent = {
            broken.candidate.name: f"{error.where} {error.message}; {error.remedy}"
            for broken in self.broken
            for error in (broken.error,)
        }
        for candidate in self.not_allowed:
            absent[candidate.name] = (
                f"plugin {candidate.name!r} is installed but not allowed by {ALLOW_VARIABLE} "
                "or the configuration"
            )
        return absent

    @property
    def catalogues(self) -> tuple[Catalogue[Any], ...]:
        """All catalogues, in the order of the hooks."""
        return (
            self.venues,
            self.strategies,
            self.exit_policies,
            self.recorders,
            self.notifiers,
            self.commands,
        )

    @property
    def conflicts(self) -> tuple[PluginError, ...]:
        """Everything that is claimed twice: names of plugins, then names of what they provide."""
        claimed = (error for catalogue in self.catalogues for error in catalogue.conflicts)
        return (*conflicts(self.ambiguous).values(), *claimed)

    def name_conflict(self, name: str) -> PluginError | None:
        """Return the error about the plugin name *name*, if several distributions claim it."""
        return conflicts(self.ambiguous).get(name)

    def require_unambiguous(self) -> None:
        """
        Refuse to go on when it is not clear which code a name means.

        Raises:
            PluginError: The first conflict.
        """
        for error in self.conflicts:
            raise error


def load_plugins(
    *,
    allow: Collection[str] | None = None,
    installed: Sequence[Candidate] | None = None,
) -> PluginHost:
    """
    Load every installed plugin that is allowed.

    Args:
        allow: Names from the configuration; None allows all. `ALGOPIONEER_PLUGINS` replaces it.
        installed: What there is to load; by default the entry points of the environment.

    Raises:
        PluginError: The allow-list names a plugin that is not installed.
    """
    found = candidates() if installed is None else tuple(installed)
    allowed = allowed_names(allow)
    check_allowed(allowed, [candidate.name for candidate in found])
    chosen = [c for c in found if allowed is None or c.name in allowed]
    claimed_twice = conflicts(chosen)
    loaded, broken = _load_each(c for c in chosen if c.name not in claimed_twice)
    return PluginHost(
        loaded=loaded,
        broken=broken,
        not_allowed=tuple(c for c in found if c not in chosen),
        ambiguous=tuple(c for c in chosen if c.name in claimed_twice),
    )


def _load_each(
    chosen: Iterable[Candidate],
) -> tuple[tuple[LoadedPlugin, ...], tuple[BrokenPlugin, ...]]:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    loaded: list[LoadedPlugin] = []
    broken: list[BrokenPlugin] = []
    for candidate in chosen:
        try:
            loaded.append(LoadedPlugin(candidate, _load(manager, candidate)))
        except (Exception, SystemExit) as cause:
            if manager.has_plugin(candidate.name):
                manager.unregister(name=candidate.name)
            broken.append(BrokenPlugin(candidate, _diagnosis(candidate, cause)))
    return tuple(loaded), tuple(broken)


def _load(manager: pluggy.PluginManager, candidate: Candidate) -> tuple[Spec, ...]:
    module = candidate.load()
    _check_marked(module)
    manager.register(module, name=candidate.name)
    manager.check_pending()
    callers = {caller.name: caller for caller in manager.get_hookcallers(module) or ()}
    if not callers:
        raise PluginError(f"{candidate.module} implements no hook")
    return tuple(
        _checked(name, spec, spec_class)
        for name, spec_class in _HOOKS.items()
        if name in callers
        for spec in _call(callers[name], module)
    )


def _check_marked(module: object) -> None:
    """Refuse a hook that lacks its decorator: pluggy would pass over it without a word."""
    for name, value in vars(module).items():
        mark = f"{hookspecs.PROJECT}_impl"
        if name in _HOOKS and isinstance(value, types.FunctionType) and not hasattr(value, mark):
            raise PluginError(f"{name} is not marked with @hookimpl")


def _call(caller: pluggy.HookCaller, module: object) -> Sequence[object]:
    """Call the hook of this one plugin, so that what it returns or raises is known to be its."""
    (implementation,) = (i for i in caller.get_hookimpls() if i.plugin is module)
    returned: object = implementation.function()
    if not isinstance(returned, Sequence):
        raise PluginError(f"{caller.name} returned {returned!r}, not a list of specs")
    return returned


def _checked(hook: str, spec: object, spec_class: type[Spec]) -> Spec:
    if type(spec) is not spec_class:
        raise PluginError(f"{hook} returned {spec!r}, which is not a {spec_class.__name__}")
    return spec


def _diagnosis(candidate: Candidate, cause: BaseException) -> PluginError:
    """Return the error to show for a plugin that raised *cause*."""
    mismatch = api_mismatch(candidate)
    error = PluginError(
        f"cannot be loaded: {_described(cause)}" + (f"; {mismatch}" if mismatch else ""),
        where=f"plugin {candidate.name!r} ({candidate.origin})",
        remedy=f"pip install --upgrade {candidate.distribution}"
        if mismatch
        else f"see the traceback with: algopioneer plugins check; "
        f"or: pip uninstall {candidate.distribution}",
    )
    error.__cause__ = cause
    return error


def _described(cause: BaseException) -> str:
    if isinstance(cause, PluginError):
        return str(cause)
    if isinstance(cause, pluggy.PluginValidationError):
        return _misspelt(cause)
    return f"{type(cause).__name__}: {cause}"


def _misspelt(cause: pluggy.PluginValidationError) -> str:
    words = str(cause).replace("'", " ").replace("(", " ").split()
    hook = next((word for word in words if word.startswith("algopioneer_")), None)
    if hook is None or hook in _HOOKS:
        return one_line(str(cause))
    near = nearest(hook, _HOOKS)
    return f"there is no hook {hook}" + (f"; did you mean {near}?" if near else "")
