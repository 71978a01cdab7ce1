"""
Tiles done by the workers of a Dask cluster that is there already.

A search is a graph of two ranks: what all tiles need is one task, so that a worker gets it once and
the scheduler can make it anew where its only copy died with a worker; each tile is a task that
depends on it. A worker that dies loses nothing but time: its tiles are done by others. Each task
first compares code and numpy with those of the search, for other versions may give other bits, and
a worker may join at any time.
"""

import functools
import logging
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, TypeVar

import numpy as np
from attrs import define

from algopioneer_core.domain.errors import AlgopioneerError, ConfigError
from algopioneer_strategies.research.blas import keep_one_blas_thread
from algopioneer_strategies.research.fingerprints import code_version
from algopioneer_strategies.research.tiles import in_order

__all__ = ["ClusterError", "DaskTiles", "dask_tiles"]

_T = TypeVar("_T")
_R = TypeVar("_R")

_DISTRIBUTION: Final = "algopioneer-strategies"
_AHEAD: Final = 256
"""Tiles handed out at a time, at most: enough for hundreds of processors; their results, which wait
at the workers, take some hundred megabytes in all."""
_PATIENCE_S: Final = 10
"""How long the scheduler may take to answer, and a first worker to be there."""
_LARGE: Final = {"distributed.admin.large-graph-warning-threshold": "1GiB"}
"""What all tiles need is sent in the graph on purpose: see above."""
_INSTALL: Final = 'install the same "algopioneer-strategies[dask]" on scheduler and workers as here'


class ClusterError(AlgopioneerError):
    """A cluster cannot be reached, or fails over what it was given."""


class _OtherVersion(Exception):
    """A worker has other code than the search that asks it."""


@contextmanager
def dask_tiles(scheduler: str) -> Iterator["DaskTiles"]:
    """
    Connect to a cluster; leave it at the end of the block, as it was.

    Args:
        scheduler: Its address, `tcp://host:port`; or `tls://`, with Dask's own settings for that.

    Raises:
        ConfigError: Dask is not installed here.
        ClusterError: The scheduler does not answer, or has no workers.
    """
    client = _connected(scheduler)
    try:
        yield DaskTiles(client, scheduler)
    finally:
        with suppress(OSError, TimeoutError):  # who is gone already need not be left
            client.close()


def _connected(scheduler: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise ConfigError(
            "a search on a cluster needs Dask, which is not installed",
            where="--scheduler",
            remedy='pip install "algopioneer-strategies[dask]"',
        ) from None
    # What it has to say about lost connections is said in one line, by `_failed`.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a table of versions; what matters is compared by us
            client = Client(scheduler, timeout=_PATIENCE_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise ClusterError(
            f"no Dask scheduler answers: {error}",
            where=scheduler,
            remedy="start one with `dask scheduler`, or look at host and port",
        ) from None
    try:
        client.wait_for_workers(1, timeout=_PATIENCE_S)
    except TimeoutError:
        client.close()
        raise ClusterError(
            "the cluster has no workers", where=scheduler, remedy=f"start `dask worker {scheduler}`"
        ) from None
    lacking = _lacking(client)
    if lacking:
        client.close()
        raise ClusterError(
            f"algopioneer-strategies is not installed at {lacking}",
            where=scheduler,
            remedy=_INSTALL,
        )
    return client


def _lacking(client: Any) -> str | None:
    """Return who of a cluster is without this distribution; who cannot read a task dies of it."""
    try:
        client.run_on_scheduler(version, _DISTRIBUTION)
    except PackageNotFoundError:
        return "the scheduler"
    found = client.run(version, _DISTRIBUTION, on_error="return")
    lacking = sorted(name for name, said in found.items() if isinstance(said, Exception))
    return f"worker {lacking[0]}" if lacking else None


@define
class DaskTiles:
    """
    Tiles done by a cluster.

    Args:
        client: Of `distributed`; `submit`, `cancel` and `result` of what it submits are used.
        scheduler: Its address, for messages.
    """

    _client: Any
    _scheduler: str

    def run(self, work: Callable[[_T], _R], tiles: Iterable[_T]) -> Generator[_R, None, None]:
        """
        Yield what *work* makes of each of *tiles*, in their order.

        However it ends, what was handed out is cancelled; a worker ends the tile it is at. Workers
        keep one thread of BLAS afterwards, as Dask's own nannies start them.

        Raises:
            AlgopioneerError: What a tile raised.
            ClusterError: Workers die again and again over a tile, have other code than this
                process or none of it, or the scheduler is gone.
        """
        begun: list[Any] = []

        def begin(tile: _T) -> Callable[[], _R]:
            begun.append(self._client.submit(_tile, _code(), begun[0], tile, pure=False))
            return functools.partial(_result, begun[-1], begun)

        try:
            begun.append(self._shared(work))
            yield from in_order(begin, tiles, ahead=_AHEAD)
        except Exception as error:
            failure = _failure(error, self._scheduler)
            if failure is None:
                raise
            raise failure from error
        finally:
            with suppress(Exception):  # where the scheduler is gone, so are its tasks
                self._client.cancel(begun)

    def _shared(self, work: object) -> Any:
        import dask

        with dask.config.set(_LARGE):
            return self._client.submit(_same, work, pure=False)


def _result(future: Any, begun: list[Any]) -> Any:
    """Return a tile's result, and let the cluster forget it."""
    result = future.result()
    begun.remove(future)
    return result


def _same(work: _T) -> _T:
    """Return what all tiles need: a task, so that it can be made anew."""
    return work


def _tile(code: str, work: Callable[[_T], _R], tile: _T) -> _R:
    """Do a tile, at a worker."""
    if code != _code():
        raise _OtherVersion(f"a worker has {_code()}, the search {code}")
    keep_one_blas_thread()
    return work(tile)


@functools.cache
def _code() -> str:
    """Return what decides about the bits of a result, beside the processor."""
    return f"algopioneer-strategies {code_version()} with numpy {np.__version__}"


def _failure(error: Exception, scheduler: str) -> ClusterError | None:
    """Return what to raise for an error of a cluster; None where it is no error of a cluster."""
    message, remedy = None, None
    if isinstance(error, _OtherVersion):
        message, remedy = str(error), _INSTALL
    elif _lacks_a_package(error):
        message, remedy = f"the cluster cannot read what it is given: {_root(error)}", _INSTALL
    elif type(error).__name__ == "KilledWorker":
        message = "workers died again and again over one tile"
        remedy = "look at their logs: memory is the usual reason"
    elif isinstance(error, CancelledError | OSError):
        message = "the scheduler is gone, or has forgotten this search"
        remedy = "start it again, and then the same search: it goes on from its state"
    return None if message is None else ClusterError(message, where=scheduler, remedy=remedy)


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _lacks_a_package(error: Exception) -> bool:
    return isinstance(_root(error), ImportError) or "deserializ" in str(error)
