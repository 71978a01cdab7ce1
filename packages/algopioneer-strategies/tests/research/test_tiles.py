"""Who does the tiles of a search changes nothing of what comes out, to the last bit."""

import pickle
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from algopioneer_strategies.research import cointegration
from algopioneer_strategies.research.blas import blas_threads, one_blas_thread
from algopioneer_strategies.research.cointegration import PairTests, all_pairs, engle_granger
from algopioneer_strategies.research.lag_choice import LagCriterion, LagRule
from algopioneer_strategies.research.tiles import LocalTiles, in_order, tile_runner

Walks = Callable[..., NDArray[np.float64]]
AIC = LagRule(LagCriterion.AIC)


class Elsewhere:
    """Does tiles as another machine would: all goes there and back as bytes, arrays read-only."""

    def carried(self, thing: Any) -> Any:
        buffers: list[pickle.PickleBuffer] = []
        text = pickle.dumps(thing, protocol=5, buffer_callback=buffers.append)
        return pickle.loads(text, buffers=[bytes(each) for each in buffers])

    def run(self, work: Any, tiles: Iterable[Any]) -> Generator[Any, None, None]:
        work = self.carried(work)
        for tile in tiles:
            with one_blas_thread():
                result = work(self.carried(tile))
            yield self.carried(result)


def same_bits(one: PairTests, other: PairTests) -> bool:
    """Return whether all tests are equal to the last bit."""
    names = ("hedge_ratios", "statistics", "lags", "tied", "collinear", "done")
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in names)


def test_one_thread_many_and_another_machine_give_the_same_bits(
    walks: Walks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lags by AIC, a collinear pair among them, tiles of three by eight."""
    monkeypatch.setattr(cointegration, "_TILE", (3, 8))
    prices, pairs = walks(20, 300), all_pairs(20)
    prices[1] = 2.0 - 0.5 * prices[0]
    whole = engle_granger(prices, pairs, AIC, tiles=LocalTiles(1))
    assert whole.done.all()
    assert 1 == whole.collinear.sum()
    for runner in (LocalTiles(3), LocalTiles(), Elsewhere()):
        assert same_bits(whole, engle_granger(prices, pairs, AIC, tiles=runner))


def test_results_come_in_the_order_of_tiles() -> None:
    """However long each takes: the first waits here for the last that is begun beside it."""
    others_done = threading.Event()

    def work(tile: int) -> int:
        if tile == 0:
            assert others_done.wait(120)
        if tile == 3:
            others_done.set()
        return tile * tile

    assert [0, 1, 4, 9, 16] == list(LocalTiles(2).run(work, range(5)))


def test_no_more_tiles_are_taken_than_may_wait() -> None:
    """So the results of a large universe do not fill the memory."""
    taken: list[int] = []

    def tiles() -> Iterable[int]:
        for tile in range(10):
            taken.append(tile)
            yield tile

    results = in_order(lambda tile: lambda: tile, tiles(), ahead=3)
    assert 0 == next(results)
    assert [0, 1, 2] == taken
    assert list(range(1, 10)) == list(results)


def test_tiles_not_begun_are_dropped() -> None:
    """By Ctrl-C, or whatever else ends the loop over the results."""
    begun: list[int] = []

    def work(tile: int) -> int:
        begun.append(tile)
        return tile

    with closing(LocalTiles(1).run(work, range(100))) as results:
        next(results)
    assert len(begun) <= 3
    assert not [each for each in threading.enumerate() if "ThreadPool" in each.name]


def test_what_a_tile_raises_is_raised() -> None:
    """As it is."""

    def work(tile: int) -> float:
        return 1 / tile

    with pytest.raises(ZeroDivisionError):
        list(LocalTiles(2).run(work, [1, 0]))


def test_each_tile_has_one_thread_of_blas() -> None:
    """While tiles are done, and in every thread; afterwards there are as many as before."""
    before = blas_threads()
    assert before
    seen = list(LocalTiles(2).run(lambda _: blas_threads(), range(4)))
    assert all(count == 1 for counts in seen for count in counts)
    assert before == blas_threads()


def test_without_a_scheduler_each_work_chooses_its_own() -> None:
    """Threads for a screen; processes for grids, where they are worth starting."""
    with tile_runner(None) as tiles:
        assert tiles is None
