"""
The paper venue: another venue's markets, and an account that is simulated.

It is a shell: `PaperExchange` decides, at once and without waiting; this checks what the shadowed
venue would not take, and tells who listens.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from attrs import evolve

from algopioneer_core.domain.capabilities import (
    Capabilities,
    Capability,
    Pushed,
    Support,
)
from algopioneer_core.domain.errors import (
    ConfigError,
    DataError,
    RefusedError,
)
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_time import market_time_of
from algopioneer_core.domain.money import Quantity
from algopioneer_core.domain.simulated_capabilities import paper_capabilities
from algopioneer_core.ports import (
    SupportsPushed,
    SupportsSnapshot,
    Venue,
    pushed_of,
)
from algopioneer_core.simulation.bar_book import BarBook
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.order_book import MakeBook, OrderBook
from algopioneer_core.simulation.order_filling import Purchase
from algopioneer_core.simulation.paper_account import PaperAccount
from algopioneer_core.simulation.paper_config import MatchOn, PaperConfig, PaperMargin
from algopioneer_core.simulation.paper_exchange import PaperExchange
from algopioneer_core.simulation.paper_execution import PaperExecution
from algopioneer_core.simulation.paper_fees import PaperFees
from algopioneer_core.simulation.paper_market import PaperMarket
from algopioneer_core.simulation.quote_book import QuoteBook, TradeBook
from algopioneer_core.simulation.report_hub import ReportHub

__all__ = ["PaperVenue", "open_paper"]

_MS_NS: Final = 1_000_000


@asynccontextmanager
async def open_paper(config: PaperConfig, shadow: Venue) -> AsyncIterator["PaperVenue"]:
    """
    Open a paper account over *shadow*, which stays open for as long.

    Raises:
        ConfigError: It is not known how long the bars are that are to fill orders.
        VenueUnavailable: The shadowed venue cannot be reached.
    """
    yield PaperVenue(config, shadow, await shadow.market_data.instruments())


class PaperVenue:
    """
    A `Venue` whose markets are another's and whose account is simulated.

    Args:
        config: Fills, costs and balances.
        shadow: The open venue whose markets it shows.
        instruments: What that venue trades.

    Raises:
        ConfigError: It is not known how long the bars are that are to fill orders.
    """

    def __init__(
        self, config: PaperConfig, shadow: Venue, instruments: Sequence[Instrument]
    ) -> None:
        self._config = config
        self._name = shadow.name
        self._capabilities = paper_capabilities(shadow.capabilities)
        self._shadow = shadow
        fees = PaperFees(config, shadow)
        lent = [_as_lent(each, self._capabilities) for each in instruments]
        margin = _margin(config.margin, self._capabilities)
        self._exchange = PaperExchange(
            lent,
            PaperAccount(lent, config.amounts, margin),
            fees.costs,
            _book_maker(config, shadow, lent),
            checks_at_once=not self._capabilities.lockstep,
        )
        self._hub = ReportHub()
        self._market = PaperMarket(shadow, self._exchange, self._hub, fees)
        self._execution = PaperExecution(self._exchange, self._hub, self._capabilities, fees)

    @property
    def name(self) -> str:
        """The shadowed venue's name, which is in its instrument ids."""
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        """What the shadowed venue can do, as far as it is simulated."""
        return self._capabilities

    @property
    def market_data(self) -> PaperMarket:
        """The shadowed venue's markets."""
        return self._market

    @property
    def execution(self) -> PaperExecution:
        """The simulated account."""
        return self._execution

    def pushed(self, instrument_id: InstrumentId) -> Pushed:
        """Return what the shadowed venue pushes of an instrument."""
        return pushed_of(self._shadow, instrument_id)

    def market_time_ns(self) -> int | None:
        """Return the time in the shadowed venue's market, UTC nanoseconds; None in the present."""
        return market_time_of(self._shadow)

    def snapshot(self) -> Mapping[str, object]:
        """
        Return account, orders and counters, `shadow`: the shadowed venue's own state, and `pages`.

        Values are those of JSON and domain objects, as the journal stores them.

        Raises:
            RefusedError: Some report has not been handled yet by who reads them.
        """
        if self._exchange.is_matching or not self._hub.is_settled:
            raise RefusedError(
                "a snapshot is taken when all reports have been handled",
                where=f"venue {self._name!r}",
            )
        return {
            "exchange": self._exchange.snapshot(),
            "shadow": self._market.shadow_state,
            "pages": self._exchange.pages(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """
        Go back to a state that `snapshot` returned.

        Raises:
            DataError: It is not a state of this venue.
        """
        if not isinstance(state.get("exchange"), Mapping):
            raise DataError("it is no state of a paper account", where=f"venue {self._name!r}")
        self._exchange.restore(state["exchange"], state.get("pages", {}))
        if isinstance(self._shadow, SupportsSnapshot):
            self._shadow.restore(state["shadow"])
            self._market.shadow_state = state["shadow"]


def _as_lent(instrument: Instrument, capabilities: Capabilities) -> Instrument:
    """Return the instrument with what the venue does not do for its kind taken off."""
    short, parts = (
        capabilities.supports(capability, instrument.kind) is not Support.UNSUPPORTED
        for capability in (Capability.SHORT_SELLING, Capability.FRACTIONAL_QUANTITY)
    )
    return evolve(
        instrument,
        shortable=instrument.shortable and short,
        fractionable=instrument.fractionable and parts,
    )


def _margin(wanted: PaperMargin, capabilities: Capabilities) -> PaperMargin:
    if wanted is not PaperMargin.VENUE:
        return wanted
    if capabilities.lockstep:
        return PaperMargin.NONE
    lends = capabilities.supports(Capability.MARGIN) is not Support.UNSUPPORTED
    return PaperMargin.REGT if lends else PaperMargin.CASH


def _book_maker(config: PaperConfig, shadow: Venue, instruments: Sequence[Instrument]) -> MakeBook:
    simulation, latency_ns = config.simulation(), config.latency_ms * _MS_NS
    # Said now rather than at the first event; where a venue pushes the same of all, one will do.
    for each in instruments if isinstance(shadow, SupportsPushed) else instruments[:1]:
        if _match_on(config, shadow, each.id) is BarBook:
            _interval_ns(config, shadow, each.id)

    def make(
        costs: CostModel, held: Callable[[], Quantity], can_carry: Purchase | None
    ) -> OrderBook:
        book = _match_on(config, shadow, costs.instrument.id)
        if book is not BarBook:
            return book(costs, simulation, latency_ns, held, can_carry)
        interval_ns = _interval_ns(config, shadow, costs.instrument.id)
        return BarBook(costs, simulation, interval_ns, held, can_carry)

    return make


def _match_on(
    config: PaperConfig, shadow: Venue, instrument_id: InstrumentId
) -> type[QuoteBook] | type[BarBook]:
    """
    Return what decides about an instrument's fills: quotes, else bars, else trades.

    Raises:
        ConfigError: The venue does not push what is wanted.
    """
    wanted, there = config.match_on, pushed_of(shadow, instrument_id)
    bars = bool(there.bar_intervals_ns) or _builds_bars(shadow)
    if wanted is MatchOn.AUTO:
        return QuoteBook if there.quotes else TradeBook if there.trades and not bars else BarBook
    if not (there.quotes if wanted is MatchOn.QUOTES else bars):
        raise ConfigError(
            f"the venue pushes no {wanted.value} of {instrument_id.symbol}",
            where="match_on",
            remedy=f"leave it to {MatchOn.AUTO.value}",
        )
    return QuoteBook if wanted is MatchOn.QUOTES else BarBook


def _builds_bars(shadow: Venue) -> bool:
    """Return whether a venue itself makes bars of any length."""
    return shadow.capabilities.supports(Capability.BARS_STREAM) is Support.EMULATED


def _interval_ns(config: PaperConfig, shadow: Venue, instrument_id: InstrumentId) -> int:
    if config.interval_ns is not None:
        return config.interval_ns
    intervals = pushed_of(shadow, instrument_id).bar_intervals_ns
    if len(intervals) == 1:
        return intervals[0]
    raise ConfigError(
        f"it is not known how long the bars of venue {shadow.name!r} are",
        where="interval",
        remedy="state it",
    )
