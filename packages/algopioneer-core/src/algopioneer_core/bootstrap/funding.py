"""Finding the funding payments of a backtest."""

from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from algopioneer_core.domain.funding import FundingRate
from algopioneer_core.domain.instruments import Instrument, InstrumentKind

__all__ = ["Funding", "find_funding"]


@frozen
class Funding:
    """What perpetuals pay, and what a reader must know of it."""

    rates: tuple[FundingRate, ...] = ()
    notes: tuple[str, ...] = ()


def find_funding(name: str | None, instruments: Sequence[Instrument]) -> Funding:
    """
    Read the file *name* of funding rates; None is no funding at all, and the notes say so.

    Raises:
        ConfigError: No instrument pays funding.
        DataError: The file cannot be read or trusted.
    """
    if name is None:
        return Funding(
            notes=tuple(
                f"Funding of {each.id.symbol} was not given and counts as zero."
                for each in instruments
                if each.kind is InstrumentKind.PERPETUAL
            )
        )
    from algopioneer_core.history.funding_files import read_funding  # pyarrow is slow

    rates = read_funding(Path(name), instruments)
    return Funding(
        rates,
        (
            f"Funding was paid at the {len(rates)} times of {Path(name).name} that lie in the "
            "run; a positive rate is paid by who is long.",
        ),
    )
