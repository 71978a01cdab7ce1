"""The strategy decides what the naive reading of its rule decides, bar by bar and over arrays."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import DataError, RefusedError
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.spreads import Neutrality, SpreadSize
from algopioneer_strategies.pair_signals import PairSignals
from algopioneer_strategies.pairs import Pairs
from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig

Closes = list[tuple[int, int]]


@st.composite
def closes(draw: st.DrawFn) -> Closes:
    """Few prices, so that ties and windows without any variance are common."""
    few = st.integers(1, 6)
    some = st.integers(80, 120)
    legs = draw(st.sampled_from((few, some)))
    return draw(st.lists(st.tuples(legs, legs), min_size=2, max_size=60))


@st.composite
def configs(draw: st.DrawFn, *hedges: HedgeMethod) -> PairsConfig:
    """Small windows; with a window of 2, z is 1 or -1 and so exactly on a level of 1."""
    entry = draw(st.sampled_from(("0.5", "0.7071067811865475", "1", "1.2", "1.5")))
    out = draw(st.sampled_from(("0", "0.25", "-0.25", "0.49")))
    stop = draw(st.sampled_from((None, "1.51", "1.7", "2")))
    return PairsConfig(
        window=draw(st.integers(2, 7)),
        z_entry=Decimal(entry),
        z_exit=Decimal(out),
        z_stop=None if stop is None else Decimal(stop),
        time_stop=draw(st.sampled_from((None, Decimal("0.5"), Decimal(3)))),
        hedge=draw(st.sampled_from(hedges)),
        hedge_window=draw(st.none() | st.integers(2, 8)),
        beta=draw(st.sampled_from((Decimal(1), Decimal("0.73"), Decimal("2.000000001")))),
    )


def decided(kit: Any, config: PairsConfig, pairs: Closes, wait: int = 1) -> list[tuple[int, str]]:
    """Run the strategy bar by bar and return its decisions."""
    account = kit.Account(wait=wait)
    account.run(Pairs(config, kit.A, kit.B), kit.bars(pairs))
    decisions: list[tuple[int, str]] = account.decisions
    return decisions


def walk(signals: PairSignals, wait: int = 1) -> list[tuple[int, str]]:
    """Make the four steps that `PairSignals` promises are enough."""
    decisions: list[tuple[int, str]] = []
    side, entry, limit, barred, free = 0, 0, None, False, 0
    for bar in range(len(signals)):
        barred = barred and not signals.calm[bar]
        reason = None
        if bar < free:
            continue
        if side:
            reason = why_leave(signals, bar, side, limit is not None and bar - entry >= limit)
            if reason:
                side, barred = 0, reason != "signal"
        elif not barred:
            side, entry = int(signals.enter_long[bar]) - int(signals.enter_short[bar]), bar
            reason = {1: "long", -1: "short"}.get(side)
            limit = signals.hold_limit(bar) if side and signals.hold_limit else None
        if reason:
            decisions.append((bar, reason))
            free = bar + wait
    return decisions


def why_leave(signals: PairSignals, bar: int, side: int, late: bool) -> str | None:
    """Return the first reason to leave at *bar*, in the order that `PairSignals` gives."""
    if signals.stop[bar]:
        return "z_stop"
    if late:
        return "time_stop"
    leave = signals.leave_long if side > 0 else signals.leave_short
    return "signal" if leave[bar] else None


@given(configs(HedgeMethod.FIXED, HedgeMethod.OLS), closes(), st.integers(1, 3))
def test_decisions_are_those_of_the_rule(
    kit: Any, config: PairsConfig, pairs: Closes, wait: int
) -> None:
    """Whatever the prices, windows and levels, ties included, decisions equal the naive rule's."""
    expected = kit.oracle_of(config, wait).run(kit.prices(pairs))
    assert decided(kit, config, pairs, wait) == expected


