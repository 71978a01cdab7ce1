"""Pairs that are tried by several processes come out as those of one."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from algopioneer_core.domain.errors import NotEnoughData, RefusedError
from algopioneer_core.simulation.config import FillTiming
from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig
from algopioneer_strategies.research.evaluation import PairTask, split_rule, try_pair
from algopioneer_strategies.research.grid_spec import GridMarket, GridSpec
from algopioneer_strategies.research.processes import LocalProcesses, OneByOne

HALF_SENT = "ALGOPIONEER_TEST_HALF_SENT"


def task(made: Any, seed: int) -> PairTask:
    """Return the task of a made-up pair."""
    joint = made.pair(320, seed=seed)
    hedges = tuple(PairsConfig(hedge=each) for each in (HedgeMethod.FITTED, HedgeMethod.OLS))
    return PairTask(
        spec=GridSpec(
            windows=(15,), entries=(Decimal(1), Decimal(2)), exits=(Decimal(0),), hedges=hedges
        ),
        joint=joint,
        market=GridMarket(fill=FillTiming.NEXT_CLOSE),
        rule=split_rule(len(joint), 200, half_life=6.2),
        split=200,
        capital=Decimal(5000),
    )


def dies(number: int) -> bytes:
    """End this process at the second number, as the kernel does when memory runs out."""
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return b"well"


def refuses(number: int) -> int:
    """Return the number; one of them is refused."""
    if number == 1:
        raise NotEnoughData("too few", where="AAA / BBB", remedy="give it more")
    return number


def waits(number: int) -> int:
    """Return 0 at once, and every other number never."""
    if number:
        threading.Event().wait()
    return number


def test_who_stops_does_not_wait_for_what_is_begun() -> None:
    """Closed in the middle, the process that works on is ended."""
    with closing(LocalProcesses(1).run(waits, [0, 1, 2])) as results:
        assert next(results) == 0
        (process,) = multiprocessing.active_children()
    process.join(60)
    assert process.exitcode == -signal.SIGTERM


def _half(self: "Connection[Any, Any]", message: bytes) -> None:
    """Send half of a message, tell so, and go no further."""
    os.write(self.fileno(), message[: len(message) // 2])
    with Path(os.environ[HALF_SENT]).open("wb"):
        threading.Event().wait()


def is_cut_off(number: int) -> int:
    """Return 0 as it is, and every other number by half."""
    if number:
        Connection._send = _half  # type: ignore[attr-defined]
    return number


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_result_that_is_cut_off_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that waits for its other half ends, and so can this process."""
    told = tmp_path / "told"
    os.mkfifo(told)
    monkeypatch.setenv(HALF_SENT, str(told))
    before = set(threading.enumerate())
    with closing(LocalProcesses(1).run(is_cut_off, [0, 1, 2])) as results:
        next(results)
        threads = set(threading.enumerate()) - before
        told.open("rb").close()  # it opens when the other end is opened
    for thread in threads:
        thread.join(60)
    assert threads
    assert not any(thread.is_alive() for thread in threads)


def _half_and_no_more(self: "Connection[Any, Any]", message: bytes) -> None:
    """Send the head of a message, and of what follows a half; then end as by the kernel."""
    os.write(self.fileno(), message[: max(4, len(message) // 2)])
    if len(message) > 4:
        os.kill(os.getpid(), signal.SIGKILL)


def dies_while_it_sends(number: int) -> bytes:
    """Return little, or so much that it is sent in parts, and end in the middle of that."""
    if number == 1:
        Connection._send = _half_and_no_more  # type: ignore[attr-defined]
    return bytes(1_000_000) if number == 1 else b"well"


@pytest.mark.slow
def test_two_processes_give_the_bits_of_one(made: Any) -> None:
    """In order, whichever ends first."""
    tasks = [task(made, seed) for seed in (3, 4, 5)]
    spread = list(LocalProcesses(2).run(try_pair, tasks))
    for one, other in zip(OneByOne().run(try_pair, tasks), spread, strict=True):
        assert one.search.grid is not None
        assert other.search.grid is not None
        assert one.search.grid.sharpe.tobytes() == other.search.grid.sharpe.tobytes()
        assert one.search.effective == other.search.effective
        assert one.walk.equity.tobytes() == other.walk.equity.tobytes()
        assert one.confirmed.equity.tobytes() == other.confirmed.equity.tobytes()
        assert one.confirmed.figures == other.confirmed.figures
        assert one.confirmed.first_leg == other.confirmed.first_leg
        assert one.parameters == other.parameters


def test_what_work_refuses_is_told_with_place_and_remedy() -> None:
    """An error of ours comes through pickle whole, at its place."""
    with closing(LocalProcesses(1).run(refuses, [0, 1, 2])) as results:
        assert next(results) == 0
        with pytest.raises(NotEnoughData) as told:
            next(results)
    assert (told.value.where, told.value.remedy) == ("AAA / BBB", "give it more")


@pytest.mark.parametrize(
    ("work", "workers"),
    [
        (dies_while_it_sends, 1),
        pytest.param(dies_while_it_sends, 2, marks=pytest.mark.long),
        pytest.param(dies, 1, marks=pytest.mark.long),
    ],
)
def test_a_killed_process_is_a_line_and_not_a_wait(
    work: Callable[[int], bytes], workers: int
) -> None:
    """With what to do; also where half of its result has come, and the rest never does."""
    with closing(LocalProcesses(workers).run(work, range(4))) as results:
        assert next(results) == b"well"
        with pytest.raises(RefusedError, match="goes on behind the last pair"):
            list(results)
