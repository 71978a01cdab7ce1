"""`algopioneer autopilot`: look after the pairs that are traded, once or on a schedule."""

from typing import TYPE_CHECKING, Any, Final

import click

from algopioneer_core.cli.kit import (
    SectionedCommand,
    SettingOption,
    given_values,
    json_option,
    setting_options,
    with_options,
)
from algopioneer_strategies.research.autopilot_options import AutopilotOptions
from algopioneer_strategies.research.command import made_options
from algopioneer_strategies.research.options import DiscoveryOptions
from algopioneer_strategies.research.trading_options import TradingOptions

if TYPE_CHECKING:
    from algopioneer_core.domain.errors import AlgopioneerError

__all__ = ["autopilot"]

_NOT_ASKED: Final = frozenset({"keep", "johansen", "min_sharpe", "output", "report"})
"""What only a search that is read by people has; the rule has its own threshold."""


def _flags(kind: type[Any]) -> list[SettingOption]:
    found = setting_options(kind, section="Options", only_flags=True)
    return [each for each in found if each.setting.key not in _NOT_ASKED]


_OWN: Final = _flags(AutopilotOptions)
_DISCOVERY: Final = _flags(DiscoveryOptions)
_TRADING: Final = _flags(TradingOptions)


@with_options([*_OWN, *_DISCOVERY, *_TRADING])
@click.command("autopilot", cls=SectionedCommand)
@click.option("--once", is_flag=True, help="Look once; the default.")
@json_option
def autopilot(*, once: bool, as_json: bool, **parameters: Any) -> None:
    """
    Search for pairs again, and change those that are traded where that beats the noise.

    Candidates and the pairs that are traded are walked forward alike, over bars that the screen did
    not see. A pair gives its place only where the difference of their returns passes a test that
    counts every comparison and every earlier look. Without --apply nothing is changed. Each
    decision is in the ledger with its reason, and in the session's journal where that is named.
    """
    from algopioneer_core.wire.machine import SystemClock
    from algopioneer_strategies.research.autopilot import look
    from algopioneer_strategies.research.autopilot_report import print_look

    options = made_options(AutopilotOptions, given_values(_OWN, parameters))
    discovery = made_options(DiscoveryOptions, given_values(_DISCOVERY, parameters))
    trading = made_options(TradingOptions, given_values(_TRADING, parameters))
    clock = SystemClock()

    def look_once() -> None:
        found = look(options, discovery, trading, ts_ns=clock.now_ns())
        print_look(found, options, as_json=as_json)

    if options.every is None:
        look_once()
    elif once:
        raise click.UsageError("--once and --every exclude each other")
    else:
        from algopioneer_strategies.research.autopilot_schedule import run_schedule

        run_schedule(options.every, look_once, clock, _tell)


def _tell(error: "AlgopioneerError") -> None:
    click.echo(f"error: {error}", err=True)
