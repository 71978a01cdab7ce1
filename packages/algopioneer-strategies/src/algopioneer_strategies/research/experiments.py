"""
What the experiment ledger holds: every screen, grid and backtest, and the chain that ties them.

A Sharpe ratio means little without the number of tries it was picked from, and nobody remembers
those. So each try is written down when it is made: what was tried, on which data, with which code,
and what came out. Each entry carries a hash of itself and of the entry before it: one that is
changed, goes missing or is slipped in breaks the chain at a place that can be named.

The hash is SHA-256, in hexadecimal, of these lines joined by line feeds: the hash before, sequence,
time, kind, subject, data hash, code version, trials, parameters, result.
"""

import enum
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from attrs import Attribute, field, frozen

from algopioneer_core.domain.errors import RefusedError

__all__ = [
    "GENESIS",
    "Experiment",
    "ExperimentKind",
    "ExperimentRow",
    "LedgerFault",
    "broken_rows",
    "canonical_json",
    "link",
]

GENESIS: Final = hashlib.sha256(b"algopioneer experiment ledger\n1").hexdigest()
"""The hash that stands before the first entry."""


class ExperimentKind(enum.Enum):
    """What was tried."""

    SCREEN = "screen"
    """Pairs tested for cointegration; trials are the tests."""
    GRID = "grid"
    """Parameters of one pair; trials are the cells."""
    WALK_FORWARD = "walk_forward"
    """The rule that picks a cell, on windows that follow each other."""
    BACKTEST = "backtest"
    """One set of parameters in the event or the vector engine."""
    DECISION = "decision"
    """Whether pairs that are traded give place to others; trials are the comparisons."""


def _one_line(_experiment: object, attribute: "Attribute[str]", text: str) -> None:
    if "\n" in text:
        raise RefusedError(f"{attribute.name} {text!r} has a line feed in it", where="ledger")


@frozen(kw_only=True)
class Experiment:
    """
    One thing that was tried.

    Raises:
        RefusedError: A text has a line feed, or there is less than one trial.
    """

    kind: ExperimentKind
    ts_ns: int
    """When it was made, UTC nanoseconds."""
    subject: str = field(validator=_one_line)
    """On what, for people: `AAA / BBB`, or the name of a universe."""
    data_hash: str = field(validator=_one_line)
    """Of the data it saw: `fingerprints.data_hash`."""
    code_version: str = field(validator=_one_line)
    """Of the code that made it: `fingerprints.code_version`."""
    trials: int = field()
    """How many configurations, or tests, it stands for; at least one."""
    parameters: Mapping[str, Any]
    """What was tried, as JSON values; decimals become text."""
    result: Mapping[str, Any]
    """What came out, as JSON values; floats must be finite."""

    @trials.validator
    def _at_least_one(self, _attribute: object, value: int) -> None:
        if value < 1:
            raise RefusedError(f"an experiment of {value} trials is none", where="ledger")


class ExperimentRow(NamedTuple):
    """An experiment as it is stored; parameters and result are canonical JSON."""

    sequence: int
    """From 1, without gaps."""
    ts_ns: int
    kind: str
    subject: str
    data_hash: str
    code_version: str
    trials: int
    parameters: str
    result: str
    hash: str


@frozen
class LedgerFault:
    """One thing that is wrong with a ledger."""

    sequence: int | None
    """Of the entry where it shows; None for what concerns the whole file."""
    message: str


def canonical_json(values: Mapping[str, Any]) -> str:
    """
    Return *values* as JSON with sorted keys and no blanks; decimals and paths become text.

    Raises:
        RefusedError: A number is not finite, or a value is none that JSON has.
    """
    try:
        return json.dumps(
            values,
            sort_keys=True,
            separators=(",", ":"),
            allow_nan=False,
            ensure_ascii=False,
            default=_as_text,
        )
    except (TypeError, ValueError) as error:
        raise RefusedError(f"cannot be written down: {error}", where="ledger") from error


def _as_text(value: object) -> str:
    if isinstance(value, Decimal | Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")


def link(before: str, sequence: int, experiment: Experiment) -> ExperimentRow:
    """
    Return the row of *experiment* behind the row with the hash *before*.

    Raises:
        RefusedError: Parameters or result cannot be written as JSON.
    """
    place = (
        sequence,
        experiment.ts_ns,
        experiment.kind.value,
        experiment.subject,
        experiment.data_hash,
        experiment.code_version,
        experiment.trials,
        canonical_json(experiment.parameters),
        canonical_json(experiment.result),
    )
    return ExperimentRow(*place, _hash(before, place))


def _hash(before: str, fields: Iterable[object]) -> str:
    text = "\n".join(map(str, (before, *fields)))
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def broken_rows(head: tuple[int, str], rows: Iterable[ExperimentRow]) -> Iterator[LedgerFault]:
    """
    Yield what is wrong with a ledger.

    Args:
        head: Sequence and hash of the last entry, as the ledger's heading has them.
        rows: All entries in their order.
    """
    sequence, before = 0, GENESIS
    for row in rows:
        if row.sequence != sequence + 1:
            yield _missing(sequence + 1, row.sequence - 1)
        elif row.hash != _hash(before, row[:-1]):
            yield LedgerFault(row.sequence, f"entry {row.sequence} is not what was written")
        sequence, before = row.sequence, row.hash
    if sequence < head[0]:
        yield _missing(sequence + 1, head[0])
    elif (sequence, before) != head:
        yield LedgerFault(sequence, f"the heading says that the last entry is {head[0]}")


def _missing(first: int, last: int) -> LedgerFault:
    text = f"entry {first} is" if first == last else f"entries {first} to {last} are"
    return LedgerFault(first, f"{text} missing")
