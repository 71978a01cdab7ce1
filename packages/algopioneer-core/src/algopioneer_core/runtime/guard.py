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

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.errors import AlgopioneerError
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.text import one_line
from algopioneer_core.engine.strategy import Requirements, Strategy, StrategyContext
from algopioneer_core.journal.codec import Written, written
from algopioneer_core.runtime.wishes import check_wish

__all__ = ["Crash", "StrategyBlocked", "StrategyGuard", "call_strategy"]

_T = TypeVar("_T")
_LONGEST: Final = 500
"""Characters of an error that are kept: it goes into the journal and to people."""


class StrategyBlocked(BaseException):
    """
    Raised inside a strategy's call by the watchdog, because it did not come back.

    Not an `Exception`, so that a strategy's own `except Exception` does not swallow it.
    """


_FAILURES: Final = (Exception, StrategyBlocked, SystemExit)
"""What ends a strategy and nothing else; an interrupt by the user is not among them."""


@frozen
class Crash:
    """How a strategy failed."""

    error: str
    """Type and text of the exception, or what was wrong with its answer."""
    during: str
    """What it was asked: the kind of event, `making it`, `restore`, `warm-up`, `snapshot`, …"""


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
        """Return the strategy's own, or none; a strategy that cannot tell them has crashed."""
        strategy = self._strategy
        if strategy is None:
            return Requirements()
        return self._call("requirements", lambda: _required(strategy)) or Requirements()

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
                check_wish(wish)
                self.check(wish)
        except _FAILURES as error:
            self._fail(error, type(event).__name__)
            return ()
        finally:
            self.inside = False
        return wishes

    def _call(self, during: str, call: Callable[[], _T]) -> _T | None:
        """Call into the strategy; return None when that was a crash."""
        self.calls += 1
        self.inside = True
        try:
            return call_strategy(call)
        except _FAILURES as error:
            self._fail(error, during)
            return None
        finally:
            self.inside = False

    def _fail(self, error: BaseException, during: str) -> None:
        self.crash = Crash(_described(error), during)
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
        state: Written | Mapping[str, object] | None,
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
        strategy = self._call("making it", lambda: _made(make))
        if strategy is None:
            return False
        if state is not None:
            found = state.value() if isinstance(state, Written) else state
            self._call("restore", lambda: strategy.restore(found))
        for event in past:
            if self.crash is not None:
                break
            self._call("warm-up", functools.partial(_show, strategy, event, context))
        if self.crash is None:
            self._strategy = strategy
        return self.is_running

    def snapshot(self) -> Mapping[str, object]:
        """
        Return the strategy's state; a strategy that cannot tell it has crashed.

        It is a copy, in the form in which the journal will give it back. Empty when nothing runs.
        """
        state = self.written_state()
        found: Mapping[str, object] = {} if state is None else state.value()
        return found

    def written_state(self) -> Written | None:
        """Return the text of `snapshot`; None when nothing runs, or has crashed at that."""
        strategy = self._strategy
        if strategy is None:
            return None
        return self._call("snapshot", lambda: _state_of(strategy))

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


def _made(make: Callable[[], Strategy]) -> Strategy:
    strategy = make()
    if not hasattr(strategy, "on_event"):
        raise TypeError(f"its factory made {strategy!r}, which is no strategy")
    return strategy


def _required(strategy: Strategy) -> Requirements:
    found: object = strategy.requirements()
    if not isinstance(found, Requirements) or not isinstance(found.warmup_bars, int):
        raise TypeError(f"it requires {found!r}, which are no requirements")
    return found


def _state_of(strategy: Strategy) -> Written:
    """Return the state as the journal's text: what cannot be written is no state."""
    return written(dict(strategy.snapshot()))


def _described(error: BaseException) -> str:
    """Return an error in words, whatever its own code does."""
    try:
        text = one_line(str(error))
    except Exception:
        text = "its own text cannot be told"
    if not isinstance(error, AlgopioneerError):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text.encode("utf-8", "backslashreplace").decode()[:_LONGEST]
