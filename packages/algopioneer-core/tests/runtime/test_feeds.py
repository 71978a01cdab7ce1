"""Market data is subscribed again whenever its stream breaks."""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import pytest

from algopioneer_core.domain.errors import UnsupportedOperation, VenueUnavailable
from algopioneer_core.domain.events import FeedDown, FeedUp
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar
from algopioneer_core.ports import MarketDataEvent, MarketSession, ReceiveStream
from algopioneer_core.runtime.feeds import read_feed
from algopioneer_core.simulation.ending_stream import EndingStream
from algopioneer_core.testing.clocks import VirtualClock, wait_all_blocked
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.engine import make_bar

_Step = MarketDataEvent | Exception | float


class _Market:
    """Streams that follow scripts: events, pauses in seconds, and how each ends."""

    def __init__(self, *scripts: Exception | Sequence[_Step]) -> None:
        self._scripts = deque(scripts)
        self.subscribed: list[float] = []

    @asynccontextmanager
    async def subscribe(
        self, instrument_ids: Sequence[InstrumentId]
    ) -> AsyncIterator[ReceiveStream[MarketDataEvent]]:
        del instrument_ids
        self.subscribed.append(anyio.current_time())
        script = self._scripts.popleft()
        if isinstance(script, Exception):
            raise script
        yield _Stream(deque(script))

    async def instruments(self) -> Sequence[object]:
        raise NotImplementedError

    async def bars(
        self, instrument_id: InstrumentId, interval_ns: int, start_ns: int, end_ns: int
    ) -> Sequence[Bar]:
        raise NotImplementedError

    async def market_hours(self, start_ns: int, end_ns: int) -> Sequence[MarketSession]:
        raise NotImplementedError


class _Stream(EndingStream[MarketDataEvent]):
    def __init__(self, script: deque[_Step]) -> None:
        self._script = script

    async def receive(self) -> MarketDataEvent:
        await anyio.lowlevel.checkpoint()
        while self._script:
            step = self._script.popleft()
            if isinstance(step, float):
                await anyio.sleep(step)
            elif isinstance(step, Exception):
                raise step
            else:
                return step
        raise anyio.EndOfStream


async def _read(market: object) -> list[MarketDataEvent]:
    heard: list[MarketDataEvent] = []
    await read_feed(
        "sim",
        market,  # type: ignore[arg-type]  # only what is called is there
        [BITCOIN.id],
        heard.append,
        clock=VirtualClock(),
        draw=lambda: 0.5,
    )
    return heard


_BARS = [make_bar("1", number) for number in range(1, 4)]


async def test_a_stream_is_read_to_its_end() -> None:
    """A feed that ends is over; it is not subscribed again."""
    market = _Market(_BARS)

    assert await _read(market) == _BARS
    assert market.subscribed == [0]


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        (VenueUnavailable("reset"), "reset"),
        (anyio.BrokenResourceError(), "BrokenResourceError"),
    ],
)
async def test_a_lost_stream_is_told_and_subscribed_again(loss: Exception, reason: str) -> None:
    """Strategies hear that the feed went down and that it is back; the first retry is at once."""
    market = _Market([_BARS[0], loss], [_BARS[1]])
    start_ns = VirtualClock().start_ns

    assert await _read(market) == [
        _BARS[0],
        FeedDown("sim", start_ns, reason),
        FeedUp("sim", start_ns),
        _BARS[1],
    ]
    assert market.subscribed == [0, 0]


async def test_a_stream_that_breaks_at_once_is_not_hammered() -> None:
    """One event is no success: pauses grow until a stream has lasted."""
    down = VenueUnavailable("reset")
    flash: list[_Step] = [_BARS[0], down]
    market = _Market(*[flash] * 6, [61.0, down], [_BARS[1]])
    await _read(market)
    pauses = [
        later - at for at, later in zip(market.subscribed, market.subscribed[1:], strict=False)
    ]

    assert pauses == [0, 0.5, 1, 2, 4, 8, 61]


async def test_a_venue_that_asks_for_a_pause_gets_it() -> None:
    """The wait is at least what the venue says."""
    market = _Market(VenueUnavailable("busy", retry_after_ns=30 * NS_PER_SECOND), [])
    await _read(market)

    assert market.subscribed == [0, 30]


async def test_what_is_not_offered_ends_the_session() -> None:
    """To ask again would not help."""
    with pytest.raises(UnsupportedOperation):
        await _read(_Market(UnsupportedOperation("no such instrument")))


async def test_others_do_not_wait_for_a_venue_that_is_down() -> None:
    """Whoever starts the feed goes on after its first attempt."""
    market = _Market(*[VenueUnavailable("down")] * 3, [3_600.0])
    async with anyio.create_task_group() as tasks:

        async def start(*, task_status: anyio.abc.TaskStatus[None]) -> None:
            await read_feed(
                "sim",
                market,  # type: ignore[arg-type]  # only what is called is there
                [BITCOIN.id],
                lambda _: None,
                clock=VirtualClock(),
                draw=lambda: 0.5,
                task_status=task_status,
            )

        await tasks.start(start)

        assert anyio.current_time() == 0

        await wait_all_blocked()
        tasks.cancel_scope.cancel()
