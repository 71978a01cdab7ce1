"""What a strategy needs of the venues it names, asked of their capabilities alone."""

from collections.abc import Callable
from typing import Any, Final

from algopioneer_core.config.session_options import ExitOn
from algopioneer_core.config.session_tables import StrategyTable
from algopioneer_core.domain.capabilities import Capabilities, Capability, Support
from algopioneer_core.domain.errors import AlgopioneerError, ConfigError, RefusedError
from algopioneer_core.domain.instruments import InstrumentKind
from algopioneer_core.domain.spreads import ShortMode
from algopioneer_core.history.intervals import format_interval
from algopioneer_core.plugins.requirements import require_capabilities
from algopioneer_core.plugins.specs import StrategySpec, VenueSpec

__all__ = ["placed", "require_bars", "require_exits", "require_for_strategy", "require_short"]

_CONTRACTS: Final = (InstrumentKind.FUTURE, InstrumentKind.PERPETUAL)
_BUILT_FROM: Final = (Capability.TRADES, Capability.QUOTES)
"""The shared builder makes bars of any interval out of either."""


def placed(check: Callable[..., object], place: str, *arguments: Any) -> None:
    """
    Run a check that knows no file, and give what it refuses its place in one.

    Raises:
        AlgopioneerError: What *check* raises, with *place* as where.
    """
    try:
        check(*arguments)
    except AlgopioneerError as error:
        error.where = place
        raise


def require_for_strategy(table: StrategyTable, spec: StrategySpec, venue: VenueSpec) -> None:
    """
    Check that *venue*, with the capabilities it has for this session, will do for *spec*.

    Raises:
        RefusedError: Something the strategy requires is unsupported; names each.
    """
    placed(require_capabilities, table.place("instruments"), spec, venue)


def require_bars(table: StrategyTable, venue: str, able: Capabilities) -> None:
    """
    Check that the length of the strategy's bars is known and that the venue can give them.

    A replay tells the length of its bars once its files are open.

    Raises:
        ConfigError: The interval is missing.
        RefusedError: The venue has no such bars and nothing they could be built from.
    """
    if able.lockstep:
        return
    if table.interval_ns is None:
        raise ConfigError(
            "is required and missing: strategies decide on finished bars",
            where=table.place("interval"),
            remedy='write interval = "1h" here or in [session]',
        )
    if (
        table.interval_ns in able.stream_bar_intervals_ns
        or able.supports(Capability.BARS_STREAM) is Support.EMULATED
        or len(able.require(_BUILT_FROM)) < len(_BUILT_FROM)
    ):
        return
    offered = ", ".join(format_interval(each) for each in able.stream_bar_intervals_ns)
    raise RefusedError(
        f"venue {venue!r} has no bars of {format_interval(table.interval_ns)}",
        where=table.place("interval"),
        remedy=f"choose one of {offered}" if offered else "choose another venue",
    )


def require_exits(table: StrategyTable, venue: str, able: Capabilities, exit_on: ExitOn) -> None:
    """
    Check that what exit policies are asked on is pushed by the venue.

    Raises:
        RefusedError: It has no quotes.
    """
    if exit_on is ExitOn.QUOTE and able.supports(Capability.QUOTES) is Support.UNSUPPORTED:
        raise RefusedError(
            f"exit_on is quote, and venue {venue!r} has no quotes",
            where=table.place("instruments"),
            remedy='write exit_on = "bar" in [session]',
        )


def require_short(table: StrategyTable, leg: int, able: Capabilities) -> None:
    """
    Check that a leg's venue knows the way in which it would be sold short.

    Whether one instrument can be lent is known when the venue is open; what no instrument there
    can do is refused here.

    Raises:
        RefusedError: The venue does not know it; names what can be chosen.
    """
    mode = table.legs.short_mode_of(leg)
    problem = _short_problem(mode, able)
    if problem:
        second = leg == 1 and table.legs.second_short_mode is not None
        raise RefusedError(
            f"{table.instruments[leg]} {problem}",
            where=table.place("legs.second_short_mode" if second else "legs.short_mode"),
            remedy=f"choose {_choices(able)}",
        )


def _short_problem(mode: ShortMode, able: Capabilities) -> str:
    if mode is ShortMode.NONE:
        return "would be sold short, and short_mode is none"
    if mode is ShortMode.MARGIN and able.require((Capability.SHORT_SELLING,)):
        return "cannot be sold short at its venue"
    if mode is ShortMode.DERIVATIVE and not _has_contracts(able):
        return "is no future or perpetual: its venue has none"
    return ""


def _has_contracts(able: Capabilities) -> bool:
    return any(kind in able.kinds for kind in _CONTRACTS)


def _choices(able: Capabilities) -> str:
    modes = [ShortMode.INVENTORY, ShortMode.MARGIN, ShortMode.DERIVATIVE]
    return " or ".join(mode.value for mode in modes if not _short_problem(mode, able))
