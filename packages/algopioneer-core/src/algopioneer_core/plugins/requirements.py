"""Refusing, before anything starts, a strategy that needs what a venue cannot do."""

from algopioneer_core.domain.errors import RefusedError, VenueUnavailable
from algopioneer_core.domain.instruments import InstrumentKind
from algopioneer_core.plugins.specs import StrategySpec, VenueSpec

__all__ = ["require_available", "require_capabilities", "require_instruments"]


def require_capabilities(
    strategy: StrategySpec, venue: VenueSpec, kind: InstrumentKind | None = None
) -> None:
    """
    Check that *venue* can do what *strategy* needs.

    Args:
        strategy: Who needs it.
        venue: Where it would trade.
        kind: What it would trade; None asks whether any kind would do.

    Raises:
        RefusedError: Something is unsupported; names each.
    """
    missing = venue.capabilities.require(strategy.requires, kind)
    if missing:
        raise RefusedError(
            f"strategy {strategy.name!r} needs {', '.join(c.value for c in missing)}, "
            f"which venue {venue.name!r} does not support",
            where=f"venue {venue.name!r}",
            remedy="choose another venue or another strategy",
        )


def require_available(venue: VenueSpec) -> None:
    """
    Check that *venue* can be used in this release.

    Raises:
        VenueUnavailable: It cannot.
    """
    if not venue.available:
        raise VenueUnavailable(
            f"venue {venue.name!r} cannot be used: {venue.unavailable_reason.rstrip('.')}",
            where=f"venue {venue.name!r}",
            remedy="give bars of your own with --data FILE",
        )


def require_instruments(strategy: StrategySpec, symbols: tuple[str, ...]) -> None:
    """
    Check that *strategy* trades as many instruments as there are *symbols*.

    Raises:
        RefusedError: There are too few or too many.
    """
    fewest, most = strategy.instruments
    if not fewest <= len(symbols) <= most:
        wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
        raise RefusedError(
            f"strategy {strategy.name!r} trades {wanted} instrument{'s' * (most > 1)}, "
            f"not {len(symbols)}",
            where="--symbols",
            remedy=f"name {wanted}: --symbols {','.join(['SYMBOL'] * fewest)}",
        )
