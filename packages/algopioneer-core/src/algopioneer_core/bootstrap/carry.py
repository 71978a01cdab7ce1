"""Finding what holding costs or brings in a backtest: funding, borrowing, dividends."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from attrs import frozen

from algopioneer_core.config.backtest import BacktestOptions
from algopioneer_core.domain.carry import Carry
from algopioneer_core.domain.instruments import Instrument, InstrumentKind

__all__ = ["FoundCarry", "find_carry"]


@frozen
class FoundCarry:
    """What is paid for holding, and what a reader must know of it."""

    payments: tuple[Carry, ...] = ()
    """By ascending time; at equal times funding, borrowing, dividends."""
    notes: tuple[str, ...] = ()


def find_carry(options: BacktestOptions, instruments: Sequence[Instrument]) -> FoundCarry:
    """
    Read the files that *options* name; where one is not given, the notes say so if it matters.

    Whether borrowing matters is known after the run only, see `borrow_notes` of the simulation.

    Raises:
        ConfigError: A file is given, and nothing that is traded can have such payments.
        DataError: A file cannot be read or trusted.
    """
    parts = (
        _funding(options.funding, instruments),
        _borrow(options.borrow, instruments),
        _dividends(options.dividends, instruments),
    )
    payments = (payment for part in parts for payment in part.payments)
    return FoundCarry(
        tuple(sorted(payments, key=lambda each: each.ts_ns)),
        tuple(note for part in parts for note in part.notes),
    )


def _funding(name: str | None, instruments: Sequence[Instrument]) -> FoundCarry:
    if name is None:
        missing = _symbols(instruments, lambda each: each.kind is InstrumentKind.PERPETUAL)
        return FoundCarry(
            notes=tuple(f"Funding of {each} was not given and counts as zero." for each in missing)
        )
    from algopioneer_core.history.carry_files import read_funding  # pyarrow is slow

    payments = read_funding(Path(name), instruments)
    what = f"Funding was paid at {_times(name, payments)}; a positive rate is paid by who is long."
    return FoundCarry(payments, (what,))


def _borrow(name: str | None, instruments: Sequence[Instrument]) -> FoundCarry:
    if name is None:
        return FoundCarry()
    from algopioneer_core.history.carry_files import read_borrow  # pyarrow is slow

    payments = read_borrow(Path(name), instruments)
    return FoundCarry(
        payments, (f"Borrowing was charged at {_times(name, payments)}, to who was short then.",)
    )


def _dividends(name: str | None, instruments: Sequence[Instrument]) -> FoundCarry:
    payments: tuple[Carry, ...] = ()
    notes: tuple[str, ...] = ()
    if name is not None:
        from algopioneer_core.history.carry_files import read_dividends  # pyarrow is slow

        payments = read_dividends(Path(name), instruments)
        notes = (
            f"Dividends were paid at {_times(name, payments)}; where prices are adjusted for "
            "dividends, they count twice.",
        )
    stated = {each.instrument_id for each in payments}
    missing = _symbols(
        instruments,
        lambda each: each.kind is InstrumentKind.EQUITY and each.id not in stated,
    )
    zero = (f"Dividends of {each} were not given and count as zero." for each in missing)
    return FoundCarry(payments, (*notes, *zero))


def _symbols(
    instruments: Sequence[Instrument], are_meant: Callable[[Instrument], bool]
) -> Iterator[str]:
    return (each.id.symbol for each in instruments if are_meant(each))


def _times(name: str, payments: Sequence[Carry]) -> str:
    return f"the {len(payments)} times of {Path(name).name} that lie in the run"