@given(configs(HedgeMethod.FITTED), closes(), st.integers(1, 3))
def test_fitted_decisions_are_those_of_the_rule(
    kit: Any, config: PairsConfig, pairs: Closes, wait: int
) -> None:
    """A fitted hedge trades by the rule too, or is refused when it is not positive."""
    oracle = kit.oracle_of(config, wait)
    expected = oracle.run(kit.prices(pairs))
    ratio = oracle.ratio(len(pairs) - 1)
    if len(pairs) >= oracle.hedge_window and (ratio is None or ratio <= 0):
        with pytest.raises(RefusedError, match="hedge ratio fitted on the first"):
            decided(kit, config, pairs, wait)
    else:
        assert decided(kit, config, pairs, wait) == expected


@given(configs(HedgeMethod.FIXED, HedgeMethod.FITTED), closes(), st.integers(1, 3))
def test_a_walk_over_the_signals_decides_the_same(
    kit: Any, config: PairsConfig, pairs: Closes, wait: int
) -> None:
    """The arrays hold everything that the bar-by-bar decisions depend on."""
    legs = kit.legs(pairs)
    strategy = Pairs(config, kit.A, kit.B)
    try:
        expected = decided(kit, config, pairs, wait)
    except RefusedError:
        with pytest.raises(RefusedError, match="hedge ratio fitted on the first"):
            strategy.pair_signals(*legs)
        return
    signals = strategy.pair_signals(*legs)
    if signals is None:
        assert config.hedge is HedgeMethod.FITTED
        assert expected == []
    else:
        assert walk(signals, wait) == expected


CASES = [
    PairsConfig(),
    PairsConfig(z_stop=Decimal(3), window=30),
    PairsConfig(time_stop=Decimal("0.5"), z_exit=Decimal(0)),
    PairsConfig(hedge=HedgeMethod.FITTED, hedge_window=100),
    PairsConfig(hedge=HedgeMethod.OLS, hedge_window=90, z_stop=Decimal("3.5"), window=40),
]


@pytest.mark.parametrize("config", CASES, ids=lambda config: config.hedge.value)
def test_decisions_of_a_long_series_are_those_of_the_rule(kit: Any, config: PairsConfig) -> None:
    """With ordinary windows and levels, there are many decisions, and all are the rule's."""
    pairs = kit.wandering(800, seed=3)
    expected = kit.oracle_of(config).run(kit.prices(pairs))
    assert len(expected) > 10
    assert decided(kit, config, pairs) == expected


def test_stops_of_both_kinds_occur(kit: Any) -> None:
    """The cases above do exercise stops, and the wait after them."""
    pairs = kit.wandering(3000, seed=3)
    config = PairsConfig(z_stop=Decimal("2.6"), time_stop=Decimal(1), window=30)
    reasons = {reason for _, reason in decided(kit, config, pairs)}
    assert reasons == {"long", "short", "signal", "z_stop", "time_stop"}


def spread_path(levels: Sequence[int]) -> Closes:
    """Return closes whose first leg is as given, against a second leg that stands still."""
    return [(level, 10_000) for level in levels]


def test_a_dear_first_leg_is_sold(kit: Any) -> None:
    """When a has become dear against b, a is sold and b is bought, with the size asked for."""
    config = PairsConfig(window=5, z_entry=Decimal("1.5"), position_size=Decimal("0.4"))
    account = kit.Account()
    account.run(
        Pairs(config, kit.A, kit.B), kit.bars(spread_path([10_000, 9_999, 10_001, 10_000, 11_000]))
    )
    (opened,) = account.opened
    assert (opened.sell, opened.buy) == (kit.A, kit.B)
    assert opened.size.fraction == Decimal("0.4")
    assert opened.hedge_ratio == 1


def test_a_fixed_amount_replaces_the_share_of_equity(kit: Any) -> None:
    """Made by its plugin's factory, with a notional, the strategy sizes by that and neutrality."""
    config = PairsConfig(
        window=5, z_entry=Decimal("1.5"), notional=Decimal(5000), neutrality=Neutrality.BETA
    )
    legs = [Instrument(id=leg, base=leg.symbol[:3], quote="USD") for leg in (kit.A, kit.B)]
    account = kit.Account()
    account.run(Pairs.make(config, legs), kit.bars(spread_path([10_000] * 4 + [9_000])))
    (opened,) = account.opened
    assert (opened.buy, opened.sell) == (kit.A, kit.B)
    assert opened.size == SpreadSize(notional=Decimal(5000), neutrality=Neutrality.BETA)


