"""Sessions of a configuration file in virtual time, with somebody who operates them."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import anyio

from algopioneer_core.bootstrap.flattening import without_minds
from algopioneer_core.bootstrap.session_config import CheckedSession
from algopioneer_core.bootstrap.session_plan import session_plan
from algopioneer_core.bootstrap.surroundings import chance
from algopioneer_core.bootstrap.venues import made_venue
from algopioneer_core.journal.control import ControlBox
from algopioneer_core.journal.entries import StoredEntry
from algopioneer_core.journal.journal import open_journal
from algopioneer_core.runtime.announcements import Say, silent
from algopioneer_core.runtime.session import Session
from algopioneer_core.runtime.session_result import SessionResult
from algopioneer_core.testing.clocks import VirtualClock, run_inline

Operate = Callable[[Session, ControlBox], Coroutine[Any, Any, None]]


async def _nobody(_: Session, __: ControlBox) -> None:
    """Ask for nothing."""


async def run_virtually(
    folder: Path,
    checked: CheckedSession,
    operate: Operate = _nobody,
    *,
    flatten: bool = False,
    say: Say = silent,
) -> SessionResult:
    """Run the session in *folder*, in virtual time, with *operate* beside it."""
    (venue,) = checked.venues
    path = folder / "paper.journal"
    async with (
        open_journal(path, make_uuid=lambda: "0" * 32, run_blocking=run_inline) as journal,
        made_venue(venue.spec, venue.config) as market,
    ):
        assert venue.paper is not None
        async with made_venue(venue.paper, venue.paper_config, shadow=market) as paper:
            plan = await session_plan(checked, {paper.name: paper})
            with ControlBox(path) as box:
                session = Session(
                    without_minds(plan) if flatten else plan,
                    {paper.name: paper},
                    journal,
                    clock=VirtualClock(),
                    chance=chance(1, journal.uuid),
                    control=box,
                    until_flat=flatten,
                    run_blocking=run_inline,
                    say=say,
                )
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(operate, session, box)
                    result = await session.run()
                    tasks.cancel_scope.cancel()
    return result


async def rows_of(folder: Path) -> list[StoredEntry]:
    """Return what the journal in *folder* has."""
    path = folder / "paper.journal"
    async with open_journal(path, make_uuid=str, run_blocking=run_inline, create=False) as journal:
        return list(journal.read())
