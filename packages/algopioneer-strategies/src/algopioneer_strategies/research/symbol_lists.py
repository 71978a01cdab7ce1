"""Which symbols a user means: named one by one, by a list that is built in, or in a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_strategies.research.sectors import COINS, EQUITIES

__all__ = ["EQUITY_VENUES", "Wanted", "wanted_symbols"]

EQUITY_VENUES: Final = frozenset({"alpaca"})
"""Venues whose default list is that of equities."""
_REMEDY: Final = "name symbols separated by commas, or default, equities or crypto, or a file"


@frozen
class Wanted:
    """Symbols a user asks for."""

    symbols: tuple[str, ...] = ()
    """None for all there are."""
    is_list: bool = False
    """Whether they are a built-in list: what is not there of it is passed over. What a user named
    must be there."""


def wanted_symbols(texts: Sequence[str], default: Mapping[str, str]) -> Wanted:
    """
    Return what *texts* of the flag mean.

    Args:
        texts: Symbols separated by commas; or one word `default`, `equities` or `crypto` (`coins`
            is the same); or one file with a symbol a line, in which `#` begins a comment.
        default: What `default` stands for.

    Raises:
        ConfigError: A symbol is named twice, a file cannot be read, or there is no symbol.
    """
    if not texts:
        return Wanted()
    lists = {"default": default, "equities": EQUITIES, "crypto": COINS, "coins": COINS}
    if len(texts) == 1 and texts[0].lower() in lists:
        return Wanted(tuple(lists[texts[0].lower()]), is_list=True)
    names = [name.strip() for text in _lines(texts) for name in text.split(",") if name.strip()]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice or not names:
        raise ConfigError(
            f"{twice!r} is named twice" if twice else "no symbol is named",
            where="--symbols",
            remedy="name it once" if twice else _REMEDY,
        )
    return Wanted(tuple(names))


def _lines(texts: Sequence[str]) -> Sequence[str]:
    """Return *texts*, or the lines of the file that the only one names."""
    if len(texts) > 1 or not _is_file(texts[0]):
        return texts
    try:
        lines = Path(texts[0]).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(
            f"the file of symbols cannot be read: {reason}", where=texts[0], remedy=_REMEDY
        ) from None
    return [line.partition("#")[0] for line in lines]


def _is_file(text: str) -> bool:
    # A file is meant where one has the name, or where no symbol would have such an ending.
    return Path(text).is_file() or text.lower().endswith((".txt", ".csv"))
