"""
Contracts that follow each other: what the second leg of a spread may be held in.

All that is held of a chain counts as one leg, so contracts of a chain have to be alike: one of each
stands for the same amount of the same base.
"""

from collections.abc import Sequence
from itertools import pairwise

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import Instrument, InstrumentKind

__all__ = ["check_chain"]


def check_chain(contracts: Sequence[Instrument]) -> None:
    """
    Check that each of *contracts* can be rolled into the next; one alone always passes.

    Raises:
        ConfigError: They are not futures of one venue that differ in nothing but their expiry, or
            an expiry is not later than the one before.
    """
    for one, other in pairwise(contracts):
        if {one.kind, other.kind} != {InstrumentKind.FUTURE}:
            raise ConfigError(
                f"{other.id} cannot follow {one.id}: only a future is rolled into another one",
                where=other.id,
                remedy="name two instruments, or futures of one chain after the first",
            )
        for what, mine, yours in _alike(one, other):
            if mine != yours:
                raise ConfigError(
                    f"{one.id} cannot be rolled into {other.id}: they differ in {what}",
                    where=other.id,
                    remedy="name futures of one kind and venue, the next to expire first",
                )
        if one.expiry_ns is None or other.expiry_ns is None or one.expiry_ns >= other.expiry_ns:
            raise ConfigError(
                f"{other.id} does not expire after {one.id}",
                where=other.id,
                remedy="state every expiry in the instruments file; name the next to expire first",
            )


def _alike(one: Instrument, other: Instrument) -> tuple[tuple[str, object, object], ...]:
    return (
        ("venue", one.id.venue, other.id.venue),
        ("base", one.base, other.base),
        ("quote", one.quote, other.quote),
        ("multiplier", one.multiplier, other.multiplier),
        ("inverse", one.inverse, other.inverse),
        ("quantity_increment", one.quantity_increment, other.quantity_increment),
        ("fractionable", one.fractionable, other.fractionable),
    )
