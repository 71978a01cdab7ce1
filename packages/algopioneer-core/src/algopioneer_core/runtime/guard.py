"""
The guard: whatever code of a strategy does, the engine around it goes on.

It stands in the engine in the strategy's place for the whole session. An exception, an answer that
is no answer, or a call that the watchdog had to interrupt becomes a `Crash`, the strategy is
taken out, and from then on the guard answers with nothing, until it is given a fresh object.
Exits, legs, risk and orders never notice: they keep managing the position.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from attrs import frozen

from algopioneer_core.domain.commands import (
    Cancel,
    CancelAll,
    CloseSpread,
    Halt,
    OpenSpread,
    SetTimer,
    StrategyCommand,
)
from algopioneer_core.domain.errors import AlgopioneerError
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.strategy import Requirements, Strategy, StrategyContext

__all__ = ["Crash", "StrategyBlocked", "StrategyGuard", "call_strategy"]

_T = TypeVar("_T")
_WISHES: Final = (OrderIntent, Cancel, CancelAll, OpenSpread, CloseSpread, SetTimer, Halt)


class StrategyBlocked(BaseException):
    """
    Raised inside a strategy's call by the watchdog, because it did not come back.

    Not an `Exception`, so that a strategy's own `except Exception` does not swallow it.
    """


@frozen
class Crash:
    """How a strategy failed."""

    error: str
    """Type and text of the exception, or what was wrong with its answer."""
    during: str
    """What it was asked: the kind of event, `restore`, or `warm-up`."""


class StrategyGuard:
    """
    A strategy that cannot raise.

    Args:
        strategy: What is guarded; None for one that is not running.
    """

    def __init__(self, strategy: Strategy | None = None) -> None:
        self._strategy = strategy
        self.check: Callable[[StrategyCommand], None] = lambda _: None
        """Refuses a wish that can never be carried out; the engine's, once there is one."""
        self.wishes: tuple[StrategyCommand, ...] = ()
        """What the last event was answered with."""
        self.crash: Crash | None = None
        """How the strategy failed; None while it runs, or was taken out on purpose."""
        self.calls = 0
        """Number of calls made into strategy code; with `inside`, what the watchdog looks at."""
        self.inside = False
        """Whether such a call is under way."""

    @property
    def is_running(self) -> bool:
        """Whether there is a strategy that is asked."""
        return self._strategy is not None

    def requirements(self) -> Requirements:
        """Return the strategy's own, or none."""
        return Requirements() if self._strategy is None else self._strategy.requirements()

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Ask the strategy; an answer that cannot be carried out is a crash, and no answer."""
        if self._strategy is None:
            self.wishes = ()
            return ()
        self.wishes = wishes = self._ask(event, context)
        return wishes

    def _ask(self, event: Event, context: StrategyContext) -> tuple[StrategyCommand, ...]:
        strategy = self._strategy
        assert strategy is not None
        self.calls += 1
        self.inside = True
        try:
            wishes = call_strategy(lambda: tuple(strategy.on_event(event, context)))
            for wish in wishes:
                self._check(wish)
        except (Exception, StrategyBlocked) as error:
            self._fail(error, type(event).__name__)
            return ()
        finally:
            self.inside = False
        return wishes

    def _check(self, wish: object) -> None:
        if not isinstance(wish, _WISHES):
            raise TypeError(f"answered with {wish!r}, which is no command")
        self.check(wish)

    def _fail(self, error: BaseException, during: str) -> None:
        text = str(error) if isinstance(error, AlgopioneerError) else _described(error)
        self.crash = Crash(text, during)
        self._strategy = None

    def forget(self) -> None:
        """Forget what the last event was answered with."""
        self.wishes = ()

    # --- life --------------------------------------------------------------------------------

    def take_out(self) -> None:
        """Stop asking the strategy; its crash, if any, is forgotten."""
        self._strategy, self.crash, self.wishes = None, None, ()

    def adopt(
        self,
        make: Callable[[], Strategy],
        state: Mapping[str, object] | None,
        past: Iterable[Event],
        context: StrategyContext,
    ) -> bool:
        """
        Put a fresh strategy in: made, restored, and shown what it missed, without its wishes.

        Args:
            make: Makes it.
            state: Its last snapshot; None to begin anew.
            past: What happened since then, oldest first.
            context: What it may look at meanwhile.

        Returns:
            Whether it now runs; if not, `crash` says why.
        """
        self.take_out()
        self.calls += 1
        self.inside = True
        during = "making it"
        try:
            strategy = call_strategy(make)
            if state is not None:
                during = "restore"
                call_strategy(lambda: strategy.restore(state))
            during = "warm-up"
            for event in past:
                call_strategy(functools.partial(_show, strategy, event, context))
        except (Exception, StrategyBlocked) as error:
            self._fail(error, during)
            return False
        finally:
            self.inside = False
        self._strategy = strategy
        return True

    def snapshot(self) -> Mapping[str, object]:
        """
        Return the strategy's state; a strategy that cannot tell it has crashed.

        Empty when nothing runs.
        """
        if self._strategy is None:
            return {}
        try:
            return dict(self._strategy.snapshot())
        except Exception as error:
            self._fail(error, "snapshot")
            return {}

    def restore(self, state: Mapping[str, object]) -> None:
        """Unused: a strategy is restored by `adopt`, on a fresh object."""
        raise NotImplementedError


def call_strategy(call: Callable[[], _T]) -> _T:
    """
    Call into strategy code.

    While this function is on the stack, `StrategyBlocked` may be raised: whoever calls it catches
    that. The watchdog's signal handler looks for it there.
    """
    return call()


def _show(strategy: Strategy, event: Event, context: StrategyContext) -> None:
    for _ in strategy.on_event(event, context):
        pass


def _described(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
