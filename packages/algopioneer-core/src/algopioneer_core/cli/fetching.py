"""Bars of the last days out of a venue's history, for commands that look at many instruments."""

import os
from collections.abc import Sequence
from pathlib import Path

from algopioneer_core.bootstrap.downloading import download, traded_symbols
from algopioneer_core.bootstrap.host import Surroundings, load_host
from algopioneer_core.bootstrap.surroundings import SystemClock
from algopioneer_core.cli.progress import DownloadProgress
from algopioneer_core.config.download import DownloadOptions
from algopioneer_core.config.environment import load_environment
from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.history.bar_headers import same_symbol
from algopioneer_core.history.intervals import DAY_NS, parse_interval

__all__ = ["fetch"]


def fetch(
    exchange: str,
    symbols: Sequence[str],
    *,
    interval: str,
    lookback_days: int,
    folder: str,
    venue: Sequence[str],
    env_file: str,
    only_traded: bool,
) -> tuple[Path, ...]:
    """Do what `kit.fetch_bars` says."""
    around = Surroundings(load_host(), environment=load_environment(Path(env_file), os.environ))
    clock = SystemClock()
    length = parse_interval(interval)
    start_ns = (clock.now_ns() - lookback_days * DAY_NS) // length * length
    flags = {
        "exchange": exchange,
        "symbols": list(symbols),
        "interval": interval,
        "from": iso_utc(start_ns),
        "output": folder,
        "venue": list(venue),
    }
    asked = Settings("download", flags=flags)
    options = asked.make(DownloadOptions)
    if only_traded:
        there = traded_symbols(options, around)
        known = [name for name in there if any(same_symbol(name, each) for each in symbols)]
        if not known:
            raise RefusedError(
                f"venue {exchange!r} trades none of the {len(symbols)} symbols of the list",
                where="--symbols",
                remedy="name symbols as the venue does",
            )
        asked = Settings("download", flags={**flags, "symbols": known})
        options = asked.make(DownloadOptions)
    with DownloadProgress() as progress:
        found = download(options, asked, around, clock=clock, watch=progress.watch)
    return tuple(each.path for each in found)
