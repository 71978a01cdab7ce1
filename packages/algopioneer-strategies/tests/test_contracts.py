"""The bundled strategies keep the contract of strategies."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from algopioneer_core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from algopioneer_core.testing.contracts import MakeStrategy, StrategyContract
from algopioneer_strategies.basis import Basis
from algopioneer_strategies.basis_config import BasisConfig
from algopioneer_strategies.config import MovingAverageConfig
from algopioneer_strategies.moving_average import MovingAverage
from algopioneer_strategies.pairs import Pairs
from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig

SPOT = Instrument.undescribed(InstrumentId("contract", "COIN-USD"))
OTHER = Instrument.undescribed(InstrumentId("contract", "THING-USD"))
PERPETUAL = Instrument(
    id=InstrumentId("contract", "COIN-PERP"),
    base="COIN",
    quote="USD",
    kind=InstrumentKind.PERPETUAL,
)


class TestMovingAverage(StrategyContract):
    """Long and short."""

    @pytest.fixture
    def instruments(self) -> Sequence[Instrument]:
        return [SPOT]

    @pytest.fixture
    def make_strategy(self, instruments: Sequence[Instrument]) -> MakeStrategy:
        config = MovingAverageConfig(short_window=3, long_window=9, allow_short=True)
        return lambda: MovingAverage.make(config, instruments)


class TestPairs(StrategyContract):
    """With each way to find the hedge."""

    @pytest.fixture
    def instruments(self) -> Sequence[Instrument]:
        return [SPOT, OTHER]

    @pytest.fixture(params=HedgeMethod)
    def make_strategy(self, request: Any, instruments: Sequence[Instrument]) -> MakeStrategy:
        hedge = request.param
        window = None if hedge in (HedgeMethod.FIXED, HedgeMethod.KALMAN) else 80
        config = PairsConfig(
            window=12, z_entry=Decimal("1.2"), z_exit=Decimal(0), hedge=hedge, hedge_window=window
        )
        return lambda: Pairs.make(config, instruments)


class TestBasis(StrategyContract):
    """A perpetual against its spot, both ways."""

    @pytest.fixture
    def instruments(self) -> Sequence[Instrument]:
        return [SPOT, PERPETUAL]

    @pytest.fixture
    def make_strategy(self, instruments: Sequence[Instrument]) -> MakeStrategy:
        config = BasisConfig(
            entry_bps=Decimal(60),
            exit_bps=Decimal(5),
            allow_reverse=True,
            spot_fee_bps=Decimal(1),
            future_fee_bps=Decimal(1),
        )
        return lambda: Basis.make(config, instruments)
