"""`algopioneer run`: trade what a session file describes, on paper unless it says otherwise."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from algopioneer_core.bootstrap.host import load_host
from algopioneer_core.cli.errors import warn
from algopioneer_core.cli.kit import json_option

if TYPE_CHECKING:
    from algopioneer_core.config.session import SessionConfig
    from algopioneer_core.runtime.session_result import SessionResult

__all__ = ["run", "run_and_tell"]


@click.command()
@click.option("--config", metavar="FILE.toml", required=True, help="The session.")
@click.option("--live", is_flag=True, help="Trade with money where the file says paper = false.")
@json_option
def run(config: str, *, live: bool, as_json: bool) -> None:
    """
    Trade what a session file describes until it is told to stop, or its feed ends.

    Ctrl-C ends it in good order: nothing new is opened, legs are brought to rest, orders are
    cancelled; a second one ends it at once. What was done is in the journal, and the same command
    goes on from there. On a terminal it shows how everything stands, once a second; elsewhere it
    writes a log, to standard error.
    """
    from algopioneer_core.config.environment import load_environment
    from algopioneer_core.config.session import read_session

    path = Path(config)
    session = read_session(path, load_environment(Path(".env"), os.environ))
    run_and_tell(session, live=live, as_json=as_json)


def run_and_tell(session: "SessionConfig", *, live: bool, as_json: bool) -> None:
    """
    Run *session* and say how it ended.

    Raises:
        AlgopioneerError: It is refused, or fails.
    """
    from algopioneer_core.bootstrap.session import run_session
    from algopioneer_core.cli.live_banner import require_live
    from algopioneer_core.cli.status_view import status_view

    host = load_host(session.allow)
    for broken in host.broken:
        warn(str(broken.error))
    require_live(session, live=live)
    with status_view(session, wanted=not as_json) as (shown, watch):
        result = run_session(shown, host, watch=watch)
    click.echo(json.dumps(_as_json(result), indent=2) if as_json else _as_text(result))


def _as_json(result: "SessionResult") -> dict[str, object]:
    total = result.total
    return {
        "reason": result.reason,
        "trades": result.trades,
        "open_orders": result.open_orders,
        "equity": {
            name: None if each is None else str(each) for name, each in result.equity.items()
        },
        "total_equity": None if total is None else str(total),
    }


def _as_text(result: "SessionResult") -> str:
    from algopioneer_core.domain.money import plain

    lines = [f"ended: {result.reason}; {result.trades} trades"]
    for name, equity in result.equity.items():
        lines.append(f"  {name}: {'not known' if equity is None else plain(equity)}")
    if result.open_orders:
        lines.append(f"  {result.open_orders} orders may still trade")
    return "\n".join(lines)
