"""The account at Coinbase."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final

from attrs import evolve

from algopioneer_coinbase.balances import balances_of, margin_of
from algopioneer_coinbase.fee_rates import AccountFees
from algopioneer_coinbase.known_orders import KnownOrders
from algopioneer_coinbase.messages import CancelResult, CreateResponse, FillRow, OrderRow
from algopioneer_coinbase.numbers import amount
from algopioneer_coinbase.order_forms import OPEN_STATUSES, fill_of, order_of, order_request
from algopioneer_coinbase.private_stream import PrivateStream
from algopioneer_coinbase.rest import CoinbaseRest
from algopioneer_coinbase.symbols import Symbols
from algopioneer_core.domain.capabilities import Capabilities
from algopioneer_core.domain.errors import OrderRejected, VenueError, VenueUnavailable
from algopioneer_core.domain.events import AccountEvent, ExecutionReport
from algopioneer_core.domain.fills import Fill, Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import ZERO, Quantity, neg
from algopioneer_core.domain.order_needs import check_id, check_needs
from algopioneer_core.domain.orders import Order
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.engine.margin import MarginState
from algopioneer_core.ports import (
    Balance,
    Clock,
    FeeRates,
    Found,
    NotYetKnown,
    OrderLookup,
    ProvenAbsent,
    ReceiveStream,
)
from algopioneer_core.simulation.order_rules import NOTHING_TO_REDUCE

__all__ = ["CoinbaseExecution"]

_OVERLAP_NS: Final = 60 * NS_PER_SECOND
"""By how much earlier than needed lists are asked for: the venue's clock is not ours."""
_DUPLICATE: Final = "DUPLICATE_CLIENT_ORDER_ID"
_MAYBE_LATER: Final = frozenset(
    {
        "ORDER_ENTRY_DISABLED",
        "TRADING_DISABLED",
        "PRODUCT_TRADING_HALTED",
        "COMMANDER_REJECTED_NEW_ORDER",
        "INVALID_NO_LIQUIDITY",
        "RATE_LIMIT_EXCEEDED",
    }
)
"""Reasons of rejections that may pass (protocol: classes of reasons)."""
_HAS_ENDED: Final = frozenset({"ORDER_IS_FULLY_FILLED", "DUPLICATE_CANCEL_REQUEST"})
"""Reasons for which a cancel is refused and nothing remains to be asked."""


