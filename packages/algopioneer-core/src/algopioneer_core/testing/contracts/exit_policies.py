"""
What every exit policy must do.

    class TestOurs(ExitPolicyContract):
        @pytest.fixture
        def make_policy(self):
            return lambda: GiveBack(GiveBackConfig(fraction=Decimal("0.3")))

The cases are told in docs/reference/plugin-contracts.md. It judges positions of all kinds: long and
short, with gains and losses, young and old, of what is delivered and of contracts.
"""

import itertools
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

import pytest

from algopioneer_core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.money import ZERO
from algopioneer_core.domain.text import one_line
from algopioneer_core.engine.exits import ExitPolicy, ExitVerdict, OpenPosition

__all__ = ["ExitPolicyContract", "MakePolicy", "positions"]

MakePolicy: TypeAlias = Callable[[], ExitPolicy]
"""Makes the policy under test, as its plugin's factory does."""

_COIN: Final = Instrument.undescribed(InstrumentId("contract", "COIN-USD"))
_FUTURE: Final = Instrument(
    id=InstrumentId("contract", "COIN-PERP"),
    base="COIN",
    quote="USD",
    kind=InstrumentKind.PERPETUAL,
    multiplier=Decimal("0.01"),
)
_NETS: Final = tuple(map(Decimal, ("-1000", "-20", "-0.00000001", "0", "0.5", "30", "5000")))
_DAYS: Final = (0, 1, 400)
_DAY_NS: Final = 86_400 * NS_PER_SECOND


def positions() -> list[OpenPosition]:
    """Return positions of all kinds, each at several gains and ages."""
    found = []
    kinds = itertools.product((_COIN, _FUTURE), (Decimal(2), Decimal(-3)), (Decimal(200), ZERO))
    for (instrument, quantity, cost), net, days in itertools.product(kinds, _NETS, _DAYS):
        found.append(
            OpenPosition(
                instrument=instrument,
                quantity=quantity,
                open_cost=cost if quantity > 0 else cost.copy_negate(),
                entry_ns=NS_PER_SECOND,
                mark=Decimal(100),
                cost=cost,
                gross_pnl=net,
                net_pnl=net,
                peak_net_pnl=max(net, Decimal(40)),
                bars_held=24 * days,
                now_ns=NS_PER_SECOND + days * _DAY_NS,
            )
        )
    return found


class ExitPolicyContract:
    """The cases. A subclass gives `make_policy`."""

    @pytest.fixture
    def make_policy(self) -> MakePolicy:
        """Return what makes the policy, a fresh one each time."""
        raise NotImplementedError

    def test_x01_has_a_name_that_can_be_a_reason(self, make_policy: MakePolicy) -> None:
        """X01: it becomes the exit reason of round trips: one line, and the same each time."""
        name = make_policy().name
        assert name
        assert name == one_line(name) == make_policy().name

    def test_x02_every_position_gets_a_verdict(self, make_policy: MakePolicy) -> None:
        """X02: long, short, without cost, of a contract: one of the four, and no exception."""
        policy = make_policy()
        assert all(isinstance(policy.evaluate(each), ExitVerdict) for each in positions())

    def test_x03_has_no_memory(self, make_policy: MakePolicy) -> None:
        """X03: in any order, asked again, or by another object, a position gets one verdict."""
        policy, shown = make_policy(), positions()
        forwards = _verdicts(policy, shown)
        backwards = _verdicts(policy, shown[::-1])[::-1]
        assert forwards == backwards == [make_policy().evaluate(each) for each in shown]

    def test_x04_has_an_opinion(self, make_policy: MakePolicy) -> None:
        """X04: some position is left, or held, because of it."""
        decided = {ExitVerdict.EXIT, ExitVerdict.HOLD}
        assert decided & set(_verdicts(make_policy(), positions()))


def _verdicts(policy: ExitPolicy, shown: Sequence[OpenPosition]) -> list[ExitVerdict]:
    return [policy.evaluate(each) for each in shown]
