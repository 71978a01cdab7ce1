"""Telling a session that runs in another process what was decided, and to read its file again."""

import os
import signal
import socket
from pathlib import Path
from typing import Final

from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.journal.control import ControlAction, ControlBox
from algopioneer_core.journal.lock import Holder, holder_of

__all__ = ["tell_holder"]

_RELOAD: Final = getattr(signal, "SIGHUP", None)  # Windows has none


def tell_holder(journal: Path, *, note: str, reload: bool, ts_ns: int) -> str | None:
    """Do what `kit.tell_session` says."""
    holder = holder_of(journal)
    if holder is None:
        return None
    if reload:
        _send(holder, journal)
    with ControlBox(journal) as box:
        box.request(ControlAction.NOTE, ts_ns=ts_ns, reason=note)
    return str(holder)


def _send(holder: Holder, journal: Path) -> None:
    """Send the signal; only a process of this host that is told apart can have it."""
    if _RELOAD is None or not holder.pid or holder.host != socket.gethostname():
        raise _untold(holder, journal, "cannot be reached from here")
    try:
        os.kill(holder.pid, _RELOAD)
    except OSError as error:
        raise _untold(holder, journal, (error.strerror or str(error)).lower()) from error


def _untold(holder: Holder, journal: Path, why: str) -> RefusedError:
    return RefusedError(
        f"{holder} was not told to read its file again: {why}",
        where=str(journal),
        remedy="send it SIGHUP on its host, or start it again",
    )
