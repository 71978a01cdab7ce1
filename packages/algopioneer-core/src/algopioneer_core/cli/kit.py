"""
Parts from which commands are made; plugins may use them for commands of their own.

Flags come from a configuration class: its fields, made with `settings.option`, have everything
that `--help` needs. A flag that the user does not give stays out of the values, so that defaults
live in the class alone and a configuration file can lie underneath.
"""

import datetime
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from algopioneer_core.settings import Setting, settings_of

if TYPE_CHECKING:
    from algopioneer_core.cli.progress import PaceProgress

__all__ = [
    "DECIMAL",
    "DecimalType",
    "SectionedCommand",
    "SettingOption",
    "fetch_bars",
    "given_values",
    "json_option",
    "pace_progress",
    "pair_strategies",
    "print_json",
    "setting_options",
    "tell_session",
    "with_options",
]


class DecimalType(click.ParamType):  # type: ignore[type-arg]  # generic only in new clicks
    """A number taken exactly as it is typed."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        """Return *value* as a finite decimal, or fail as a usage error."""
        try:
            number = Decimal(value)
        except InvalidOperation:
            self.fail(f"{value!r} is not a number", param, ctx)
        if not number.is_finite():
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


DECIMAL: Final = DecimalType()
"""The type of an option whose value is money or another exact number."""
_TYPES: Final[Mapping[Any, "click.ParamType[Any]"]] = {
    int: click.INT,
    Decimal: DECIMAL,
    float: DECIMAL,
}

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
"""Decorator that adds `--json`; the command receives it as `as_json`."""


class SettingOption(click.Option):
    """
    A flag made from one field of a configuration class.

    Args:
        setting: The field.
        prefix: Put before the flag's word.
        section: Heading in the help, where the field names none.
        only_flags: Whether nothing else can give the value: what is required must be typed.
    """

    def __init__(
        self, setting: Setting, *, prefix: str = "", section: str = "", only_flags: bool = False
    ) -> None:
        self.setting = setting
        self.section = setting.section or section
        word = prefix + setting.key.replace("_", "-")
        switch = setting.type is bool and not setting.many
        required = only_flags and setting.required
        # click takes a default of None, given in so many words, for a value.
        default: dict[str, Any] = {} if required else {"default": None}
        super().__init__(
            [f"--{word}/--no-{word}" if switch else f"--{word}", self._variable(prefix)],
            help=_help(setting, told=required),
            required=required,
            type=None if switch else _click_type(setting),
            multiple=setting.many,
            metavar=None if switch or setting.choices else _metavar(setting),
            **default,
        )

    def _variable(self, prefix: str) -> str:
        return f"{prefix.replace('-', '_')}setting_{self.setting.field}"


class SectionedCommand(click.Command):
    """A command that shows its flags under the headings of their settings."""

    own_section = "Options"
    """Heading of the flags that are made by hand."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the flags under headings."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                section = param.section if isinstance(param, SettingOption) else self.own_section
                sections.setdefault(section, []).append(record)
        for section, records in sections.items():
            with formatter.section(section):
                formatter.write_dl(records)


def _click_type(setting: Setting) -> "click.ParamType[Any]":
    if setting.choices:
        return click.Choice(setting.choices, case_sensitive=False)
    return _TYPES.get(setting.type, click.STRING)


def _metavar(setting: Setting) -> str:
    if setting.metavar:
        return setting.metavar
    if setting.type is int:
        return "N"
    if setting.type in _TYPES:
        return "NUMBER"
    return "TIME" if setting.type is datetime.datetime else "TEXT"


def _help(setting: Setting, *, told: bool) -> str:
    """Return the text of a flag; *told* where click itself writes that it is required."""
    notes = [setting.unit] if setting.unit else []
    if setting.required and not told:
        notes.append("required")
    elif setting.default is not False and setting.default not in (None, (), ""):
        notes.append(f"default: {_shown(setting.default)}")
    return f"{setting.help} [{'; '.join(notes)}]" if notes else setting.help


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(_shown(item) for item in value)
    text = str(getattr(value, "value", value))
    return text.lower() if isinstance(value, bool) else text


