"""The bundled exit policies keep their contract, and a policy that breaks it is found out."""

from decimal import Decimal
from typing import Any

import pytest

from algopioneer_core.engine.exit_combinations import AllOf, AllOfConfig, AnyOf, AnyOfConfig
from algopioneer_core.engine.exit_policies import (
    MinimumProfit,
    MinimumProfitConfig,
    PnlBand,
    PnlBandConfig,
    StopLoss,
    StopLossConfig,
    TimeStop,
    TimeStopConfig,
    TrailingStop,
    TrailingStopConfig,
)
from algopioneer_core.engine.exits import ExitVerdict, OpenPosition
from algopioneer_core.testing.contracts import ExitPolicyContract, MakePolicy

TEN = Decimal(10)
BUNDLED: dict[str, MakePolicy] = {
    "minimum-profit": lambda: MinimumProfit(MinimumProfitConfig(profit=TEN)),
    "stop-loss": lambda: StopLoss(StopLossConfig(loss_fraction=Decimal("0.02"))),
    "pnl-band": lambda: PnlBand(PnlBandConfig(take_profit=TEN, stop_loss=TEN)),
    "trailing-stop": lambda: TrailingStop(TrailingStopConfig(distance=TEN)),
    "time-stop": lambda: TimeStop(TimeStopConfig(bars=24)),
}


def _both() -> tuple[Any, ...]:
    return tuple(BUNDLED[name]() for name in ("stop-loss", "time-stop"))


class TestBundled(ExitPolicyContract):
    """Each of them, and what combines them."""

    @pytest.fixture(params=[*BUNDLED, "any-of", "all-of"])
    def make_policy(self, request: Any) -> MakePolicy:
        combined: dict[str, MakePolicy] = {
            "any-of": lambda: AnyOf(AnyOfConfig(policies=_both())),
            "all-of": lambda: AllOf(AllOfConfig(policies=_both())),
        }
        return {**BUNDLED, **combined}[request.param]


class Bad:
    """A policy with a mind of its own; each subclass breaks one case."""

    name = "bad"

    def evaluate(self, position: OpenPosition) -> Any:
        """Abstain."""
        return ExitVerdict.ABSTAIN


class Nameless(Bad):
    """Cannot be a reason."""

    name = "two\nlines"


class Divides(Bad):
    """Takes for granted that something was paid."""

    def evaluate(self, position: OpenPosition) -> Any:
        """Divide."""
        return ExitVerdict.EXIT if position.net_pnl / position.cost else ExitVerdict.HOLD


class Counts(Bad):
    """Leaves at the tenth look."""

    looks = 0

    def evaluate(self, position: OpenPosition) -> Any:
        """Count."""
        self.looks += 1
        return ExitVerdict.EXIT if self.looks > 9 else ExitVerdict.HOLD


@pytest.mark.parametrize(
    ("kind", "case"), [(Nameless, "x01"), (Divides, "x02"), (Counts, "x03"), (Bad, "x04")]
)
def test_what_is_wrong_fails_its_case(kind: type[Bad], case: str) -> None:
    """An answer that raises, that changes, or that says nothing at all."""
    (name,) = (each for each in dir(ExitPolicyContract) if each.startswith(f"test_{case}_"))
    with pytest.raises((AssertionError, ArithmeticError)):
        getattr(ExitPolicyContract(), name)(make_policy=kind)
