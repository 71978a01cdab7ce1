"""
One table of a session file each: a venue, a strategy, a recorder or notifier, a set of limits.

Reading checks what is the project's own and leaves the plugin's keys as `Settings`. Each table
knows where it stands, so that a mistake found later is told by its place as well:
`run.toml: strategy[1].window`.
"""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from algopioneer_core.config.runs import Part, Settings
from algopioneer_core.config.session_options import (
    OnExhausted,
    OnRemove,
    PartOptions,
    RestartPolicy,
    StrategyOptions,
    VenueOptions,
)
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.engine.leg_rules import LegRules
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.history.intervals import parse_interval
from algopioneer_core.settings import nearest, settings_of

__all__ = [
    "SAFE_LEGS",
    "SAFE_LIMITS",
    "STRATEGY_TABLES",
    "NamedPart",
    "StrategyTable",
    "VenueTable",
    "read_leg_rules",
    "read_limits",
    "read_part",
    "read_strategy",
    "read_venue",
    "refuse_repeats",
]

SAFE_LIMITS: Final[Mapping[str, object]] = {
    "daily_loss_fraction": Decimal("0.05"),
    "max_orders_per_second": 10,
    "price_collar": Decimal("0.05"),
    "check_minimums": True,
}
"""Limits of an account about which the file says nothing; "off" switches one off."""
SAFE_LEGS: Final[Mapping[str, object]] = {"max_imbalance": Decimal("0.1")}
"""The same for the legs of a spread, over the defaults of `LegRules`."""
STRATEGY_TABLES: Final = ("exit", "legs", "risk", "restart")
"""Tables inside `[[strategy]]`."""
_OFF: Final = "off"
_LOSS_LIMITS: Final = ("daily_loss", "daily_loss_fraction")


@frozen(kw_only=True)
class VenueTable:
    """A venue of the session."""

    name: str
    """The table's name, which its instruments begin with."""
    kind: str
    """The plugin."""
    paper: bool
    """Whether orders are filled here and nothing is sent."""
    settings: Settings
    """The venue's own keys."""
    fills: Settings
    """How orders are filled on paper."""


@frozen(kw_only=True)
class StrategyTable:
    """A strategy of the session."""

    name: str
    kind: str
    instruments: tuple[InstrumentId, ...]
    interval_ns: int | None
    """Length of its bars; None where neither strategy nor session says it."""
    capital: Decimal | None
    """In the numeraire; None when it is a share."""
    capital_share: Decimal | None
    """Of the account's capital; None when it is an amount."""
    history: int | None
    """Bars to load before the start; None for what the strategy asks for."""
    on_remove: OnRemove
    on_exhausted: OnExhausted
    restart: RestartPolicy
    exits: tuple[Part, ...]
    legs: LegRules
    """With the session's defaults; without meaning for a strategy of one instrument."""
    legs_given: bool
    """Whether the file has a table of them."""
    deadline_given: bool
    """Whether it says how long they may be uneven; else that follows from the venues."""
    risk: RiskLimits
    settings: Settings
    """The strategy's own keys."""

    def place(self, key: str) -> str:
        """Return what the user calls *key* of this strategy: `run.toml: strategy[1].interval`."""
        return self.settings.place(key)


@frozen(kw_only=True)
class NamedPart:
    """A recorder or notifier of the session."""

    name: str
    kind: str
    settings: Settings


def read_venue(name: str, values: object, path: Path | None) -> VenueTable:
    """
    Read the table `[venue.NAME]`.

    Raises:
        ConfigError: It is not a table, or one of the project's keys in it is wrong.
    """
    where = Settings(f"venue.{name}", _table(values, f"venue.{name}", path), path)
    if not name or ":" in name or any(c.isspace() for c in name):
        raise ConfigError(f"{name!r} is not a name for a venue", where=where.place("kind"))
    filed = dict(where.filed)
    fills: object = {}
    if isinstance(filed.get("paper"), Mapping):
        # TOML gives a table and a value of one name no way to stand together.
        fills = filed.pop("paper")
    own, rest = _split(VenueOptions, filed)
    options = Settings(where.table, own, path).make(VenueOptions)
    return VenueTable(
        name=name,
        kind=options.kind or name,
        paper=options.paper,
        settings=Settings(where.table, rest, path),
        fills=Settings(f"{where.table}.paper", _table(fills, f"{where.table}.paper", path), path),
    )


def read_strategy(
    index: int,
    values: object,
    path: Path | None,
    *,
    venues: tuple[str, ...],
    interval: str | None,
) -> StrategyTable:
    """
    Read one table `[[strategy]]`.

    Args:
        index: Which of them, from 0.
        values: Its content.
        path: The file.
        venues: Names of the session's venues.
        interval: The session's length of a bar.

    Raises:
        ConfigError: It is not a table, or one of the project's keys in it is wrong.
    """
    name = f"strategy[{index}]"
    content = dict(_table(values, name, path))
    tables: dict[str, Any] = {k: content.pop(k) for k in STRATEGY_TABLES if k in content}
    own, rest = _split(StrategyOptions, content)
    settings = Settings(name, rest, path)
    said = Settings(name, own, path).make(StrategyOptions)
    length = said.interval or interval
    return StrategyTable(
        name=said.name or said.kind,
        kind=said.kind,
        instruments=_instruments(said.instruments, venues, settings.place("instruments")),
        interval_ns=None if length is None else parse_interval(length),
        capital=said.capital,
        capital_share=said.capital_share,
        history=said.history,
        on_remove=said.on_remove,
        on_exhausted=said.on_exhausted,
        restart=_sub_table(tables, "restart", settings).make(RestartPolicy),
        exits=_exits(tables.get("exit", []), name, path),
        legs=read_leg_rules(_sub_table(tables, "legs", settings)),
        legs_given="legs" in tables,
        deadline_given="max_residual_s" in tables.get("legs", {}),
        risk=read_limits(_sub_table(tables, "risk", settings), safe={}),
        settings=settings,
    )


