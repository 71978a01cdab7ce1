"""
The watcher of one venue's margin: asks how far its contracts are from being closed, and acts.

What a stage did stays done until a person resumes: a price that comes back is no reason to trust
that it stays.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import anyio

from algopioneer_core.domain.errors import VenueError
from algopioneer_core.domain.events import RiskHalted
from algopioneer_core.engine.margin import (
    MarginRules,
    MarginStage,
    MarginState,
    MarginWatch,
    SupportsMargin,
)
from algopioneer_core.ports import Clock
from algopioneer_core.runtime.floor import Alarm, Floor
from algopioneer_core.runtime.runner import StrategyRunner

__all__ = ["MarginWatcher"]

_TELL_AFTER: Final = 5
"""Failures in a row after which a person is told."""
_DONE: Final = {
    MarginStage.WARN: "Nothing is done yet. Pay in, or close something.",
    MarginStage.REDUCE_ONLY: "What trades contracts there opens nothing more until it is resumed.",
    MarginStage.FLATTEN: "What holds contracts there is closed, and opens nothing until resumed.",
}
"""What is said of each stage."""


class MarginWatcher:
    """
    Watches the margin of one venue.

    Args:
        venue: Its name.
        account: Who is asked.
        floor: The strategies.
        clock: The time.
        alarm: Tells people.
        rules: At which distances something is done, and how often it is asked.
    """

    def __init__(
        self,
        venue: str,
        account: SupportsMargin,
        floor: Floor,
        clock: Clock,
        *,
        alarm: Alarm,
        rules: MarginRules,
    ) -> None:
        self.venue = venue
        self.failures = 0
        """How often it could not be read in a row."""
        self._account = account
        self._floor = floor
        self._clock = clock
        self._alarm = alarm
        self._watch = MarginWatch(rules)
        self._every_s = float(rules.every_s)

    async def run(self) -> None:
        """Look now and every now and then, until cancelled."""
        while True:
            await self.look()
            await anyio.sleep(self._every_s)

    async def look(self) -> None:
        """Ask once, and do what the distance asks for; a venue that does not answer is told of."""
        if not any(self._traders()):
            return
        try:
            state = await self._account.margin()
        except VenueError as error:
            self._note_failure(error)
            return
        self.failures = 0
        reached = self._watch.see(state)
        if reached is not None and state is not None:
            self._act(reached, state)
        elif self._watch.stage is MarginStage.FLATTEN:
            self._close([each for each in self._traders() if self._is_left(each)])

    def _note_failure(self, error: VenueError) -> None:
        self.failures += 1
        if self.failures == _TELL_AFTER:
            self._alarm(
                self._clock.now_ns(),
                f"the margin at {self.venue} cannot be read",
                f"{error}. How far its contracts are from being closed is not known.",
                urgent=True,
            )

    def _act(self, stage: MarginStage, state: MarginState) -> None:
        text = (
            f"{state.equity} {state.asset} stand behind its contracts, of which "
            f"{state.maintenance} must be kept: {state.distance:.2%} may still be lost; "
            f"{state.free} is free to cover more."
        )
        self._alarm(
            self._clock.now_ns(),
            f"the margin at {self.venue} is small",
            f"{text} {_DONE[stage]}",
            urgent=stage is not MarginStage.WARN,
        )
        if stage >= MarginStage.REDUCE_ONLY:
            self._halt(text)
        if stage is MarginStage.FLATTEN:
            self._close(list(self._traders()))

    def _halt(self, reason: str) -> None:
        for runner in list(self._traders()):
            now_ns = self._clock.now_ns()
            self._floor.deliver(runner, RiskHalted(now_ns, reason, runner.name))

    def _close(self, runners: Iterable[StrategyRunner]) -> None:
        for runner in runners:
            self._floor.flatten(runner, self._clock.now_ns(), "the margin is too small")

    def _is_left(self, runner: StrategyRunner) -> bool:
        """Return whether contracts are held, and no order works that could close them."""
        return _holds(runner, self.venue) and not runner.engine.orders.working

    def _traders(self) -> Iterator[StrategyRunner]:
        """Yield the strategies that trade contracts at the venue."""
        for runner in self._floor.runners.values():
            instruments = runner.engine.portfolio.instruments.values()
            if any(each.id.venue == self.venue and not each.delivers_base for each in instruments):
                yield runner


def _holds(runner: StrategyRunner, venue: str) -> bool:
    positions = runner.engine.portfolio.positions
    return any(
        each.quantity and key.venue == venue and not each.instrument.delivers_base
        for key, each in positions.items()
    )
