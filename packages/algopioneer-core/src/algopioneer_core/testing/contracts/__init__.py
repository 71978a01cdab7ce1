"""
What a plugin has to do, as tests that its author runs: one class to inherit, a few fixtures.

Import this in tests only: it needs pytest (`algopioneer-core[testing]`).
"""

from algopioneer_core.testing.contracts.exit_policies import ExitPolicyContract, MakePolicy
from algopioneer_core.testing.contracts.notifiers import Delivered, NotifierContract, OpenNotifier
from algopioneer_core.testing.contracts.recorders import OpenRecorder, Recorded, RecorderContract
from algopioneer_core.testing.contracts.state_stores import OpenStore, StateStoreContract
from algopioneer_core.testing.contracts.strategies import StrategyContract
from algopioneer_core.testing.contracts.strategy_desk import MakeStrategy
from algopioneer_core.testing.contracts.venue_stage import Backstage, Move, OpenVenue, Stage
from algopioneer_core.testing.contracts.venues import VenueContract

__all__ = [
    "Backstage",
    "Delivered",
    "ExitPolicyContract",
    "MakePolicy",
    "MakeStrategy",
    "Move",
    "NotifierContract",
    "OpenNotifier",
    "OpenRecorder",
    "OpenStore",
    "OpenVenue",
    "Recorded",
    "RecorderContract",
    "Stage",
    "StateStoreContract",
    "StrategyContract",
    "VenueContract",
]
