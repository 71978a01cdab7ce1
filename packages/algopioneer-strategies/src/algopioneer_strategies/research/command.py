"""`algopioneer discover-pairs`: from a universe to the pairs that survive."""

from typing import Any, Final

import click

from algopioneer_core.cli.kit import (
    SectionedCommand,
    given_values,
    json_option,
    print_json,
    setting_options,
    with_options,
)
from algopioneer_core.settings import settings_of
from algopioneer_strategies.research.options import DiscoveryOptions

__all__ = ["discover_pairs"]

_OPTIONS: Final = setting_options(DiscoveryOptions, section="Options", only_flags=True)


@with_options(_OPTIONS)
@click.command("discover-pairs", cls=SectionedCommand)
@click.option("--screen-only", is_flag=True, expose_value=False, help="Stop after the screen.")
@json_option
def discover_pairs(*, as_json: bool, **parameters: Any) -> None:
    """
    Find pairs that are cointegrated, and say how many tests that took.

    Every pair of the universe is tested in both directions, by Engle and Granger with the critical
    values of a pair; what survives does so after Benjamini and Hochberg. That no pair survives is
    a result like any other.
    """
    from algopioneer_strategies.research.discovery import discover
    from algopioneer_strategies.research.screen_json import screen_values
    from algopioneer_strategies.research.screen_text import print_screen

    found = discover(_made(given_values(_OPTIONS, parameters)))
    if as_json:
        print_json(screen_values(found))
    else:
        print_screen(found.screen, found.pairs, found.coverage)


def _made(values: dict[str, Any]) -> DiscoveryOptions:
    """Return the options of *values* by key."""
    fields = {setting.key: setting for setting in settings_of(DiscoveryOptions)}
    arguments: dict[str, Any] = {
        fields[key].field: tuple(value) if fields[key].many else value
        for key, value in values.items()
    }
    return DiscoveryOptions(**arguments)
