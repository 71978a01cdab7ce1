"""
What a plugin declares: one small frozen record for each thing it provides.

A spec holds names and text only. Its `factory`, `config` and `command` are references written
`"package.module:attribute"`; they are imported when they are first used, so that listing plugins
imports none of what they provide.

The record classes of one shape share a body on purpose: each decorated class costs most of a
millisecond at every start of the command line, an undecorated subclass costs nothing.
"""

import importlib
from collections.abc import Callable
from typing import Any, ClassVar

from attrs import Attribute, field, frozen

from algopioneer_core.domain.capabilities import Capabilities, Capability
from algopioneer_core.domain.errors import PluginError

__all__ = [
    "CommandSpec",
    "ComponentSpec",
    "ExitPolicySpec",
    "NotifierSpec",
    "RecorderSpec",
    "Spec",
    "StrategySpec",
    "VenueSpec",
    "resolve",
]


def resolve(reference: str, *, wanted_by: str) -> Any:
    """
    Import what *reference* names.

    Args:
        reference: `"package.module:attribute"`; the attribute may have dots.
        wanted_by: Who asks, for the error: `strategy 'pairs'`.

    Raises:
        PluginError: The module cannot be imported (whatever it raised) or lacks the attribute.
    """
    module_name, _, path = reference.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in path.split("."):
            found = getattr(found, part)
    except Exception as cause:
        raise PluginError(
            f"cannot load {reference!r}: {type(cause).__name__}: {cause}",
            where=wanted_by,
            remedy="reinstall the distribution that provides it, "
            "or see the traceback with: algopioneer plugins check",
        ) from cause
    return found


def _check_name(spec: object, _: "Attribute[str]", name: object) -> None:
    if not isinstance(name, str) or not name or name != name.strip().lower() or " " in name:
        raise PluginError(
            f"{name!r} is not a name for a {type(spec).__name__}",
            remedy="use lower case words joined by hyphens",
        )


def _check_reference(spec: object, attribute: "Attribute[Any]", reference: object) -> None:
    if reference is None and attribute.default is None:
        return
    module, colon, path = str(reference).partition(":")
    if not (isinstance(reference, str) and colon and module and path):
        raise PluginError(
            f"{attribute.name} {reference!r} of {type(spec).__name__} "
            f"{getattr(spec, 'name', '?')!r} is not a reference",
            remedy='write it as "package.module:attribute"',
        )


@frozen(kw_only=True)
class ComponentSpec:
    """
    Something that is made from a configuration by a factory.

    Raises:
        PluginError: The name is not one lower-case word, or a reference is not `module:attribute`.
    """

    kind: ClassVar[str] = "component"
    """What users call it, in messages."""

    name: str = field(validator=_check_name)
    """The word users write to choose it: lower case, joined by hyphens, unique for its kind."""
    summary: str
    """One line for lists and help."""
    factory: str = field(validator=_check_reference)
    """Reference to the callable that makes it; its arguments depend on the kind."""
    config: str | None = field(default=None, validator=_check_reference)
    """Reference to its attrs configuration class; None when there is nothing to configure."""

    def load_factory(self) -> Callable[..., Any]:
        """
        Import and return the factory.

        Raises:
            PluginError: It cannot be imported, or is not callable.
        """
        factory = resolve(self.factory, wanted_by=f"{self.kind} {self.name!r}")
        if not callable(factory):
            raise PluginError(
                f"{self.factory!r} is not callable", where=f"{self.kind} {self.name!r}"
            )
        return factory  # type: ignore[no-any-return]  # a reference has no static type

    def load_config(self) -> type[Any] | None:
        """
        Import and return the configuration class, or None when there is none.

        Raises:
            PluginError: It cannot be imported, or is not an attrs class.
        """
        if self.config is None:
            return None
        config = resolve(self.config, wanted_by=f"{self.kind} {self.name!r}")
        if not (isinstance(config, type) and hasattr(config, "__attrs_attrs__")):
            raise PluginError(
                f"{self.config!r} is not an attrs class",
                where=f"{self.kind} {self.name!r}",
                remedy="decorate the configuration class with attrs.frozen",
            )
        return config


