"""Behaviour of what the simulated venues declare."""

from typing import Any

import pytest

from algopioneer_core.domain.capabilities import (
    Capabilities,
    Capability,
    FillReporting,
    IdempotentSubmit,
    Pushed,
    Support,
)
from algopioneer_core.domain.instruments import InstrumentKind
from algopioneer_core.domain.simulated_capabilities import (
    PAPER_CAPABILITIES,
    REPLAY_CAPABILITIES,
    paper_capabilities,
    replay_capabilities,
)

UNSUPPORTED = Support.UNSUPPORTED


def declare(*able: Capability, **changes: Any) -> Capabilities:
    """Return the capabilities of a venue that can do this much."""
    about: dict[str, Any] = {
        "support": dict.fromkeys(able, Support.EMULATED),
        "idempotent_submit": IdempotentSubmit.WHILE_OPEN,
        "fill_reporting": FillReporting.CUMULATIVE,
        "absence_after_ns": 7,
        "submit_deadline_ns": 9,
    }
    return Capabilities(**{**about, **changes})


def test_replay_has_markets_and_no_account() -> None:
    """In lockstep; of the intervals of its files once they are open."""
    opened = replay_capabilities([Pushed(bar_intervals_ns=(length,)) for length in (60, 5, 60)])
    assert ((5, 60), (5, 60)) == (opened.history_bar_intervals_ns, opened.stream_bar_intervals_ns)
    assert opened.lockstep
    for venue in (opened, REPLAY_CAPABILITIES):
        assert (Capability.MARKET_ORDERS,) == venue.require([Capability.MARKET_ORDERS])


def test_paper_over_files_takes_every_order_and_lends() -> None:
    """Files without metadata are shortable."""
    wanted = (Capability.SHORT_SELLING, Capability.STOP_LIMIT_ORDERS, Capability.QUOTE_SIZED_SALES)
    assert () == PAPER_CAPABILITIES.require(wanted)
    assert PAPER_CAPABILITIES.lockstep
    assert IdempotentSubmit.NEVER is PAPER_CAPABILITIES.idempotent_submit


def test_paper_over_a_venue_takes_what_the_venue_takes() -> None:
    """And its account tells everything, at once, execution by execution."""
    paper = paper_capabilities(declare(Capability.MARKET_ORDERS, Capability.AMEND_ORDERS))
    assert Support.NATIVE is paper.supports(Capability.MARKET_ORDERS)
    assert Support.NATIVE is paper.supports(Capability.REDUCE_ONLY)
    gone = (Capability.AMEND_ORDERS, Capability.LIMIT_ORDERS, Capability.SHORT_SELLING)
    assert gone == paper.require(gone)
    assert (IdempotentSubmit.WHILE_OPEN, FillReporting.SINGLE, None) == (
        paper.idempotent_submit,
        paper.fill_reporting,
        paper.submit_deadline_ns,
    )


@pytest.mark.parametrize("support", [Support.EMULATED, UNSUPPORTED])
def test_exceptions_for_a_kind_of_instrument_are_kept(support: Support) -> None:
    """A broker that lends equities and no coins is rehearsed as such."""
    kind = InstrumentKind.EQUITY
    by_kind = {kind: {Capability.SHORT_SELLING: support, Capability.VALIDATE_ONLY: support}}
    paper = paper_capabilities(declare(Capability.MARKET_ORDERS, by_kind=by_kind))
    expected = UNSUPPORTED if support is UNSUPPORTED else Support.NATIVE
    assert expected is paper.supports(Capability.SHORT_SELLING, kind)
    assert UNSUPPORTED is paper.supports(Capability.SHORT_SELLING, InstrumentKind.SPOT)
    assert UNSUPPORTED is paper.supports(Capability.VALIDATE_ONLY, kind)
