"""What the strategy keeps in mind, and what it makes of things that others do to its position."""

import json
from decimal import Decimal
from math import log
from typing import Any

import pytest

from algopioneer_core.domain.events import Event, OrderAccepted, OrderFilled, TimerFired
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.market_data import Quote
from algopioneer_strategies.pairs import Pairs
from algopioneer_strategies.pairs_config import HedgeMethod, KalmanScore, PairsConfig

MODELS = [
    PairsConfig(window=20, time_stop=Decimal(1), z_stop=Decimal(3)),
    PairsConfig(window=20, volatility_span=10),
    PairsConfig(window=20, hedge=HedgeMethod.FITTED, hedge_window=50, volatility_span=7),
    PairsConfig(window=20, hedge=HedgeMethod.OLS, time_stop=Decimal(2)),
    PairsConfig(window=20, hedge=HedgeMethod.OLS, hedge_window=33, volatility_span=9),
    PairsConfig(window=20, hedge=HedgeMethod.KALMAN, z_entry=Decimal(1), time_stop=Decimal(2)),
    PairsConfig(
        window=20,
        hedge=HedgeMethod.KALMAN,
        kalman_score=KalmanScore.WINDOW,
        z_stop=Decimal(3),
        volatility_span=10,
    ),
]
SHORT = PairsConfig(window=5, z_entry=Decimal("1.5"))
QUIET = [10_000, 9_999, 10_001, 10_000]


def path(levels: list[int]) -> list[tuple[int, int]]:
    """Return closes of a first leg that moves and a second one that does not."""
    return [(level, 10_000) for level in levels]


@pytest.mark.parametrize(
    "config", MODELS, ids=lambda config: f"{config.hedge.value}-{config.volatility_span}"
)
def test_a_restored_strategy_goes_on_as_if_nothing_had_happened(
    kit: Any, config: PairsConfig
) -> None:
    """Interrupted after any bar, with its state through JSON, it makes the same decisions."""
    bars = kit.bars(kit.wandering(240, seed=13))
    whole = kit.Account()
    whole.run(Pairs(config, kit.A, kit.B), bars)
    assert len(whole.decisions) > 4
    account, strategy = kit.Account(), Pairs(config, kit.A, kit.B)
    for index, joint in enumerate(bars):
        account.run(strategy, [joint], index)
        state = json.loads(json.dumps(strategy.snapshot()))
        strategy = Pairs(config, kit.A, kit.B)
        strategy.restore(state)
        assert json.loads(json.dumps(strategy.snapshot())) == state
    assert account.decisions == whole.decisions
    assert account.opened == whole.opened


def entered(kit: Any) -> tuple[Any, Pairs, int]:
    """Return an account that is short the spread, its strategy and the next bar's number."""
    account, strategy = kit.Account(), Pairs(SHORT, kit.A, kit.B)
    account.run(strategy, kit.bars(path([*QUIET, 10_100, 10_120])))
    assert account.held == -1
    return account, strategy, 6


def feed(kit: Any, account: Any, strategy: Pairs, start: int, levels: list[int]) -> list[Any]:
    """Feed more bars and return the decisions made on them."""
    bars = kit.bars(path([1] * start + levels))[start:]
    before = len(account.decisions)
    account.run(strategy, bars, start)
    decisions: list[Any] = account.decisions[before:]
    return decisions


def test_a_position_that_others_closed_counts_as_stopped(kit: Any) -> None:
    """A policy or the risk gate closed it: no entry until the spread was quiet again."""
    account, strategy, at = entered(kit)
    account.held = 0
    assert feed(kit, account, strategy, at, [10_400, 10_900]) == []
    decisions = feed(kit, account, strategy, at + 2, [10_800, 12_000])
    assert decisions == [(at + 3, "short")]


def test_a_position_that_came_and_went_between_two_bars_counts_as_stopped(kit: Any) -> None:
    """Its fill was heard of, though no bar ever saw it."""
    account, strategy = kit.Account(), Pairs(SHORT, kit.A, kit.B)
    account.run(strategy, kit.bars(path([*QUIET, 10_100])))
    account.held, account.due = -1, None
    fill = Fill(
        fill_id="1",
        client_order_id="o",
        instrument_id=kit.A,
        side=Side.SELL,
        quantity=Decimal(1),
        price=Decimal(101),
        ts_event=1,
        fee=Decimal(0),
        fee_asset="USD",
        liquidity=Liquidity.TAKER,
    )
    assert list(strategy.on_event(OrderFilled(fill), account)) == []
    account.held = 0
    assert feed(kit, account, strategy, 5, [10_400, 10_900]) == []