class ExitPolicySpec(ComponentSpec):
    """An exit policy. Its factory is called as `factory(config) -> ExitPolicy`."""

    __slots__ = ()
    kind = "exit policy"


class RecorderSpec(ComponentSpec):
    """
    Where trades are written. Its factory opens it: `factory(config, run_blocking) -> async context
    manager` of a `ports.Recorder`; what blocks goes through `run_blocking` (`ports.RunBlocking`).
    """

    __slots__ = ()
    kind = "recorder"


class NotifierSpec(ComponentSpec):
    """
    Where alerts go. Its factory opens it: `factory(config) -> async context manager` of a
    `ports.Notifier`.
    """

    __slots__ = ()
    kind = "notifier"


@frozen(kw_only=True)
class StrategySpec(ComponentSpec):
    """
    A strategy. Its factory is called as `factory(config, instruments) -> Strategy`, again after
    every crash, with the instruments in the order in which the user named them.
    """

    kind: ClassVar[str] = "strategy"

    instruments: tuple[int, int] = (1, 1)
    """Fewest and most instruments it trades; a pairs strategy says (2, 2)."""
    requires: tuple[Capability, ...] = ()
    """What a venue must be able to do for it; checked before anything is started."""
    aliases: tuple[str, ...] = ()
    """Other names that are accepted for it."""


@frozen(kw_only=True)
class VenueSpec(ComponentSpec):
    """
    An exchange or broker. Its factory opens it: `factory(config) -> async context manager`, or
    `factory(config, shadow)` where it shadows another venue that is open already.
    """

    kind: ClassVar[str] = "venue"

    capabilities: Capabilities
    """What it can do; what is absent is unsupported."""
    available: bool = True
    """Whether it can be used in this release."""
    unavailable_reason: str = ""
    """One sentence for the user when it is not."""
    shadows: bool = False
    """Whether it is opened over another venue, whose markets it shows: a paper account."""
    sandbox: str | None = field(default=None, validator=_check_reference)
    """Reference to the `click.Command` that runs its local exchange, as `sandbox NAME`."""
    diagnosis: str | None = field(default=None, validator=_check_reference)
    """Reference to its part of `doctor`, a `plugins.diagnosis.Diagnose`."""
    simulation: str | None = field(default=None, validator=_check_reference)
    """Reference to what a simulation makes of it, a `testing.simulation_venue.MakeVenue`: its local
    exchange in memory, and its own adapter over lines that break."""

    def load_diagnosis(self) -> Any:
        """
        Import and return its part of `doctor`; None when there is none.

        Raises:
            PluginError: It cannot be imported.
        """
        if self.diagnosis is None:
            return None
        return resolve(self.diagnosis, wanted_by=f"{self.kind} {self.name!r}")

    def load_sandbox(self) -> Any:
        """
        Import and return the command that runs the local exchange; None when there is none.

        Raises:
            PluginError: It cannot be imported.
        """
        if self.sandbox is None:
            return None
        return resolve(self.sandbox, wanted_by=f"{self.kind} {self.name!r}")

    def load_simulation(self) -> Any:
        """
        Import and return what makes it for a simulation; None when there is nothing.

        Raises:
            PluginError: It cannot be imported.
        """
        if self.simulation is None:
            return None
        return resolve(self.simulation, wanted_by=f"{self.kind} {self.name!r}")


@frozen(kw_only=True)
class CommandSpec:
    """
    A word after `algopioneer`.

    Raises:
        PluginError: The name is not one lower-case word, or the reference is not one.
    """

    kind: ClassVar[str] = "command"

    name: str = field(validator=_check_name)
    """The word users type."""
    summary: str
    """One line for `algopioneer --help`."""
    command: str = field(validator=_check_reference)
    """Reference to a `click.Command`."""

    def load_command(self) -> Any:
        """
        Import and return the click command.

        Raises:
            PluginError: It cannot be imported.
        """
        return resolve(self.command, wanted_by=f"{self.kind} {self.name!r}")


Spec = ComponentSpec | CommandSpec
