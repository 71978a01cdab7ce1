"""
The session whose every write and request is a crash point: what happens in it, step by step.

    entry, partial fill, exit; a spread, its exit; a spread whose second leg finds nobody, unwound;
    a halt that refuses an entry; an order half done when the session stops; a restart; the rest.

A step moves the market until the strategies are where it wants them. What a strategy wants is
written in the bars, so that a step may be repeated: after a crash the session goes on at the step
at which it died, whatever had come of it by then.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import anyio
from attrs import field, frozen

from algopioneer_core.domain.commands import CloseSpread, OpenSpread, StrategyCommand
from algopioneer_core.domain.events import Event, RiskHalted, RiskResumed
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, JointBar, Quote
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.domain.spreads import SpreadSize
from algopioneer_core.engine.leg_rules import LatePolicy, LegRules
from algopioneer_core.engine.leg_states import LegState
from algopioneer_core.engine.strategy import Requirements, StrategyContext
from algopioneer_core.ports import Clock
from algopioneer_core.runtime.floor import Floor
from algopioneer_core.runtime.plan import SessionPlan, StrategyPlan
from algopioneer_core.runtime.session import Session
from algopioneer_core.testing.reference_client import ReferenceClient

__all__ = [
    "FIRST",
    "INSTRUMENTS",
    "LEG_NOTIONAL",
    "SECOND",
    "SPREAD",
    "STARTS",
    "VENUE",
    "Script",
    "crash_plan",
]

VENUE: Final = "reference"
FIRST, SECOND, ALONE = (
    Instrument.undescribed(InstrumentId(VENUE, f"{name}-USD"))
    for name in ("FIRST", "SECOND", "ALONE")
)
INSTRUMENTS: Final = (FIRST, SECOND, ALONE)
"""The legs of the spread, and what the other strategy trades."""
INTERVAL_NS: Final = NS_PER_SECOND // 100
"""Length of the bars: real time passes here, and nobody wants to wait."""
LEG_NOTIONAL: Final = Decimal(1_000)
"""What each leg of the spread is worth, USD."""
SPREAD: Final = "spread"
_SINGLE: Final = "single"
_UNITS: Final = Decimal(2)
_EVEN: Final = 10_000
_ROOM: Final = Decimal(1_000)
_STEP_S: Final = 6.0
"""How long a step is tried at most: after a crash its aim may be out of reach."""
_BAR_EVERY: Final = 25
_QUOTES_EVERY: Final = 3
_LOOK_S: Final = 0.01


class _Single:
    """Wants two units while the bar closes above 100, and none otherwise."""

    def requirements(self) -> Requirements:
        return Requirements()

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        if not isinstance(event, Bar) or context.has_working_orders:
            return ()
        held = context.quantity(ALONE.id)
        if event.close_ticks > _EVEN and not held:
            return [OrderIntent(instrument_id=ALONE.id, side=Side.BUY, quantity=_UNITS)]
        if event.close_ticks <= _EVEN and held:
            return [_sale(held)]
        return ()

    def snapshot(self) -> Mapping[str, object]:
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Know nothing."""


def _sale(quantity: Decimal) -> OrderIntent:
    return OrderIntent(instrument_id=ALONE.id, side=Side.SELL, quantity=quantity, reduce_only=True)


