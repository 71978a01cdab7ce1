"""
A session's configuration against the plugins that are installed: all that can be known before a
venue is opened.

`session_problems` tells every mistake there is, for `config validate`; `check_session` raises the
first, for whoever wants to trade.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from attrs import evolve, field, frozen

from algopioneer_core.bootstrap.components import component_config
from algopioneer_core.bootstrap.exits import make_exits
from algopioneer_core.bootstrap.serving import require_web
from algopioneer_core.bootstrap.session_requirements import (
    placed,
    require_bars,
    require_exits,
    require_for_strategy,
    require_short,
)
from algopioneer_core.config.runs import Part, Settings
from algopioneer_core.config.session import SessionConfig
from algopioneer_core.config.session_options import ExitOn, Resume, StrategyOptions
from algopioneer_core.config.session_tables import (
    STRATEGY_TABLES,
    NamedPart,
    StrategyTable,
    VenueTable,
)
from algopioneer_core.domain.capabilities import Capabilities, Capability
from algopioneer_core.domain.errors import AlgopioneerError, ConfigError, RefusedError
from algopioneer_core.domain.simulated_capabilities import paper_capabilities
from algopioneer_core.engine.exits import ExitPolicy
from algopioneer_core.engine.leg_rules import LegRules
from algopioneer_core.plugins.catalogue import Catalogue
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.plugins.requirements import require_available, require_instruments
from algopioneer_core.plugins.specs import (
    ComponentSpec,
    NotifierSpec,
    RecorderSpec,
    StrategySpec,
    VenueSpec,
)
from algopioneer_core.settings import settings_of

__all__ = [
    "CheckedPart",
    "CheckedSession",
    "CheckedStrategy",
    "CheckedVenue",
    "check_session",
    "session_problems",
]

T = TypeVar("T")
SpecT = TypeVar("SpecT", bound=ComponentSpec)
PAPER: Final = "paper"
"""The plugin that fills orders on paper."""
_ORDERS: Final = (Capability.MARKET_ORDERS, Capability.LIMIT_ORDERS)


@frozen(kw_only=True)
class CheckedVenue:
    """A venue whose plugin is there and whose settings are right."""

    table: VenueTable
    spec: VenueSpec
    config: Any
    """An object of the venue's own configuration class; None when it has none."""
    paper: VenueSpec | None
    """The plugin that is opened over it; None where it trades with money."""
    paper_config: Any

    @property
    def capabilities(self) -> Capabilities:
        """What a strategy can count on there, before it is opened."""
        if self.paper is None:
            return self.spec.capabilities
        return paper_capabilities(self.spec.capabilities)

    @property
    def replayed(self) -> bool:
        """Whether time stands still at it between two events."""
        return self.spec.capabilities.lockstep


@frozen(kw_only=True)
class CheckedStrategy:
    """A strategy whose plugin is there, whose settings are right and whose venues will do."""

    table: StrategyTable
    spec: StrategySpec
    config: Any
    """An object of the strategy's own configuration class; None when it has none."""
    make_exits: Callable[[], tuple[ExitPolicy, ...]] = field(eq=False)
    """Makes its exit policies, anew for each start."""
    legs: LegRules | None
    """None for a strategy of one instrument."""


@frozen(kw_only=True)
class CheckedPart:
    """A recorder or notifier whose plugin is there and whose settings are right."""

    name: str
    spec: RecorderSpec | NotifierSpec
    config: Any


@frozen(kw_only=True)
class CheckedSession:
    """A session that can be started."""

    config: SessionConfig
    venues: tuple[CheckedVenue, ...]
    strategies: tuple[CheckedStrategy, ...]
    recorders: tuple[CheckedPart, ...]
    notifiers: tuple[CheckedPart, ...]
    resume: Resume
    """As configured, or what suits the venues."""

    def venue(self, name: str) -> CheckedVenue:
        """Return the venue called *name*."""
        return next(each for each in self.venues if each.table.name == name)

    @property
    def replayed(self) -> bool:
        """Whether its markets are of files: no bar comes late there, and none before its time."""
        return all(venue.replayed for venue in self.venues)

    @property
    def plugin_configs(self) -> tuple[Any, ...]:
        """The configuration objects of all plugins that have one: where secrets are."""
        configs = (
            *(venue.config for venue in self.venues),
            *(strategy.config for strategy in self.strategies),
            *(part.config for part in (*self.recorders, *self.notifiers)),
        )
        return tuple(config for config in configs if config is not None)