def read_part(kind: str, index: int, values: object, path: Path | None) -> NamedPart:
    """
    Read one table `[[recorder]]` or `[[notifier]]`.

    Raises:
        ConfigError: It is not a table, or its kind or name is missing or wrong.
    """
    name = f"{kind}[{index}]"
    own, rest = _split(PartOptions, _table(values, name, path))
    said = Settings(name, own, path).make(PartOptions)
    return NamedPart(
        name=said.name or said.kind, kind=said.kind, settings=Settings(name, rest, path)
    )


def read_limits(settings: Settings, *, safe: Mapping[str, object]) -> RiskLimits:
    """
    Return limits over the defaults *safe*; a limit that is the text "off" is off.

    A loss limit the user gives stands alone: the default one does not add to it.

    Raises:
        ConfigError: A limit is unknown or out of its range.
    """
    filed = _switched(settings.filed)
    defaults = {
        key: value
        for key, value in safe.items()
        if not (key in _LOSS_LIMITS and any(each in filed for each in _LOSS_LIMITS))
    }
    return Settings(settings.table, {**defaults, **filed}, settings.path).make(RiskLimits)


def read_leg_rules(settings: Settings) -> LegRules:
    """
    Return rules for legs over the session's defaults; a guard that is the text "off" is off.

    Raises:
        ConfigError: A rule is unknown or out of its range.
    """
    filed = {**SAFE_LEGS, **_switched(settings.filed)}
    return Settings(settings.table, filed, settings.path).make(LegRules)


def refuse_repeats(parts: tuple[StrategyTable, ...] | tuple[NamedPart, ...]) -> None:
    """
    Refuse two of one name: the journal would not know whose an entry is.

    Raises:
        ConfigError: A name is there twice; points to the second.
    """
    seen: dict[str, Settings] = {}
    for part in parts:
        other = seen.setdefault(part.name, part.settings)
        if other is not part.settings:
            raise ConfigError(
                f"{part.name!r} is also the name of {other.table}",
                where=part.settings.place("name"),
                remedy='give each its own: name = "..."',
            )


def _switched(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, str) and value.lower() == _OFF else value
        for key, value in values.items()
    }


def _split(options: type[Any], values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the keys of *options*, and the rest, which is a plugin's."""
    keys = {setting.key for setting in settings_of(options)}
    own = {key: value for key, value in values.items() if key in keys}
    return own, {key: value for key, value in values.items() if key not in keys}


def _table(values: object, name: str, path: Path | None) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise ConfigError(
            "must be a table", where=f"{path}: {name}" if path else name, remedy=f"write [{name}]"
        )
    return values


def _sub_table(tables: Mapping[str, object], key: str, parent: Settings) -> Settings:
    values = tables.get(key, {})
    if not isinstance(values, Mapping):
        raise ConfigError(
            "must be a table", where=parent.place(key), remedy=f"write [strategy.{key}]"
        )
    return Settings(f"{parent.table}.{key}", values, parent.path)


def _exits(tables: object, parent: str, path: Path | None) -> tuple[Part, ...]:
    name = f"{parent}.exit"
    if not isinstance(tables, list):
        raise ConfigError(
            "must be a list of tables",
            where=f"{path}: {name}" if path else name,
            remedy="write [[strategy.exit]]",
        )
    return tuple(_exit(values, f"{name}[{index}]", path) for index, values in enumerate(tables))


def _exit(values: object, name: str, path: Path | None) -> Part:
    filed = dict(_table(values, name, path))
    kind = filed.pop("kind", None)
    settings = Settings(name, filed, path)
    if not isinstance(kind, str):
        raise ConfigError(
            "is required and missing" if kind is None else "must be a name",
            where=settings.place("kind"),
            remedy='write kind = "NAME"',
        )
    return Part(kind, settings)


def _instruments(
    words: tuple[str, ...], venues: tuple[str, ...], where: str
) -> tuple[InstrumentId, ...]:
    default = venues[0] if len(venues) == 1 else None
    found: list[InstrumentId] = []
    for index, word in enumerate(words):
        place = f"{where}[{index}]"
        try:
            instrument = InstrumentId.parse(word, default_venue=default)
        except ConfigError as error:
            raise ConfigError(error.message, where=place, remedy=error.remedy) from None
        if instrument.venue not in venues:
            raise _no_venue(instrument, venues, place)
        if instrument in found:
            raise ConfigError(f"{instrument} is named twice", where=place)
        found.append(instrument)
    if not found:
        raise ConfigError("names nothing to trade", where=where)
    return tuple(found)


def _no_venue(instrument: InstrumentId, venues: tuple[str, ...], where: str) -> ConfigError:
    near = nearest(instrument.venue, venues)
    return ConfigError(
        f"there is no venue {instrument.venue!r} for {instrument}",
        where=where,
        remedy=f"did you mean {near!r}?" if near else f"add the table [venue.{instrument.venue}]",
    )