class _Spread:
    """Holds the spread while its second leg closes below 100."""

    def requirements(self) -> Requirements:
        return Requirements()

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        if not isinstance(event, JointBar):
            return ()
        held = context.quantity(FIRST.id) or context.quantity(SECOND.id)
        if event.bars[1].close_ticks >= _EVEN:
            return [CloseSpread()] if held else ()
        size = SpreadSize(notional=2 * LEG_NOTIONAL)
        return () if held else [OpenSpread(buy=FIRST.id, sell=SECOND.id, size=size)]

    def snapshot(self) -> Mapping[str, object]:
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Know nothing."""


def crash_plan() -> SessionPlan:
    """Return the plan of the session."""
    terms: dict[str, Any] = {"interval_ns": INTERVAL_NS, "capital": Decimal(10_000)}
    patient = LegRules(
        on_late=LatePolicy.UNWIND, patience_s=Decimal("0.2"), max_residual_s=Decimal("0.6")
    )
    return SessionPlan(
        name="crash points",
        numeraire="USD",
        strategies=(
            StrategyPlan(name=_SINGLE, make=_Single, instruments=(ALONE,), **terms),
            StrategyPlan(
                name=SPREAD, make=_Spread, instruments=(FIRST, SECOND), legs=patient, **terms
            ),
        ),
    )


# --- steps -----------------------------------------------------------------------------------


@frozen(kw_only=True)
class _Step:
    """Part of the script."""

    until: Callable[[Floor, int], bool]
    """Whether it has come to what it wants, having begun at a time (ns)."""
    quoted: Mapping[Instrument, Decimal] = field(factory=dict)
    """How much is on offer, of each instrument that anybody offers."""
    has_bars: bool = True
    wants_single: bool = False
    """What the bars tell the strategies."""
    wants_spread: bool = False
    tells: Callable[[int], Event] | None = None
    """What a person does first."""


def _held(floor: Floor, instrument: Instrument) -> Decimal:
    books = (each.engine.portfolio.positions.get(instrument.id) for each in floor.runners.values())
    return sum((book.quantity for book in books if book is not None), Decimal(0))


def _is_flat(floor: Floor, _: int) -> bool:
    runners = floor.runners.values()
    idle = all(each.engine.legs is None or each.engine.legs.is_idle for each in runners)
    return idle and not any(each.holds for each in runners)


def _is_in(floor: Floor, _: int) -> bool:
    legs = floor.runners[SPREAD].engine.legs
    return legs is not None and legs.state is LegState.IN_POSITION


def _holds(instrument: Instrument, units: int) -> Callable[[Floor, int], bool]:
    return lambda floor, _: _held(floor, instrument) == units


def _has_seen_bars(floor: Floor, since_ns: int) -> bool:
    return all(each.last_bar_ns > since_ns - INTERVAL_NS for each in floor.runners.values())


def _halt(now_ns: int) -> Event:
    return RiskHalted(now_ns, "by hand")


_ALL: Final = {FIRST: _ROOM, SECOND: _ROOM, ALONE: _ROOM}
_ONE: Final = {ALONE: Decimal(1)}
_ONE_LEG: Final = {FIRST: _ROOM}
_ONE_LEG_UNITS: Final = 10
_STEPS: Final = (
    (
        _Step(until=_holds(ALONE, 1), wants_single=True, quoted=_ONE),
        _Step(until=_holds(ALONE, 2), has_bars=False, quoted=_ONE),
        _Step(until=_is_flat, quoted=_ALL),
        _Step(until=_is_in, wants_spread=True, quoted=_ALL),
        _Step(until=_is_flat, quoted=_ALL),
        _Step(until=_holds(FIRST, _ONE_LEG_UNITS), wants_spread=True, quoted=_ONE_LEG),
        _Step(until=_is_flat, has_bars=False, quoted=_ONE_LEG),
        _Step(until=_has_seen_bars, wants_single=True, wants_spread=True, tells=_halt),
        _Step(until=_is_flat, quoted=_ALL, tells=RiskResumed),
        _Step(until=_holds(ALONE, 1), wants_single=True, quoted=_ONE),
    ),
    (
        _Step(until=_holds(ALONE, 0), quoted=_ALL),
        _Step(until=_is_in, wants_spread=True, quoted=_ALL),
        _Step(until=_is_flat, quoted=_ALL),
    ),
)
STARTS: Final = len(_STEPS)
"""How often the session is started when nothing kills it."""


class Script:
    """
    Moves the market for one start of the session.

    Args:
        start: The number of the start, from 0.
        venue: Where the market is; a line of its own, which is no crash point.
        clock: The time.
        place: A file with the number of the step that was begun last, which outlives a crash.
    """

    def __init__(self, start: int, venue: ReferenceClient, clock: Clock, place: Path) -> None:
        self._before = sum(len(steps) for steps in _STEPS[:start])
        self._steps = _STEPS[start]
        self._venue = venue
        self._clock = clock
        self._place = place

    @property
    def _done(self) -> int:
        return int(self._place.read_text()) if self._place.exists() else 0

    @property
    def is_over(self) -> bool:
        """Whether this start was stopped, or the next one begun, before the crash."""
        return self._done >= self._before + len(self._steps)

    async def play(self, session: Session) -> None:
        """Play what is left of it, and stop *session*."""
        while not _is_trading(session.floor):
            await session.floor.handled.wait()
        for step in self._steps[max(self._done - self._before, 0) :]:
            await self._play(step, session.floor)
            self._place.write_text(str(self._done + 1))
        session.stop.ask("the script ends")

    async def _play(self, step: _Step, floor: Floor) -> None:
        began_ns = self._clock.now_ns()
        if step.tells is not None:
            for runner in tuple(floor.runners.values()):
                floor.deliver(runner, step.tells(began_ns))
        with anyio.move_on_after(_STEP_S):
            looks = 0
            while not step.until(floor, began_ns):
                if step.has_bars and looks % _BAR_EVERY == 0:
                    await self._push_bars(step)
                elif looks % _QUOTES_EVERY == 0:
                    await self._push_quotes(step)
                looks += 1
                await anyio.sleep(_LOOK_S)

    async def _push_bars(self, step: _Step) -> None:
        ts_ns = self._clock.now_ns() // INTERVAL_NS * INTERVAL_NS
        closes = {
            FIRST: _EVEN,
            SECOND: _EVEN - step.wants_spread,
            ALONE: _EVEN + step.wants_single,
        }
        for instrument, ticks in closes.items():
            bar = Bar(instrument.id, ts_ns, ticks, ticks, ticks, ticks, 1, 2, 0, ts_ns)
            await self._venue.push(bar)

    async def _push_quotes(self, step: _Step) -> None:
        now_ns = self._clock.now_ns()
        for instrument, size in step.quoted.items():
            price = Decimal(_EVEN) / 100
            await self._venue.push(Quote(instrument.id, now_ns, price, price, size, size, now_ns))


def _is_trading(floor: Floor) -> bool:
    runners = floor.runners.values()
    return bool(runners) and all(each.guard.is_running for each in runners)
