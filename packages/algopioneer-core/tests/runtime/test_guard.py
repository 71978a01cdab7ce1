"""Whatever code of a strategy does, the engine around it goes on."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest

from algopioneer_core.domain.commands import (
    Cancel,
    CancelAll,
    Command,
    Halt,
    OpenSpread,
    SetTimer,
    StrategyCommand,
    Submit,
)
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.domain.spreads import SpreadSize
from algopioneer_core.engine.context import EngineContext
from algopioneer_core.engine.exit_policies import StopLoss, StopLossConfig
from algopioneer_core.engine.strategy import Requirements, StrategyContext
from algopioneer_core.runtime.guard import Crash, StrategyBlocked, StrategyGuard
from algopioneer_core.testing.engine import (
    INSTRUMENT,
    ScriptedStrategy,
    fill,
    make_bar,
    make_engine,
)

_BUY = OrderIntent(instrument_id=INSTRUMENT.id, side=Side.BUY, quantity=Decimal(1))


class _Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


class _OddRepr:
    def __repr__(self) -> str:
        raise ValueError("no words")


class _Strategy(ScriptedStrategy):
    """Answers with what a function gives, and fails where it is told to."""

    def __init__(self, answer: Callable[[], Any] = lambda: (), **broken: BaseException) -> None:
        super().__init__()
        self._answer = answer
        self._broken = broken

    def _fail(self, where: str) -> None:
        if where in self._broken:
            raise self._broken[where]

    def requirements(self) -> Requirements:
        self._fail("requirements")
        return super().requirements()

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        self._fail("on_event")
        self.seen.append(event)
        return self._answer()  # type: ignore[no-any-return]  # nonsense on purpose

    def snapshot(self) -> Mapping[str, object]:
        self._fail("snapshot")
        return super().snapshot()

    def restore(self, state: Mapping[str, object]) -> None:
        self._fail("restore")


def _guarded(strategy: ScriptedStrategy) -> tuple[StrategyGuard, list[Command]]:
    """Return a guard that stands in an engine which has seen one bar, and the engine's answer."""
    guard = StrategyGuard(strategy)
    engine = make_engine(guard)
    guard.check = engine.check
    return guard, list(engine.handle(make_bar("100", 1)))


def _raise(error: BaseException) -> Callable[[], Any]:
    def answer() -> Any:
        raise error

    return answer


def _half_an_answer() -> Iterator[StrategyCommand]:
    yield _BUY
    raise RuntimeError("in the middle")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (_raise(KeyError("price")), "KeyError: 'price'"),
        (_raise(RefusedError("it may not")), "it may not"),
        (_raise(SystemExit(3)), "SystemExit: 3"),
        (_raise(StrategyBlocked("too long")), "StrategyBlocked: too long"),
        (_raise(_Unspeakable()), "_Unspeakable: its own text cannot be told"),
        (_raise(ValueError("\ud800")), "ValueError: \\ud800"),
        (_raise(ValueError("a" * 10_000)), "ValueError: " + "a" * 488),
        (_half_an_answer, "RuntimeError: in the middle"),
        (lambda: None, "'NoneType' object is not iterable"),
        (lambda: [7], "7, which is no command"),
        (lambda: [_OddRepr()], "no words"),
        (lambda: [OrderIntent], "which is no command"),
        (lambda: [Cancel("nobody's")], "no order with this id"),
        (lambda: [CancelAll(InstrumentId("test", "OTHER"))], "what it was not given"),
    ],
)
def test_what_a_strategy_does_wrong_is_a_crash_and_no_answer(
    answer: Callable[[], Any], told: str
) -> None:
    """Exceptions and nonsense end the strategy, and the engine answers with nothing."""
    guard, commands = _guarded(_Strategy(answer))

    assert commands == []
    assert guard.crash is not None
    assert told in guard.crash.error
    assert len(guard.crash.error) <= 500
    assert guard.crash.during == "Bar"
    assert not guard.is_running
    assert not guard.inside


def test_an_interrupt_by_the_user_is_no_crash() -> None:
    """Ctrl-C that happens to arrive in a strategy's call goes on to whom it is meant for."""
    with pytest.raises(KeyboardInterrupt):
        _guarded(_Strategy(on_event=KeyboardInterrupt()))


_HALF: Any = 0.5
_TEXT: Any = "soon"


@pytest.mark.parametrize(
    "wish",
    [
        OrderIntent(instrument_id=INSTRUMENT.id, side=Side.BUY, quantity=_HALF),
        OrderIntent(instrument_id=INSTRUMENT.id, side=_TEXT, quantity=Decimal(1)),
        OrderIntent(instrument_id=INSTRUMENT.id, side=Side.BUY, quantity=Decimal("Infinity")),
        OrderIntent(
            instrument_id=INSTRUMENT.id, side=Side.BUY, quantity=Decimal(1), reason="\ud800"
        ),
        SetTimer("tea", _TEXT),
        SetTimer(_HALF, 5),
        Halt(_HALF),
        CancelAll(_HALF),
        Cancel(_HALF),
        OpenSpread(
            buy=INSTRUMENT.id,
            sell=InstrumentId("test", "ETH-USD"),
            size=SpreadSize(fraction=_HALF),
        ),
    ],
    ids=repr,
)
def test_a_command_with_parts_of_other_types_is_a_crash(wish: StrategyCommand) -> None:
    """No float reaches money, and no text that cannot be written down reaches the journal."""
    guard, commands = _guarded(_Strategy(lambda: [wish]))

    assert commands == []
    assert guard.crash is not None
    assert guard.crash.error.startswith(("TypeError", "ValueError", "UnicodeEncodeError"))


