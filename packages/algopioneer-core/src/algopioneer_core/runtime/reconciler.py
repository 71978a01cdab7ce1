"""
The reconciler of one venue: on start, after every reconnect, and every now and then.

It asks for fills, open orders and positions, tells the strategies what they missed, has orders that
are not where they should be asked about, and says what nobody can explain. Until it has succeeded
once since the private stream came up, the venue takes no new exposure.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import anyio
import anyio.lowlevel

from algopioneer_core.domain.errors import AuthenticationFailed, UnsupportedOperation, VenueError
from algopioneer_core.domain.events import OrderAccepted, OrderFilled, OrderUnknown, RiskHalted
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import ZERO, Money, Quantity, add, sub
from algopioneer_core.domain.orders import Order, OrderStatus
from algopioneer_core.journal.journal import Journal
from algopioneer_core.ports import Clock, Execution
from algopioneer_core.runtime.announcements import Say, silent
from algopioneer_core.runtime.execution import ExecutionPump
from algopioneer_core.runtime.floor import Alarm, Floor
from algopioneer_core.runtime.reconciliation import (
    Drift,
    DriftAction,
    DriftRules,
    compare_orders,
    compare_positions,
    may_be_on_its_way,
    missing_fills,
)
from algopioneer_core.runtime.shared_coins import as_a_venue_shows, same_coins
from algopioneer_core.runtime.unknown_orders import OVERLAP_NS, UNPROVEN
from algopioneer_core.telemetry.events import LogEvent
from algopioneer_core.wire.backoff import Backoff, BackoffPolicy
from algopioneer_core.wire.wake import Wake

__all__ = ["Reconciler"]

_RETRY: Final = BackoffPolicy(base_ns=NS_PER_SECOND, cap_ns=60 * NS_PER_SECOND)
_SECOND_LOOK_S: Final = 5
"""A drift is looked at twice: a fill may be on its way."""
_ON_ITS_WAY_NS: Final = 180 * NS_PER_SECOND
"""For how long an order that works, or worked so lately, may explain a drift: no list lags more."""
_TELL_AFTER: Final = 5
"""Failures in a row after which a person is told."""
_DURABLE: Final = 0
"""The sequence to wait for where an entry has been on the disk since an earlier life."""
_NOT_YET: Final = "it has not been reconciled since its private stream came up"


class Reconciler:
    """
    Keeps one venue and our books in agreement.

    Args:
        venue: Its name.
        execution: Its port.
        pump: Its orders' pump, whose health this sets.
        floor: The strategies.
        journal: Remembers what is foreign and until when fills were read.
        clock: The time.
        alarm: Tells people.
        rules: Thresholds.
        every_ns: How often it is done without a reason.
        draw: Numbers in [0, 1) for the jitter of retries.
        say: Takes the lines of the log.
    """

    def __init__(
        self,
        venue: str,
        execution: Execution,
        pump: ExecutionPump,
        floor: Floor,
        journal: Journal,
        clock: Clock,
        *,
        alarm: Alarm,
        every_ns: int,
        draw: Callable[[], float],
        rules: DriftRules | None = None,
        say: Say = silent,
    ) -> None:
        self.venue = venue
        self.bell = Wake()
        """Ring it to have the venue reconciled now."""
        self.done = anyio.Event()
        """Set once it has succeeded for the first time."""
        self.failures = 0
        """How often it has failed in a row."""
        self.runs = 0
        """How often it has succeeded."""
        self._execution = execution
        self._pump = pump
        self._floor = floor
        self._journal = journal
        self._clock = clock
        self._alarm = alarm
        self._every_ns = every_ns
        self._rules = rules or DriftRules()
        self._waits = Backoff(_RETRY, draw)
        self._say = say
        self._told_orders: dict[str, None] = {}
        self._told_held_back: dict[str, None] = {}
        self._times_up = 0
        self._late: dict[tuple[InstrumentId, Quantity], int] = {}
        saved = journal.latest_snapshot(self._name)
        state: Mapping[str, Any] = {} if saved is None else saved[1]
        self._fills_until_ns: int | None = state.get("fills_until_ns")
        self._foreign: dict[InstrumentId, Quantity] | None = (
            {InstrumentId.parse(key): Decimal(text) for key, text in state["foreign"].items()}
            if "foreign" in state
            else None
        )

    @property
    def _name(self) -> str:
        return f"account:{self.venue}"

    # --- the stream --------------------------------------------------------------------------

    def stream_is_up(self) -> None:
        """Take note that the private stream is open: reconcile, then trust it."""
        self._say(LogEvent.STREAM_UP, venue=self.venue)
        self._times_up += 1
        self._pump.health.problem = _NOT_YET
        self.bell.ring()

    def stream_is_down(self, reason: str) -> None:
        """Take note that the private stream was lost."""
        self._say(LogEvent.STREAM_DOWN, venue=self.venue, reason=reason)
        self._pump.health.problem = f"its private stream is down: {reason}"
        self._pump.changed()

    # --- running -----------------------------------------------------------------------------

    async def run(self) -> None:
        """
        Reconcile at each ring of the bell and every now and then, until cancelled.

        Raises:
            AuthenticationFailed: The key is not accepted; trying again would not help.
        """
        while True:
            with anyio.move_on_after(self._every_ns / NS_PER_SECOND):
                await self.bell.wait()
            try:
                await self.reconcile()
            except AuthenticationFailed:
                raise
            except VenueError as error:
                self._note_failure(error)
                wait_ns = self._waits.next_ns(at_least_ns=error.retry_after_ns or 0)
                await anyio.sleep(wait_ns / NS_PER_SECOND)
                self.bell.ring()

    def _note_failure(self, error: VenueError) -> None:
        self._pump.health.problem = f"it cannot be reconciled: {error}"
        self.failures += 1
        if self.failures == _TELL_AFTER:
            self._alarm(
                self._clock.now_ns(),
                f"{self.venue} cannot be reconciled",
                f"{error}. Nothing new is opened there until it can be; it is tried again.",
                urgent=True,
            )

    async def reconcile(self) -> None:
        """
        Reconcile once.

        Raises:
            VenueError: The venue does not answer; nothing of our books was changed by guess.
        """
        began_ns, times_up = self._clock.now_ns(), self._times_up
        await self._take_fills()
        await self._compare_orders()
        await self._compare_positions()
        self._fills_until_ns = began_ns
        self._save()
        self._waits.reset()
        self.runs, self.failures = self.runs + 1, 0
        self._say(LogEvent.RECONCILED, venue=self.venue)
        # Not when the stream was lost and came back meanwhile: what was read before may be stale.
        if times_up == self._times_up and self._pump.health.problem.startswith("it "):
            self._pump.health.problem = ""
        self._pump.changed()
        self.done.set()

    def _save(self) -> None:
        # No commit for this alone. Whatever a reconciliation did has rows, with which it goes; and
        # from an older time a restart reads fills again that are known.
        foreign = {str(key): str(each) for key, each in (self._foreign or {}).items()}
        state = {"fills_until_ns": self._fills_until_ns, "foreign": foreign}
        self._journal.put_snapshot(self._name, self._journal.last_sequence, state)

    async def _take_fills(self) -> None:
        since = self._since_ns()
        if since is None:
            return
        known = {}
        fills = await self._execution.fills(since)
        # The latest first: an older one that is brought back must not take the place of these.
        for key in reversed(dict.fromkeys(fill.client_order_id for fill in fills)):
            if not self._floor.remembers(key):
                # A look into the journal; what is reported meanwhile is not counted twice.
                await anyio.lowlevel.checkpoint()
            if self._floor.owner(key) is not None:
                known[key] = self._floor.current(key)
        for fill in missing_fills(fills, known):
            self._floor.report(OrderFilled(fill))

    def _since_ns(self) -> int | None:
        """Return from when on fills are asked for: the last time, or our oldest working order."""
        times = [each.ts_created for each in self._floor.working(self.venue)]
        if self._fills_until_ns is not None:
            times.append(self._fills_until_ns)
        return min(times) - OVERLAP_NS if times else None

    async def _compare_orders(self) -> None:
        open_orders = await self._execution.open_orders()
        working = list(self._floor.working(self.venue))
        compared = compare_orders(working, open_orders, self._pump.in_flight)
        for theirs in compared.confirmed:
            ours = self._floor.current(theirs.client_order_id)
            if ours.status in (OrderStatus.PENDING, OrderStatus.UNKNOWN):
                now_ns, number = self._clock.now_ns(), theirs.venue_order_id
                self._floor.report(OrderAccepted(theirs.client_order_id, now_ns, number))
            elif ours.status is OrderStatus.PENDING_CANCEL:
                self._cancel_again(ours)
        for client_order_id in compared.gone:
            self._doubt(client_order_id)
            self._pump.inquire(client_order_id)
        self._tell_foreign(
            [each.venue_order_id or each.client_order_id for each in compared.foreign]
        )

    def _cancel_again(self, order: Order) -> None:
        """Cancel what is open though it should not be: an earlier life may not have come to it."""
        if order.client_order_id not in self._pump.in_flight:
            self._pump.cancel(order, _DURABLE)

    def _doubt(self, client_order_id: str) -> None:
        """Take what is only thought to be there for unknown: an earlier life may not have sent."""
        if self._floor.current(client_order_id).status in UNPROVEN:
            message = "the venue does not list it as open"
            self._floor.report(OrderUnknown(client_order_id, self._clock.now_ns(), message))

    def _tell_foreign(self, names: Iterable[str]) -> None:
        """Tell of each open order of somebody else once; those that have gone are forgotten."""
        known, self._told_orders = self._told_orders, dict.fromkeys(names)
        for name in self._told_orders:
            if name not in known:
                self._alarm(
                    self._clock.now_ns(),
                    f"{self.venue} has an order that is not ours: {name}",
                    "It is left alone.",
                )

    def has_foreign(self, instrument_id: InstrumentId) -> bool:
        """Return whether the account holds some of an instrument that is not ours, as far known."""
        return bool((self._foreign or {}).get(instrument_id))

    # --- positions ---------------------------------------------------------------------------

    async def agrees(self, order: Order) -> bool:
        """
        Return whether the account holds nothing that *order* could have brought.

        An order that no list of the venue shows may have traded all the same: then its instrument
        moved in its direction, by no more than it wanted, and no execution explains it. Too little
        to matter is no such sign.

        Raises:
            VenueError: The venue does not answer.
        """
        for drift in await self._drifts(unjudged=()):
            serious = drift.action is not DriftAction.TOLERATE
            if serious and may_be_on_its_way(drift, [order]):
                self._tell_held_back(order, drift)
                return False
        return True

    def _tell_held_back(self, order: Order, drift: Drift) -> None:
        name = order.client_order_id
        if name not in self._told_held_back:
            self._told_held_back[name] = None
            self._alarm(
                self._clock.now_ns(),
                f"order {name} is in no list of {self.venue}, and may have traded",
                f"{drift.unexplained} of {drift.instrument_id} is held that nothing else explains. "
                "It is asked for on. If that is somebody else's, take it out of the account.",
                urgent=True,
            )

    async def _compare_positions(self) -> None:
        """Act on what is unexplained, and the same, in two looks: fills may be on their way."""
        first = {
            each.instrument_id: each.unexplained
            for each in await self._drifts(self._moving())
            if each.action is not DriftAction.TOLERATE
        }
        self._late = {
            key: since_ns for key, since_ns in self._late.items() if first.get(key[0]) == key[1]
        }
        if not first:
            return
        await anyio.sleep(_SECOND_LOOK_S)
        await self._take_fills()
        for drift in await self._drifts(self._moving()):
            if first.get(drift.instrument_id) == drift.unexplained and not self._is_late(drift):
                self._act(drift)

    def _is_late(self, drift: Drift) -> bool:
        """Return whether *drift* may be a fill of an order that is still to be told of."""
        now_ns, key = self._clock.now_ns(), (drift.instrument_id, drift.unexplained)
        orders = self._floor.may_have_filled(self.venue, now_ns - _ON_ITS_WAY_NS)
        if not may_be_on_its_way(drift, orders):
            return False
        since_ns = self._late.setdefault(key, now_ns)
        return now_ns - since_ns < _ON_ITS_WAY_NS

    async def _drifts(self, unjudged: Iterable[InstrumentId]) -> list[Drift]:
        """Return what is unexplained, by instrument; some are not judged."""
        try:
            theirs = await self._execution.positions()
        except UnsupportedOperation:
            return []
        positions = self._floor.positions(self.venue)
        ours = as_a_venue_shows(positions)
        if self._foreign is None:  # the first look: what is there besides is somebody else's
            self._foreign = {
                key: sub(theirs.get(key, ZERO), held)
                for key, held in ours.items()
                if theirs.get(key, ZERO) != held
            }
            self._tell_first(self._foreign)
        coins = same_coins(each.instrument for each in positions)
        for each in (each for key in unjudged for each in coins.get(key, (key,))):
            ours.pop(each, None)
        return compare_positions(ours, self._foreign, theirs, self._marks(), self._rules, coins)

    def _moving(self) -> list[InstrumentId]:
        """
        Return instruments with orders on the wire or of unknown fate: they may have traded.

        They are judged once their orders are known.
        """
        in_flight = self._pump.in_flight
        return [
            each.intent.instrument_id
            for each in self._floor.working(self.venue)
            if each.status is OrderStatus.UNKNOWN or each.client_order_id in in_flight
        ]

    def _marks(self) -> dict[InstrumentId, Money]:
        portfolios = [each.engine.portfolio for each in self._floor.runners.values()]
        return {
            key: instrument.value(Decimal(1), mark)
            for portfolio in portfolios
            for key, instrument in portfolio.instruments.items()
            if (mark := portfolio.mark(key)) is not None
        }

    def _tell_first(self, foreign: Mapping[InstrumentId, Quantity]) -> None:
        for key, quantity in foreign.items():
            self._alarm(
                self._clock.now_ns(),
                f"{key}: the account holds {quantity} that is not ours",
                "It is left alone, and our positions are counted on top of it.",
            )

    def _act(self, drift: Drift) -> None:
        if drift.action is DriftAction.TOLERATE:
            return
        now_ns = self._clock.now_ns()
        urgent = drift.action is DriftAction.HALT
        self._alarm(
            now_ns, f"{drift.instrument_id}: unexplained position", drift.text(), urgent=urgent
        )
        if not urgent:
            assert self._foreign is not None
            self._foreign[drift.instrument_id] = add(drift.foreign, drift.unexplained)
            return
        for runner in self._floor.runners.values():
            if drift.instrument_id in runner.engine.portfolio.instruments:
                reason = f"unexplained position in {drift.instrument_id}"
                self._floor.deliver(runner, RiskHalted(now_ns, reason, runner.name))
