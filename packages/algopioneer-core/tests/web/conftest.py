"""Statuses of sessions that nobody runs."""

from decimal import Decimal
from typing import Any

import pytest

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.runtime.status import (
    FeedStatus,
    JournalStatus,
    SessionStatus,
    StrategyState,
    StrategyStatus,
    VenueStatus,
)

COIN = InstrumentId("sim", "COIN-USD")


def _strategy(**changes: Any) -> StrategyStatus:
    usual: dict[str, Any] = {
        "name": "trend",
        "state": StrategyState.RUNNING,
        "note": "",
        "held": {COIN: Decimal("-1.5")},
        "equity": Decimal("10250.25"),
        "pnl": Decimal("250.25"),
        "day_pnl": Decimal(-3),
        "legs": "",
        "orders": 2,
        "conflated": 7,
    }
    return StrategyStatus(**usual | changes)


def _venue(**changes: Any) -> VenueStatus:
    usual: dict[str, Any] = {"name": "sim", "problem": "", "breaker": "closed", "sent": 5}
    return VenueStatus(**usual | changes)


class Statuses:
    """Makes statuses: a healthy session of one strategy at one venue, and what a test changes."""

    strategy = staticmethod(_strategy)
    venue = staticmethod(_venue)

    @staticmethod
    def session(**changes: Any) -> SessionStatus:
        """Return the status of a session."""
        usual: dict[str, Any] = {
            "name": "alpha",
            "now_ns": 10**18,
            "stopping": "",
            "halted": "",
            "strategies": (_strategy(),),
            "venues": (_venue(),),
            "feeds": (FeedStatus(instrument_id=COIN, age_ns=1_500_000_000, passed=9, shed=1),),
            "journal": JournalStatus(entries=42, waiting=1, problem=""),
            "handled": 100,
            "trades": 3,
            "shed": {"too_old": 1},
            "day_pnl": Decimal(-3),
            "alerts": (),
        }
        return SessionStatus(**usual | changes)


@pytest.fixture
def statuses() -> Statuses:
    """Makes statuses of a session."""
    return Statuses()