def test_an_entry_that_was_refused_is_tried_again(kit: Any) -> None:
    """Nothing was filled and nothing is working: the next bar decides anew."""
    account, strategy = kit.Account(), Pairs(SHORT, kit.A, kit.B)
    account.run(strategy, kit.bars(path([*QUIET, 10_100])))
    assert account.decisions == [(4, "short")]
    account.due = None
    assert feed(kit, account, strategy, 5, [10_400]) == [(5, "short")]


def test_an_exit_that_was_vetoed_is_asked_for_again(kit: Any) -> None:
    """An exit policy held the position: each bar that still wants to leave says so."""
    account, strategy, at = entered(kit)
    assert feed(kit, account, strategy, at, [9_900]) == [(at, "signal")]
    account.due = None
    assert feed(kit, account, strategy, at + 1, [9_800]) == [(at + 1, "signal")]


def test_nothing_is_decided_while_orders_work(kit: Any) -> None:
    """Neither an entry nor an exit."""
    account, strategy = kit.Account(wait=100), Pairs(SHORT, kit.A, kit.B)
    account.run(strategy, kit.bars(path([*QUIET, 10_100, 10_400, 10_900])))
    assert account.decisions == [(4, "short")]
    account.held = -1
    assert feed(kit, account, strategy, 7, [9_000]) == []


def test_one_leg_is_a_position_too(kit: Any) -> None:
    """While the first leg is flat and the second is not, the spread is still held."""
    _, strategy, at = entered(kit)

    class HalfClosed:
        has_working_orders = False

        def quantity(self, leg: object) -> Decimal:
            return Decimal(leg == kit.B)

    (joint,) = kit.bars(path([1] * at + [9_900]))[at:]
    (command,) = strategy.on_event(joint, HalfClosed())  # type: ignore[arg-type]  # what it uses
    assert command.reason == "signal"  # type: ignore[union-attr]  # a CloseSpread


def test_a_position_without_its_entry_is_left_by_the_present_hedge(kit: Any) -> None:
    """After a start without the old state there is no frozen hedge; today's serves."""
    config = PairsConfig(window=5, z_entry=Decimal("1.5"), hedge=HedgeMethod.OLS)
    pairs = kit.wandering(60, seed=3)
    account = kit.Account()
    account.held = 1
    account.run(Pairs(config, kit.A, kit.B), kit.bars(pairs))
    assert account.decisions[0][1] == "signal"


def test_a_hedge_that_is_not_positive_opens_nothing(kit: Any) -> None:
    """Legs that move against each other would both be bought or both be sold."""
    first = [10_000 + 37 * step % 101 for step in range(60)]
    opposed = [(a, 30_000 - a - a % 7) for a in first]
    config = PairsConfig(window=10, z_entry=Decimal("0.6"), hedge=HedgeMethod.OLS)
    strategy, account = Pairs(config, kit.A, kit.B), kit.Account()
    account.run(strategy, kit.bars(opposed))
    assert account.decisions == []
    ratio, z = strategy.reading.hedge_ratio, strategy.reading.z
    assert ratio is not None
    assert z is not None
    assert ratio < 0


def test_reading_tells_what_the_last_bar_looked_like(kit: Any) -> None:
    """z, beta and spread, for charts; nothing before there is something."""
    config = PairsConfig(window=4, hedge=HedgeMethod.FITTED)
    strategy, account = Pairs(config, kit.A, kit.B), kit.Account()
    assert strategy.reading == (None, None, 0.0)
    account.run(strategy, kit.bars([(100, 100), (200, 100), (200, 200), (400, 400)]))
    z, ratio, spread = strategy.reading
    # By hand, in doublings: b is 0, 0, 1, 2 and a is 0, 1, 1, 2; the slope is 2 / 2.75.
    slope = 8 / 11
    residuals = [a - 1 - slope * (b - 0.75) for b, a in ((0, 0), (0, 1), (1, 1), (2, 2))]
    assert ratio == Decimal("0.727272727")
    assert spread == pytest.approx(residuals[-1] * log(2), abs=1e-8)
    assert z == pytest.approx(residuals[-1] / (sum(r * r for r in residuals) / 4) ** 0.5, abs=1e-6)


@pytest.mark.parametrize("kind", ["accepted", "timer", "quote"])
def test_other_events_change_nothing(kit: Any, kind: str) -> None:
    """Only joint bars are decided on."""
    one = Decimal(1)
    events: dict[str, Event] = {
        "accepted": OrderAccepted("o", 1),
        "timer": TimerFired("t", 1),
        "quote": Quote(kit.A, 1, one, one, one, one, 1),
    }
    account, strategy, _ = entered(kit)
    before = strategy.snapshot()
    assert list(strategy.on_event(events[kind], account)) == []
    assert strategy.snapshot() == before
