"""The breakout keeps the contract that every strategy keeps."""

from collections.abc import Sequence

import pytest
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.testing.bars import TEST_ID
from algopioneer_core.testing.contracts import MakeStrategy, StrategyContract

from acme_breakout.config import BreakoutConfig
from acme_breakout.strategy import Breakout


class TestBreakout(StrategyContract):
    """With windows of a few bars, so that it trades often."""

    @pytest.fixture
    def instruments(self) -> Sequence[Instrument]:
        """Return the one it trades."""
        return [Instrument.undescribed(TEST_ID)]

    @pytest.fixture
    def make_strategy(self, instruments: Sequence[Instrument]) -> MakeStrategy:
        """Return what its plugin's factory does."""
        config = BreakoutConfig(entry_window=6, exit_window=3)
        return lambda: Breakout.make(config, instruments)