class _Problems:
    """Tries each check and keeps what it refuses, so that one mistake does not hide the next."""

    def __init__(self) -> None:
        self.found: list[AlgopioneerError] = []

    def attempt(self, check: Callable[[], T]) -> T | None:
        try:
            return check()
        except AlgopioneerError as error:
            self.found.append(error)
            return None


def check_session(config: SessionConfig, host: PluginHost) -> CheckedSession:
    """
    Return *config* with its plugins found and their settings made into objects.

    Raises:
        AlgopioneerError: The first mistake; says where, what and what to do.
    """
    problems = _Problems()
    checked = _check(config, host, problems)
    if checked is None:
        raise problems.found[0]
    return checked


def session_problems(config: SessionConfig, host: PluginHost) -> tuple[AlgopioneerError, ...]:
    """Return every mistake in *config*, in the order of its tables; nothing when it is right."""
    problems = _Problems()
    _check(config, host, problems)
    return tuple(problems.found)


def _check(config: SessionConfig, host: PluginHost, problems: _Problems) -> CheckedSession | None:
    venues = [
        problems.attempt(functools.partial(_venue, table, config, host)) for table in config.venues
    ]
    found = {each.table.name: each for each in venues if each is not None}
    resume = None
    if len(found) == len(config.venues):
        resume = problems.attempt(lambda: _resume(config, tuple(found.values())))
    strategies = [_strategy(table, config, host, found, problems) for table in config.strategies]
    problems.attempt(lambda: require_web(config))
    recorders = _parts(config.recorders, config, host.recorders, problems)
    notifiers = _parts(config.notifiers, config, host.notifiers, problems)
    if problems.found or resume is None:
        return None
    return CheckedSession(
        config=config,
        venues=tuple(found.values()),
        strategies=tuple(each for each in strategies if each is not None),
        recorders=recorders,
        notifiers=notifiers,
        resume=resume,
    )


def _found(catalogue: Catalogue[SpecT], kind: str, place: str) -> SpecT:
    """Return the spec of *kind*; a failure gets the place at which the user wrote it."""
    try:
        return catalogue.get(kind)
    except AlgopioneerError as error:
        error.where = place
        raise


def _named(table: VenueTable, spec: VenueSpec) -> Settings:
    """Return the venue's settings; one that has a `name` of its own gets that of its table."""
    config = spec.load_config()
    keys = {setting.key for setting in settings_of(config)} if config is not None else set()
    if "name" not in keys - table.settings.filed.keys():
        return table.settings
    return evolve(table.settings, filed={**table.settings.filed, "name": table.name})


def _venue(table: VenueTable, config: SessionConfig, host: PluginHost) -> CheckedVenue:
    place = table.settings.place
    spec = _found(host.venues, table.kind, place("kind"))
    placed(require_available, place("kind"), spec)
    if spec.shadows:
        raise RefusedError(
            f"venue {spec.name!r} only stands over another",
            where=place("kind"),
            remedy="name the venue whose markets it is to show; paper = true is the default",
        )
    if not table.paper and len(spec.capabilities.require(_ORDERS)) == len(_ORDERS):
        raise RefusedError(
            f"venue {spec.name!r} has no account to trade with",
            where=place("paper"),
            remedy="leave paper = false out",
        )
    paper = _found(host.venues, PAPER, place("paper")) if table.paper else None
    environment = config.environment
    return CheckedVenue(
        table=table,
        spec=spec,
        config=component_config(
            spec,
            _named(table, spec),
            environment,
            elsewhere={"paper": "[venue.NAME]", "kind": "[venue.NAME]"},
            all_secrets=not table.paper,
        ),
        paper=paper,
        paper_config=component_config(paper, table.fills, environment) if paper else None,
    )


