"""Which file has the bars of which symbol, as users say it for a backtest and for a replay."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from algopioneer_core.config.instruments import read_instruments
from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.history.columns import BarSource

if TYPE_CHECKING:
    from algopioneer_core.history.bar_files import ReadOptions

__all__ = ["described", "named_files", "open_all", "paths_of"]


def named_files(data: tuple[str, ...], asked: Settings) -> list[tuple[str, Path]]:
    """
    Return (symbol, file) in the order given; a file without a symbol has the empty text.

    Args:
        data: Files, or SYMBOL=FILE, or such separated by commas.
        asked: Where they were asked for, for messages.

    Raises:
        ConfigError: One symbol has two files.
    """
    files: list[tuple[str, Path]] = []
    for text in _separated(data):
        symbol, equals, name = text.partition("=")
        if not equals or Path(text).exists():
            symbol, name = "", text
        if symbol and symbol in dict(files):
            raise ConfigError(
                f"two files for {symbol!r}",
                where=asked.place("data"),
                remedy="write each as SYMBOL=FILE",
            )
        files.append((symbol, Path(name)))
    return files


def _separated(texts: tuple[str, ...]) -> list[str]:
    """Return the files of lists separated by commas; a file may have a comma in its name."""
    return [
        part.strip()
        for text in texts
        for part in ([text] if Path(text).exists() else text.split(","))
        if part.strip()
    ]


def paths_of(
    files: list[tuple[str, Path]], symbols: tuple[str, ...], asked: Settings
) -> tuple[Path, ...]:
    """
    Return the file of each symbol: its own, the one at its place, or the one for all.

    Raises:
        ConfigError: Files and symbols do not go together.
    """
    own = {symbol: path for symbol, path in files if symbol}
    others = [path for symbol, path in files if not symbol]
    missing = [symbol for symbol in symbols if symbol not in own]
    if not others and missing:
        raise ConfigError(
            f"there is no file for {missing[0]!r}",
            where=asked.place("data"),
            remedy=f"add --data {missing[0]}=FILE",
        )
    if len(others) > 1 and len(others) != len(missing):
        raise ConfigError(
            f"{len(others)} files for {len(missing)} symbols",
            where=asked.place("data"),
            remedy="give one file for each symbol in the same order, or write each as SYMBOL=FILE",
        )
    own |= zip(missing, others * (len(missing) if len(others) == 1 else 1), strict=True)
    return tuple(own[symbol] for symbol in symbols)


def described(file: str | None, ids: Sequence[InstrumentId]) -> tuple[Instrument, ...]:
    """
    Return the instruments, as a TOML *file* describes them where there is one.

    Raises:
        ConfigError: The file cannot be read or is wrong.
    """
    if file is None:
        return tuple(Instrument.undescribed(each) for each in ids)
    known = read_instruments(Path(file))
    return tuple(known.instrument(each) for each in ids)


def open_all(
    paths: Sequence[Path], instruments: Sequence[Instrument], reading: "ReadOptions"
) -> tuple[BarSource, ...]:
    """
    Look each instrument's file over and return its bars.

    Raises:
        DataError: The bars cannot be read or trusted.
    """
    from algopioneer_core.history.bar_files import open_bars  # pyarrow is slow

    return tuple(
        open_bars(path, instrument.id, reading)
        for path, instrument in zip(paths, instruments, strict=True)
    )
