"""
What a simulation asks of a venue: the truth about it, what befalls it, and lines of its adapter.

A venue's package offers its own (`VenueSpec.simulation`): its local exchange in memory, and its
adapter over lines that break. So a simulation runs the adapter that trades with money.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

from algopioneer_core.domain.capabilities import Capabilities
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.market_data import Bar, Quote
from algopioneer_core.domain.orders import Order
from algopioneer_core.plugins.manager import PluginHost
from algopioneer_core.ports import Clock, Venue
from algopioneer_core.simulation.paper_exchange import PaperExchange
from algopioneer_core.testing.fault_plans import Fault
from algopioneer_core.testing.simulation_market import Traded

__all__ = ["MakeVenue", "SimulatedLine", "SimulatedVenue", "simulated_venues"]


class SimulatedLine(Protocol):
    """What is between one life of a process and its venue; it breaks, and it dies."""

    is_dead: bool
    """Whether it was cut."""

    def opened(self) -> AbstractAsyncContextManager[Venue]:
        """
        Open the venue over it, once.

        Raises:
            VenueError: The venue does not answer; the process starts again after a while.
        """

    def cut(self) -> None:
        """End it for good, as a power cut does: what is left of the process reaches nothing."""

    def go_down(self) -> None:
        """Break it: connections are lost, and none can be made."""

    def come_up(self) -> None:
        """Mend one break."""


class SimulatedVenue(Protocol):
    """
    A venue that simulated sessions trade at.

    The account has money for everything that is wanted, and holdings for whatever cannot be sold
    short.
    """

    @property
    def name(self) -> str:
        """The venue part of its instrument ids."""

    @property
    def traded(self) -> Traded:
        """The instruments whose prices the simulation moves."""

    @property
    def capabilities(self) -> Capabilities:
        """What its adapter can do."""

    @property
    def pushes_bars(self) -> bool:
        """Whether it pushes bars of a minute, or they are made of its trades."""

    @property
    def tells_each_fill(self) -> bool:
        """Whether each execution is reported as it was, or several as one."""

    @property
    def books(self) -> PaperExchange:
        """The exchange itself: the truth, whatever is answered."""

    @property
    def accepted(self) -> Sequence[str]:
        """Ids of all orders that were placed over lines, each as often as it was."""

    @property
    def executed(self) -> Sequence[Fill]:
        """All fills of them as they came about, whatever is told."""

    @property
    def executed_foreign(self) -> Sequence[Fill]:
        """The fills of everybody else in the account."""

    @property
    def hasty(self) -> Sequence[str]:
        """Ids of orders that were sent before it was asked what it has, since reports come (again);
        nothing where a line does not tell."""

    @property
    def holds_back(self) -> bool:
        """Whether it has something to tell that comes with the next event of its market."""

    def serving(self) -> AbstractAsyncContextManager[None]:
        """Serve for the length of a block."""

    def line(self, clock: Clock, draw: Callable[[], float]) -> SimulatedLine:
        """
        Return the line of a new life.

        Args:
            clock: Of the machine that the process runs on; it may be wrong.
            draw: Numbers in [0, 1) for whatever chance the adapter needs.
        """

    def push(self, event: Quote | Bar) -> None:
        """Let *event* happen in the market; bars follow their quotes, and may be left out."""

    def show_garbage(self, event: Quote | Bar) -> None:
        """Show what never happened."""

    def place_foreign(self, order: Order) -> None:
        """
        Let somebody else trade in the account.

        Raises:
            OrderRejected: The venue's rules or the account do not allow it.
        """

    async def apply(self, fault: Fault) -> None:
        """Have *fault*; return when it is over, or at once where it waits for its occasion."""

    def be_calm(self) -> None:
        """Forget the faults that still wait for their occasion: the quiet end begins."""


MakeVenue: TypeAlias = Callable[[Clock, Callable[[], float]], SimulatedVenue]
"""Makes one, from the true time and from numbers in [0, 1) that decide how it behaves."""


def simulated_venues(host: PluginHost) -> dict[str, MakeVenue]:
    """Return what installed venues offer for simulations, by name, in order of names."""
    specs = (each.spec for each in host.venues)
    made = {each.name: each.load_simulation() for each in specs}
    return {name: make for name, make in made.items() if make is not None}
