"""The ports can be fitted, by types and at run time, without inheriting anything."""

import ast
import inspect
from collections.abc import AsyncIterator

import pytest

from algopioneer_core import ports
from algopioneer_core.domain.errors import UnsupportedOperation
from algopioneer_core.domain.money import ZERO
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.ports import Balance, Clock, Notifier, ReceiveStream, Recorder, StateStore
from algopioneer_core.testing.state_stores import MemoryStateStore

PROTOCOLS = [
    value
    for value in vars(ports).values()
    if inspect.isclass(value)
    and getattr(value, "_is_protocol", False)
    and value.__module__ == ports.__name__
]


class MemoryRecorder:
    """A recorder that fits the port."""

    def __init__(self) -> None:
        self.trades: dict[str, RoundTrip] = {}

    async def record(self, key: str, trade: RoundTrip) -> None:
        self.trades[key] = trade

    async def flush(self) -> None:
        """Memory is as durable as it gets."""


class Silent:
    """A notifier that says that it cannot."""

    async def notify(self, alert: ports.Alert) -> None:
        raise UnsupportedOperation("nobody listens", where=alert.subject)


class Fixed:
    """A clock that stands still."""

    def now_ns(self) -> int:
        return 7


class Numbers:
    """A stream of two numbers."""

    def __init__(self) -> None:
        self._left = [1, 2]

    async def receive(self) -> int:
        return self._left.pop(0)

    async def __aiter__(self) -> AsyncIterator[int]:
        while self._left:
            yield self._left.pop(0)


def test_plain_classes_fit_the_ports() -> None:
    """What matters is the shape: nobody has to inherit from the core."""
    store: StateStore = MemoryStateStore()
    recorder: Recorder = MemoryRecorder()
    notifier: Notifier = Silent()
    clock: Clock = Fixed()
    stream: ReceiveStream[int] = Numbers()

    assert None not in (store, recorder, notifier, stream)
    assert 7 == clock.now_ns()


@pytest.mark.parametrize("port", PROTOCOLS, ids=lambda port: port.__name__)
def test_no_port_pretends_success(port: type) -> None:
    """A method of a port has a docstring and no body: forgetting it cannot look like success."""
    (definition,) = ast.parse(inspect.getsource(port)).body
    assert isinstance(definition, ast.ClassDef)
    methods = [
        node for node in definition.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert methods
    for method in methods:
        assert ast.get_docstring(method), method.name
        assert len(method.body) == 1, method.name


@pytest.mark.parametrize("port", PROTOCOLS, ids=lambda port: port.__name__)
def test_no_port_takes_a_timeout(port: type) -> None:
    """Deadlines belong to the caller, who can put them around whatever he likes."""
    for _, method in inspect.getmembers(port, inspect.isfunction):
        assert "timeout" not in " ".join(inspect.signature(method).parameters)


def test_a_balance_holds_nothing_back_unless_told() -> None:
    """The venue's total is free where no order is open."""
    assert ZERO == Balance("USD", ZERO).held
