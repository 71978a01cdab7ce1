"""A clock that never goes back."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.runtime.steady_clock import SteadyClock


class Machine:
    """A clock that shows what it is told."""

    def __init__(self, times: Iterable[int]) -> None:
        self._times = iter(times)

    def now_ns(self) -> int:
        """Return the next time."""
        return next(self._times)


def test_time_stands_still_until_it_is_caught_up_with() -> None:
    """Each step back is told once, with its size."""
    told: list[int] = []
    clock = SteadyClock(Machine([10, 20, 15, 16, 20, 25, 5]), told.append)
    assert [10, 20, 20, 20, 20, 25, 25] == [clock.now_ns() for _ in range(7)]
    assert [5, 20] == told


@given(st.lists(st.integers(1, 10**6), min_size=1))
def test_it_never_goes_back_and_never_runs_ahead(times: list[int]) -> None:
    """What it shows is the latest time the machine has shown."""
    clock = SteadyClock(Machine(times), lambda _: None)
    shown = [clock.now_ns() for _ in times]
    assert shown == sorted(shown)
    assert shown == [max(times[: at + 1]) for at in range(len(times))]
