"""From a session file and its journal to a replay."""

import functools
from contextlib import AsyncExitStack
from pathlib import Path

from algopioneer_core.bootstrap.session import open_venue
from algopioneer_core.bootstrap.session_config import CheckedSession, check_session
from algopioneer_core.bootstrap.session_plan import session_plan
from algopioneer_core.bootstrap.surroundings import chance
from algopioneer_core.bootstrap.venues import run_waiting
from algopioneer_core.config.session import SessionConfig
from algopioneer_core.journal.errors import JournalCorrupt
from algopioneer_core.journal.sqlite_storage import SqliteStorage
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.runtime.session_replay import Replayed, SessionReplay

__all__ = ["replay_session"]


def replay_session(
    config: SessionConfig, host: PluginHost, *, journal: Path | None = None
) -> Replayed:
    """
    Run the recorded inputs of a session through its strategies again, and compare.

    Its venues are opened to be asked what they trade, and for nothing else.

    Args:
        config: The session, as it was.
        host: The loaded plugins.
        journal: The file; that of the session unless given.

    Raises:
        JournalDiverged: Something else was derived; says which entry is the first.
        RefusedError: The session did not record its inputs, or had other strategies.
        AlgopioneerError: The session is wrong, a venue does not answer, or the file is damaged.
    """
    checked = check_session(config, host)
    path = Path(config.journal_path) if journal is None else journal
    return run_waiting(functools.partial(_replay, checked, path))


async def _replay(checked: CheckedSession, path: Path) -> Replayed:
    with SqliteStorage(path, read_only=True) as storage:
        heading = storage.heading()
        if heading is None:
            raise JournalCorrupt("is empty: no session has begun it", where=str(path))
        async with AsyncExitStack() as stack:
            venues = {each.table.name: await open_venue(each, stack) for each in checked.venues}
            plan = await session_plan(checked, venues)
        jitter = chance(checked.config.session.seed, heading.uuid).jitter
        return SessionReplay(plan, storage, jitter=jitter).run()
