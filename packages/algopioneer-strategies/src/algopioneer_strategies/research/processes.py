"""
Tiles that are done by processes of this machine, or here.

A grid is many small calls of numpy, which hold on to the interpreter: threads (`LocalTiles`) would
wait for each other. A process takes a second to start, so that it has to be worth that.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from typing import Final, TypeVar

from attrs import frozen

from algopioneer_core.domain.errors import RefusedError
from algopioneer_strategies.research.blas import keep_one_blas_thread, one_blas_thread
from algopioneer_strategies.research.tiles import in_order

__all__ = ["LocalProcesses", "OneByOne"]

_T = TypeVar("_T")
_R = TypeVar("_R")

_AHEAD: Final = 2
"""Tiles handed out for each process: the next is there when one ends, and few results wait."""


class OneByOne:
    """Tiles done by this thread, as their results are asked for."""

    def run(self, work: Callable[[_T], _R], tiles: Iterable[_T]) -> Generator[_R, None, None]:
        """Yield what *work* makes of each of *tiles*."""
        with one_blas_thread():
            yield from map(work, tiles)


@frozen
class LocalProcesses:
    """
    Tiles done by processes that are started anew: a copy of this one would have its threads' locks.

    A program that uses them must be one that can be imported (`if __name__ == "__main__":`).
    """

    workers: int | None = None
    """How many; None takes one for each processor."""

    def run(self, work: Callable[[_T], _R], tiles: Iterable[_T]) -> Generator[_R, None, None]:
        """
        Yield what *work* makes of each of *tiles*, in their order.

        Closing the generator, or an exception in it (Ctrl-C), ends the processes at once: tiles
        that are not done are dropped.

        Raises:
            RefusedError: A process was killed, as by a machine that is out of memory.
            Exception: What *work* raised, at the place of its tile.
        """
        workers = self.workers or os.cpu_count() or 1
        fresh = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(workers, mp_context=fresh, initializer=_begin)

        def begin(tile: _T) -> Callable[[], _R]:
            return pool.submit(work, tile).result

        others = set(multiprocessing.active_children())
        try:
            yield from in_order(begin, tiles, ahead=_AHEAD * workers)
        except BaseException as error:
            _end(pool, set(multiprocessing.active_children()) - others)
            if isinstance(error, BrokenProcessPool):
                raise _killed() from None
            raise
        pool.shutdown()


def _end(pool: ProcessPoolExecutor, processes: set[BaseProcess]) -> None:
    """
    End what the pool does, at once, and its thread with it.

    The thread is not waited for: who types Ctrl-C again would break the wait. A process that is
    ended in the middle of its result leaves half of it in the pipe. The thread would wait for the
    rest until this process, which has the pipe open for writing as well, is gone, and this process
    waits for the thread; so it gives up its own end, which it never writes to.
    """
    results = pool._result_queue
    pool.shutdown(wait=False, cancel_futures=True)
    results._writer.close()  # type: ignore[attr-defined]
    for process in processes:
        process.terminate()


def _killed() -> RefusedError:
    return RefusedError(
        "a process of the search was killed before it came to its end",
        remedy="is there memory enough? the same command goes on behind the last pair",
    )


def _begin() -> None:
    """Leave Ctrl-C, which a terminal sends to all processes, to the first one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_one_blas_thread()
