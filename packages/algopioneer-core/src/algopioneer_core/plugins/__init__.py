"""
What the author of a plugin imports: `hookimpl` and the spec records.

Everything here is light (attrs and pluggy), because every `algopioneer plugins list` imports it
through every installed plugin. The host that loads plugins is `algopioneer_core.plugins.manager`.
"""

from algopioneer_core.domain.capabilities import Capabilities, Capability, Support
from algopioneer_core.plugins.hookspecs import hookimpl
from algopioneer_core.plugins.specs import (
    CommandSpec,
    ExitPolicySpec,
    NotifierSpec,
    RecorderSpec,
    StrategySpec,
    VenueSpec,
)

__all__ = [
    "Capabilities",
    "Capability",
    "CommandSpec",
    "ExitPolicySpec",
    "NotifierSpec",
    "RecorderSpec",
    "StrategySpec",
    "Support",
    "VenueSpec",
    "hookimpl",
]
