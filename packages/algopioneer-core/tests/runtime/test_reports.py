"""The private stream is opened again whenever it breaks."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import anyio
import pytest

from algopioneer_core.domain.errors import AuthenticationFailed, VenueUnavailable
from algopioneer_core.domain.events import AccountEvent, ExecutionReport, OrderAccepted
from algopioneer_core.runtime.reports import read_reports
from algopioneer_core.testing.clocks import wait_all_blocked
from algopioneer_core.testing.scripted_execution import ScriptedExecution


class _Heard:
    def __init__(self) -> None:
        self.reports: list[ExecutionReport | AccountEvent] = []
        self.line: list[str] = []


def _reading(venue: ScriptedExecution, heard: _Heard) -> Callable[..., Coroutine[Any, Any, None]]:
    return partial(
        read_reports,
        venue,
        heard.reports.append,
        on_up=lambda: heard.line.append("up"),
        on_down=heard.line.append,
        draw=lambda: 0.5,
    )


async def test_reports_are_handled_in_order() -> None:
    """Whoever starts it goes on once the stream is open."""
    venue, heard = ScriptedExecution(), _Heard()
    async with anyio.create_task_group() as tasks:
        await tasks.start(_reading(venue, heard))
        assert heard.line == ["up"]
        for number in range(3):
            venue.tell(OrderAccepted(str(number), number))
        await wait_all_blocked()
        tasks.cancel_scope.cancel()

    assert heard.reports == [OrderAccepted(str(number), number) for number in range(3)]


async def test_a_stream_that_closes_at_once_is_not_hammered() -> None:
    """It opens, closes, and is opened again after pauses that grow."""
    venue, heard = ScriptedExecution(), _Heard()
    async with anyio.create_task_group() as tasks:
        await tasks.start(_reading(venue, heard))
        for pause in (0.1, 0.6, 1.1, 2.1, 4.1):
            venue.hang_up()
            await anyio.sleep(pause)
        tasks.cancel_scope.cancel()

    assert [at for at, _, _ in venue.log] == pytest.approx([0, 0, 0.6, 1.7, 3.8, 7.9])
    assert heard.line == ["up", "the venue closed it"] * 5 + ["up"]


async def test_a_venue_that_is_down_at_the_start_is_told_and_tried_again() -> None:
    """Whoever starts it goes on after the first failure, so that a stop can be heard."""
    venue, heard = ScriptedExecution(), _Heard()
    venue.streams.extend(
        [VenueUnavailable("down"), VenueUnavailable("down", retry_after_ns=9 * 10**9)]
    )
    async with anyio.create_task_group() as tasks:
        await tasks.start(_reading(venue, heard))

        assert heard.line == ["down"]

        await anyio.sleep(20)
        tasks.cancel_scope.cancel()

    assert heard.line == ["down", "down", "up"]
    assert venue.log[-1][0] == 9.5


async def test_a_key_that_is_not_accepted_ends_it() -> None:
    """To try again would not help."""
    venue, heard = ScriptedExecution(), _Heard()
    venue.streams.append(AuthenticationFailed("wrong key"))
    with pytest.raises(AuthenticationFailed):
        await _reading(venue, heard)()

    assert heard.line == []
