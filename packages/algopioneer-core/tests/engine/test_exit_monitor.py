"""The exit monitor: what is remembered of a position since its entry."""

import json
from decimal import Decimal

import pytest
from attrs import evolve, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from algopioneer_core.domain.money import add, from_scaled, mul, sub
from algopioneer_core.domain.positions import Position
from algopioneer_core.engine.exit_monitor import ExitMonitor, MarkedLeg
from algopioneer_core.engine.exits import ExitCosts, ExitVerdict, OpenPosition
from algopioneer_core.engine.round_trip_log import OpenRoundTrip

BTC = Instrument.undescribed(InstrumentId("test", "BTC-USD"))
INVERSE = Instrument(
    id=InstrumentId("test", "BTC-USD"),
    base="BTC",
    quote="USD",
    kind=InstrumentKind.PERPETUAL,
    multiplier=Decimal(100),
    inverse=True,
)
D = Decimal


@frozen
class Watching:
    """Abstains and keeps what it was shown."""

    seen: list[OpenPosition] = field(factory=list)
    name: str = "watching"

    def evaluate(self, position: OpenPosition) -> ExitVerdict:
        self.seen.append(position)
        return ExitVerdict.ABSTAIN


class Books:
    """A position with its monitor, driven as the engine drives them."""

    def __init__(self, costs: ExitCosts | None = None, instrument: Instrument = BTC) -> None:
        self.policy = Watching()
        self.monitor = ExitMonitor([self.policy], costs)
        self.position = Position(instrument)
        self.fills = 0

    def fill(self, quantity: str, price: str, *, fee: str = "0", at: int = 0) -> Fill:
        """Trade a signed *quantity*."""
        self.fills += 1
        signed = D(quantity)
        fill = Fill(
            str(self.fills),
            "order",
            self.position.instrument.id,
            Side.BUY if signed > 0 else Side.SELL,
            abs(signed),
            D(price),
            D(fee),
            self.position.instrument.settlement_asset,
            Liquidity.TAKER,
            at,
        )
        before, self.position = self.position, self.position.apply(fill)
        self.monitor.on_fill(before, self.position, fill)
        return fill

    def mark(self, price: str, *, at: int = 0, bar: bool = True) -> OpenPosition:
        """Mark at *price* and return what the policy was shown."""
        assert self.monitor.on_mark(self.position, D(price), at, finished_bar=bar) is not None
        return self.policy.seen[-1]


def test_net_gain_has_fees_paid_and_the_way_out_taken_off() -> None:
    """Two coins from 100 to 110: 20 gross, less 1 paid, slippage 2.2 and fees of 2.178 + 0.1."""
    books = Books(ExitCosts(fee=D("0.01"), slippage=D("0.01"), per_unit=D("0.05")))
    books.fill("2", "100", fee="1", at=5)
    shown = books.mark("110", at=10)
    assert shown.gross_pnl == 20
    assert shown.net_pnl == D("14.522")
    assert (shown.cost, shown.open_cost, shown.average_entry) == (D(200), D(200), D(100))
    assert (shown.entry_ns, shown.now_ns, shown.mark) == (5, 10, D(110))


def test_short_position_pays_slippage_upwards() -> None:
    """Buying back is dearer than the mark."""
    books = Books(ExitCosts(slippage=D("0.01")))
    books.fill("-2", "100")
    shown = books.mark("90")
    assert (shown.gross_pnl, shown.net_pnl) == (D(20), D("18.2"))
    assert (shown.cost, shown.open_cost) == (D(200), D(-200))


def test_gain_of_a_part_already_closed_counts() -> None:
    """What was realised since the entry belongs to the position."""
    books = Books()
    books.fill("2", "100")
    books.fill("-1", "120")
    shown = books.mark("110")
    assert (shown.gross_pnl, shown.cost, shown.open_cost) == (D(30), D(200), D(100))


def test_adding_to_a_position_raises_its_cost_and_keeps_its_entry_time() -> None:
    """The entry is the first fill."""
    books = Books()
    books.fill("1", "100", at=5)
    books.fill("1", "120", at=9)
    shown = books.mark("120", at=10)
    assert (shown.cost, shown.entry_ns, shown.gross_pnl) == (D(220), 5, D(20))


