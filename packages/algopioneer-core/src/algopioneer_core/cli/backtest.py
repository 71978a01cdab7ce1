"""
`algopioneer backtest`: trade a strategy on past bars.

The command's flags are those of `BacktestOptions` and, once the strategy is known, those of the
strategy's own configuration class; so this module knows no strategy.
"""

import os
from pathlib import Path
from typing import Any, Final

import click

from algopioneer_core.bootstrap.host import Surroundings, load_host
from algopioneer_core.cli.errors import warn
from algopioneer_core.cli.kit import (
    SectionedCommand,
    SettingOption,
    given_values,
    json_option,
    setting_options,
)
from algopioneer_core.cli.legs import leg_options
from algopioneer_core.config.backtest import BacktestOptions
from algopioneer_core.config.runs import Part, RunFile, Settings, parse_part, read_run_file
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.plugins.specs import StrategySpec

__all__ = ["BacktestCommand", "backtest"]

_STATE: Final = "algopioneer_core.cli.backtest"
_OWN: Final = "Strategy and configuration"


class _Asked:
    """What has to be known before the flags can be parsed: the file, the plugins, the strategy."""

    def __init__(
        self, ctx: click.Context, strategy: str | None, config: str | None, *, helping: bool
    ) -> None:
        self.file = read_run_file(Path(config)) if config else RunFile()
        self.host: PluginHost = load_host(self.file.allow)
        name = strategy or self.file.strategy_kind
        self.spec: StrategySpec | None = self.host.strategies.get(name) if name else None
        self.options: list[SettingOption] = []
        self.leg_options: list[SettingOption] = []
        if self.spec is None and not helping:
            installed = ", ".join(self.host.strategies.names) or "none"
            ctx.fail(f"which strategy? Give --strategy NAME; installed: {installed}")

    def add_flags(self, taken: set[str]) -> None:
        """Make the flags of the strategy; those whose word is taken begin with `--strategy-`."""
        if self.spec is not None:
            self.options = setting_options(
                self.spec.load_config(),
                section=f"Strategy {self.spec.name}",
                taken=taken,
                prefix="strategy-",
            )
            if self.spec.instruments[1] > 1:
                self.leg_options = leg_options(
                    {*taken, *(flag for option in self.options for flag in option.opts)}
                )


class BacktestCommand(SectionedCommand):
    """A command that grows the flags of the strategy it is given."""

    own_section = _OWN

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Look for the strategy first, so that its flags can be parsed."""
        asked = _Asked(
            ctx,
            _value_of("--strategy", args),
            _value_of("--config", args),
            helping=any(word in ctx.help_option_names for word in args),
        )
        asked.add_flags({flag for param in self.params for flag in param.opts})
        ctx.meta[_STATE] = asked
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own flags and those of the strategy."""
        asked: _Asked | None = ctx.meta.get(_STATE)
        if asked is None:
            return super().get_params(ctx)
        return [*super().get_params(ctx), *asked.options, *asked.leg_options]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the flags under headings, then the strategies where none is chosen."""
        super().format_options(ctx, formatter)
        self._format_strategies(ctx, formatter)

    def _format_strategies(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        asked: _Asked = ctx.meta[_STATE]
        if asked.spec is None:
            with formatter.section("Strategies (add --strategy NAME to see the flags of one)"):
                rows = [(item.spec.name, item.spec.summary) for item in asked.host.strategies]
                formatter.write_dl(rows or [("none", "pip install algopioneer-strategies")])


def _value_of(flag: str, words: list[str]) -> str | None:
    """Return the last value given to *flag* among the unparsed *words*."""
    found = None
    for word, following in zip(words, [*words[1:], None], strict=True):
        if word == "--":
            break
        if word == flag:
            found = following
        elif word.startswith(f"{flag}="):
            found = word.removeprefix(f"{flag}=")
    return found


_OPTIONS: Final = setting_options(BacktestOptions, section=_OWN)


def _with_options(command: click.Command) -> click.Command:
    command.params.extend(_OPTIONS)
    return command


@_with_options
@click.command(cls=BacktestCommand)
@click.option("--strategy", metavar="NAME", help="Which strategy to trade.")
@click.option("--config", metavar="FILE.toml", help="Take what is not given as a flag from there.")
@click.option(
    "--exit",
    "exits",
    metavar="NAME:KEY=VALUE",
    multiple=True,
    help="Add an exit policy: stop-loss:loss_fraction=0.02. May be repeated.",
)
@json_option
@click.pass_context
def backtest(
    ctx: click.Context,
    /,
    strategy: str | None,  # noqa: ARG001 - read before the flags are parsed
    config: str | None,  # noqa: ARG001 - as above
    exits: tuple[str, ...],
    as_json: bool,
    **parameters: Any,
) -> None:
    """
    Trade a strategy on past bars and say how it went.

    Bars come from --data FILE, from the history of a venue with --exchange NAME, or are made up
    with --synthetic. Without --output-dir nothing is written.
    """
    from algopioneer_core.bootstrap.backtest import plan_backtest
    from algopioneer_core.cli.backtest_run import run_and_show
    from algopioneer_core.config.environment import load_environment

    asked: _Asked = ctx.meta[_STATE]
    assert asked.spec is not None  # or parsing would have failed
    given = Settings(
        "backtest", asked.file.backtest, asked.file.path, given_values(_OPTIONS, parameters)
    )
    own = given_values(asked.options, parameters)
    legs = given_values(asked.leg_options, parameters)
    plan = plan_backtest(
        Surroundings(asked.host, asked.file.venues, load_environment(Path(".env"), os.environ)),
        asked.spec,
        options=given,
        strategy=Settings("strategy", asked.file.strategy_values, asked.file.path, own),
        legs=Settings("legs", asked.file.legs, asked.file.path, legs),
        exits=_exits(exits, asked.file),
    )
    for broken in asked.host.broken:
        warn(str(broken.error))
    run_and_show(plan, as_json=as_json)


def _exits(flags: tuple[str, ...], file: RunFile) -> tuple[Part, ...]:
    return tuple(parse_part(text, flag="--exit") for text in flags) or file.exits
