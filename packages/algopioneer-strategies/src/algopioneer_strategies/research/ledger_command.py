"""`algopioneer ledger`: what was ever tried, and whether the record of it is whole."""

import json
from pathlib import Path
from typing import Any

import click

from algopioneer_core.cli.kit import json_option, print_json
from algopioneer_core.domain.times import iso_utc
from algopioneer_strategies.research.experiments import ExperimentKind, ExperimentRow
from algopioneer_strategies.research.ledger import (
    DEFAULT_LEDGER,
    ExperimentLedger,
    LedgerDamaged,
    verify_ledger,
)

__all__ = ["ledger", "show", "verify"]

_ledger_option = click.option(
    "--ledger",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_LEDGER,
    show_default=True,
    metavar="FILE",
    help="The experiment ledger.",
)


@click.group()
def ledger() -> None:
    """Look into the ledger of screens, grids and backtests; it is never changed."""


@ledger.command()
@_ledger_option
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in ExperimentKind]),
    help="Only experiments of this kind.",
)
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="Only the last N of them.")
@json_option
def show(path: Path, kind: str | None, last: int | None, as_json: bool) -> None:
    """List what was tried: when, on what, how many trials."""
    with ExperimentLedger(path, create=False) as opened:
        rows = list(opened.rows(kind=ExperimentKind(kind) if kind else None, last=last))
    if as_json:
        print_json([_as_dict(row) for row in rows])
        return
    for row in rows:
        click.echo(_line(row))
    click.echo(f"entries: {len(rows)}, trials: {sum(row.trials for row in rows)}")


def _as_dict(row: ExperimentRow) -> dict[str, Any]:
    return {
        "sequence": row.sequence,
        "time": iso_utc(row.ts_ns),
        "kind": row.kind,
        "subject": row.subject,
        "data_hash": row.data_hash,
        "code_version": row.code_version,
        "trials": row.trials,
        "parameters": json.loads(row.parameters),
        "result": json.loads(row.result),
        "hash": row.hash,
    }


def _line(row: ExperimentRow) -> str:
    return (
        f"{row.sequence:>6}  {iso_utc(row.ts_ns)[:19]}  {row.kind:<12}  {row.subject}"
        f"  trials: {row.trials}  data: {row.data_hash[:12]}  code: {row.code_version}"
    )


@ledger.command()
@_ledger_option
@click.option("--contains", metavar="HASH", help="A chain head that a report states.")
@json_option
def verify(path: Path, contains: str | None, as_json: bool) -> None:
    """Check every entry, the chain and the file; exit with 3 when anything is not as written."""
    found = verify_ledger(path, contains=contains)
    faults = [{"sequence": each.sequence, "message": each.message} for each in found.faults]
    if as_json:
        print_json({"entries": found.entries, "chain_head": found.chain_head, "faults": faults})
    else:
        for fault in found.faults:
            click.echo(f"error: {path}: {fault.message}", err=True)
        verdict = f"faults: {len(faults)}" if faults else "as it was written"
        click.echo(f"entries: {found.entries}, {verdict}")
        click.echo(f"chain head: {found.chain_head}")
    if faults:
        click.get_current_context().exit(LedgerDamaged.exit_code)
