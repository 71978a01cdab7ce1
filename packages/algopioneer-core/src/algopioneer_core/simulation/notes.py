"""What a backtest's result has to say in words beside its figures."""

from collections.abc import Mapping

from algopioneer_core.domain.times import iso_utc
from algopioneer_core.history.joined import JoinedSource
from algopioneer_core.simulation.valuation import Valuation

__all__ = ["coin_notes", "counted_notes", "join_notes"]


def join_notes(source: JoinedSource) -> list[str]:
    """Say which bars were left out for want of a partner at the same time."""
    return [
        f"{each.instrument_id.symbol}: {each.count} bars have no partner and were left out, "
        f"first that of {iso_utc(each.first_ns[0])}."
        for each in source.unmatched
        if each.count
    ]


def coin_notes(valuation: Valuation) -> list[str]:
    """Say what it means that some gains are in a coin; nothing where all is in one money."""
    if valuation.coin is None:
        return []
    instruments = valuation.instruments
    ours = zip(instruments, valuation.in_coins, strict=True)
    symbols = " and ".join(each.id.symbol for each, in_coins in ours if in_coins)
    return [
        f"Gains, fees and funding of {symbols} are in {valuation.coin}. They count at the close of "
        f"{instruments[valuation.pricing].id.symbol} and are not exchanged, so they rise and fall "
        f"with {valuation.coin}; a trade's gain is counted at its end."
    ]


def counted_notes(reasons: Mapping[str, int], what: str, fate: str) -> list[str]:
    """Say how many of *what* met with *fate*, and why; one sentence for each reason."""
    return [
        f"1 {what} was {fate}: {reason}."
        if count == 1
        else f"{count} {what}s were {fate}: {reason}."
        for reason, count in reasons.items()
    ]
