"""What reads of a reference venue show of the past, against looking through all of it."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.fills import Fill, Liquidity, Side
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_core.testing.reference_reads import AccountReads

_LAG_NS = 20
_STATES = (OrderStatus.PENDING, OrderStatus.OPEN, OrderStatus.FILLED, OrderStatus.CANCELED)


def _order(key: str, status: OrderStatus) -> Order:
    intent = OrderIntent(instrument_id=BITCOIN.id, side=Side.BUY, quantity=Decimal(1))
    return Order(key, intent, 0, status)


def _fill(number: int, ts_ns: int) -> Fill:
    return Fill(
        fill_id=f"f{number}",
        client_order_id="a",
        instrument_id=BITCOIN.id,
        side=Side.BUY,
        quantity=Decimal(1),
        price=Decimal(1),
        fee=Decimal(0),
        fee_asset="USD",
        liquidity=Liquidity.TAKER,
        ts_event=ts_ns,
    )


_steps = st.lists(
    st.tuples(st.integers(0, 15), st.sampled_from("abc"), st.sampled_from(_STATES)), max_size=30
)


@given(steps=_steps, lags=st.lists(st.integers(0, _LAG_NS), min_size=30, max_size=30))
def test_open_orders_are_those_of_the_whole_past(
    steps: list[tuple[int, str, OrderStatus]], lags: list[int]
) -> None:
    """However long reads lag, and whether an id ends for good or is used again."""
    reads, past, now_ns = AccountReads(), dict[str, list[tuple[int, Order]]](), 0
    for (after_ns, key, status), lag_ns in zip(steps, lags, strict=False):
        now_ns += after_ns
        order = _order(key, status)
        reads.note(now_ns, order)
        past.setdefault(key, []).append((now_ns, order))
        seen_ns = now_ns - lag_ns
        shown = {k: [o for ns, o in each if ns <= seen_ns] for k, each in past.items()}
        latest = {k: each[-1] if each else None for k, each in shown.items()}
        assert {k: reads.order(k, seen_ns) for k in past} == latest
        found = reads.open_orders(seen_ns, now_ns - _LAG_NS)
        expected = [each for each in latest.values() if each and not each.status.is_final]
        assert {each.client_order_id: each for each in found} == {
            each.client_order_id: each for each in expected
        }
    assert ("a" in reads) == ("a" in past)


@given(
    times=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40)), max_size=20),
    seen_ns=st.integers(0, 60),
    since_ns=st.integers(0, 45),
)
def test_fills_are_those_told_by_then_from_a_time_on(
    times: list[tuple[int, int]], seen_ns: int, since_ns: int
) -> None:
    """In the order in which they were told, though their own times need not be in it."""
    reads, told, now_ns = AccountReads(), list[tuple[int, Fill]](), 0
    for number, (after_ns, ts_ns) in enumerate(times):
        now_ns += after_ns
        fill = _fill(number, ts_ns)
        reads.note_fill(now_ns, fill)
        told.append((now_ns, fill))
    expected = [fill for ns, fill in told if ns <= seen_ns and fill.ts_event >= since_ns]
    assert reads.fills(seen_ns, since_ns) == expected
