"""What a session does on the signals of the operating system, on both backends."""

import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import anyio
import pytest
from attrs import define, field

from algopioneer_core.bootstrap.signals import EarlyReload, keep_early_reload, obey_signals
from algopioneer_core.journal.control import ControlAction, ControlBox
from algopioneer_core.runtime.stopping import StopRequest
from algopioneer_core.testing.clocks import VirtualClock

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
OBEYED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


@pytest.fixture(autouse=True)
def _alive() -> Iterator[None]:
    """Let no signal that comes too early or too late end the tests."""
    before = [signal.signal(each, lambda *_: None) for each in OBEYED]
    yield
    for number, handler in zip(OBEYED, before, strict=True):
        signal.signal(number, handler)


@define
class _Session:
    """A session as far as signals are concerned."""

    box: ControlBox
    stop: StopRequest = field(factory=StopRequest)
    reloads: int = 0
    stuck: bool = False
    """Whether a venue that the reload waits for does not answer."""
    changed: anyio.Event = field(factory=anyio.Event)

    async def reload(self) -> None:
        """Read the file again."""
        await anyio.lowlevel.checkpoint()
        self.reloads += 1
        self.changed.set()
        if self.stuck:
            await anyio.sleep_forever()


Act = Callable[[_Session], Awaitable[None]]


def _obey(folder: Path, backend: str, act: Act) -> _Session:
    """Let a session obey signals while *act* sends some."""

    async def run() -> _Session:
        with ControlBox(folder / "session.journal") as box:
            session = _Session(box)
            with anyio.fail_after(20):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(
                        obey_signals, session.stop, box, VirtualClock(), session.reload
                    )
                    await anyio.wait_all_tasks_blocked()
                    await act(session)
                    tasks.cancel_scope.cancel()
        return session

    return anyio.run(run, backend=backend)


def _send(number: int) -> None:
    os.kill(os.getpid(), number)


BACKENDS = pytest.mark.parametrize("backend", ["trio", "asyncio"])


@BACKENDS
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_request_to_stop_ends_the_session_in_good_order(
    tmp_path: Path, backend: str, number: signal.Signals
) -> None:
    """The reason names the signal."""

    async def act(session: _Session) -> None:
        _send(number)
        await session.stop.wait()

    session = _obey(tmp_path, backend, act)
    assert session.stop.reason == f"told to stop by {number.name}"


@BACKENDS
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_second_ends_it_at_once(tmp_path: Path, backend: str, second: signal.Signals) -> None:
    """Whichever of the two it is."""

    async def act(session: _Session) -> None:
        _send(signal.SIGINT)
        await session.stop.wait()
        _send(second)
        await anyio.sleep_forever()

    with pytest.raises(BaseExceptionGroup) as ended:
        _obey(tmp_path, backend, act)
    assert ended.value.split(KeyboardInterrupt)[1] is None


@BACKENDS
def test_sighup_reads_the_file_again_each_time(tmp_path: Path, backend: str) -> None:
    """The session goes on, and still hears a stop."""

    async def act(session: _Session) -> None:
        for _ in range(2):
            session.changed = anyio.Event()
            _send(signal.SIGHUP)
            await session.changed.wait()
        assert not session.stop.is_asked
        _send(signal.SIGTERM)
        await session.stop.wait()

    assert _obey(tmp_path, backend, act).reloads == 2


@BACKENDS
def test_a_reload_that_takes_long_keeps_no_other_signal_waiting(
    tmp_path: Path, backend: str
) -> None:
    """It runs beside: a stop is heard meanwhile."""

    async def act(session: _Session) -> None:
        session.stuck = True
        _send(signal.SIGHUP)
        await session.changed.wait()
        _send(signal.SIGTERM)
        await session.stop.wait()

    assert _obey(tmp_path, backend, act).stop.is_asked


@BACKENDS
def test_sigusr1_leaves_a_request_to_halt_in_the_box(tmp_path: Path, backend: str) -> None:
    """So that it is journalled and outlives a crash, like one from the command line."""

    async def act(session: _Session) -> None:
        _send(signal.SIGUSR1)
        _send(signal.SIGHUP)  # is heard after it
        await session.changed.wait()
        [request] = session.box.pending()
        assert (request.action, request.strategy) == (ControlAction.HALT, None)
        assert request.reason == "told to by SIGUSR1"

    assert not _obey(tmp_path, backend, act).stop.is_asked


def test_a_reload_that_comes_before_the_session_listens_is_kept() -> None:
    """A process without a handler would end; afterwards all is as it was."""
    before = signal.getsignal(signal.SIGHUP)
    with keep_early_reload() as early:
        assert early == EarlyReload()
        _send(signal.SIGHUP)
        assert early.asked
    assert signal.getsignal(signal.SIGHUP) is before


@BACKENDS
def test_an_early_reload_is_made_up_for(tmp_path: Path, backend: str) -> None:
    """Without another signal."""

    async def run() -> int:
        with ControlBox(tmp_path / "session.journal") as box:
            session = _Session(box)
            with anyio.fail_after(20):
                async with anyio.create_task_group() as tasks:
                    early = EarlyReload(asked=True)
                    tasks.start_soon(
                        obey_signals, session.stop, box, VirtualClock(), session.reload, early
                    )
                    await session.changed.wait()
                    tasks.cancel_scope.cancel()
        return session.reloads

    assert anyio.run(run, backend=backend) == 1
