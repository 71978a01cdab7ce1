"""A finished trade as text."""

from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given

from algopioneer_core.domain.errors import OutputError
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.domain.trade_fields import TRADE_FIELDS, trade_fields
from algopioneer_core.testing.trades import round_trip, round_trips


@given(round_trips())
def test_every_field_is_one_line_and_amounts_are_exact(trade: RoundTrip) -> None:
    """A trade fits a line of a file, and what was money is the same money when it is read."""
    fields = trade_fields("alpha:1", trade)
    assert TRADE_FIELDS == tuple(fields)
    assert all(len(text.splitlines()) <= 1 for text in fields.values())
    for name in ("quantity", "entry_price", "exit_price", "pnl", "fees", "cost"):
        assert getattr(trade, name) == Decimal(fields[name])


def test_sides_are_called_as_traders_do() -> None:
    """A trade that began with a sale is a short one."""
    short = evolve(round_trip(), side=Side.SELL)
    assert ["long", "short"] == [trade_fields("k", t)["side"] for t in (round_trip(), short)]


@pytest.mark.parametrize(
    ("key", "strategy"), [("alpha:1", "alpha"), ("a:b:12", "a:b"), ("alone", "alone")]
)
def test_strategy_is_read_off_the_key(key: str, strategy: str) -> None:
    """Keys are the strategy's name and its running number; a name may have colons."""
    assert strategy == trade_fields(key, round_trip())["strategy"]


@pytest.mark.parametrize("key", ["", " a:1", "a:1\n"])
def test_keys_are_one_line_of_text(key: str) -> None:
    """Another key could not be found again in a file of lines."""
    with pytest.raises(OutputError, match="is no key for a trade"):
        trade_fields(key, round_trip())
