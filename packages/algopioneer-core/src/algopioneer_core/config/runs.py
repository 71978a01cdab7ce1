"""
What a user asked for, from a configuration file and from flags, flags winning.

A file has six tables, all optional; the keys of `[backtest]` are the command's flags, those of
`[strategy]` and `[[exit]]` belong to the strategy and the exit policy of that `kind`, those of
`[legs]` say how the legs of a spread are worked, those of `[venue.NAME]` belong to that venue:

    [backtest]
    data = ["bars.csv"]
    symbols = ["BTC-USD"]

    [strategy]
    kind = "moving-average"
    short_window = 5

    [legs]
    short_mode = "margin"

    [[exit]]
    kind = "stop-loss"
    loss_pct = 2

    [venue.kraken]
    nonce_window = 5

    [plugins]
    allow = ["strategies"]
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from attrs import field, frozen

from algopioneer_core.config.files import read_toml, table
from algopioneer_core.config.structure import structure
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.settings import nearest

__all__ = [
    "Part",
    "RunFile",
    "Settings",
    "assigned",
    "parse_part",
    "read_allowed",
    "read_run_file",
    "separated",
]

T = TypeVar("T")
_TABLES: Final = ("backtest", "strategy", "legs", "exit", "venue", "plugins")


@frozen
class Settings:
    """
    Values of one table, from a file and from flags, and where each was said.

    Args:
        table: Name of the table, for messages: `strategy`.
        filed: Values of the file.
        path: The file; None when there is none.
        flags: Values given as flags; they win.
    """

    table: str
    filed: Mapping[str, Any] = field(factory=dict)
    path: Path | None = None
    flags: Mapping[str, Any] = field(factory=dict)

    def make(self, config: type[T], *, elsewhere: Mapping[str, str] | None = None) -> T:
        """
        Return a checked *config*.

        Args:
            config: An attrs class.
            elsewhere: Keys of other tables and where they belong, for the hint about a stray one.

        Raises:
            ConfigError: A key is unknown or missing, or a value is wrong; names the flag, or file
                and key.
        """
        values = {**self.filed, **self.flags}
        return structure(config, values, locate=self.place, known=lambda: elsewhere or {})

    def place(self, key: str) -> str:
        """Return where the user said *key*: a flag, a key of the file, or just the key."""
        head = key.partition(".")[0].partition("[")[0]
        if head in self.flags:
            return f"--{head.replace('_', '-')}"
        return f"{self.path}: {self.table}.{key}" if self.path else f"{self.table}.{key}"


@frozen
class Part:
    """One thing of a named kind and its settings: a strategy, an exit policy."""

    kind: str
    settings: Settings


@frozen
class RunFile:
    """The content of a configuration file; empty where there is no file."""

    path: Path | None = None
    backtest: Mapping[str, Any] = field(factory=dict)
    strategy: Mapping[str, Any] = field(factory=dict)
    legs: Mapping[str, Any] = field(factory=dict)
    exits: tuple[Part, ...] = ()
    venues: Mapping[str, Settings] = field(factory=dict)
    """Settings of venues, by the names they have in the file."""
    allow: tuple[str, ...] | None = None

    @property
    def strategy_kind(self) -> str | None:
        """The strategy it names, if any."""
        kind = self.strategy.get("kind")
        return kind if isinstance(kind, str) else None

    @property
    def strategy_values(self) -> dict[str, Any]:
        """The strategy's parameters."""
        return {key: value for key, value in self.strategy.items() if key != "kind"}


