"""A cluster gives the bits of one process, and says in one line what is wrong with it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from algopioneer_core.domain.errors import ConfigError, NotEnoughData
from algopioneer_strategies.research import cointegration
from algopioneer_strategies.research.cointegration import all_pairs, engle_granger
from algopioneer_strategies.research.dask_tiles import ClusterError, DaskTiles, dask_tiles
from algopioneer_strategies.research.discovery_run import run_discovery
from algopioneer_strategies.research.lag_choice import LagCriterion, LagRule
from algopioneer_strategies.research.options import DiscoveryOptions
from algopioneer_strategies.research.tiles import LocalTiles
from algopioneer_strategies.research.trading_options import TradingOptions

Walks = Callable[..., NDArray[np.float64]]
ADDRESS = "tcp://127.0.0.1:8786"


def installed() -> None:
    """Skip where Dask is not."""
    pytest.importorskip("distributed", reason="algopioneer-strategies[dask] is not installed")


class FakeClient:
    """Does what is submitted at once, in this process; a task's dependencies are its futures."""

    def __init__(self) -> None:
        self.submitted: list[Any] = []
        self.cancelled: list[Any] = []

    def submit(self, function: Any, *args: Any, pure: bool) -> Any:
        assert not pure  # equal tiles of two searches are two tasks
        future: Future[Any] = Future()
        try:
            given = [each.result() if isinstance(each, Future) else each for each in args]
            future.set_result(function(*given))
        except Exception as error:
            future.set_exception(error)
        self.submitted.append(future)
        return future

    def cancel(self, futures: list[Any]) -> None:
        self.cancelled += futures


def test_tiles_are_tasks_behind_what_they_share() -> None:
    """One task for the work, one for each tile; the last thing is to let go of what is left."""
    installed()
    client = FakeClient()
    assert [1, 2, 3] == list(DaskTiles(client, ADDRESS).run(abs, [-1, 2, -3]))
    assert 4 == len(client.submitted)
    assert client.submitted[:1] == client.cancelled


def test_whoever_stops_looking_cancels_the_rest() -> None:
    """What was handed out and not fetched is cancelled."""
    installed()
    client = FakeClient()
    results = DaskTiles(client, ADDRESS).run(abs, [-1, 2, -3])
    assert 1 == next(results)
    results.close()
    assert [client.submitted[0], *client.submitted[2:]] == client.cancelled


def raising(error: Exception) -> Callable[[int], int]:
    """Return work that fails so."""

    def work(_tile: int) -> int:
        raise error

    return work


