"""The strategy decides what its rule says, checked against the rule written down in fractions."""

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from attrs import define, evolve, field
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.commands import CloseSpread, OpenSpread, SetTimer
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.events import Event, FundingPaid, OrderFilled, TimerFired
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from algopioneer_core.domain.market_data import Bar, JointBar, Quote
from algopioneer_core.domain.money import Increment
from algopioneer_core.domain.spreads import Neutrality, SpreadSize
from algopioneer_core.engine.spread_sizing import size_spread
from algopioneer_core.simulation.spread_readings import SpreadReading
from algopioneer_strategies.basis import EXPIRY_TIMER, Basis, BasisReading
from algopioneer_strategies.basis_config import AtExpiry, BasisConfig
from algopioneer_strategies.plugin import algopioneer_strategies

HOUR = 3_600_000_000_000
YEAR = 365 * 24 * HOUR
EXPIRY_NS = 1_000 * HOUR
SPOT = Instrument(
    id=InstrumentId("sim", "BTC-USD"), base="BTC", quote="USD", taker_fee=Decimal("0.0002")
)
FUTURE = Instrument(
    id=InstrumentId("sim", "BTC-Z"),
    base="BTC",
    quote="USD",
    kind=InstrumentKind.FUTURE,
    expiry_ns=EXPIRY_NS,
    taker_fee=Decimal("0.0001"),
)
PERPETUAL = evolve(FUTURE, kind=InstrumentKind.PERPETUAL, expiry_ns=None)
BPS = Fraction(1, 10_000)


def joint(hour: int, spot: int, future: int, decimals: tuple[int, int] = (0, 0)) -> JointBar:
    """Return the joint bar that closes at *hour* with these closes in ticks."""
    now = hour * HOUR
    bars = (
        Bar(leg.id, now, tick, tick, tick, tick, 0, places, 0, now)
        for leg, tick, places in zip((SPOT, FUTURE), (spot, future), decimals, strict=True)
    )
    return JointBar(now, tuple(bars))


@define
class Account:
    """Holds a basis of two units at most; what is ordered fills one bar later."""

    held: int = 0
    """2 when the future is sold, -2 in reverse."""
    wanted: int | None = None
    spot: Decimal = Decimal(0)
    now_ns: int = 0
    decisions: list[tuple[int, str]] = field(factory=list)
    sizes: list[SpreadSize] = field(factory=list)
    timers: list[int] = field(factory=list)

    @property
    def has_working_orders(self) -> bool:
        return self.wanted is not None

    def quantity(self, leg: InstrumentId) -> Decimal:
        return Decimal(self.held if leg == SPOT.id else -self.held)

    def mark(self, leg: InstrumentId) -> Decimal:
        assert leg == SPOT.id
        return self.spot

    def feed(self, strategy: Basis, *events: Event) -> list[tuple[int, str]]:
        """Feed events, and return what was decided on them, by the hour."""
        before = len(self.decisions)
        for event in events:
            self.now_ns = event.ts_event
            if isinstance(event, JointBar):
                self.spot = event.bars[0].close
                if self.wanted is not None:
                    self.held, self.wanted = self.wanted, None
            for command in strategy.on_event(event, self):  # type: ignore[arg-type]  # what it uses
                self._obey(command)
        return self.decisions[before:]

    def _obey(self, command: object) -> None:
        hour = self.now_ns // HOUR
        if isinstance(command, SetTimer):
            assert command.name == EXPIRY_TIMER
            self.timers.append(command.at_ns)
        elif isinstance(command, OpenSpread):
            assert not self.held
            assert self.wanted is None
            self.wanted = 2 if command.sell == FUTURE.id else -2
            self.sizes.append(command.size)
            self.decisions.append((hour, "sell" if self.wanted > 0 else "buy"))
        else:
            assert isinstance(command, CloseSpread)
            assert command.stop == (command.reason != "signal")
            self.wanted = 0
            self.decisions.append((hour, command.reason))


def strategy_of(future: Instrument = FUTURE, **options: Any) -> Basis:
    """Return a strategy on the spot and *future*."""
    return Basis.make(BasisConfig(**options), (SPOT, future))


