"""
How strategies of a simulation fail, and what none of them may ever be shown.

Each strategy stands inside one that works until its mood is spoilt. It then raises, answers
nonsense, cannot tell its state, or does not come back: then the clock goes on while the loop stands
still, until the watchdog would have interrupted it, or would have ended the process.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final

from attrs import define, field

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, JointBar, Quote
from algopioneer_core.domain.money import ONE, Price, add, mul, sub
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.strategy import Requirements, Strategy, StrategyContext
from algopioneer_core.runtime.guard import StrategyBlocked

__all__ = ["FATAL_AFTER_S", "Moods", "Moody"]

FATAL_AFTER_S: Final = 30
"""How long a strategy may block in C before the process is ended."""
_STRANGER: Final = InstrumentId("elsewhere", "THING-USD")
_RAISES, _NONSENSE, _STRANGE, _AT_SNAPSHOT = range(4)
_BLOCKS, _BLOCKS_FOR_GOOD = 4, 5
_OFTEN_FATAL: Final = 0.15
_FAR: Final = Decimal("0.25")
"""By how much of it a price that is shown may differ from the market's, after any delay."""


def _jump(seconds: float) -> None:
    """Let time go by while nothing runs, as code that does not come back does."""
    from trio.lowlevel import current_clock
    from trio.testing import MockClock

    clock = current_clock()
    assert isinstance(clock, MockClock)
    clock.jump(seconds)


@define
class Moods:
    """
    How each strategy will fail next.

    Args:
        mark: Returns the market's price of an instrument; None before the first.
        on_fatal: Ends the process, because a strategy has blocked it for good.
    """

    mark: Callable[[InstrumentId], Price | None]
    on_fatal: Callable[[str], None]
    failed: int = 0
    """How often one did."""
    misled: list[str] = field(factory=list)
    """What was shown that must never be, in words."""
    _due: dict[str, int] = field(factory=dict)
    _seconds: float = 0.0
    _likely: dict[InstrumentId, tuple[Price, Price, Price]] = field(factory=dict)
    """Of each instrument, the latest mark, and the least and most that may be shown meanwhile."""

    def spoil(self, strategy: str, draw: Callable[[], float]) -> None:
        """Let *strategy* fail when it is asked next, in a way that *draw* chooses."""
        self._due[strategy] = int(draw() * 4)

    def block(self, strategy: str, draw: Callable[[], float]) -> None:
        """Let *strategy* not come back when it is asked next."""
        self._due[strategy] = _BLOCKS_FOR_GOOD if draw() < _OFTEN_FATAL else _BLOCKS
        self._seconds = 1 + draw()

    def take(self, strategy: str, *, at_snapshot: bool = False) -> int | None:
        """Return how it fails now, if it does."""
        how = self._due.get(strategy)
        if how is None or at_snapshot is not (how == _AT_SNAPSHOT):
            return None
        self.failed += 1
        return self._due.pop(strategy)

    def hang(self, strategy: str, *, for_good: bool) -> None:
        """
        Do not come back for a while.

        Raises:
            StrategyBlocked: The watchdog's deadline is over.
        """
        if for_good:
            _jump(FATAL_AFTER_S)
            self.on_fatal(strategy)
            return
        _jump(self._seconds)
        raise StrategyBlocked("it did not come back within its deadline")

    def look(self, strategy: str, event: Event) -> None:
        """Note when *strategy* is shown a price that the market never had."""
        for instrument_id, low, high in _prices(event):
            mark = self.mark(instrument_id)
            if mark is None:
                continue
            least, most = self._range(instrument_id, mark)
            if not least <= low <= high <= most:
                shown = f"{low} to {high} of {instrument_id}"
                self.misled.append(f"{strategy} was shown {shown} at {mark}")

    def _range(self, instrument_id: InstrumentId, mark: Price) -> tuple[Price, Price]:
        known = self._likely.get(instrument_id)
        if known is None or known[0] is not mark:  # mostly, several strategies are shown the same
            far = mul(mark, _FAR)
            known = self._likely[instrument_id] = mark, sub(mark, far), add(mark, far)
        return known[1:]


def _prices(event: Event) -> Iterable[tuple[InstrumentId, Price, Price]]:
    """Return of each instrument the least and the most that *event* shows."""
    kind = type(event)
    if kind is Quote:
        return ((event.instrument_id, event.bid, event.ask),)  # type: ignore[union-attr]
    if kind is Bar:
        return (_closed(event),)  # type: ignore[arg-type]  # as its kind says
    if kind is JointBar:
        return map(_closed, event.bars)  # type: ignore[union-attr]
    return ()


def _closed(bar: Bar) -> tuple[InstrumentId, Price, Price]:
    close = bar.close  # worked out at each reading
    return bar.instrument_id, close, close


@define
class Moody:
    """
    A strategy that works until its mood is spoilt.

    Args:
        inner: The strategy.
        name: Of it.
        moods: Of all.
    """

    inner: Strategy
    name: str
    moods: Moods

    def requirements(self) -> Requirements:
        """Return the strategy's own."""
        return self.inner.requirements()

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Answer as the strategy does, or fail."""
        self.moods.look(self.name, event)
        wishes = self.inner.on_event(event, context)
        how = self.moods.take(self.name)
        if how == _RAISES:
            raise RuntimeError("spoilt")
        if how in (_BLOCKS, _BLOCKS_FOR_GOOD):
            self.moods.hang(self.name, for_good=how == _BLOCKS_FOR_GOOD)
        if how == _NONSENSE:
            return (*wishes, "buy low, sell high")  # type: ignore[arg-type]  # that is the point
        if how == _STRANGE:
            return (OrderIntent(instrument_id=_STRANGER, side=Side.BUY, quantity=ONE),)
        return wishes

    def snapshot(self) -> Mapping[str, object]:
        """Return the strategy's own, or fail."""
        if self.moods.take(self.name, at_snapshot=True) is not None:
            raise RuntimeError("lost its mind")
        return self.inner.snapshot()

    def restore(self, state: Mapping[str, object]) -> None:
        """Let the strategy become what *state* says."""
        self.inner.restore(state)
