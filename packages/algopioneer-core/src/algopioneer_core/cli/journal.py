"""`algopioneer journal`: why it traded, and whether the journal is what was written."""

import json
from pathlib import Path
from typing import Any

import click

from algopioneer_core.cli.config import (
    config_option,
    env_file_option,
    journal_of_session_option,
    read_configured,
)
from algopioneer_core.cli.kit import json_option, print_json
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.journal.codec import encode
from algopioneer_core.journal.entries import StoredEntry
from algopioneer_core.journal.errors import JournalCorrupt
from algopioneer_core.journal.show import OrderStory, story_lines, story_of
from algopioneer_core.journal.sqlite_storage import SqliteStorage
from algopioneer_core.journal.verify import Verification, verify

__all__ = ["journal", "replay", "show", "verify_journal"]

_journal_option = click.option(
    "--journal",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="The journal of a session, running or not.",
)


@click.group()
def journal() -> None:
    """Look into a session's journal; it is never changed."""


@journal.command()
@click.argument("order_id")
@_journal_option
@json_option
def show(order_id: str, path: Path, as_json: bool) -> None:
    """Say why ORDER_ID was made, and what became of it: tick, wishes, risk, order, fills, trade."""
    with SqliteStorage(path, read_only=True) as storage:
        story = story_of(storage, order_id)
    if as_json:
        print_json(_story(story))
    else:
        for line in story_lines(story):
            click.echo(line)


def _story(story: OrderStory) -> dict[str, Any]:
    return {
        "order_id": story.order_id,
        "strategy": story.strategy,
        **{
            part: [_entry(stored) for stored in getattr(story, part)]
            for part in ("causes", "order", "outcome", "trades")
        },
    }


def _entry(stored: StoredEntry) -> dict[str, Any]:
    entry = stored.entry
    return {
        "sequence": stored.sequence,
        "time": iso_utc(entry.ts_ns),
        "kind": entry.kind.value,
        "key": entry.key,
        "cause": entry.cause,
        "body": json.loads(encode(entry.body)),
    }


@journal.command("verify")
@_journal_option
@json_option
def verify_journal(path: Path, as_json: bool) -> None:
    """Check every entry, the chain and the file; exit with 3 when anything is not as written."""
    found = verify(path)
    if as_json:
        print_json(_verification(found))
    else:
        _print_verification(path, found)
    if found.faults:
        click.get_current_context().exit(JournalCorrupt.exit_code)


def _verification(found: Verification) -> dict[str, Any]:
    return {
        "uuid": found.uuid,
        "entries": found.entries,
        "chain_head": found.chain_head,
        "faults": [
            {"sequence": fault.sequence, "message": fault.message} for fault in found.faults
        ],
    }


def _print_verification(path: Path, found: Verification) -> None:
    for fault in found.faults:
        click.echo(f"error: {path}: {fault.message}", err=True)
    verdict = f"faults: {len(found.faults)}" if found.faults else "as it was written"
    click.echo(f"journal {found.uuid}, entries: {found.entries}, {verdict}")
    click.echo(f"chain head: {found.chain_head}")


@journal.command()
@config_option
@env_file_option
@journal_of_session_option
@json_option
def replay(file: str, env_file: str, path: Path | None, as_json: bool) -> None:
    """
    Run a session's recorded inputs through its strategies again, and compare byte for byte.

    Exits with 3 at the first difference, which it names. The session must have been run with
    record_inputs = true in [journal].
    """
    from algopioneer_core.bootstrap.host import load_host
    from algopioneer_core.bootstrap.session_replay import replay_session

    found = replay_session(read_configured(file, env_file), load_host(), journal=path)
    figures = {
        "inputs": found.inputs,
        "derived": found.derived,
        "orders": found.orders,
        "starts": found.starts,
    }
    if as_json:
        print_json(figures)
        return
    click.echo(
        f"inputs: {found.inputs}, starts: {found.starts}; {found.derived} entries came of them "
        f"again, orders: {found.orders}, byte for byte those of the journal"
    )