class Oracle:
    """The rule of the basis, read off its description; prices and funding in fractions."""

    def __init__(self, config: BasisConfig, *, expires: bool) -> None:
        self.config, self.expires = config, expires
        self.entry, self.exit = Fraction(config.entry_bps) * BPS, Fraction(config.exit_bps) * BPS
        self.expected = Fraction(config.expected_funding_bps) * BPS
        slippage = Fraction(config.fill_slippage_bps) * BPS
        self.spot_cost, self.future_cost = 2 * (2 * BPS + slippage), 2 * (BPS + slippage)

    def scale(self, hour: int) -> Fraction:
        """Return what thresholds are multiplied with."""
        return Fraction((1_000 - hour) * HOUR, YEAR) if self.config.annualise else Fraction(1)

    def to_earn(self, side: int, spot: Fraction, future: Fraction) -> Fraction:
        """Return what a unit of base has still to earn, as a fraction of the spot price."""
        return side * (future - spot + self.expected * future) / spot

    def wanted(self, hour: int, spot: Fraction, future: Fraction) -> int:
        """Return the side to enter, 0 for none."""
        costs = self.spot_cost + self.future_cost * future / spot
        for side in (1, -1) if self.config.allow_reverse else (1,):
            if self.to_earn(side, spot, future) - costs >= self.entry * self.scale(hour):
                return side
        return 0

    def run(self, bars: list[tuple[Fraction, Fraction, Fraction]]) -> list[tuple[int, str]]:
        """Return all decisions on bars of spot, future, and funding received just before."""
        decisions: list[tuple[int, str]] = []
        side, received, barred, leaving = 0, Fraction(0), False, False
        for hour, (spot, future, funding) in enumerate(bars):
            if leaving:
                side, received, leaving = 0, Fraction(0), False
            if side and not fresh_entry(decisions, hour):
                received += funding
            want = self.wanted(hour, spot, future)
            barred = barred and want != 0
            reason = None
            if side:
                earned = received / (2 * spot)
                limit = self.config.max_funding_paid_bps
                if limit is not None and -earned >= Fraction(limit) * BPS:
                    reason, barred = "funding", True
                elif self.to_earn(side, spot, future) - earned <= self.exit * self.scale(hour):
                    reason = "signal"
                leaving = reason is not None
            elif want and not barred:
                side, reason = want, "sell" if want > 0 else "buy"
            if reason:
                decisions.append((hour, reason))
        return decisions


def fresh_entry(decisions: list[tuple[int, str]], hour: int) -> bool:
    """Return whether the entry was decided one bar ago, so that it was not held before this one."""
    return bool(decisions) and decisions[-1][0] == hour - 1 and decisions[-1][1] in ("sell", "buy")


few_bps = st.integers(-60, 60).map(lambda tenths: Decimal(tenths) / 2)
prices = st.integers(9_950, 10_050)


@given(
    st.data(),
    st.booleans(),
    st.booleans(),
    st.sampled_from(((0, 0), (3, 1), (0, 2))),
    st.lists(st.tuples(prices, prices, st.integers(-60, 60)), min_size=1, max_size=40),
)
def test_decisions_are_those_of_the_rule(
    data: st.DataObject,
    expires: bool,
    annualise: bool,
    decimals: tuple[int, int],
    bars: list[tuple[int, int, int]],
) -> None:
    """Whatever the prices, thresholds, costs and funding, decisions equal the naive rule's."""
    exit_bps = data.draw(few_bps)
    config = BasisConfig(
        entry_bps=max(exit_bps, Decimal(0)) + data.draw(st.integers(1, 40)),
        exit_bps=exit_bps,
        annualise=expires and annualise,
        allow_reverse=data.draw(st.booleans()),
        fill_slippage_bps=data.draw(st.sampled_from((Decimal(0), Decimal("0.125")))),
        expected_funding_bps=Decimal(0) if expires else data.draw(few_bps),
        max_funding_paid_bps=data.draw(st.sampled_from((None, Decimal(5), Decimal(30)))),
    )
    strategy, account = Basis(config, SPOT, FUTURE if expires else PERPETUAL), Account()
    for hour, (spot, future, funding) in enumerate(bars):
        if account.wanted is None and funding:
            paid = FundingPaid(FUTURE.id, hour * HOUR, Decimal(funding), "USD")
            account.feed(strategy, paid)
        ticks = (spot * 10 ** decimals[0], future * 10 ** decimals[1])
        account.feed(strategy, joint(hour, *ticks, decimals))
    oracle = Oracle(config, expires=expires)
    expected = oracle.run([tuple(map(Fraction, each)) for each in bars])  # type: ignore[misc]  # three
    assert account.decisions == expected