def read_run_file(path: Path) -> RunFile:
    """
    Read a configuration file; the values are checked later, by the classes they are for.

    Raises:
        ConfigError: It cannot be read, a table is unknown or not one, or a `kind` is missing.
    """
    content = read_toml(path)
    for name in content:
        if name not in _TABLES:
            near = nearest(name, _TABLES)
            raise ConfigError(
                f"unknown table {name!r}",
                where=f"{path}: {name}",
                remedy=f"did you mean {near!r}?" if near else f"known: {', '.join(_TABLES)}",
            )
    strategy = table(content, "strategy", path=path)
    if strategy:
        _kind(strategy, f"{path}: strategy")
    return RunFile(
        path=path,
        backtest=table(content, "backtest", path=path),
        strategy=strategy,
        legs=table(content, "legs", path=path),
        exits=_exits(content.get("exit", []), path),
        venues=_venues(table(content, "venue", path=path), path),
        allow=read_allowed(table(content, "plugins", path=path), path),
    )


def _exits(tables: object, path: Path) -> tuple[Part, ...]:
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise ConfigError(
            "'exit' must be a list of tables", where=f"{path}: exit", remedy="write [[exit]]"
        )
    return tuple(_exit(values, f"exit[{index}]", path) for index, values in enumerate(tables))


def _exit(values: dict[str, Any], name: str, path: Path) -> Part:
    kind = _kind(values, f"{path}: {name}")
    rest = {key: value for key, value in values.items() if key != "kind"}
    return Part(kind, Settings(name, rest, path))


def _kind(values: Mapping[str, Any], where: str) -> str:
    kind = values.get("kind")
    if not isinstance(kind, str):
        raise ConfigError(
            "must be a name" if kind is not None else "is required and missing",
            where=f"{where}.kind",
            remedy='write kind = "NAME"',
        )
    return kind


def _venues(tables: dict[str, Any], path: Path) -> dict[str, Settings]:
    return {
        name: Settings(f"venue.{name}", table(tables, name, path=path), path) for name in tables
    }


def read_allowed(plugins: Mapping[str, Any], path: Path | None) -> tuple[str, ...] | None:
    """
    Return the names in the table `[plugins]` of plugins that may be loaded; None for all.

    Raises:
        ConfigError: The table has another key, or the names are not a list of texts.
    """
    settings = Settings("plugins", plugins, path)
    for key in plugins:
        if key != "allow":
            raise ConfigError(
                f"unknown option {key!r}", where=settings.place(key), remedy="known: allow"
            )
    allow = plugins.get("allow")
    if allow is None:
        return None
    if not isinstance(allow, list) or not all(isinstance(name, str) for name in allow):
        raise ConfigError("must be a list of names", where=settings.place("allow"))
    return tuple(allow)


def parse_part(text: str, *, flag: str) -> Part:
    """
    Read `kind` or `kind:key=value,key=value` as it is given to a flag.

    Raises:
        ConfigError: There is no kind, or a setting is not `key=value`.
    """
    kind, _, rest = text.partition(":")
    values: dict[str, Any] = {}
    for pair in _pairs(rest):
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise ConfigError(
                f"{pair!r} is not a setting", where=flag, remedy=f"write {flag} KIND:key=value"
            )
        values[key.strip().replace("-", "_")] = value.strip()
    if not kind.strip():
        raise ConfigError("names nothing", where=flag, remedy=f"write {flag} KIND:key=value")
    return Part(kind.strip(), Settings(f"{flag} {kind.strip()}", values))


def _pairs(text: str) -> Sequence[str]:
    return [pair for pair in text.split(",") if pair.strip()]


def assigned(words: Iterable[str], flag: str) -> dict[str, str]:
    """
    Read the settings that were given to a flag one by one, `KEY=VALUE` each.

    Raises:
        ConfigError: One is not; names the flag.
    """
    values = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key.strip():
            raise ConfigError(
                f"{word!r} is not a setting", where=flag, remedy=f"write {flag} KEY=VALUE"
            )
        values[key.strip().replace("-", "_")] = value.strip()
    return values


def separated(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the names in *texts*, which may be lists separated by commas, in their order."""
    words = (part.strip() for text in texts for part in text.split(","))
    return tuple(word for word in words if word)