def test_a_jump_over_the_band_still_leaves(kit: Any) -> None:
    """A short spread leaves when z falls from above the entry to below the opposite one at once."""
    config = PairsConfig(window=5, z_entry=Decimal("1.5"))
    path = [10_000, 9_999, 10_001, 10_000, 11_000, 8_000]
    assert decided(kit, config, spread_path(path)) == [(4, "short"), (5, "signal")]


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        ("1.99999999999999999", []),
        ("2", []),
        ("2.00000000000000001", [(4, "short")]),
        (None, [(4, "short")]),
    ],
)
def test_nothing_is_opened_at_the_stop(
    kit: Any, stop: str | None, expected: list[tuple[int, str]]
) -> None:
    """One spread of five that differs has a z of 2, exactly: on the stop there is no entry."""
    config = PairsConfig(
        window=5, z_entry=Decimal("1.5"), z_stop=None if stop is None else Decimal(stop)
    )
    assert decided(kit, config, spread_path([10_000] * 4 + [10_100])) == expected


@pytest.mark.parametrize(("entry", "expected"), [("2", []), ("1.99999999999999999", [(4, "long")])])
def test_nothing_is_opened_on_the_entry(
    kit: Any, entry: str, expected: list[tuple[int, str]]
) -> None:
    """A z of exactly -2 is not below an entry of 2."""
    config = PairsConfig(window=5, z_entry=Decimal(entry))
    assert decided(kit, config, spread_path([10_000] * 4 + [9_900])) == expected


def test_after_a_stop_entries_wait_for_a_quiet_spread(kit: Any) -> None:
    """After a stop z may be above the entry for long: nothing is opened until it was below."""
    pairs = kit.wandering(3000, seed=5)
    config = PairsConfig(window=30, z_stop=Decimal("2.6"))
    decisions = decided(kit, config, pairs)
    signals = Pairs(config, kit.A, kit.B).pair_signals(*kit.legs(pairs))
    assert signals is not None
    entries = signals.enter_long | signals.enter_short
    stops = [i for i, (_, reason) in enumerate(decisions) if reason == "z_stop"]
    barred = 0
    for i in stops[:-1]:
        between = slice(decisions[i][0] + 1, decisions[i + 1][0])
        assert signals.calm[between].any()
        barred += int(entries[between].sum())
    assert barred > 0


def test_signals_are_refused_for_legs_of_different_times(kit: Any) -> None:
    """Arrays that were not joined would pair one minute with another."""
    strategy = Pairs(PairsConfig(window=2), kit.A, kit.B)
    with pytest.raises(DataError, match="not of the same times"):
        strategy.pair_signals(kit.columns("a", [1, 2, 3]), kit.columns("b", [1, 2]))


@pytest.mark.parametrize(
    "config",
    [
        PairsConfig(hedge=HedgeMethod.OLS),
        PairsConfig(hedge=HedgeMethod.KALMAN),
        PairsConfig(volatility_span=10),
    ],
)
def test_there_are_no_arrays_where_z_depends_on_the_past(kit: Any, config: PairsConfig) -> None:
    """A hedge that moves, and volatility scaling, are traded bar by bar only."""
    pairs = kit.wandering(100, seed=1)
    assert Pairs(config, kit.A, kit.B).pair_signals(*kit.legs(pairs)) is None


def test_prices_on_different_grids_are_compared_as_prices(kit: Any) -> None:
    """The same prices in ticks of another size give the same decisions."""
    config, pairs = PairsConfig(window=20), kit.wandering(500, seed=9)
    finer = [(a * 1000, b) for a, b in pairs]
    account = kit.Account()
    account.run(Pairs(config, kit.A, kit.B), kit.bars(finer, (5, 2)))
    assert account.decisions == decided(kit, config, pairs)
    assert len(account.decisions) > 4