def test_a_good_answer_is_carried_out_and_remembered() -> None:
    """The guard hands answers on, and keeps the last one for the journal."""
    guard, commands = _guarded(_Strategy(lambda: [_BUY, SetTimer("tea", 5)]))

    assert [type(each) for each in commands] == [Submit, SetTimer]
    assert guard.wishes == (_BUY, SetTimer("tea", 5))

    guard.forget()

    assert not guard.wishes


def test_exits_manage_the_position_after_a_crash() -> None:
    """A crash takes the strategy out and nothing else: its stop loss still fires."""
    strategy = _Strategy(lambda: [_BUY])
    guard = StrategyGuard(strategy)
    engine = make_engine(guard, exits=[StopLoss(StopLossConfig(loss_fraction=Decimal("0.1")))])
    guard.check = engine.check
    (entry,) = engine.handle(make_bar("100", 1))
    assert isinstance(entry, Submit)
    strategy._answer = _raise(KeyError("price"))
    engine.handle(fill(entry.order, "100", ts_ns=2))
    assert guard.crash == Crash("KeyError: 'price'", "OrderFilled")

    (exit_,) = engine.handle(make_bar("80", 3))

    assert isinstance(exit_, Submit)
    assert exit_.order.intent.reduce_only


def _adopt(strategy: Any, *, state: Mapping[str, object] | None = None) -> StrategyGuard:
    engine = make_engine(ScriptedStrategy())
    guard = StrategyGuard()
    context = EngineContext(engine.portfolio, engine.orders)
    runs = guard.adopt(lambda: strategy, state, [make_bar("1", 1), make_bar("2", 2)], context)
    assert runs is guard.is_running
    assert not guard.inside
    return guard


def test_a_strategy_is_adopted_with_what_it_missed() -> None:
    """It is shown the past, and its answers to it are dropped."""
    strategy = _Strategy(lambda: [_BUY])
    guard = _adopt(strategy, state={"seen": 0})

    assert guard.is_running
    assert len(strategy.seen) == 2
    assert guard.wishes == ()


@pytest.mark.parametrize(
    ("broken", "during"),
    [({"restore": KeyError()}, "restore"), ({"on_event": KeyError()}, "warm-up")],
)
def test_a_strategy_that_cannot_be_restored_does_not_run(
    broken: dict[str, Any], during: str
) -> None:
    """A crash in restore or warm-up says where, and leaves the guard empty."""
    guard = _adopt(_Strategy(**broken), state={"seen": 0})

    assert guard.crash == Crash("KeyError", during)
    assert not guard.is_running


def test_a_factory_that_makes_no_strategy_has_crashed() -> None:
    """None, or anything else without the method that is called, is no strategy."""
    guard = _adopt(None)

    assert guard.crash == Crash(
        "TypeError: its factory made None, which is no strategy", "making it"
    )


def test_a_state_is_what_the_journal_will_give_back() -> None:
    """A snapshot is a copy: what the strategy does to its own lists later does not change it."""
    closes = [1, 2]

    class _Keeps(_Strategy):
        def snapshot(self) -> Mapping[str, object]:
            return {"closes": closes, "pair": (1, 2)}

    state = StrategyGuard(_Keeps()).snapshot()
    closes.append(3)

    assert state == {"closes": [1, 2], "pair": [1, 2]}


@pytest.mark.parametrize("state", [{"closes": {1, 2}}, {1: 2}, {"x": object()}, 5])
def test_a_state_that_cannot_be_written_is_a_crash(state: Any) -> None:
    """It ends the strategy at once, and never the journal."""

    class _Keeps(_Strategy):
        def snapshot(self) -> Mapping[str, object]:
            return state  # type: ignore[no-any-return]  # nonsense on purpose

    guard = StrategyGuard(_Keeps())

    assert guard.snapshot() == {}
    assert guard.crash is not None
    assert guard.crash.during == "snapshot"


def test_a_strategy_that_cannot_tell_its_needs_has_crashed() -> None:
    """Requirements are asked for behind the guard as well."""
    guard = StrategyGuard(_Strategy(requirements=KeyError("window")))

    assert guard.requirements() == Requirements()
    assert guard.crash == Crash("KeyError: 'window'", "requirements")

    none: Any = None
    odd = _Strategy()
    odd.requirements = lambda: none  # type: ignore[method-assign]  # nonsense on purpose
    guard = StrategyGuard(odd)

    assert guard.requirements() == Requirements()
    assert guard.crash is not None


def test_an_empty_guard_answers_with_nothing() -> None:
    """Without a strategy there are no needs, no state and no wishes."""
    guard = StrategyGuard()
    engine = make_engine(guard)

    assert guard.requirements() == Requirements()
    assert guard.snapshot() == {}
    assert engine.handle(make_bar("100", 1)) == ()
    with pytest.raises(NotImplementedError):
        guard.restore({})
