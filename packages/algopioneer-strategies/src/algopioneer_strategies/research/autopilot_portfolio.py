"""
The portfolio that is looked after: its file, as it stands and as it is to be.

A pair that is kept stays in the file word for word, so that the session does not touch it. A pair
that takes a place takes over what its user set for that place: order size, fees, thresholds,
times; the search sets legs, window, levels, hedge and interval.
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from algopioneer_core.cli.kit import pair_strategies
from algopioneer_core.domain.errors import ConfigError, RefusedError
from algopioneer_core.domain.money import plain
from algopioneer_core.history.intervals import format_interval, parse_interval
from algopioneer_strategies.pairs_config import KALMAN_KEYS
from algopioneer_strategies.research.pairs_output import write_file

__all__ = ["Holding", "Portfolio", "changed_pairs", "pair_name", "read_portfolio", "replace_file"]

_SEARCHED: Final = (
    "spot_symbol",
    "future_symbol",
    "window_size",
    "entry_z_score",
    "exit_z_score",
    "hedge",
    "hedge_ratio",
    *KALMAN_KEYS,
    "interval",
    "on_remove",
)
"""Keys that a search sets."""


@frozen
class Holding:
    """One pair of the file."""

    leg1: str
    leg2: str
    interval: str | None
    """Length of its bars, where the file says it."""
    entry: Mapping[str, Any] = field(eq=False, repr=False)
    """As it stands in the file."""

    @property
    def name(self) -> str:
        """For people and for comparisons."""
        return pair_name(self.leg1, self.leg2)


@frozen
class Portfolio:
    """A file of pairs."""

    path: Path
    text: str = field(repr=False)
    holdings: tuple[Holding, ...]

    def refuse_other_bars(self, interval_ns: int) -> None:
        """
        Refuse to judge pairs by bars that they are not traded on.

        Raises:
            ConfigError: A pair states another interval than *interval_ns*.
        """
        for place, each in enumerate(self.holdings):
            if each.interval is not None and parse_interval(each.interval) != interval_ns:
                raise ConfigError(
                    f"is {each.interval}, and the search has bars of "
                    f"{format_interval(interval_ns)}",
                    where=f"{self.path}: [{place}].interval",
                    remedy=f"search with --interval {each.interval}",
                )


def pair_name(leg1: str, leg2: str) -> str:
    """Return what a pair is called."""
    return f"{leg1} / {leg2}"


def read_portfolio(path: Path) -> Portfolio:
    """
    Read the pairs that are traded.

    Raises:
        ConfigError: It cannot be read, is not one that `portfolio` reads, or a pair is there twice.
    """
    tables = pair_strategies(path)
    text = path.read_text(encoding="utf-8-sig")
    entries = json.loads(text, parse_float=Decimal)
    holdings = tuple(
        Holding(entry["spot_symbol"], entry["future_symbol"], table.get("interval"), entry)
        for table, entry in zip(tables, entries, strict=True)
    )
    _refuse_twice(path, holdings)
    return Portfolio(path, text, holdings)


def _refuse_twice(path: Path, holdings: Sequence[Holding]) -> None:
    seen = set[frozenset[str]]()
    for place, each in enumerate(holdings):
        legs = frozenset((each.leg1, each.leg2))
        if legs in seen:
            raise ConfigError(
                f"{each.name} is there twice", where=f"{path}: [{place}]", remedy="keep one of them"
            )
        seen.add(legs)


def changed_pairs(
    holdings: Sequence[Holding],
    replaced: Mapping[str, Mapping[str, Any] | None],
    added: Sequence[Mapping[str, Any]],
    *,
    on_remove: str,
) -> str:
    """
    Return the content of the file after a change.

    Args:
        holdings: What stands there.
        replaced: Of the name of a pair that goes, what a search writes of the one that takes its
            place; None where nothing does.
        added: What a search writes of the pairs for free places; these take over the settings of
            the last pair of the file.
        on_remove: Of the pairs that are new.
    """
    entries: list[Mapping[str, Any]] = []
    for each in holdings:
        found = replaced.get(each.name, each.entry)
        if found is None:
            continue
        kept = each.name not in replaced
        entries.append(found if kept else _placed(each.entry, found, on_remove))
    entries += [_placed(holdings[-1].entry, found, on_remove) for found in added]
    return json.dumps(entries, indent=2, ensure_ascii=False, default=_as_text) + "\n"


def _placed(place: Mapping[str, Any], found: Mapping[str, Any], on_remove: str) -> dict[str, Any]:
    searched = {**found, "on_remove": on_remove}
    own = {key: value for key, value in place.items() if key not in _SEARCHED}
    return {**{key: searched[key] for key in _SEARCHED if key in searched}, **own}


def _as_text(value: object) -> str:
    assert isinstance(value, Decimal)  # the file was JSON
    return plain(value)


def replace_file(portfolio: Portfolio, text: str) -> None:
    """
    Put *text* in the place of the portfolio's file, whole or not at all.

    Raises:
        ConfigError: `portfolio` could not read it.
        RefusedError: Somebody changed the file since it was read.
        OutputError: It cannot be written.
    """
    path = portfolio.path

    def check(draft: Path) -> None:
        pair_strategies(draft)
        if path.read_text(encoding="utf-8-sig") != portfolio.text:
            raise RefusedError(
                "was changed while the search ran; nothing was written",
                where=str(path),
                remedy="run autopilot again",
            )

    write_file(path, text, check=check)
