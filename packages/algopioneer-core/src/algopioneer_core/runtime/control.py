"""What people ask of a running session: halt, resume, flatten; obeyed and answered here."""

from collections.abc import Callable
from typing import Final

from algopioneer_core.domain.events import RiskHalted, RiskResumed
from algopioneer_core.journal.control import ControlAction, ControlBox, ControlRequest
from algopioneer_core.journal.entries import Entry, EntryKind
from algopioneer_core.runtime.floor import Floor
from algopioneer_core.runtime.gate import Log
from algopioneer_core.runtime.runner import StrategyRunner

__all__ = ["ControlDesk"]

_BY_HAND: Final = "asked for by hand"


class ControlDesk:
    """
    Obeys requests.

    Args:
        box: Where they lie.
        floor: The strategies.
        log: The journal; has each request that was obeyed.
        now_ns: The time.
    """

    def __init__(self, box: ControlBox, floor: Floor, log: Log, now_ns: Callable[[], int]) -> None:
        self._box = box
        self._floor = floor
        self._log = log
        self._now_ns = now_ns

    def poll(self) -> None:
        """Obey and answer whatever was asked since the last time."""
        for request in self._box.pending():
            self._box.answer(request.id, self.obey(request))

    def obey(self, request: ControlRequest) -> str:
        """Do what *request* asks; return what is to be said of it."""
        runners = self._meant(request)
        if not runners:
            known = ", ".join(self._floor.runners) or "none"
            return f"there is no strategy {request.strategy!r}; there are: {known}"
        now_ns = self._now_ns()
        body = {
            "action": request.action.value,
            "strategy": request.strategy,
            "reason": request.reason,
        }
        self._log.append(Entry(EntryKind.CONTROL, now_ns, request.strategy or "", body=body))
        reason = request.reason or _BY_HAND
        for runner in runners:
            self._act(request, runner, now_ns, reason)
        return f"done: {request.action.value} {request.strategy or 'all strategies'}"

    def _meant(self, request: ControlRequest) -> list[StrategyRunner]:
        if request.strategy is None:
            return list(self._floor.runners.values())
        runner = self._floor.runners.get(request.strategy)
        return [] if runner is None else [runner]

    def _act(
        self, request: ControlRequest, runner: StrategyRunner, now_ns: int, reason: str
    ) -> None:
        if request.action is ControlAction.RESUME:
            self._floor.deliver(runner, RiskResumed(now_ns, request.strategy))
            return
        self._floor.deliver(runner, RiskHalted(now_ns, reason, request.strategy))
        if request.action is ControlAction.FLATTEN:
            self._floor.flatten(runner, now_ns, "flatten")