# With fees of 2 and 1 bps a fill, a future at 10,100 over a spot at 10,000 has a basis of 100 bps
# and costs of 4 + 2.02 bps.
@pytest.mark.parametrize(
    ("entry", "expected"), [("93.98", [(1, "sell")]), ("93.9800000000000001", [])]
)
def test_a_basis_on_the_entry_is_entered(entry: str, expected: list[tuple[int, str]]) -> None:
    """The net basis has to reach the entry, and not a hair less will do."""
    account = Account()
    strategy = strategy_of(entry_bps=Decimal(entry))
    assert strategy.reading == BasisReading(Decimal(0), Decimal(0), Decimal(0))
    assert account.feed(strategy, joint(1, 10_000, 10_100)) == expected
    assert strategy.reading == BasisReading(Decimal(100), Decimal("93.98"), Decimal(0))


@pytest.mark.parametrize(("out", "expected"), [("5", [(3, "signal")]), ("4.9999999999999", [])])
def test_a_basis_on_the_exit_is_left(out: str, expected: list[tuple[int, str]]) -> None:
    """No costs are taken off at the exit: they were, at the entry."""
    account, strategy = Account(), strategy_of(exit_bps=Decimal(out))
    account.feed(strategy, joint(1, 10_000, 10_100), joint(2, 10_000, 10_100))
    assert account.held == 2
    assert account.feed(strategy, joint(3, 10_000, 10_005)) == expected


def test_a_cheap_future_is_bought_only_where_that_is_allowed() -> None:
    """The reverse needs the spot sold, so it has to be asked for."""
    cheap = joint(1, 10_000, 9_900)
    assert Account().feed(strategy_of(), cheap) == []
    assert Account().feed(strategy_of(allow_reverse=True), cheap) == [(1, "buy")]


def test_an_annual_threshold_shrinks_with_the_time_left() -> None:
    """Net 93.98 bps in 73 days are 469.9 bps a year, exactly."""
    bar = joint(1_000 - 73 * 24, 10_000, 10_100)
    far = evolve(FUTURE, expiry_ns=1_000 * HOUR)
    for entry, expected in (("469.9", 1), ("469.9000001", 0)):
        strategy = strategy_of(far, annualise=True, entry_bps=Decimal(entry))
        assert len(Account().feed(strategy, bar)) == expected


def entered(strategy: Basis, hour: int = 1) -> Account:
    """Return an account that sold the future at 100 bps, two units, and saw it at the next bar."""
    account = Account()
    account.feed(strategy, *(joint(hour + step, 10_000, 10_100) for step in (0, 1)))
    assert account.held == 2
    return account


def test_a_position_is_closed_before_expiry_and_not_opened_again() -> None:
    """At the first bar within the lead, as a stop; however dear the future then is."""
    strategy = strategy_of(close_before_expiry_s=Decimal(36_000))
    account = entered(strategy, 987)
    bars = [joint(hour, 10_000, 10_100) for hour in range(989, 1_005)]
    assert account.feed(strategy, *bars) == [(990, "expiry")]
    assert account.held == 0


def test_a_position_is_closed_at_the_last_bar_when_bars_are_far_apart() -> None:
    """A lead shorter than a bar would be missed: the bar after this one would be too late."""
    strategy = strategy_of(close_before_expiry_s=Decimal(1))
    account = entered(strategy, 997)
    assert account.feed(strategy, joint(999, 10_000, 10_100)) == [(999, "expiry")]


def test_the_timer_closes_a_position_when_no_bar_does() -> None:
    """It is set with the entry, for the lead before expiry; early, it does nothing."""
    strategy = strategy_of(close_before_expiry_s=Decimal(36_000))
    account = entered(strategy, 900)
    assert account.timers == [990 * HOUR]
    assert account.feed(strategy, TimerFired("other", 990 * HOUR)) == []
    assert account.feed(strategy, TimerFired(EXPIRY_TIMER, 989 * HOUR)) == []
    assert account.feed(strategy, TimerFired(EXPIRY_TIMER, 990 * HOUR)) == [(990, "expiry")]
    assert account.feed(strategy, TimerFired(EXPIRY_TIMER, 990 * HOUR)) == []


def test_an_entry_under_way_is_given_up_at_expiry() -> None:
    """Orders that have not been filled by then must not be filled later."""
    strategy, account = strategy_of(), Account()
    assert account.feed(strategy, joint(1, 10_000, 10_100)) == [(1, "sell")]
    fired = TimerFired(EXPIRY_TIMER, 976 * HOUR)
    assert account.feed(strategy, fired) == [(976, "expiry")]


