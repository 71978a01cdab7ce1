"""The private stream of Coinbase: kept open, joined with the list of fills, and made up for."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
import anyio.abc
import anyio.lowlevel

from algopioneer_coinbase.known_orders import KnownOrders
from algopioneer_coinbase.market_data import RECONNECT, StreamSettings
from algopioneer_coinbase.order_forms import fill_of
from algopioneer_coinbase.reporting import (
    OrderState,
    ReportMaker,
    state_of_row,
    state_of_update,
)
from algopioneer_coinbase.rest import CoinbaseRest
from algopioneer_coinbase.signing import Signer
from algopioneer_coinbase.stream import StreamRefused, UserStream
from algopioneer_coinbase.symbols import VENUE, Symbols
from algopioneer_core.domain.errors import (
    AuthenticationFailed,
    DataError,
    UnsupportedOperation,
    VenueError,
    VenueUnavailable,
)
from algopioneer_core.domain.events import AccountEvent, ExecutionReport
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.ports import Clock, ReceiveStream
from algopioneer_core.wire.backoff import Backoff, BackoffPolicy
from algopioneer_core.wire.tasks import tasks_for_block

__all__ = ["PrivateStream"]

_FILLS: Final = BackoffPolicy(base_ns=NS_PER_SECOND // 5, cap_ns=10 * NS_PER_SECOND, at_once=1)
"""Waits for fills that the stream has announced and the list does not show yet."""
Report = ExecutionReport | AccountEvent


class PrivateStream:
    """
    Opens the private stream; see `CoinbaseExecution.reports`.

    Args:
        rest: For fills, and for orders that ended while nobody listened.
        symbols: What can be traded.
        known: Own orders.
        signer: Signs subscriptions; None has no private stream.
        clock: The present time.
        settings: Where the stream comes from.
    """

    def __init__(
        self,
        rest: CoinbaseRest,
        symbols: Symbols,
        known: KnownOrders,
        signer: Signer | None,
        clock: Clock,
        settings: StreamSettings,
    ) -> None:
        self.rest = rest
        self.symbols = symbols
        self.known = known
        self.clock = clock
        self.settings = settings
        self._signer = signer

    @asynccontextmanager
    async def open(self) -> AsyncIterator[ReceiveStream[Report]]:
        """
        Open it; leaving the block closes it.

        Raises:
            AuthenticationFailed: The key is not accepted.
            VenueError: The venue cannot be reached.
        """
        if self._signer is None:
            raise UnsupportedOperation(
                "there is no key, so there is no account",
                where=VENUE,
                remedy="set COINBASE_API_KEY and COINBASE_API_SECRET",
            )
        async with tasks_for_block() as tasks:
            line = _Line(self, tasks)
            await tasks.start(line.run)
            yield line.reports


class _Reports:
    """Reports that wait to be read; none is ever dropped."""

    def __init__(self) -> None:
        self._waiting: deque[Report] = deque()
        self._arrival = anyio.Event()
        self._error: Exception | None = None

    def put(self, report: Report) -> None:
        """Add a report."""
        self._waiting.append(report)
        self._arrival.set()

    def fail(self, error: Exception) -> None:
        """End with *error* once everything has been read."""
        self._error = error
        self._arrival.set()

    async def receive(self) -> Report:
        """Wait for the next report; a cancellation loses none."""
        if self._waiting:  # else waiting is one
            await anyio.lowlevel.checkpoint()
        while not self._waiting:
            if self._error is not None:
                raise self._error
            self._arrival = anyio.Event()
            await self._arrival.wait()
        return self._waiting.popleft()

    def __aiter__(self) -> AsyncIterator[Report]:
        return self

    async def __anext__(self) -> Report:
        return await self.receive()


class _Line:
    """One stream: its connections one after the other, and the orders it tells of."""

    def __init__(self, owner: PrivateStream, tasks: anyio.abc.TaskGroup) -> None:
        self.reports = _Reports()
        self._owner = owner
        self._tasks = tasks
        self._maker = ReportMaker()
        self._latest: dict[str, OrderState] = {}  # of orders that are being worked on
        self._waits = Backoff(RECONNECT, owner.settings.draw)
        self._was_up = self._is_refused = False

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Keep a connection, until cancelled or refused."""
        while True:
            try:
                await self._connect(task_status)
            except (StreamRefused, AuthenticationFailed) as error:
                if self._is_refused:
                    self._refuse(error)
                    return
                self._is_refused = True  # as all tokens are while our clock is wrong
                await self._owner.rest.learn_time()
            except (VenueError, TimeoutError) as error:
                if not self._was_up:
                    raise _unreachable(error) from error
            await anyio.sleep(self._waits.next_ns() / NS_PER_SECOND)

    def _refuse(self, error: VenueError) -> None:
        refused = AuthenticationFailed(error.message, where=VENUE, remedy=error.remedy)
        if not self._was_up:
            raise refused from error
        self.reports.fail(refused)

    async def _connect(self, task_status: anyio.abc.TaskStatus[None]) -> None:
        owner = self._owner
        session = UserStream(owner.rest.stream_token)
        seen: set[str] = set()
        settings = owner.settings
        async with settings.connected(settings.user_url) as websocket:
            for text in session.hello():
                await websocket.send(text)
            is_up = False
            with anyio.fail_after(settings.silence_s) as patience:
                while True:
                    seen |= self._take(session, await websocket.receive())
                    if not is_up and session.is_subscribed and session.is_complete:
                        is_up, again = True, self._was_up
                        self._up(task_status)
                        if again:
                            self._tasks.start_soon(self._make_up_for, seen)
                    if is_up:
                        patience.deadline = anyio.current_time() + settings.silence_s

    def _up(self, task_status: anyio.abc.TaskStatus[None]) -> None:
        self._is_refused = False
        self._waits.reset()
        if not self._was_up:
            self._was_up = True
            task_status.started()

    def _take(self, session: UserStream, data: bytes | str) -> set[str]:
        """Work on the orders of a message; return the venue's ids of them."""
        try:
            states = [state_of_update(order) for order in session.receive(data)]
        except DataError:  # the next message shows it as a gap, or the order is looked up
            return set()
        for state in states:
            self._work_on(state)
        return {state.order_id for state in states}

    # --- orders ------------------------------------------------------------------------------

    def _work_on(self, state: OrderState) -> None:
        """Report what is new of an order; where fills are missing, in a task of its own."""
        self._owner.known.learn(state.client_order_id, state.order_id)
        latest = self._latest.get(state.order_id)
        if latest is not None and state.is_older_than(latest):
            return  # a look-up that lags, or an update that was overtaken
        busy = latest is not None
        if not busy and not self._maker.needs_fills(state):
            self._tell(state, ())
            return
        self._latest[state.order_id] = state
        if not busy:
            self._tasks.start_soon(self._join, state.order_id)

    async def _join(self, order_id: str) -> None:
        """Ask for an order's fills until they add up to what the latest state of it says."""
        waits = Backoff(_FILLS, self._owner.settings.draw)
        while True:
            state = self._latest[order_id]
            fills = await self._fills_of(state)
            if fills is not None and self._tell(state, fills) and state is self._latest[order_id]:
                del self._latest[order_id]
                return
            await anyio.sleep(waits.next_ns() / NS_PER_SECOND)

    async def _fills_of(self, state: OrderState) -> list[Fill] | None:
        """Return an order's fills; None where they cannot be had now."""
        owner, known = self._owner, self._owner.known.by_venue(state.order_id)
        instrument_id = known.instrument_id if known else None
        try:
            rows = await owner.rest.fills([("order_ids", state.order_id)])
            fills = [
                fill_of(row, state.client_order_id, owner.symbols, instrument_id=instrument_id)
                for row in rows
            ]
        except (VenueError, DataError):
            return None
        return [each for each in fills if each is not None]

    def _tell(self, state: OrderState, fills: list[Fill] | tuple[()]) -> bool:
        reports = self._maker.reports(state, fills, self._owner.clock.now_ns())
        for report in reports or ():
            self.reports.put(report)
        if reports is not None and state.has_ended:
            self._owner.known.learn(state.client_order_id, state.order_id).is_over = True
        return reports is not None

    async def _make_up_for(self, seen: set[str]) -> None:
        """
        Look up the orders that a new connection does not show: they ended meanwhile.

        The stream may never have said a word of such an order. One whose request has no answer yet
        is waited for; without an answer its fate is asked for by whoever sent it.
        """
        waits = Backoff(_FILLS, self._owner.settings.draw)
        missing = [each for each in self._owner.known.unended() if each.order_id not in seen]
        while missing:
            first = missing[0]
            try:
                if first.order_id is None and first.in_flight:
                    await anyio.sleep(waits.next_ns() / NS_PER_SECOND)
                    continue
                row = await self._owner.rest.order(first.order_id) if first.order_id else None
                if row is not None:
                    self._work_on(state_of_row(row))
                missing.pop(0)
            except (VenueError, DataError):
                await anyio.sleep(waits.next_ns() / NS_PER_SECOND)


def _unreachable(error: Exception) -> VenueError:
    if isinstance(error, VenueError):
        return error
    return VenueUnavailable("the private stream is silent", where=VENUE)
