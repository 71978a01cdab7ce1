"""The file of pairs: read, changed and replaced."""

import json
from pathlib import Path
from typing import Any

import pytest

from algopioneer_core.cli.kit import pair_strategies
from algopioneer_core.domain.errors import ConfigError, RefusedError
from algopioneer_strategies.research.autopilot_portfolio import (
    changed_pairs,
    read_portfolio,
    replace_file,
)


def pair(one: str, other: str, **keys: Any) -> dict[str, Any]:
    """Return an entry of the file."""
    return {"spot_symbol": one, "future_symbol": other, "order_size": 0.1, "interval": "1h", **keys}


FOUND = {
    **pair("E", "F", order_size="9"),
    "window_size": 20,
    "hedge": "ols",
    "fee_tier": {"taker_fee_bps": "7"},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file of two pairs."""
    found = tmp_path / "pairs.json"
    pairs = [pair("A", "B", hedge_ratio=0.7), pair("C", "D", hedge_ratio=2, on_remove="flatten")]
    found.write_text(json.dumps(pairs), "utf-8")
    return found


def test_places_are_taken_over_and_the_rest_is_as_it_was(path: Path) -> None:
    """Not the hedge ratio or the policy of the pair that goes, nor the search's own size."""
    holdings = read_portfolio(path).holdings
    before = pair_strategies(path)
    text = changed_pairs(holdings, {"C / D": FOUND}, [], on_remove="drain")
    kept, placed = json.loads(text)
    assert list(placed) == [
        "spot_symbol",
        "future_symbol",
        "window_size",
        "hedge",
        "interval",
        "on_remove",
        "order_size",
    ]
    assert (placed["spot_symbol"], placed["on_remove"], placed["order_size"]) == (
        "E",
        "drain",
        "0.1",
    )
    assert list(kept) == list(holdings[0].entry)
    path.write_text(text, "utf-8")
    assert pair_strategies(path)[0] == before[0]


def test_a_pair_goes_and_another_comes(path: Path) -> None:
    """A free place has the settings of the last pair."""
    holdings = read_portfolio(path).holdings
    text = changed_pairs(holdings, {"A / B": None}, [FOUND], on_remove="refuse")
    assert [each["spot_symbol"] for each in json.loads(text)] == ["C", "E"]


def test_a_file_that_somebody_changed_is_left_alone(path: Path) -> None:
    """What was decided was decided of another portfolio."""
    portfolio = read_portfolio(path)
    path.write_text(json.dumps([pair("A", "C")]), "utf-8")
    with pytest.raises(RefusedError, match=r"was changed while the search ran.*again"):
        replace_file(portfolio, json.dumps([pair("A", "D")]))
    assert [each.name for each in path.parent.iterdir()] == ["pairs.json"]
    assert json.loads(path.read_text("utf-8"))[0]["future_symbol"] == "C"


def test_what_portfolio_could_not_read_is_not_written(path: Path) -> None:
    """The session would go on with the old file, and its next start would fail."""
    portfolio = read_portfolio(path)
    with pytest.raises(ConfigError, match="both legs are A"):
        replace_file(portfolio, json.dumps([pair("A", "A")]))
    assert path.read_text("utf-8") == portfolio.text
    assert [each.name for each in path.parent.iterdir()] == ["pairs.json"]