def test_peak_is_the_best_net_gain_since_entry() -> None:
    """It starts at the first mark, even if that is a loss, and never falls."""
    books = Books()
    books.fill("1", "100")
    peaks = [books.mark(price).peak_net_pnl for price in ("99", "98", "105", "103")]
    assert peaks == [-1, -1, 5, 5]


def test_bars_count_only_when_finished_after_the_entry() -> None:
    """A fill at a bar's close has not been held for that bar; a quote is no bar."""
    books = Books()
    books.fill("1", "100", at=60)
    assert books.mark("100", at=60).bars_held == 0
    assert books.mark("100", at=90, bar=False).bars_held == 0
    assert books.mark("100", at=120).bars_held == 1
    assert books.mark("100", at=180).bars_held == 2


def test_everything_begins_anew_after_flat() -> None:
    """Nothing of the last round trip, gains and fees included, reaches the next."""
    books = Books()
    books.fill("1", "100", fee="1")
    books.mark("200", at=1)
    books.fill("-1", "200", fee="1")
    assert books.monitor.on_mark(books.position, D(200), 2) is None
    books.fill("1", "50", fee="0.5", at=7)
    shown = books.mark("50", at=8)
    assert (shown.net_pnl, shown.peak_net_pnl) == (D("-0.5"), D("-0.5"))
    assert (shown.cost, shown.entry_ns, shown.bars_held) == (D(50), 7, 1)


def test_fill_through_zero_begins_a_new_position_with_its_share_of_the_fee() -> None:
    """A third of the sale opens the short, so a third of the fee is its own."""
    books = Books()
    books.fill("2", "100", fee="1")
    books.mark("130")
    books.fill("-3", "120", fee="3", at=9)
    shown = books.mark("120", at=10)
    assert (shown.quantity, shown.cost, shown.entry_ns) == (D(-1), D(120), 9)
    assert (shown.net_pnl, shown.peak_net_pnl) == (D(-1), D(-1))


def test_position_closed_without_a_fill_is_forgotten() -> None:
    """Settlement or a transfer can flatten a position too."""
    books = Books()
    books.fill("1", "100")
    books.mark("100")
    assert books.monitor.on_mark(Position(BTC), D(100), 1) is None
    assert books.monitor.snapshot() == {}


def test_position_that_was_found_begins_now_at_its_own_cost() -> None:
    """Reconciliation may bring a position whose entry was never seen here."""
    books = Books()
    books.position = Position(BTC, D(2), D(200), realised=D(7), fees=D(3))
    shown = books.mark("110", at=50)
    assert (shown.entry_ns, shown.cost, shown.net_pnl) == (50, D(200), D(20))


def test_adding_to_a_position_that_was_found_counts_from_the_fill() -> None:
    """The fill is the first thing seen of it."""
    books = Books()
    books.position = Position(BTC, D(2), D(200))
    books.fill("1", "130", at=40)
    shown = books.mark("130", at=50)
    assert (shown.entry_ns, shown.cost) == (40, D(330))


def test_partial_close_of_a_position_that_was_found_leaves_it_to_the_next_mark() -> None:
    """A reduction says nothing about the entry."""
    books = Books()
    books.position = Position(BTC, D(2), D(200))
    books.fill("-1", "130", at=40)
    assert books.mark("130", at=50).entry_ns == 50


def test_inverse_contract_gains_in_base() -> None:
    """Ten contracts of 100 USD from 100 to 200: 10 BTC at entry, 5 BTC at the mark."""
    books = Books(instrument=INVERSE)
    books.fill("10", "100")
    shown = books.mark("200")
    assert (shown.cost, shown.gross_pnl, shown.net_pnl) == (D(10), D(5), D(5))


def test_without_policies_nothing_is_remembered() -> None:
    """An engine without exits pays nothing for them."""
    monitor = ExitMonitor()
    fill = Fill("1", "o", BTC.id, Side.BUY, D(1), D(100), D(0), "USD", Liquidity.TAKER, 0)
    after = Position(BTC).apply(fill)
    monitor.on_fill(Position(BTC), after, fill)
    assert monitor.is_off
    assert monitor.on_mark(after, D(100), 0) is None
    assert monitor.snapshot() == {}


