"""What is not fit to be seen is shed, and counted by reason."""

from decimal import Decimal
from typing import Any

import pytest

from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, Quote, Trade
from algopioneer_core.runtime.shedding import InstrumentStatistics, Shedder, ShedReason

_ID = InstrumentId("sim", "A")
_SECOND = 1_000_000_000


def _quote(ts_ns: int = 1, **changes: Any) -> Quote:
    one = Decimal(1)
    return Quote(_ID, ts_ns, one, Decimal(2), one, one, ts_ns)._replace(**changes)


def _trade(ts_ns: int = 1, **changes: Any) -> Trade:
    return Trade(_ID, ts_ns, Decimal(1), Decimal(1), "t", ts_ns)._replace(**changes)


def _bar(ts_ns: int = 1, **changes: Any) -> Bar:
    return Bar(_ID, ts_ns, 2, 3, 1, 2, 0, 0, 0, ts_ns)._replace(**changes)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (_quote(bid=Decimal(0)), ShedReason.NOT_POSITIVE),
        (_quote(ask_size=Decimal(-1)), ShedReason.NOT_POSITIVE),
        (_quote(bid=Decimal(3)), ShedReason.CROSSED),
        (_quote(ts_recv=1 + 6 * _SECOND), ShedReason.TOO_OLD),
        (_quote(ts_event=61 * _SECOND), ShedReason.FROM_THE_FUTURE),
        (_trade(price=Decimal(0)), ShedReason.NOT_POSITIVE),
        (_trade(quantity=Decimal(0)), ShedReason.NOT_POSITIVE),
        (_trade(ts_recv=1 + 6 * _SECOND), ShedReason.TOO_OLD),
        (_bar(low_ticks=0), ShedReason.NOT_POSITIVE),
        (_bar(high_ticks=0), ShedReason.NOT_POSITIVE),
        (_bar(ts_event=61 * _SECOND), ShedReason.FROM_THE_FUTURE),
    ],
    ids=repr,
)
def test_what_cannot_be_is_shed(event: Quote | Trade | Bar, reason: ShedReason) -> None:
    """Each reason has its count, and nothing of it is passed on."""
    shedder = Shedder(max_age_ns=5 * _SECOND)

    assert not shedder.passes(event)
    assert shedder.shed == {reason: 1}
    assert shedder.statistics(_ID) == InstrumentStatistics(0, 0, 0, 0, 1)


def test_time_does_not_go_back_within_a_kind() -> None:
    """An older quote or trade is out of order, an equal one is not; bars come once."""
    shedder = Shedder()
    passed = [
        shedder.passes(each)
        for each in (_quote(5), _quote(5), _quote(4), _trade(3), _bar(2), _bar(2), _bar(3))
    ]

    assert passed == [True, True, False, True, True, False, True]
    assert shedder.shed == {ShedReason.OUT_OF_ORDER: 2}
    assert shedder.statistics(_ID) == InstrumentStatistics(2, 1, 2, 5, 2)


def test_one_tick_from_the_future_does_not_silence_an_instrument() -> None:
    """A wrong clock is shed itself, and does not make everything after it look old."""
    shedder = Shedder()

    assert not shedder.passes(_quote(10**18, ts_recv=1))
    assert shedder.passes(_quote(2))


def test_bars_are_never_too_old() -> None:
    """They are history already."""
    assert Shedder(max_age_ns=1).passes(_bar(ts_recv=10**15))


def test_age_is_not_judged_unless_asked() -> None:
    """Without a limit any age passes."""
    assert Shedder().passes(_quote(ts_recv=10**15))
