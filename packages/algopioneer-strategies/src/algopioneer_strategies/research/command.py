"""`algopioneer discover-pairs`: from a universe to the pairs that survive."""

from typing import Any, Final, TypeVar

import click

from algopioneer_core.cli.kit import (
    SectionedCommand,
    given_values,
    json_option,
    setting_options,
    with_options,
)
from algopioneer_core.settings import settings_of
from algopioneer_strategies.research.options import DiscoveryOptions
from algopioneer_strategies.research.trading_options import TradingOptions

__all__ = ["discover_pairs", "made_options"]

_OptionsT = TypeVar("_OptionsT")
_OPTIONS: Final = setting_options(DiscoveryOptions, section="Options", only_flags=True)
_TRADING: Final = setting_options(TradingOptions, section="Options", only_flags=True)


@with_options([*_OPTIONS, *_TRADING])
@click.command("discover-pairs", cls=SectionedCommand)
@click.option("--screen-only", is_flag=True, help="Stop after the screen, and let it see all bars.")
@json_option
def discover_pairs(*, screen_only: bool, as_json: bool, **parameters: Any) -> None:
    """
    Find pairs that are cointegrated, and say how many tests that took.

    Every pair of the universe is tested in both directions, by Engle and Granger with the critical
    values of a pair; what survives does so after Benjamini and Hochberg. Survivors are traded by a
    grid of parameters and walked forward over bars that the screen did not see. That no pair
    survives is a result like any other.
    """
    from algopioneer_core.wire.machine import SystemClock
    from algopioneer_strategies.research.discovery_run import print_discovery, run_discovery

    options = made_options(DiscoveryOptions, given_values(_OPTIONS, parameters))
    trading = made_options(TradingOptions, given_values(_TRADING, parameters))
    found = run_discovery(options, trading, screen_only=screen_only, ts_ns=SystemClock().now_ns())
    print_discovery(found, as_json=as_json)


def made_options(kind: type[_OptionsT], values: dict[str, Any]) -> _OptionsT:
    """Return the options of *values* by key."""
    fields = {setting.key: setting for setting in settings_of(kind)}
    arguments: dict[str, Any] = {
        fields[key].field: tuple(value) if fields[key].many else value
        for key, value in values.items()
    }
    return kind(**arguments)
