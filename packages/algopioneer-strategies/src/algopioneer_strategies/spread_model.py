"""
What a way to hedge must say about a spread.

A model takes in the logarithms of both closes, bar by bar. It answers two questions: how far is
this bar's spread from its mean at *this bar's* hedge - that decides entries - and how far is it at
a hedge that was *frozen* at an entry - that decides exits.
"""

from collections.abc import Mapping
from typing import Protocol

from algopioneer_strategies.hedge import Hedge
from algopioneer_strategies.zscore import Score

__all__ = ["SpreadModel"]


class SpreadModel(Protocol):
    """The spread of one pair under one way to hedge."""

    bars_needed: int
    """Bars until the first z, the deciding one included."""
    is_constant: bool
    """Whether the hedge, once there is one, stays: then `take` tells z at every frozen hedge."""

    def take(self, log_a: float, log_b: float) -> float | None:
        """Take in a bar; return z at this bar's hedge, None without one."""

    def score(self) -> Score | None:
        """Return what decides about the z that `take` returned last."""

    def hedge(self) -> Hedge | None:
        """Return this bar's hedge; None before there is one."""

    def score_at(self, hedge: Hedge) -> Score | None:
        """Return the z of this bar at a frozen *hedge*; None without one."""

    def spreads_at(self, hedge: Hedge) -> list[int]:
        """Return the window's spreads at a frozen *hedge*, oldest first, in a unit of its own."""

    def snapshot(self) -> Mapping[str, object]:
        """Return the state as JSON values."""

    def restore(self, state: Mapping[str, object]) -> None:
        """Continue from `snapshot`; on a fresh model."""
