"""Telling a session that runs in another process what was decided, and to read its file again."""

import os
import signal
import socket
import time
from pathlib import Path
from typing import Final

from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.journal.control import DONE, ControlAction, ControlBox
from algopioneer_core.journal.lock import Holder, holder_of

__all__ = ["tell_holder"]

_RELOAD: Final = getattr(signal, "SIGHUP", None)  # Windows has none
_LOOK_S: Final = 0.1
_LOOKS: Final = 200
"""For twenty seconds: the session may have to ask a venue for what the file names anew."""


def tell_holder(journal: Path, *, note: str, reload: bool, ts_ns: int) -> str | None:
    """Do what `kit.tell_session` says."""
    holder = holder_of(journal)
    if holder is None:
        return None
    with ControlBox(journal) as box:
        number = _call(box, holder, journal, ts_ns) if reload else None
        box.request(ControlAction.NOTE, ts_ns=ts_ns, reason=note)
        if number is None:
            return f"{holder} keeps a note"
        return _outcome(_answer(box, number, journal), holder, journal)


def _call(box: ControlBox, holder: Holder, journal: Path, ts_ns: int) -> int:
    """Ask for an answer, and send the signal; return the number of the request."""
    number = box.request(ControlAction.RELOAD, ts_ns=ts_ns)
    try:
        _send(holder, journal)
    except RefusedError as error:
        box.answer(number, str(error))  # nobody is waiting for it any more
        raise
    return number


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


def _answer(box: ControlBox, number: int, journal: Path) -> str | None:
    """Look for the answer until it is there, nobody holds the journal, or the time is over."""
    for _ in range(_LOOKS):
        answer = box.answer_to(number)
        if answer is not None or holder_of(journal) is None:
            return answer
        time.sleep(_LOOK_S)  # noqa: TID251 - nothing else is going on in this process
    return box.answer_to(number)


def _outcome(answer: str | None, holder: Holder, journal: Path) -> str:
    """Return what is known of the reading, in words; raise where the session refuses the file."""
    if answer is None:
        return (
            f"{holder} was told to read it again and has not said what came of it: its log has"
            " config.reloaded or config.refused"
        )
    if answer.startswith(DONE):
        return f"{holder} has read it again: {answer.removeprefix(DONE)}"
    raise RefusedError(
        f"{holder} refuses what its file says now, and goes on as before: {answer}",
        where=str(journal),
        remedy="mend the file and send it SIGHUP",
    )
