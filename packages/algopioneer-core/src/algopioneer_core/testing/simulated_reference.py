"""The reference venue as a simulation trades at it: itself, over lines that break and die."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from decimal import Decimal
from typing import Final

from algopioneer_core.domain.capabilities import Capabilities
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, Quote
from algopioneer_core.domain.orders import Order
from algopioneer_core.ports import Clock
from algopioneer_core.simulation.paper_config import PaperConfig, PaperMargin
from algopioneer_core.simulation.paper_exchange import PaperExchange
from algopioneer_core.testing.fault_plans import Fault
from algopioneer_core.testing.reference_modes import VenueModes
from algopioneer_core.testing.reference_venue import ReferenceVenue
from algopioneer_core.testing.simulation_line import Line
from algopioneer_core.testing.simulation_market import REFERENCE, Traded

__all__ = ["SimulatedReference"]

_HALF: Final = 0.5


class SimulatedReference:
    """
    A reference venue with the manners that a seed draws; fits `SimulatedVenue`.

    Args:
        clock: The true time.
        draw: Numbers in [0, 1).
    """

    traded: Traded = REFERENCE
    pushes_bars = True

    def __init__(self, clock: Clock, draw: Callable[[], float]) -> None:
        self.modes = VenueModes(
            cumulative_fills=draw() < _HALF,
            read_lag_ns=(0, 2, 20)[int(draw() * 3)] * NS_PER_SECOND,
            ids_reusable=draw() < _HALF,
            lookup=True,
        )
        self.hasty: list[str] = []
        self.venue = ReferenceVenue(
            tuple(self.traded),
            clock,
            modes=self.modes,
            config=PaperConfig(balances=("USD=1000000",), slippage_bps=Decimal(0)),
            margin=PaperMargin.NONE,
        )
        account = self.venue.execution
        self.books: PaperExchange = self.venue.books
        """The exchange itself."""
        self.accepted: Sequence[str] = account.accepted
        """Ids of all orders that were placed."""
        self.executed: Sequence[Fill] = account.executed
        """All fills of them."""
        self.executed_foreign: Sequence[Fill] = account.executed_foreign
        """The fills of everybody else."""

    @property
    def name(self) -> str:
        """The venue part of its instrument ids."""
        return self.venue.name

    @property
    def capabilities(self) -> Capabilities:
        """What its modes leave."""
        return self.venue.capabilities

    @property
    def tells_each_fill(self) -> bool:
        """Whether reports are of single executions."""
        return not self.modes.cumulative_fills

    @property
    def holds_back(self) -> bool:
        """Whether a report, or a cancel, waits for what comes next."""
        return self.venue.execution.holds_back

    def serving(self) -> AbstractAsyncContextManager[None]:
        """Do nothing: it has no tasks."""
        return nullcontext()

    def line(self, clock: Clock, draw: Callable[[], float]) -> Line:
        """Return the line of a new life."""
        return Line(self.venue, clock, draw, self.hasty)

    def push(self, event: Quote | Bar) -> None:
        """Let *event* happen."""
        self.venue.push(event)

    def show_garbage(self, event: Quote | Bar) -> None:
        """Show what never happened."""
        self.venue.market_data.show_garbage(event)

    def place_foreign(self, order: Order) -> None:
        """Let somebody else trade in the account; raises as `ReferenceVenue.place_foreign`."""
        self.venue.place_foreign(order)

    async def apply(self, fault: Fault) -> None:
        """Have *fault*."""
        await self.venue.apply(fault)

    def be_calm(self) -> None:
        """Forget the faults that still wait for their occasion."""
        self.venue.be_calm()