class KilledWorker(Exception):
    """Named as Dask names it."""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ModuleNotFoundError("No module named 'algopioneer_strategies'"), "install the same"),
        (RuntimeError("Error during deserialization of the task graph"), "install the same"),
        (KilledWorker(), "memory"),
        (CancelledError(), "goes on from its state"),
        (OSError("in <TCP>: Stream is closed"), "goes on from its state"),
    ],
)
def test_what_a_cluster_does_wrong_is_one_line_with_a_remedy(error: Exception, told: str) -> None:
    """With the address of the scheduler."""
    installed()
    with pytest.raises(ClusterError, match=told) as caught:
        list(DaskTiles(FakeClient(), ADDRESS).run(raising(error), [1]))
    assert str(caught.value).startswith(ADDRESS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("error", [NotEnoughData("too few bars"), ZeroDivisionError()])
def test_what_a_tile_raises_stays_what_it_is(error: Exception) -> None:
    """It is the search's own failure, not the cluster's."""
    installed()
    with pytest.raises(type(error)):
        list(DaskTiles(FakeClient(), ADDRESS).run(raising(error), [1]))


def test_a_worker_with_other_code_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bits might be other bits."""
    installed()
    from algopioneer_strategies.research import dask_tiles as module

    versions = iter(["here 1", "there 2", "there 2"])
    monkeypatch.setattr(module, "_code", lambda: next(versions))
    with pytest.raises(ClusterError, match="a worker has there 2, the search here 1"):
        list(DaskTiles(FakeClient(), ADDRESS).run(abs, [1]))


def test_without_dask_the_remedy_is_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing else of a search needs it."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"algopioneer-strategies\[dask\]"), dask_tiles(ADDRESS):
        pass


@pytest.mark.parametrize("address", ["localhost", "tcp://host", "http://host:8786", ""])
def test_an_address_has_a_protocol_and_a_port(address: str) -> None:
    """Anything else is refused before anything is read."""
    with pytest.raises(ConfigError, match="--scheduler"):
        DiscoveryOptions(data=("closes.csv",), scheduler=address)


class Cluster:
    """A scheduler and two workers, each a process of its own, on loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []
        self._start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        while not self.file.exists():
            time.sleep(0.05)
        self.workers = [self._worker(), self._worker()]

    def _worker(self) -> subprocess.Popen[bytes]:
        how = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory")
        return self._start("dask_worker", *how, str(self.folder))

    def _start(self, program: str, *args: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{program}"]
        process = subprocess.Popen(
            [*command, "--scheduler-file", str(self.file), *args],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "2"},  # tiles limit it themselves
        )
        self.processes.append(process)
        return process

    @property
    def address(self) -> str:
        address: str = json.loads(self.file.read_text("utf-8"))["address"]
        return address

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Return a cluster of two workers."""
    installed()
    started = Cluster(tmp_path)
    yield started
    started.close()


@pytest.mark.long
def test_two_workers_one_killed_give_the_bits_of_one_process(
    cluster: Cluster, walks: Walks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a screen one is gone without a word; nothing of the result is."""
    monkeypatch.setattr(cointegration, "_TILE", (16, 64))
    prices, pairs, rule = walks(160, 600), all_pairs(160), LagRule(LagCriterion.AIC)
    whole = engle_granger(prices, pairs, rule, tiles=LocalTiles(1))
    with dask_tiles(cluster.address) as tiles:
        tiles._client.wait_for_workers(2, timeout=20)

        def watch(done: int, total: int) -> None:
            if cluster.workers[0].poll() is None and done > total // 4:
                cluster.workers[0].kill()
                cluster.workers[0].wait()

        found = engle_granger(prices, pairs, rule, watch=watch, tiles=tiles)
    assert cluster.workers[0].poll() is not None
    for name in ("hedge_ratios", "statistics", "lags", "tied", "collinear", "done"):
        assert getattr(whole, name).tobytes() == getattr(found, name).tobytes()


@pytest.mark.long
def test_a_whole_search_on_a_cluster_writes_the_same_ledger(
    cluster: Cluster, walks: Walks, tmp_path: Path
) -> None:
    """Screen, grid, walk-forward: every figure is in the chain, so one hash compares all."""
    logs = walks(4, 500)
    noise = np.random.Generator(np.random.PCG64(5)).standard_normal(500)
    logs[1] = 1.0 + 0.8 * logs[0] + 0.02 * np.convolve(noise, 0.8 ** np.arange(20))[:500]
    rows = [
        f"{3600 * hour},{','.join(f'{each:.4f}' for each in np.exp(logs[:, hour]))}"
        for hour in range(500)
    ]
    data = tmp_path / "closes.csv"
    data.write_text("\n".join(["time,A,B,C,D", *rows]), "utf-8")
    heads = []
    for scheduler in (None, cluster.address):
        ledger = tmp_path / f"{scheduler is None}.sqlite"
        trading = TradingOptions(windows="20,40", hedges="fitted,ols", ledger=str(ledger))
        options = DiscoveryOptions(data=(str(data),), scheduler=scheduler)
        run = run_discovery(options, trading, screen_only=False, ts_ns=10**18)
        assert run.found
        heads.append(run.ledger_head)
    assert heads[0] == heads[1]


@pytest.mark.long
def test_a_cluster_that_is_not_there_is_told_in_one_line() -> None:
    """With its address and what to do; nobody waits for ever."""
    installed()
    with pytest.raises(ClusterError, match="no Dask scheduler answers"):  # noqa: SIM117 - entering
        with dask_tiles("tcp://127.0.0.1:1"):
            pass
