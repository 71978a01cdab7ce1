"""Behaviour of writing TOML."""

import tomllib
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.config.toml_text import toml_text

_SCALARS = (
    st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.decimals(allow_nan=False, allow_infinity=False, places=3)
    | st.text(st.characters(codec="utf-8"))
)
_VALUES = _SCALARS | st.lists(_SCALARS, max_size=3)
_KEYS = st.text(st.characters(codec="utf-8"), max_size=4)
_TABLES = st.recursive(
    st.dictionaries(_KEYS, _VALUES, max_size=3),
    lambda inner: st.dictionaries(
        _KEYS, _VALUES | inner | st.lists(inner, min_size=1, max_size=2), max_size=3
    ),
    max_leaves=6,
)


@given(_TABLES)
def test_what_is_written_is_read_again(tables: dict[str, Any]) -> None:
    """Texts, digits and nesting survive."""
    assert tables == tomllib.loads(toml_text(tables), parse_float=Decimal)


def test_nothing_is_left_out_of_a_list_and_none_is() -> None:
    """TOML has no word for nothing; an empty list is one."""
    assert "b = []\n\n[t]\nc = 1\n" == toml_text({"a": None, "b": [], "t": {"c": 1, "d": None}})


def test_table_of_tables_has_no_heading_of_its_own() -> None:
    """As people write it."""
    assert "[a.b]\nc = 1\n" == toml_text({"a": {"b": {"c": 1}}})