def test_a_position_is_held_through_expiry_only_when_told_to() -> None:
    """With at_expiry = hold nothing but the rule closes it, and nothing is opened after."""
    strategy = strategy_of(at_expiry=AtExpiry.HOLD)
    account = entered(strategy, 995)
    assert account.feed(strategy, *(joint(h, 10_000, 10_100) for h in range(997, 1_002))) == []
    account.held = 0
    calm = joint(1_002, 10_000, 10_000)
    assert account.feed(strategy, calm, joint(1_003, 10_000, 10_100)) == []


@pytest.mark.parametrize(
    ("amount", "asset", "expected"),
    [
        ("200", "USD", [(4, "signal")]),
        ("199.999999", "USD", []),
        ("0.02", "BTC", [(4, "signal")]),
        ("0.0199999", "BTC", []),
        ("200", "BNB", []),
    ],
)
def test_funding_received_is_earned(
    amount: str, asset: str, expected: list[tuple[int, str]]
) -> None:
    """Two units at 10,000 that received 200 have earned the 100 bps they were opened for."""
    strategy = strategy_of(PERPETUAL)
    account = entered(strategy)
    paid = FundingPaid(FUTURE.id, 3 * HOUR, Decimal(amount), asset)
    assert account.feed(strategy, paid, joint(4, 10_000, 10_100)) == expected


def test_funding_of_an_earlier_position_is_forgotten() -> None:
    """It belongs to the round trip in which it was paid; what comes while flat counts nowhere."""
    strategy = strategy_of(PERPETUAL)
    account = entered(strategy)
    paid = FundingPaid(FUTURE.id, 3 * HOUR, Decimal(200), "USD")
    bars = [joint(hour, 10_000, 10_100) for hour in (4, 5, 6, 7)]
    decisions = account.feed(strategy, paid, bars[0], bars[1])
    assert decisions == [(4, "signal"), (5, "sell")]
    assert account.feed(strategy, evolve(paid, ts_event=5 * HOUR), *bars[2:]) == []


def test_too_much_funding_paid_is_a_stop_that_bars_entries() -> None:
    """Nothing is opened after it until the rule would not have entered."""
    strategy = strategy_of(PERPETUAL, max_funding_paid_bps=Decimal(5))
    account = entered(strategy)
    paid = FundingPaid(FUTURE.id, 3 * HOUR, Decimal(-10), "USD")
    dear = [joint(hour, 10_000, 10_100) for hour in (4, 5, 6)]
    assert account.feed(strategy, paid, *dear) == [(4, "funding")]
    after = (joint(7, 10_000, 10_000), joint(8, 10_000, 10_100))
    assert account.feed(strategy, *after) == [(8, "sell")]


def test_a_position_that_others_closed_counts_as_stopped() -> None:
    """An exit policy or the risk gate closed it, even between two bars."""
    strategy, account = strategy_of(), Account()
    account.feed(strategy, joint(1, 10_000, 10_100))
    account.held, account.wanted = 2, None
    one, none = Decimal(1), Decimal(0)
    fill = Fill("1", "o", SPOT.id, Side.BUY, one, one, none, "USD", Liquidity.TAKER, HOUR)
    account.feed(strategy, OrderFilled(fill))
    account.held = 0
    assert account.feed(strategy, joint(2, 10_000, 10_100)) == []


def test_a_restored_strategy_goes_on_as_if_nothing_had_happened() -> None:
    """Interrupted after every event, with its state through JSON, it decides the same."""
    options: dict[str, Any] = {"max_funding_paid_bps": Decimal(2), "exit_bps": Decimal(8)}
    events: list[Event] = []
    for hour in range(1, 60):
        if hour % 4 == 0:
            events.append(FundingPaid(FUTURE.id, hour * HOUR, Decimal(4 - hour % 11), "USD"))
        events.append(joint(hour, 10_000, 10_000 + hour * 37 % 120))
    whole, broken = Account(), Account()
    whole.feed(strategy_of(PERPETUAL, **options), *events)
    strategy = strategy_of(PERPETUAL, **options)
    for event in events:
        broken.feed(strategy, event)
        state = json.loads(json.dumps(strategy.snapshot()))
        strategy = strategy_of(PERPETUAL, **options)
        strategy.restore(state)
        assert strategy.snapshot() == state
    assert broken.decisions == whole.decisions
    assert {reason for _, reason in whole.decisions} == {"sell", "signal", "funding"}


def test_a_restored_position_has_its_timer_set_again() -> None:
    """Timers do not outlive a process."""
    strategy = strategy_of()
    account = entered(strategy)
    again = strategy_of()
    again.restore(strategy.snapshot())
    account.feed(again, joint(3, 10_000, 10_100), joint(4, 10_000, 10_100))
    assert account.timers == [976 * HOUR, 976 * HOUR]


