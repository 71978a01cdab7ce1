"""What became of reading a file again, said to whoever has asked for it."""

import contextlib
from collections.abc import Iterator, Sequence

from attrs import define

from algopioneer_core.journal.control import ControlAction, ControlBox
from algopioneer_core.journal.errors import JournalError

__all__ = ["ReloadAnswer", "answered_reloads"]


@define
class ReloadAnswer:
    """What is to be said."""

    text: str = ""
    """As in `ControlBox.answer`; empty where nothing became of it, and nothing is said."""


@contextlib.contextmanager
def answered_reloads(box: ControlBox) -> Iterator[ReloadAnswer]:
    """
    Give those the answer who have asked before the block; who asks during it is answered next time.

    A box that cannot be read or written keeps nobody from reading a file: whoever looks after the
    other requests tells of it.
    """
    asked, answer = _asked(box), ReloadAnswer()
    yield answer
    if answer.text:
        with contextlib.suppress(JournalError):
            for number in asked:
                box.answer(number, answer.text)


def _asked(box: ControlBox) -> Sequence[int]:
    try:
        return [each.id for each in box.pending() if each.action is ControlAction.RELOAD]
    except JournalError:
        return ()
