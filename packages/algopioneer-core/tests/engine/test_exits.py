"""What a policy is shown, and what several policies say together."""

from decimal import Decimal

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.engine.exits import ExitCosts, ExitVerdict, OpenPosition, combined

BTC = Instrument.undescribed(InstrumentId("test", "BTC-USD"))
EXIT, CONSENT, HOLD, ABSTAIN = ExitVerdict


def a_position(**changes: object) -> OpenPosition:
    """Return two coins bought at 100 and now at 110, with *changes*."""
    position = OpenPosition(
        instrument=BTC,
        quantity=Decimal(2),
        open_cost=Decimal(200),
        entry_ns=1_000,
        mark=Decimal(110),
        cost=Decimal(200),
        gross_pnl=Decimal(20),
        net_pnl=Decimal(19),
        peak_net_pnl=Decimal(25),
        bars_held=3,
        now_ns=4_000,
    )
    return position._replace(**changes)  # type: ignore[arg-type]  # fields by name


@frozen
class Saying:
    name: str
    verdict: ExitVerdict

    def evaluate(self, position: OpenPosition) -> ExitVerdict:
        return self.verdict


def test_position_shows_average_entry_time_held_and_fraction() -> None:
    """Derived figures follow from the sums."""
    position = a_position()
    assert position.average_entry == 100
    assert position.held_ns == 3_000
    assert position.net_pnl_fraction == Decimal("0.095")


def test_fraction_of_a_position_that_cost_nothing_is_unknown() -> None:
    """An airdropped coin has a gain and no cost to relate it to."""
    assert a_position(cost=Decimal(0)).net_pnl_fraction is None


@given(st.lists(st.sampled_from(ExitVerdict), max_size=4))
def test_policies_combine_to_any_exit_else_any_hold_else_consent(said: list[ExitVerdict]) -> None:
    """The engine's rule, and the reason is the first policy that decided."""
    outcome = combined([Saying(f"p{i}", verdict) for i, verdict in enumerate(said)], a_position())
    deciding = EXIT if EXIT in said else HOLD if HOLD in said else None
    assert outcome.verdict is (deciding or CONSENT)
    assert outcome.reason == (f"p{said.index(deciding)}" if deciding else "")


def test_no_policy_lets_the_strategy_leave() -> None:
    """Nothing configured means nothing refused."""
    assert combined((), a_position()).verdict is CONSENT


@pytest.mark.parametrize("field", ["fee", "per_unit", "slippage"])
def test_negative_cost_of_leaving_is_refused(field: str) -> None:
    """A rebate is no reason to expect a better way out."""
    with pytest.raises(ConfigError, match=field):
        ExitCosts(**{field: Decimal(-1)})