def test_other_events_and_working_orders_decide_nothing() -> None:
    """Quotes are not decided on, nor is a bar while orders work."""
    strategy, account = strategy_of(), Account()
    price = Decimal(100)
    assert account.feed(strategy, Quote(SPOT.id, 1, price, price, price, price, 1)) == []
    account.feed(strategy, joint(1, 10_000, 10_100))
    account.held, working = 2, account.wanted
    strategy.on_event(joint(2, 10_000, 9_000), account)  # type: ignore[arg-type]  # what it uses
    assert account.wanted == working
    assert account.decisions == [(1, "sell")]


def test_both_legs_are_the_same_base_with_an_inverse_contract_too() -> None:
    """Contracts of 100 USD are rounded down, and the spot is cut to the base they stand for."""
    inverse = evolve(
        FUTURE, inverse=True, multiplier=Decimal(100), quantity_increment=Increment(Decimal(1))
    )
    account = Account()
    account.feed(strategy_of(inverse, notional=Decimal(20_050)), joint(1, 10_000, 10_100))
    (size,) = account.sizes
    assert size == SpreadSize(notional=Decimal(20_050), neutrality=Neutrality.DELTA)
    marks = Decimal(10_000), Decimal(10_100)
    sized = size_spread((SPOT, inverse), marks, size, Decimal(1), Decimal(0))
    assert sized.second == 100
    # The spot's grid is 1e-8: at most that much less than 10,000 USD at 10,100.
    assert 0 <= Fraction(10_000, 10_100) - Fraction(sized.first) < Fraction(1, 10**8)


@pytest.mark.parametrize(
    ("spot", "future", "options", "where"),
    [
        (SPOT, SPOT, {}, SPOT.id),
        (SPOT, evolve(SPOT, id=FUTURE.id), {}, FUTURE.id),
        (SPOT, evolve(FUTURE, base="ETH"), {}, f"{SPOT.id} / {FUTURE.id}"),
        (SPOT, evolve(FUTURE, expiry_ns=None), {}, FUTURE.id),
        (SPOT, PERPETUAL, {"annualise": True}, "annualise"),
        (SPOT, FUTURE, {"expected_funding_bps": Decimal(1)}, "expected_funding_bps"),
        (evolve(SPOT, taker_fee=None), FUTURE, {}, "spot_fee_bps"),
        (SPOT, evolve(FUTURE, taker_fee=None), {}, "future_fee_bps"),
        (SPOT, FUTURE, {"exit_bps": Decimal(10)}, "exit_bps"),
        (SPOT, FUTURE, {"entry_bps": Decimal(0)}, "entry_bps"),
        (SPOT, FUTURE, {"fill_slippage_bps": Decimal(-1)}, "fill_slippage_bps"),
        (SPOT, FUTURE, {"close_before_expiry_s": Decimal(0)}, "close_before_expiry_s"),
        (SPOT, FUTURE, {"notional": Decimal(-1)}, "notional"),
    ],
)
def test_what_makes_no_basis_is_refused(
    spot: Instrument, future: Instrument, options: dict[str, Any], where: str
) -> None:
    """One line that names the key or the instrument."""
    with pytest.raises(ConfigError) as caught:
        Basis(BasisConfig(**options), spot, future)
    assert caught.value.where == where


def test_stated_fees_replace_the_instruments() -> None:
    """With no fees and no slippage, a basis of 100 bps is worth 100 bps."""
    free: dict[str, Any] = {"spot_fee_bps": Decimal(0), "future_fee_bps": Decimal(0)}
    bar = joint(1, 10_000, 10_100)
    assert Account().feed(strategy_of(entry_bps=Decimal(100), **free), bar) == [(1, "sell")]
    assert Account().feed(strategy_of(entry_bps=Decimal(100)), bar) == []


def test_charts_are_given_the_basis_as_the_spread() -> None:
    """In bps, at a hedge of one to one, and with no z."""
    strategy = strategy_of()
    Account().feed(strategy, joint(1, 10_000, 10_025))
    reading: SpreadReading = strategy.reading
    assert (reading.spread, reading.z) == (25.0, None)
    assert reading.hedge_ratio == 1


def test_the_spec_resolves_to_the_strategy() -> None:
    """A spot and a contract, or a chain of them."""
    (spec,) = (each for each in algopioneer_strategies() if each.name == "basis")
    assert spec.load_factory() == Basis.make
    assert spec.load_config() is BasisConfig
    assert spec.instruments == (2, 12)
    assert strategy_of().requirements().warmup_bars == 0