def setting_options(
    config: type[Any] | None,
    *,
    section: str,
    taken: Collection[str] = (),
    prefix: str = "",
    only_flags: bool = False,
) -> list[SettingOption]:
    """
    Return a flag for each field of *config*; secrets have none.

    Args:
        config: An attrs class, or None for no flags.
        section: Heading in the help for fields that name none.
        taken: Flags that exist already; a field whose flag is among them gets *prefix*.
        prefix: Put before such a flag: `strategy-`.
        only_flags: Whether no file can give the values, so that required ones must be typed.
    """
    if config is None:
        return []
    return [
        SettingOption(
            setting,
            prefix=prefix if f"--{setting.key.replace('_', '-')}" in taken else "",
            section=section,
            only_flags=only_flags,
        )
        for setting in settings_of(config)
        if not setting.secret
    ]


def with_options(
    options: Sequence[click.Parameter],
) -> Callable[[click.Command], click.Command]:
    """Return a decorator that puts *options* before those that a command has."""

    def put(command: click.Command) -> click.Command:
        command.params[:0] = options
        return command

    return put


def given_values(options: Iterable[SettingOption], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return, by key, the values the user gave to *options*; what was left out is left out."""
    values = {}
    for one in options:
        value = parameters.get(one.name or "")
        if value is not None and value != ():
            values[one.setting.key] = list(value) if one.setting.many else value
    return values


def fetch_bars(
    exchange: str,
    symbols: Sequence[str],
    *,
    interval: str,
    lookback_days: int,
    folder: str,
    venue: Sequence[str] = (),
    env_file: str = ".env",
    only_traded: bool = False,
) -> tuple[Path, ...]:
    """
    Bring the bars of the last days from a venue's history into files, as `history download` does.

    What is in the files already is not asked for again; what has come is kept, however this ends.
    A terminal shows how far it is.

    Args:
        exchange: The venue.
        symbols: Whose bars.
        interval: Length of a bar: `1h`.
        lookback_days: Bars that close in the last so many days, up to now.
        folder: Where the files are; made if need be.
        venue: Settings of the venue, each KEY=VALUE.
        env_file: Variables for secrets; those of the process win.
        only_traded: Leave out symbols that the venue does not trade, instead of refusing them.

    Returns:
        A Parquet file for each symbol.

    Raises:
        AlgopioneerError: The venue cannot be used, lacks the history or a symbol, or the files
            cannot be written.
    """
    from algopioneer_core.cli.fetching import fetch  # the event loop and Arrow are slow to load

    return fetch(
        exchange,
        symbols,
        interval=interval,
        lookback_days=lookback_days,
        folder=folder,
        venue=venue,
        env_file=env_file,
        only_traded=only_traded,
    )


def pace_progress(told: str, *, unit: str, per_step: int = 1) -> "PaceProgress":
    """
    Return a bar for a long search: how much is done, how fast, and the time left.

    It is a context manager whose `watch(done, total)` moves it. It is shown on standard error, on a
    terminal only, once a second has passed, and is gone at the end of the block.

    Args:
        told: What is said before the bar.
        unit: What the pace counts, in the plural.
        per_step: How many of these each step has.
    """
    from algopioneer_core.cli.progress import PaceProgress  # rich takes a moment to load

    return PaceProgress(told, unit=unit, per_step=per_step)


def pair_strategies(path: Path, *, interval: str | None = None) -> tuple[Mapping[str, Any], ...]:
    """
    Return the strategies that `portfolio` makes of a file of pairs, as tables of a session file.

    Args:
        path: The file.
        interval: Length of a bar of the pairs that state none.

    Raises:
        ConfigError: It cannot be read, or a value is wrong; names the file and the pair.
    """
    from algopioneer_core.config.pairs_config import read_pairs

    return read_pairs(path, interval=interval).strategies


def tell_session(journal: Path, *, note: str, reload: bool, ts_ns: int) -> str | None:
    """
    Leave a note to the session that holds *journal*, and tell it to read its file again.

    What it says of the file is waited for, twenty seconds at most.

    Args:
        journal: The session's journal.
        note: What the session keeps in its journal.
        reload: Whether its file is to be read again; else the note is all.
        ts_ns: The time, UTC nanoseconds.

    Returns:
        Who was told and what is known to have come of it, in words; None where no session holds
        the journal, and nothing was left.

    Raises:
        RefusedError: It refuses what the file says; or it runs on another host, as another user, or
            on a system without SIGHUP, and was not told.
        JournalError: The note cannot be left beside the journal.
    """
    from algopioneer_core.cli.telling import tell_holder  # sqlite takes a moment to load

    return tell_holder(journal, note=note, reload=reload, ts_ns=ts_ns)


def print_json(content: object) -> None:
    """Print *content* as indented JSON; a decimal is written as its exact text."""
    click.echo(json.dumps(content, indent=2, ensure_ascii=False, default=_json_text))


def _json_text(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
