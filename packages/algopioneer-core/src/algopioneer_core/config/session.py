"""
A session as its file describes it: `algopioneer run --config FILE`.

    [session]
    name = "desk"
    interval = "1h"

    [venue.kraken]              # paper unless it says paper = false
    [venue.kraken.paper]        # how orders are filled on paper

    [[strategy]]
    kind = "moving-average"
    instruments = ["kraken:BTC/USD"]
    capital_share = 0.5
    short_window = 12           # the strategy's own

    [[strategy.exit]]
    kind = "stop-loss"
    loss_fraction = 0.02

    [risk]                      # the account's limits
    daily_loss = 500

    [[recorder]]
    kind = "csv"

Keys of plugins stay `Settings` here, because their classes are the plugins';
`bootstrap.session_config` checks them. Everything else is checked on reading. A limit that has a
default is switched off with the text "off".
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import evolve, field, frozen

from algopioneer_core.config.environment import substitute
from algopioneer_core.config.files import read_toml, table
from algopioneer_core.config.runs import Settings, read_allowed
from algopioneer_core.config.session_options import (
    JournalOptions,
    SessionOptions,
    WebOptions,
)
from algopioneer_core.config.session_tables import (
    SAFE_LIMITS,
    NamedPart,
    StrategyTable,
    VenueTable,
    read_limits,
    read_part,
    read_strategy,
    read_venue,
    refuse_repeats,
)
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.money import ONE, ZERO, add, mul, total
from algopioneer_core.engine.margin import MarginRules
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.runtime.execution_rules import ExecutionRules
from algopioneer_core.runtime.reconciliation import DriftRules
from algopioneer_core.settings import nearest
from algopioneer_core.telemetry.config import LogConfig

__all__ = ["TABLES", "SessionConfig", "make_session", "read_session"]

TABLES: Final = (
    "session",
    "journal",
    "venue",
    "strategy",
    "risk",
    "execution",
    "reconciliation",
    "margin",
    "recorder",
    "notifier",
    "web",
    "log",
    "plugins",
)
"""Tables of a session file."""


@frozen(kw_only=True)
class SessionConfig:
    """
    A session, read and checked as far as that is possible without plugins.

    Raises:
        ConfigError: There is no venue or strategy, a name is there twice, or more capital is given
            out than there is.
    """

    path: Path | None = None
    """The file, for messages and for reading it again; None when made from flags."""
    environment: Mapping[str, str] = field(factory=dict, repr=False, eq=False)
    """Where secrets come from."""
    again: Callable[[], "SessionConfig"] | None = field(default=None, repr=False, eq=False)
    """Reads `path` once more where it is no session file; None where it is one."""
    session: SessionOptions = field(factory=SessionOptions)
    journal: JournalOptions = field(factory=JournalOptions)
    venues: tuple[VenueTable, ...]
    strategies: tuple[StrategyTable, ...]
    """Each with its capital settled: exactly one of amount and share."""
    risk: RiskLimits
    """Limits of the account."""
    execution: ExecutionRules = field(factory=ExecutionRules)
    reconciliation: DriftRules = field(factory=DriftRules)
    margin: MarginRules = field(factory=MarginRules)
    recorders: tuple[NamedPart, ...] = ()
    notifiers: tuple[NamedPart, ...] = ()
    web: WebOptions | None = None
    """None when nothing is to listen."""
    log: LogConfig = field(factory=LogConfig)
    allow: tuple[str, ...] | None = None
    """Plugins that may be loaded; None for all."""

    def __attrs_post_init__(self) -> None:
        for name, found in (("venue", self.venues), ("strategy", self.strategies)):
            if not found:
                raise ConfigError(f"there is no {name}", where=self.place(name))
        refuse_repeats(self.strategies)
        refuse_repeats(self.recorders)
        refuse_repeats(self.notifiers)
        object.__setattr__(self, "strategies", self._with_capital())
        self._check_capital()

    @property
    def name(self) -> str:
        """The session's name."""
        return self.session.name

    @property
    def live(self) -> bool:
        """Whether any venue trades with money."""
        return any(not venue.paper for venue in self.venues)

    @property
    def journal_path(self) -> Path:
        """The journal's file."""
        return Path(self.journal.path or f"{self.name}.journal")

    def venue(self, name: str) -> VenueTable:
        """Return the venue called *name*; strategies name only venues that are there."""
        return next(venue for venue in self.venues if venue.name == name)

    def place(self, key: str) -> str:
        """Return what the user calls *key*: with the file in front, where there is one."""
        return f"{self.path}: {key}" if self.path else key

    def _with_capital(self) -> tuple[StrategyTable, ...]:
        if len(self.strategies) == 1 and _without_capital(self.strategies[0]):
            return (evolve(self.strategies[0], capital_share=ONE),)
        for strategy in self.strategies:
            if _without_capital(strategy):
                raise ConfigError(
                    "is required and missing: there are several strategies",
                    where=strategy.place("capital_share"),
                    remedy="give each capital_share (0.5 is half of the account) or capital",
                )
        return self.strategies

    def _check_capital(self) -> None:
        if self.session.leverage_allowed:
            return
        shares = total(*(each.capital_share or ZERO for each in self.strategies))
        last = self.strategies[-1]
        if shares > 1:
            raise _too_much(f"the shares of capital sum to {shares}", "1", last)
        if self.session.capital is None:
            return
        amounts = total(*(each.capital or ZERO for each in self.strategies))
        given = add(amounts, mul(shares, self.session.capital))
        if given > self.session.capital:
            raise _too_much(
                f"the strategies are given {given} together", str(self.session.capital), last
            )


