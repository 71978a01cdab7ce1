"""
What a plugin has to do, as tests that its author runs: one class to inherit, a few fixtures.

Import this in tests only: it needs pytest (`algopioneer-core[testing]`).
"""

from algopioneer_core.testing.contracts.notifiers import Delivered, NotifierContract, OpenNotifier
from algopioneer_core.testing.contracts.recorders import OpenRecorder, Recorded, RecorderContract

__all__ = [
    "Delivered",
    "NotifierContract",
    "OpenNotifier",
    "OpenRecorder",
    "Recorded",
    "RecorderContract",
]
