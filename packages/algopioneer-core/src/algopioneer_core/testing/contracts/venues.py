"""
What every venue must do.

    class TestOurs(VenueContract):
        @pytest.fixture
        def open_venue(self, sandbox):
            return lambda: open_acme(AcmeConfig(url=sandbox.url))

        @pytest.fixture
        def instrument(self):
            return BITCOIN

        @pytest.fixture
        def far_price(self):
            return Decimal(1)

        @pytest.fixture
        def large_quantity(self):
            return Decimal(70)

        @pytest.fixture
        def move(self, sandbox):
            return sandbox.next_quote

        @pytest.fixture
        def backstage(self, sandbox):
            return BehindAcme(sandbox)

The cases are told in docs/reference/venue-contract.md, each with what it depends on. A case is left
out where the venue does not declare that, and for no other reason.
"""

import pytest

from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.money import Price, Quantity
from algopioneer_core.testing.contracts.venue_markets import MarketCases
from algopioneer_core.testing.contracts.venue_orders import OrderCases
from algopioneer_core.testing.contracts.venue_stage import Backstage, Move, OpenVenue, Stage
from algopioneer_core.testing.contracts.venue_terms import TermsCases
from algopioneer_core.testing.contracts.venue_troubles import TroubleCases

__all__ = ["VenueContract"]


class VenueContract(OrderCases, TermsCases, TroubleCases, MarketCases):
    """All cases. A subclass gives the fixtures."""

    @pytest.fixture
    def open_venue(self) -> OpenVenue:
        """Return what opens the venue under test, anew each time, over an exchange that stays."""
        raise NotImplementedError

    @pytest.fixture
    def instrument(self) -> Instrument:
        """Return an instrument that is traded there, with its rules, written by hand."""
        raise NotImplementedError

    @pytest.fixture
    def far_price(self) -> Price:
        """Return a price far below the market, at which a purchase rests."""
        raise NotImplementedError

    @pytest.fixture
    def large_quantity(self) -> Quantity:
        """Return more than the market shows at once, less than three times it, and affordable."""
        raise NotImplementedError

    @pytest.fixture
    def move(self) -> Move:
        """Return what lets the market move."""
        raise NotImplementedError

    @pytest.fixture
    def backstage(self) -> Backstage | None:
        """Return the exchange behind the venue; None where there is no line to one."""
        return None

    @pytest.fixture
    def settle_s(self) -> float:
        """Return how long what was sent takes to arrive: a second, which is virtual for most."""
        return 1.0

    @pytest.fixture
    def silent_s(self) -> float:
        """Return for how long a stream must say nothing to be taken for dead, and some more."""
        return 15.0

    @pytest.fixture
    def speed(self) -> float:
        """Return how many of the market's seconds pass in one that a case waits."""
        return 1.0

    @pytest.fixture
    def stage(
        self,
        open_venue: OpenVenue,
        instrument: Instrument,
        far_price: Price,
        large_quantity: Quantity,
        move: Move,
        backstage: Backstage | None,
        settle_s: float,
        silent_s: float,
        speed: float,
    ) -> Stage:
        """Put together what the other fixtures give."""
        return Stage(
            open_venue=open_venue,
            instrument=instrument,
            far_price=far_price,
            large_quantity=large_quantity,
            move=move,
            backstage=backstage,
            settle_s=settle_s,
            silent_s=silent_s,
            speed=speed,
        )