def _resume(config: SessionConfig, venues: tuple[CheckedVenue, ...]) -> Resume:
    replayed = [venue.replayed for venue in venues]
    if any(replayed) and not all(replayed):
        raise RefusedError(
            "a session is either replayed or live: its venues have different clocks",
            where=config.place("venue"),
            remedy="make two sessions of it",
        )
    asked = config.session.resume
    if asked is Resume.CURSOR and not all(replayed):
        raise RefusedError(
            "a live market cannot be taken up where it was",
            where=config.place("session.resume"),
            remedy='write resume = "wallclock"',
        )
    return asked or (Resume.CURSOR if all(replayed) else Resume.WALLCLOCK)


def _strategy(
    table: StrategyTable,
    config: SessionConfig,
    host: PluginHost,
    venues: Mapping[str, CheckedVenue],
    problems: _Problems,
) -> CheckedStrategy | None:
    spec = problems.attempt(lambda: _found(host.strategies, table.kind, table.place("kind")))
    if spec is None:
        return None
    symbols = tuple(each.symbol for each in table.instruments)
    problems.attempt(lambda: placed(require_instruments, table.place("instruments"), spec, symbols))
    own = problems.attempt(
        lambda: component_config(spec, table.settings, config.environment, elsewhere=_elsewhere())
    )
    make = functools.partial(make_exits, table.exits, host.exit_policies)
    for part in table.exits:
        problems.attempt(functools.partial(_check_exit, part, host))
    legs = problems.attempt(lambda: _legs(table, spec))
    for check in _venue_checks(table, spec, venues, config.session.exit_on):
        problems.attempt(check)
    return CheckedStrategy(table=table, spec=spec, config=own, make_exits=make, legs=legs)


def _check_exit(part: Part, host: PluginHost) -> None:
    _found(host.exit_policies, part.kind, part.settings.place("kind"))
    make_exits((part,), host.exit_policies)


def _elsewhere() -> dict[str, str]:
    keys = (*(setting.key for setting in settings_of(StrategyOptions)), *STRATEGY_TABLES)
    return dict.fromkeys(keys, "[[strategy]]")


def _venue_checks(
    table: StrategyTable,
    spec: StrategySpec,
    venues: Mapping[str, CheckedVenue],
    exit_on: ExitOn,
) -> Iterator[Callable[[], None]]:
    """Yield what each venue must be asked about for a strategy; a venue in error is left out."""
    for name in dict.fromkeys(each.venue for each in table.instruments):
        if name in venues:
            there = evolve(venues[name].spec, capabilities=venues[name].capabilities)
            yield functools.partial(require_for_strategy, table, spec, there)
            yield functools.partial(require_bars, table, name, there.capabilities)
            yield functools.partial(require_exits, table, name, there.capabilities, exit_on)
    if spec.instruments[1] > 1:
        for leg, instrument in enumerate(table.instruments[:2]):
            if instrument.venue in venues:
                able = venues[instrument.venue].capabilities
                yield functools.partial(require_short, table, leg, able)


def _legs(table: StrategyTable, spec: StrategySpec) -> LegRules | None:
    if spec.instruments[1] > 1:
        return table.legs
    if table.legs_given:
        raise ConfigError(
            "a strategy of one instrument has no legs",
            where=table.place("legs"),
            remedy="leave it out",
        )
    return None


def _parts(
    parts: tuple[NamedPart, ...],
    config: SessionConfig,
    catalogue: Catalogue[Any],
    problems: _Problems,
) -> tuple[CheckedPart, ...]:
    found = [problems.attempt(functools.partial(_part, each, config, catalogue)) for each in parts]
    return tuple(each for each in found if each is not None)


def _part(part: NamedPart, config: SessionConfig, catalogue: Catalogue[Any]) -> CheckedPart:
    spec = _found(catalogue, part.kind, part.settings.place("kind"))
    elsewhere = {"name": f"[[{spec.kind}]]"}
    own = component_config(spec, part.settings, config.environment, elsewhere=elsewhere)
    return CheckedPart(name=part.name, spec=spec, config=own)