def _without_capital(strategy: StrategyTable) -> bool:
    return strategy.capital is None and strategy.capital_share is None


def _too_much(what: str, limit: str, strategy: StrategyTable) -> ConfigError:
    key = "capital_share" if strategy.capital is None else "capital"
    return ConfigError(
        f"{what}, which is more than {limit}",
        where=strategy.place(key),
        remedy="give less, or set leverage_allowed = true in [session]",
    )


def read_session(path: Path, environment: Mapping[str, str]) -> SessionConfig:
    """
    Read a session file.

    Args:
        path: The file, TOML.
        environment: What `${NAME}` and secrets are taken from; see `load_environment`.

    Raises:
        ConfigError: It cannot be read, a table or key is unknown, or a value is missing or wrong;
            names the file, and the line or key.
    """
    return make_session(read_toml(path), environment, path=path)


def make_session(
    content: Mapping[str, Any], environment: Mapping[str, str], *, path: Path | None = None
) -> SessionConfig:
    """
    Return the session that *content* describes.

    Args:
        content: Tables as in a session file.
        environment: What `${NAME}` and secrets are taken from.
        path: The file it came from, for messages.

    Raises:
        ConfigError: As `read_session`.
    """
    _check_tables(content, path)
    tables: dict[str, Any] = substitute(content, environment, locate=_locator(path))
    session = _settings(tables, "session", path).make(SessionOptions)
    venues = tuple(
        read_venue(name, values, path) for name, values in table(tables, "venue", path=path).items()
    )
    names = tuple(venue.name for venue in venues)
    return SessionConfig(
        path=path,
        environment=environment,
        session=session,
        journal=_settings(tables, "journal", path).make(JournalOptions),
        venues=venues,
        strategies=tuple(
            read_strategy(index, values, path, venues=names, interval=session.interval)
            for index, values in enumerate(_list(tables, "strategy", path))
        ),
        risk=read_limits(_settings(tables, "risk", path), safe=SAFE_LIMITS),
        execution=_settings(tables, "execution", path).make(ExecutionRules),
        reconciliation=_settings(tables, "reconciliation", path).make(DriftRules),
        margin=_settings(tables, "margin", path).make(MarginRules),
        recorders=_parts(tables, "recorder", path),
        notifiers=_parts(tables, "notifier", path),
        web=_settings(tables, "web", path).make(WebOptions) if "web" in tables else None,
        log=_settings(tables, "log", path).make(LogConfig),
        allow=read_allowed(table(tables, "plugins", path=path), path),
    )


def _check_tables(content: Mapping[str, Any], path: Path | None) -> None:
    for name in content:
        if name not in TABLES:
            near = nearest(name, TABLES)
            raise ConfigError(
                f"unknown table {name!r}",
                where=_locator(path)(name),
                remedy=f"did you mean {near!r}?" if near else f"known: {', '.join(TABLES)}",
            )


def _locator(path: Path | None) -> Any:
    return (lambda key: f"{path}: {key}") if path else str


def _settings(tables: dict[str, Any], name: str, path: Path | None) -> Settings:
    return Settings(name, table(tables, name, path=path), path)


def _list(tables: Mapping[str, Any], name: str, path: Path | None) -> list[object]:
    found = tables.get(name, [])
    if not isinstance(found, list):
        raise ConfigError(
            "must be a list of tables", where=_locator(path)(name), remedy=f"write [[{name}]]"
        )
    return found


def _parts(tables: Mapping[str, Any], kind: str, path: Path | None) -> tuple[NamedPart, ...]:
    return tuple(
        read_part(kind, index, values, path)
        for index, values in enumerate(_list(tables, kind, path))
    )
