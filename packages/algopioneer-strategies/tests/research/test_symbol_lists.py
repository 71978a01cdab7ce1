"""What `--symbols` means."""

from pathlib import Path

import pytest

from algopioneer_core.domain.errors import ConfigError
from algopioneer_strategies.research.sectors import COINS, EQUITIES
from algopioneer_strategies.research.symbol_lists import Wanted, wanted_symbols


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        ((), Wanted()),
        (("KO,PEP", " XOM"), Wanted(("KO", "PEP", "XOM"))),
        (("default",), Wanted(("DEF",), is_list=True)),
        (("equities",), Wanted(tuple(EQUITIES), is_list=True)),
        (("crypto",), Wanted(tuple(COINS), is_list=True)),
        (("Coins",), Wanted(tuple(COINS), is_list=True)),
    ],
)
def test_names_and_lists(texts: tuple[str, ...], wanted: Wanted) -> None:
    """One by one, or by a word; nothing is everything."""
    assert wanted == wanted_symbols(texts, {"DEF": "a sector"})


def test_a_file_has_a_symbol_a_line(tmp_path: Path) -> None:
    """Comments and blank lines are no symbols."""
    path = tmp_path / "mine"
    path.write_text("# mine\nKO\n\nPEP  # soda\nXOM,CVX\n", encoding="utf-8")
    assert Wanted(("KO", "PEP", "XOM", "CVX")) == wanted_symbols((str(path),), {})


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (("KO,PEP,KO",), "'KO' is named twice"),
        ((",",), "no symbol is named"),
        (("there-is-none.txt",), "there-is-none.txt: the file of symbols cannot be read"),
    ],
)
def test_what_means_nothing_is_refused(texts: tuple[str, ...], message: str) -> None:
    """With the place."""
    with pytest.raises(ConfigError, match=message):
        wanted_symbols(texts, {})


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """By name."""
    (tmp_path / "mine.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"mine.txt: .*not UTF-8"):
        wanted_symbols((str(tmp_path / "mine.txt"),), {})
