"""
Tiles that are done by processes of this machine, or here.

A grid is many small calls of numpy, which hold on to the interpreter: threads (`LocalTiles`) would
wait for each other. A process takes a second to start, so that it has to be worth that.

Each process has a pipe of its own and a thread here that waits at it. So whatever becomes of a
process, its thread is told by the end of the pipe, half a result or not. In a pipe that processes
share (as in `concurrent.futures`), the others keep it open: who waits for the other half of what a
killed process was sending waits for ever.
"""

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Final, TypeVar

from attrs import frozen

from algopioneer_core.domain.errors import RefusedError
from algopioneer_strategies.research.blas import keep_one_blas_thread, one_blas_thread
from algopioneer_strategies.research.tiles import in_order

__all__ = ["LocalProcesses", "OneByOne"]

_T = TypeVar("_T")
_R = TypeVar("_R")

_AHEAD: Final = 2
"""Tiles handed out for each process: the next is there when one ends, and few results wait."""
_FRESH: Final = multiprocessing.get_context("spawn")


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
            Exception: What *work* raised, at the place of its tile; a note has the traceback.
        """
        workers = self.workers or os.cpu_count() or 1
        threads, crew = ThreadPoolExecutor(workers), _Crew()

        def begin(tile: _T) -> Callable[[], _R]:
            return threads.submit(crew.do, work, tile).result

        try:
            yield from in_order(begin, tiles, ahead=_AHEAD * workers)
        except BaseException:
            # They are not waited for: who types Ctrl-C again would break the wait.
            threads.shutdown(wait=False, cancel_futures=True)
            crew.end()
            raise
        threads.shutdown()
        crew.dismiss()


class _Crew:
    """Processes, one for each thread that asks for something."""

    def __init__(self) -> None:
        self._own = threading.local()
        self._hands: list[_Hand] = []
        self._changing = threading.Lock()
        self._is_over = False

    def do(self, work: Callable[[_T], _R], tile: _T) -> _R:
        """
        Return what *work* makes of *tile* in the process of the calling thread.

        Raises:
            RefusedError: The process was killed, or all of them were ended.
            Exception: What *work* raised.
        """
        if not hasattr(self._own, "hand"):
            self._own.hand = self._started()
        result: _R = self._own.hand.do(work, tile)
        return result

    def _started(self) -> "_Hand":
        with self._changing:
            if self._is_over:
                raise _killed()
            hand = _Hand()
            self._hands.append(hand)
            return hand

    def end(self) -> None:
        """End all processes at once, whatever they are at; a thread that waits for one is told."""
        with self._changing:
            self._is_over = True
            for hand in self._hands:
                hand.process.terminate()

    def dismiss(self) -> None:
        """Let all processes end, none of which is at anything, and wait until they have."""
        for hand in self._hands:
            hand.dismiss()


class _Hand:
    """One process, and the pipe to it."""

    def __init__(self) -> None:
        self._pipe, theirs = _FRESH.Pipe()
        self.process = _FRESH.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()  # else this process would keep it open when that one is gone

    def do(self, work: Callable[[_T], _R], tile: _T) -> _R:
        """Do what `_Crew.do` says."""
        try:
            self._pipe.send((work, tile))
            result, error = self._pipe.recv()
        except (EOFError, OSError):
            raise _killed() from None
        if error is not None:
            raise error
        done: _R = result
        return done

    def dismiss(self) -> None:
        """Let the process end, which is not at anything, and wait until it has."""
        self._pipe.close()
        self.process.join()


def _killed() -> RefusedError:
    return RefusedError(
        "a process of the search was killed before it came to its end",
        remedy="is there memory enough? the same command goes on behind the last pair",
    )


def _serve(pipe: "Connection[Any, Any]") -> None:
    """Do what comes through *pipe* until nobody can ask any more, in a process of its own."""
    # A terminal sends Ctrl-C to all processes; the first one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_one_blas_thread()
    with suppress(EOFError, OSError):
        while True:
            pipe.send(_outcome(*pipe.recv()))


def _outcome(work: Callable[[_T], _R], tile: _T) -> tuple[_R | None, Exception | None]:
    """Return what *work* makes of *tile*, or what it raised."""
    try:
        return work(tile), None
    except Exception as error:
        error.add_note(traceback.format_exc())
        return None, error
