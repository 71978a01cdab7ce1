"""The unions of events and commands are closed, and every event says when it happened."""

import inspect
from types import ModuleType
from typing import get_args

import pytest
from hypothesis import given

from algopioneer_core.domain import (
    account_events,
    commands,
    events,
    execution_reports,
    market_data,
)
from algopioneer_core.domain.commands import Command, StrategyCommand
from algopioneer_core.domain.events import (
    AccountEvent,
    Event,
    ExecutionReport,
    Liquidated,
    OrderFilled,
    SessionEvent,
)
from algopioneer_core.domain.market_data import MarketData
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.testing.domain import OrderHistory, order_histories


def classes(module: ModuleType) -> set[type]:
    """Return the public record classes that *module* defines."""
    public = (getattr(module, name) for name in module.__all__)
    return {
        each
        for each in public
        if inspect.isclass(each)
        and each.__module__ == module.__name__
        and (hasattr(each, "__attrs_attrs__") or hasattr(each, "_fields"))
    }


@pytest.mark.parametrize(
    ("module", "union"),
    [
        (market_data, MarketData),
        (execution_reports, ExecutionReport),
        (account_events, AccountEvent),
        (events, SessionEvent),
    ],
)
def test_union_holds_every_class_of_its_module(module: ModuleType, union: object) -> None:
    """A new kind of event cannot be forgotten in its union."""
    assert classes(module) == set(get_args(union))


def test_event_is_the_union_of_all_four() -> None:
    """Whatever can happen is an `Event`."""
    parts = (MarketData, ExecutionReport, AccountEvent, SessionEvent)
    assert {each for part in parts for each in get_args(part)} == set(get_args(Event))


@pytest.mark.parametrize("event", get_args(Event), ids=lambda each: str(each.__name__))
def test_every_event_says_when_it_happened(event: type) -> None:
    """`ts_event` is a field, or read from the fill it reports."""
    fields = {*getattr(event, "__annotations__", {}), *vars(event)}
    assert "ts_event" in fields


@pytest.mark.parametrize("report", get_args(ExecutionReport), ids=lambda each: str(each.__name__))
def test_every_execution_report_names_its_order(report: type) -> None:
    """An order is found by our own id, whatever the venue calls it."""
    assert "client_order_id" in {*getattr(report, "__annotations__", {}), *vars(report)}


def test_every_command_is_in_a_union() -> None:
    """What a strategy may ask for and what the engine hands out are all commands there are."""
    assert classes(commands) | {OrderIntent} == {*get_args(StrategyCommand), *get_args(Command)}


def test_every_event_is_exported_by_events() -> None:
    """Readers find the whole union in one place."""
    names = {each.__name__ for each in get_args(Event)} - set(market_data.__all__)
    assert names <= set(events.__all__)


@given(order_histories())
def test_report_of_a_fill_is_as_old_as_the_fill(history: OrderHistory) -> None:
    """Order and time are the fill's own."""
    for fill in history.fills:
        report = OrderFilled(fill)
        assert (fill.client_order_id, fill.ts_event) == (report.client_order_id, report.ts_event)
        assert fill.ts_event == Liquidated(fill).ts_event