def test_slippage_of_the_whole_price_is_refused() -> None:
    """A sale that brings nothing has no net gain to speak of."""
    with pytest.raises(ConfigError, match="slippage"):
        ExitMonitor((), ExitCosts(slippage=D(1)))


def test_memory_survives_a_restart() -> None:
    """Snapshot, JSON, restore: the next mark shows the same as if nothing had happened."""
    books = Books(ExitCosts(fee=D("0.001")))
    books.fill("2", "100", fee="1", at=5)
    assert json.dumps(books.monitor.snapshot())  # before the first mark there is no peak
    books.fill("-1", "120", fee="1", at=6)
    books.mark("150", at=10)
    again = ExitMonitor([books.policy], ExitCosts(fee=D("0.001")))
    again.restore(json.loads(json.dumps(books.monitor.snapshot())))
    again.on_mark(books.position, D(140), 20)
    restored = books.policy.seen[-1]
    assert books.mark("140", at=20) == restored


def test_snapshot_without_a_mark_restores() -> None:
    """Killed between the fill and the first mark, the entry is still known."""
    books = Books()
    books.fill("1", "100", at=5)
    again = ExitMonitor([books.policy])
    again.restore(json.loads(json.dumps(books.monitor.snapshot())))
    again.on_mark(books.position, D(90), 20)
    assert (books.policy.seen[-1].entry_ns, books.policy.seen[-1].peak_net_pnl) == (5, D(-10))


LOTS = st.integers(-5, 5).filter(bool).map(lambda n: str(from_scaled(25 * n, 2)))
CENTS = st.integers(5_000, 15_000).map(lambda n: str(from_scaled(n, 2)))
FEE = st.integers(0, 500).map(lambda n: str(from_scaled(n, 2)))


@given(st.lists(st.tuples(LOTS, CENTS, FEE), min_size=1, max_size=8), CENTS)
def test_net_gain_is_what_the_round_trip_shows_when_closed_at_the_mark(
    trades: list[tuple[str, str, str]], mark: str
) -> None:
    """Leaving at exactly the expected costs gives exactly the net gain the policies saw."""
    costs = ExitCosts(fee=D("0.002"), slippage=D("0.001"))
    books, log = Books(costs), OpenRoundTrip(BTC)
    for quantity, price, fee in trades:
        before = books.position
        fill = books.fill(quantity, price, fee=fee)
        log.record(before, books.position, fill, "signal")
    if books.position.is_flat:
        assert books.monitor.on_mark(books.position, D(mark), 0) is None
        return
    shown = books.mark(mark)
    held = books.position.quantity
    slipped = mul(D(mark), sub(D(1), costs.slippage) if held > 0 else add(D(1), costs.slippage))
    way_out = mul(mul(abs(held), slipped), costs.fee)
    before = books.position
    fill = books.fill(str(-held), str(slipped), fee=str(way_out))
    trip = log.record(before, books.position, fill, "signal")
    assert trip is not None
    assert (trip.pnl, trip.cost) == (shown.net_pnl, shown.cost)


def test_a_leg_that_pays_in_coins_counts_at_their_worth() -> None:
    """Gains and costs of a spread are sums in one asset: those in coins are converted."""
    perpetual = evolve(INVERSE, id=InstrumentId("test", "BTC-PERP"))
    dollars, coins = Books(), Books(instrument=perpetual)
    dollars.fill("1", "100")
    coins.fill("-3", "100")
    legs = [MarkedLeg(dollars.position, D(150)), MarkedLeg(coins.position, D(150), D(150))]
    policy = Watching()
    monitor = ExitMonitor([policy])
    assert monitor.on_spread(legs, 1) is not None
    (seen,) = policy.seen
    # 50 on the bitcoin; 300 dollars were 3 bitcoin and are 2 now, and a short has lost the other.
    assert seen.gross_pnl == D(50) + (D(2) - D(3)) * D(150)
    assert seen.cost == D(100) + D(3) * D(150)
