"""The recorder that logs trades."""

from collections.abc import Iterator

import anyio.to_thread
import pytest

from algopioneer_core.domain.errors import OutputError
from algopioneer_core.recorders.structured_log import LogRecorder, open_log_recorder
from algopioneer_core.testing.contracts import OpenRecorder, Recorded, RecorderContract
from algopioneer_core.testing.logs import LoggedLines, logged
from algopioneer_core.testing.trades import round_trip


@pytest.fixture
def log() -> Iterator[LoggedLines]:
    """Return the log that trades go to."""
    with logged() as log:
        yield log


class TestLogRecorder(RecorderContract):
    durable = False

    @pytest.fixture
    def open_recorder(self, log: LoggedLines) -> OpenRecorder:
        """Return what opens it."""
        return lambda: open_log_recorder(None, anyio.to_thread.run_sync)

    @pytest.fixture
    def recorded(self, log: LoggedLines) -> Recorded:
        """Return what reads the log."""
        return lambda: [line for line in log.lines() if line["event"] == "trade.closed"]


@pytest.mark.anyio
async def test_a_key_that_is_no_line_is_refused(log: LoggedLines) -> None:
    """As by every recorder."""
    with pytest.raises(OutputError, match="is no key for a trade"):
        await LogRecorder().record("two\nlines", round_trip())
    assert [] == log.lines()