class CoinbaseExecution:
    """
    The `Execution` port.

    Args:
        rest: Requests.
        symbols: What can be traded.
        known: Own orders; shared with the private stream.
        private: Opens the private stream.
        clock: The present time.
        capabilities: What orders may ask for.
        fees: What trading costs.
        lookback_ns: How far back an order is looked for whose time is not known.
        futures: Whether positions of futures are asked for.
    """

    def __init__(
        self,
        rest: CoinbaseRest,
        symbols: Symbols,
        known: KnownOrders,
        private: PrivateStream,
        clock: Clock,
        capabilities: Capabilities,
        fees: AccountFees,
        *,
        lookback_ns: int,
        futures: bool,
    ) -> None:
        self._rest = rest
        self._symbols = symbols
        self._known = known
        self._private = private
        self._clock = clock
        self._capabilities = capabilities
        self._lookback_ns = lookback_ns
        self._futures = futures
        self._fees = fees

    # --- placing -----------------------------------------------------------------------------

    async def submit(self, order: Order) -> None:
        """
        Send *order*; return once the venue has acknowledged it.

        The same id again returns the order that has it and places nothing (protocol: POST /orders).
        If this is cancelled, or fails with an outcome that is unknown, ask `order`.

        Raises:
            OrderRejected: The venue refused it; `code` is its reason, nothing was placed.
            UnsupportedOperation: It asks for what is not declared; nothing was sent.
            RateLimited: It was refused as one too many, again and again; nothing was placed.
            VenueUnavailable: See `outcome`.
        """
        intent = order.intent
        listing = self._symbols.listing(intent.instrument_id)
        check_needs(order, listing.instrument, self._capabilities)
        check_id(order, self._capabilities)
        if intent.reduce_only:
            order = await self._reducing(order, listing.instrument)
            intent = order.intent
        sized_by_fee = intent.quote_amount is not None
        rates = await self._fees.lately(listing.instrument.kind) if sized_by_fee else None
        body = order_request(order, listing, rates.taker if rates else ZERO)
        known = self._known.get(order.client_order_id)
        known.instrument_id, known.created_ns = intent.instrument_id, order.ts_created
        known.in_flight += 1
        try:
            answer = await self._rest.create(body)
        finally:
            known.in_flight -= 1
            known.last_sent_ns = self._clock.now_ns()
        await self._take(order, answer)

    async def _reducing(self, order: Order, instrument: Instrument) -> Order:
        """
        Return a reduce-only order as it may be sent; the venue does not know the term.

        A sale of coins needs none: what is not there is refused by the venue. An order in a future
        is cut to the position that is shown now, which an order under way may still change.

        Raises:
            OrderRejected: There is nothing that it would reduce; nothing was sent.
        """
        intent, selling = order.intent, order.intent.side is Side.SELL
        if instrument.delivers_base and selling:
            return order
        held = ZERO
        if not instrument.delivers_base:
            held = (await self._contracts()).get(instrument.id, ZERO)
        if not held or (held > 0) is not selling or intent.quantity is None:
            raise OrderRejected(NOTHING_TO_REDUCE, where=order.client_order_id)
        quantity = min(intent.quantity, held.copy_abs())
        return evolve(order, intent=evolve(intent, quantity=quantity))

    async def _take(self, order: Order, answer: CreateResponse) -> None:
        """Learn the venue's id from its answer, or raise its reason."""
        if answer.success and answer.success_response is not None:
            self._known.learn(order.client_order_id, answer.success_response.order_id)
            return
        failure = answer.error_response
        if answer.success or failure is None:
            raise VenueError(
                "the venue's answer says neither yes nor no", where=order.client_order_id
            )
        if failure.reason == _DUPLICATE and await self._search(order.client_order_id):
            return  # the other of two documented answers: it has the order already
        raise OrderRejected(
            f"the venue refused the order: {failure.message or failure.reason}",
            where=order.client_order_id,
            code=failure.reason,
            retryable=failure.reason in _MAYBE_LATER,
        )

    async def cancel(self, client_order_id: str) -> None:
        """
        Ask for the order's end; its end is a report. One that has ended is no error.

        Raises:
            VenueUnavailable: The order may or may not end, or is not known at the venue yet.
            VenueError: The venue refuses to cancel it; `code` is its reason.
        """
        await self.cancel_all([client_order_id])

    async def cancel_all(self, client_order_ids: Sequence[str]) -> None:
        """
        Ask for the end of these orders, and of no others.

        Raises:
            VenueUnavailable: Some may not end.
        """
        named: dict[str, str] = {}
        for client_order_id in client_order_ids:
            order_id = await self._order_id(client_order_id)
            if order_id is None:
                raise VenueUnavailable(
                    "the venue does not show the order, so it cannot be cancelled yet",
                    where=client_order_id,
                )
            named[order_id] = client_order_id
        for result in await self._rest.cancel(list(named)):
            if not result.success and result.failure_reason not in _HAS_ENDED:
                await self._check_ended(named.get(result.order_id, result.order_id), result)

    async def _order_id(self, client_order_id: str) -> str | None:
        known = self._known.get(client_order_id)
        if known.order_id is None:
            await self._search(client_order_id)
        return known.order_id

    async def _check_ended(self, client_order_id: str, result: CancelResult) -> None:
        """Raise unless the order that was not cancelled has ended."""
        row = await self._rest.order(result.order_id)
        order = None if row is None else self._order_of(row)
        if order is not None and order.status.is_final:
            return
        raise VenueUnavailable(
            f"the venue did not take the cancel: {result.failure_reason}",
            where=client_order_id,
            code=result.failure_reason,
        )

    # --- looking up --------------------------------------------------------------------------

    async def order(self, client_order_id: str) -> OrderLookup:
        """
        Say what became of an order.

        There is no look-up by our id: orders are listed and searched (protocol: endpoints). One
        that is in no list of open or ended orders, and has no fills, is absent once every request
        that could have placed it has ended and `absence_after_ns` more have passed. An order that
        was sent by another process is looked for as far back as `lookback_days` says.
        """
        known, asked_ns = self._known.get(client_order_id), self._clock.now_ns()
        row = None if known.order_id is None else await self._rest.order(known.order_id)
        if row is None:
            row = await self._search(client_order_id)
        order = None if row is None else self._order_of(row)
        if order is not None:
            return Found(order)
        known.asked_ns = asked_ns if known.asked_ns is None else known.asked_ns
        since_ns = max(known.asked_ns, known.last_sent_ns)
        certain_ns = since_ns + self._capabilities.absence_after_ns
        if known.in_flight or known.order_id is not None or asked_ns < certain_ns:
            return NotYetKnown(max(certain_ns, asked_ns + NS_PER_SECOND))
        if await self._has_fills(client_order_id):
            return NotYetKnown(asked_ns + NS_PER_SECOND)
        return ProvenAbsent()

    def _horizon_ns(self, client_order_id: str) -> int:
        created_ns = self._known.get(client_order_id).created_ns
        if created_ns:
            return created_ns - _OVERLAP_NS
        return self._clock.now_ns() - self._lookback_ns

    async def _search(self, client_order_id: str) -> OrderRow | None:
        """Return an order found in the lists of open and of all recent orders."""
        for row in await self._open_rows():
            if row.client_order_id == client_order_id:
                self._known.learn(client_order_id, row.order_id)
                return row
        since = iso_utc(max(0, self._horizon_ns(client_order_id)))
        for row in await self._rest.orders([("start_date", since)]):
            if row.client_order_id == client_order_id:
                self._known.learn(client_order_id, row.order_id)
                return row
        return None

    async def _has_fills(self, client_order_id: str) -> bool:
        """Return whether a recent fill is of this order, though no list shows the order."""
        since = iso_utc(max(0, self._horizon_ns(client_order_id)))
        rows = await self._rest.fills([("start_sequence_timestamp", since)])
        await self._name(rows)
        owners = (self._known.by_venue(row.order_id) for row in rows)
        return any(owner and owner.client_order_id == client_order_id for owner in owners)

    async def open_orders(self) -> Sequence[Order]:
        """
        Return all orders of the account that may still trade.

        One of a kind that is not known here cannot be shown as an order and is left out.
        """
        orders = (self._order_of(row) for row in await self._open_rows())
        return [order for order in orders if order is not None]

    async def _open_rows(self) -> list[OrderRow]:
        found: dict[str, OrderRow] = {}
        for statuses in OPEN_STATUSES:
            rows = await self._rest.orders([("order_status", each) for each in statuses])
            found |= {row.order_id: row for row in rows}
        return list(found.values())

    def _order_of(self, row: OrderRow) -> Order | None:
        known = self._known.by_venue(row.order_id)
        return order_of(row, self._symbols, instrument_id=known.instrument_id if known else None)

    async def fills(self, since_ns: int) -> Sequence[Fill]:
        """Return all fills executed since a time, oldest first; each always has the same id."""
        since = iso_utc(max(0, since_ns - _OVERLAP_NS))
        rows = await self._rest.fills([("start_sequence_timestamp", since)])
        await self._name(rows)
        fills = [fill for row in rows if (fill := self._fill_of(row)) and fill.ts_event >= since_ns]
        return sorted(fills, key=lambda fill: (fill.ts_event, fill.fill_id))

    async def _name(self, rows: Iterable[FillRow]) -> None:
        """Learn our ids of the orders that *rows* belong to: a fill has the venue's only."""
        strange = dict.fromkeys(
            row.order_id for row in rows if self._known.by_venue(row.order_id) is None
        )
        if not strange:
            return
        for order in await self._rest.orders([("order_ids", each) for each in strange]):
            self._known.learn(order.client_order_id, order.order_id)

    def _fill_of(self, row: FillRow) -> Fill | None:
        known = self._known.by_venue(row.order_id)
        if known is None:
            raise VenueError(
                "the venue shows a fill and not its order", where=f"order {row.order_id}"
            )
        return fill_of(row, known.client_order_id, self._symbols, instrument_id=known.instrument_id)

    # --- the account -------------------------------------------------------------------------

    async def balances(self) -> Sequence[Balance]:
        """
        Return what the account has of each currency; several wallets of one are added up.

        Dollars that lie in the futures account are dollars like any others.
        """
        futures = await self._rest.future_balances() if self._futures else None
        return balances_of(await self._rest.accounts(), futures)

    async def positions(self) -> Mapping[InstrumentId, Quantity]:
        """
        Return the signed quantity of each instrument held.

        Spot is read off the balances, so all instruments of one base show the same coins. Futures
        are asked for where they are traded.
        """
        held = {each.asset: each.total for each in await self.balances() if each.total}
        found: dict[InstrumentId, Quantity] = {
            instrument_id: held[listing.instrument.base]
            for instrument_id, listing in self._symbols.listings.items()
            if listing.instrument.delivers_base and listing.instrument.base in held
        }
        return found | (await self._contracts() if self._futures else {})

    async def _contracts(self) -> dict[InstrumentId, Quantity]:
        """Return the positions in futures."""
        found: dict[InstrumentId, Quantity] = {}
        for row in await self._rest.future_positions():
            contracts = amount(row.number_of_contracts)
            short = row.side.upper() == "SHORT"
            found[self._symbols.id_of(row.product_id)] = neg(contracts) if short else contracts
        return found

    async def margin(self) -> MarginState | None:
        """
        Return how contracts are covered; None where no futures are traded.

        The venue closes positions where its buffer over the threshold is used up (protocol: the
        futures balance summary).

        Raises:
            VenueError: The venue does not answer, or without these amounts.
        """
        return margin_of(await self._rest.future_balances()) if self._futures else None

    async def fees(self, instrument_id: InstrumentId) -> FeeRates:
        """Return the account's present rates for instruments of this kind; without a key, ours."""
        instrument = self._symbols.listing(instrument_id).instrument
        return await self._fees.now(instrument.kind)

    def reports(
        self,
    ) -> AbstractAsyncContextManager[ReceiveStream[ExecutionReport | AccountEvent]]:
        """
        Open the private stream; the venue has confirmed it, and shown all open orders, on entry.

        Each execution is reported with the id, price and fee that `fills` shows for it. After a
        lost connection, orders that ended meanwhile are looked up and reported.

        Raises:
            AuthenticationFailed: The key is not accepted.
            VenueError: The venue cannot be reached.
        """
        return self._private.open()
