"""Decisions on daily closes of real pairs equal the naive rule's, stops and gaps included."""

import csv
import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from algopioneer_strategies.pairs import Pairs
from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig

EQUITIES = Path(__file__).resolve().parents[4] / (
    "../shared/data/us-equities-20-daily-1990-2022.csv.gz"
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not EQUITIES.exists(), reason="the daily equities are not beside this repository"
    ),
]
PAIRS = [("KO", "PEP"), ("XOM", "CVX")]
CONFIGS = {
    "default": PairsConfig(),
    "stop": PairsConfig(z_stop=Decimal(3)),
    "time stop": PairsConfig(time_stop=Decimal(1), z_exit=Decimal(0)),
    "fitted": PairsConfig(hedge=HedgeMethod.FITTED, hedge_window=252, z_stop=Decimal(4)),
    "ols": PairsConfig(hedge=HedgeMethod.OLS, hedge_window=120, z_stop=Decimal("2.5")),
}


def closes(a: str, b: str, skip: tuple[int, int] = (0, 0)) -> list[tuple[int, int]]:
    """
    Return the joint closes in ticks of a tenth of a cent.

    Args:
        a: First symbol.
        b: Second symbol.
        skip: Every how many rows a leg has no close, each; 0 for never.
    """
    with gzip.open(EQUITIES, "rt", newline="") as lines:
        rows = list(csv.DictReader(lines))
    joint = []
    for number, row in enumerate(rows, 1):
        if any(every and number % every == 0 for every in skip) or not (row[a] and row[b]):
            continue
        ticks = [Decimal(row[symbol]) * 1000 for symbol in (a, b)]
        assert all(each == int(each) for each in ticks)
        joint.append((int(ticks[0]), int(ticks[1])))
    return joint


@pytest.mark.parametrize("skip", [(0, 0), (7, 11)], ids=["one calendar", "unequal calendars"])
@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("pair", PAIRS, ids="/".join)
def test_decisions_on_real_closes_are_those_of_the_rule(
    kit: Any, pair: tuple[str, str], name: str, skip: tuple[int, int]
) -> None:
    """Each decision of four years, bar by bar; the oracle counts with fractions."""
    config = CONFIGS[name]
    joint = closes(*pair, skip)[-1000:]
    account = kit.Account()
    account.run(Pairs(config, kit.A, kit.B), kit.bars(joint, (3, 3)))
    assert account.decisions == kit.oracle_of(config).run(kit.prices(joint, (3, 3)))
    assert len(account.decisions) > 20


@pytest.mark.parametrize("name", ["default", "stop", "fitted"])
@pytest.mark.parametrize("pair", PAIRS, ids="/".join)
def test_arrays_on_real_closes_agree_with_single_bars(
    kit: Any, pair: tuple[str, str], name: str
) -> None:
    """Over twelve years, each z that the strategy sees is on the side of each level that the
    arrays say."""
    config = CONFIGS[name]
    joint = closes(*pair)[-3000:]
    legs = [
        kit.columns(leg, [row[at] for row in joint], 3) for at, leg in enumerate((kit.A, kit.B))
    ]
    strategy, account = Pairs(config, kit.A, kit.B), kit.Account()
    signals = strategy.pair_signals(*legs)
    assert signals is not None
    entry, out = float(config.z_entry), float(config.z_exit)
    stop = float(config.z_stop or "inf")
    for index, bar in enumerate(kit.bars(joint, (3, 3))):
        account.run(strategy, [bar], index)
        z = strategy.reading.z
        if z is None:
            assert signals.z[index] != signals.z[index]
            continue
        assert signals.z[index] == pytest.approx(z, abs=1e-11)
        assert signals.enter_short[index] == (entry < z < stop)
        assert signals.enter_long[index] == (-stop < z < -entry)
        assert signals.leave_short[index] == (z < out)
        assert signals.leave_long[index] == (z > -out)
        assert signals.stop[index] == (abs(z) > stop)
        assert signals.calm[index] == (abs(z) < entry)
    assert len(account.decisions) > 50
