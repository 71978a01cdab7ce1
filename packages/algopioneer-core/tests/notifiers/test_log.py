"""The notifier that logs."""

from collections.abc import Callable, Iterator

import pytest

from algopioneer_core.notifiers.log import open_log_notifier
from algopioneer_core.testing.contracts import Delivered, NotifierContract, OpenNotifier
from algopioneer_core.testing.logs import LoggedLines, logged


class TestLogNotifier(NotifierContract):
    @pytest.fixture
    def log(self) -> Iterator[LoggedLines]:
        """Return the log that alerts go to."""
        with logged() as log:
            yield log

    @pytest.fixture
    def open_notifier(self, log: LoggedLines) -> OpenNotifier:
        """Return what opens it."""
        return lambda: open_log_notifier(None)

    @pytest.fixture
    def delivered(self, log: LoggedLines) -> Delivered:
        """Return what reads the log."""
        return lambda: [
            f"{line['level']} {line['subject']} {line['text']}"
            for line in log.lines()
            if line["event"] == "alert"
        ]

    @pytest.fixture
    def cut_off(self) -> Callable[[], None]:
        """Skip: a line that cannot be written is counted by the log itself."""
        pytest.skip("a line that cannot be written is counted by the log itself")
