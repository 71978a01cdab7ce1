"""`algopioneer history`: bars of the past, fetched once and kept in files."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from algopioneer_core.cli.config import env_file_option
from algopioneer_core.cli.kit import (
    SectionedCommand,
    given_values,
    json_option,
    print_json,
    setting_options,
    with_options,
)
from algopioneer_core.config.download import DownloadOptions
from algopioneer_core.config.environment import load_environment
from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.history.intervals import format_interval

if TYPE_CHECKING:
    from algopioneer_core.bootstrap.downloading import Downloaded

__all__ = ["download", "history"]

_OPTIONS: Final = setting_options(DownloadOptions, section="Options", only_flags=True)


@click.group()
def history() -> None:
    """Fetch bars of the past and keep them in files."""


@with_options(_OPTIONS)
@history.command(cls=SectionedCommand)
@env_file_option
@json_option
def download(*, env_file: str, as_json: bool, **parameters: Any) -> None:
    """
    Fetch bars from a venue's history into Parquet files that `backtest --data` reads.

    Each instrument has a file, DIR/VENUE-SYMBOL-LENGTH.parquet. Only what is missing in it is
    asked for, so the same command goes on where it was stopped (Ctrl-C loses nothing), fills holes
    between ranges that were downloaded before, and brings a file up to date. What the venue itself
    does not have is told. Public history needs no key.
    """
    from algopioneer_core.bootstrap.downloading import download as fetch
    from algopioneer_core.bootstrap.host import Surroundings, load_host
    from algopioneer_core.bootstrap.surroundings import SystemClock
    from algopioneer_core.cli.progress import DownloadProgress

    asked = Settings("download", flags=given_values(_OPTIONS, parameters))
    options = asked.make(DownloadOptions)
    around = Surroundings(load_host(), environment=load_environment(Path(env_file), os.environ))
    with DownloadProgress() as progress:
        files = fetch(options, asked, around, clock=SystemClock(), watch=progress.watch)
    if as_json:
        print_json({"files": [_row(each) for each in files]})
        return
    for each in files:
        click.echo("\n".join(_lines(each)))


def _row(each: "Downloaded") -> dict[str, Any]:
    return {
        "instrument": str(each.instrument_id),
        "interval": format_interval(each.interval_ns),
        "path": str(each.path),
        "bars": each.bars,
        "new_bars": each.new,
        "first_bar": iso_utc(each.first_ns),
        "last_bar": iso_utc(each.last_ns),
        "gaps": each.gaps.count,
        "missing_bars": each.gaps.missing_bars,
    }


def _lines(each: "Downloaded") -> list[str]:
    lines = [
        f"{each.instrument_id} {format_interval(each.interval_ns)}: {each.bars} bars that close "
        f"from {iso_utc(each.first_ns)} to {iso_utc(each.last_ns)}, {each.new} new",
        f"  {each.path}",
        f"  {each.gaps.describe()}",
    ]
    if each.gaps.count:
        lines[-1] += " (the venue has nothing there; --again asks once more)"
    return lines
