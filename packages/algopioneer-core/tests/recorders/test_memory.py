"""The recorder in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from algopioneer_core.domain.trade_fields import trade_fields
from algopioneer_core.ports import Recorder
from algopioneer_core.recorders.config import MemoryRecorderConfig
from algopioneer_core.recorders.memory import MemoryRecorder, open_memory_recorder
from algopioneer_core.testing.contracts import OpenRecorder, Recorded, RecorderContract
from algopioneer_core.testing.trades import round_trip


class TestMemoryRecorder(RecorderContract):
    durable = False

    @pytest.fixture
    def opened(self) -> list[MemoryRecorder]:
        """Return the recorders that were opened."""
        return []

    @pytest.fixture
    def open_recorder(self, opened: list[MemoryRecorder]) -> OpenRecorder:
        """Return what opens one."""

        @asynccontextmanager
        async def opening() -> AsyncIterator[Recorder]:
            config = MemoryRecorderConfig()
            async with open_memory_recorder(config, anyio.to_thread.run_sync) as recorder:
                opened.append(recorder)
                yield recorder

        return opening

    @pytest.fixture
    def recorded(self, opened: list[MemoryRecorder]) -> Recorded:
        """Return what looks into the last one."""
        return lambda: [trade_fields(key, trade) for key, trade in opened[-1].trades]


@pytest.mark.anyio
async def test_the_oldest_trades_are_let_go_and_do_not_come_back() -> None:
    """Memory is bounded, and a trade that was let go is no new one."""
    recorder = MemoryRecorder(keep=2)
    for number in (1, 2, 3, 1):
        await recorder.record(f"alpha:{number}", round_trip(number))
    assert ["alpha:2", "alpha:3"] == [key for key, _ in recorder.trades]
