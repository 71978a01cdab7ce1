"""
Work that is cut into tiles, and who does them.

What a tile is follows from the work alone, never from who does it; each is worked with one thread
of BLAS. So results are the same to the last bit whether one thread, all processors of this machine
or those of a cluster (`dask_tiles`) did them.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol, TypeVar

from attrs import frozen

from algopioneer_strategies.research.blas import keep_one_blas_thread, one_blas_thread

__all__ = ["LocalTiles", "TileRunner", "in_order", "tile_runner"]

_T = TypeVar("_T")
_R = TypeVar("_R")

_AHEAD: Final = 2
"""Tiles handed out for each thread: the next is there when one ends, and few results wait."""


class TileRunner(Protocol):
    """Somebody who does tiles."""

    def run(self, work: Callable[[_T], _R], tiles: Iterable[_T]) -> Generator[_R, None, None]:
        """
        Yield what *work* makes of each of *tiles*, in their order.

        Closing the generator, or an exception in it (Ctrl-C), drops the tiles that are not begun;
        use it in `contextlib.closing`.

        Args:
            work: A function of a module, or an object with `__call__`, that pickle can carry to
                another machine together with the tiles and the results. It changes nothing but
                what it returns.
            tiles: Taken as they are needed.

        Raises:
            Exception: What *work* raised, at the place of its tile.
        """
        ...


@frozen
class LocalTiles:
    """Tiles done by threads of this process: numpy lets go of the interpreter while it works."""

    workers: int | None = None
    """Threads; None takes one for each processor."""

    def run(self, work: Callable[[_T], _R], tiles: Iterable[_T]) -> Generator[_R, None, None]:
        """Yield what *work* makes of each of *tiles*, in their order."""
        workers = self.workers or os.cpu_count() or 1
        pool = ThreadPoolExecutor(workers, initializer=keep_one_blas_thread)

        def begin(tile: _T) -> Callable[[], _R]:
            return pool.submit(work, tile).result

        with one_blas_thread():
            try:
                yield from in_order(begin, tiles, ahead=_AHEAD * workers)
            finally:
                pool.shutdown(cancel_futures=True)


def in_order(
    begin: Callable[[_T], Callable[[], _R]], tiles: Iterable[_T], *, ahead: int
) -> Generator[_R, None, None]:
    """
    Yield the results of tiles in their order, whichever ends first.

    Args:
        begin: Hands out a tile; returns what waits for its result.
        tiles: Taken as they are needed.
        ahead: Tiles that are handed out at a time, at most: it bounds the results that wait.
    """
    waiting: deque[Callable[[], _R]] = deque()
    for tile in tiles:
        waiting.append(begin(tile))
        if len(waiting) == ahead:
            yield waiting.popleft()()
    while waiting:
        yield waiting.popleft()()


def tile_runner(scheduler: str | None) -> AbstractContextManager[TileRunner | None]:
    """
    Return who does the tiles of a search, to be used in a `with` block.

    Args:
        scheduler: Address of a Dask scheduler, `tcp://host:port`; None for this machine: the block
            then has None, and each work chooses threads, processes or neither.

    Raises:
        ConfigError: Dask is not installed.
        ClusterError: On entering: the scheduler cannot be reached, or has no workers.
    """
    if scheduler is None:
        return nullcontext()
    from algopioneer_strategies.research.dask_tiles import dask_tiles

    return dask_tiles(scheduler)
