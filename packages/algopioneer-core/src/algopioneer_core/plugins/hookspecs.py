"""
The hooks a plugin may implement.

Each is called once, at start, without arguments, and returns a sequence of specs. Nothing here is
ever called while trading.
"""

from collections.abc import Sequence
from typing import Final

import pluggy

from algopioneer_core.plugins.specs import (
    CommandSpec,
    ExitPolicySpec,
    NotifierSpec,
    RecorderSpec,
    StrategySpec,
    VenueSpec,
)

__all__ = [
    "PROJECT",
    "algopioneer_commands",
    "algopioneer_exit_policies",
    "algopioneer_notifiers",
    "algopioneer_recorders",
    "algopioneer_strategies",
    "algopioneer_venues",
    "hookimpl",
]

PROJECT: Final = "algopioneer"
"""The entry-point group, and the prefix of every hook."""
_hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Decorator that marks a plugin's function as the implementation of the hook of its name."""


@_hookspec
def algopioneer_venues() -> Sequence[VenueSpec]:
    """Return the exchanges and brokers this plugin connects to."""
    raise NotImplementedError


@_hookspec
def algopioneer_strategies() -> Sequence[StrategySpec]:
    """Return the strategies this plugin provides."""
    raise NotImplementedError


@_hookspec
def algopioneer_exit_policies() -> Sequence[ExitPolicySpec]:
    """Return the rules for leaving a position that this plugin provides."""
    raise NotImplementedError


@_hookspec
def algopioneer_recorders() -> Sequence[RecorderSpec]:
    """Return the places this plugin can write trades to."""
    raise NotImplementedError


@_hookspec
def algopioneer_notifiers() -> Sequence[NotifierSpec]:
    """Return the ways this plugin can send alerts."""
    raise NotImplementedError


@_hookspec
def algopioneer_commands() -> Sequence[CommandSpec]:
    """Return the commands this plugin adds to the command line."""
    raise NotImplementedError
