"""How a reference venue behaves on good days."""

from attrs import evolve, frozen

from algopioneer_core.domain.capabilities import (
    Capabilities,
    Capability,
    FillReporting,
    IdempotentSubmit,
    Support,
)
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.simulated_capabilities import PAPER_CAPABILITIES

__all__ = ["VenueModes"]


@frozen(kw_only=True)
class VenueModes:
    """What differs from venue to venue; the defaults are the friendliest there is."""

    cumulative_fills: bool = False
    """Reports tell an order's totals: executions between two reports are merged (Coinbase)."""
    read_lag_ns: int = 0
    """How old what look-ups and lists show is (Kraken: up to a minute)."""
    ids_reusable: bool = False
    """Whether an id may be used again once its order has ended, and then trades again (Kraken);
    else the same submit may be sent again at any time and places nothing (Coinbase)."""
    lookup: bool = True
    """Whether an order can be looked up by our id (not at Coinbase)."""

    @property
    def absence_after_ns(self) -> int:
        """How long after it was first asked for an order is proven absent."""
        return self.read_lag_ns + NS_PER_SECOND

    def capabilities(self) -> Capabilities:
        """Return what a venue with these modes declares."""
        support = dict(PAPER_CAPABILITIES.support)
        support[Capability.QUOTES] = Support.NATIVE
        if not self.lookup:
            del support[Capability.ORDER_BY_CLIENT_ID]
        return evolve(
            PAPER_CAPABILITIES,
            support=support,
            idempotent_submit=IdempotentSubmit.WHILE_OPEN
            if self.ids_reusable
            else IdempotentSubmit.ALWAYS,
            fill_reporting=FillReporting.CUMULATIVE
            if self.cumulative_fills
            else FillReporting.SINGLE,
            absence_after_ns=self.absence_after_ns,
            lockstep=False,
            in_process=False,
        )
