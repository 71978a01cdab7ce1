"""Two legs with money at Coinbase: faults, power cuts, and books that agree to the last digit."""

import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from algopioneer_coinbase.sandbox import Manners
from algopioneer_coinbase.sandbox_faults import SANDBOX_FAULTS
from algopioneer_core.bootstrap.host import load_host
from algopioneer_core.bootstrap.session_config import CheckedSession, check_session
from algopioneer_core.config.session import read_session
from algopioneer_core.config.session_flags import DualLegOptions, dual_leg_session
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.testing.clocks import run_virtual
from algopioneer_core.testing.fault_plans import FaultPlan, draw_plan
from tests.live_world import LiveWorld

MINUTES = 12
OPENING = {"USD": Decimal(100_000), "BTC": Decimal(2), "ETH": Decimal(20)}
KEY = {"COINBASE_API_KEY": "name", "COINBASE_API_SECRET": "secret"}
MINUTE_NS = 60 * NS_PER_SECOND
FLAGS: dict[str, Any] = {
    "exchange": "coinbase",
    "interval": "5s",
    "order_size": Decimal(2000),
    "max_tick_age_ms": 60_000,
}
BASIS = DualLegOptions(
    strategy="basis",
    symbols=("BTC-USD", "BIT-27DEC30-CDE"),
    parameters=("entry_bps=40", "exit_bps=20", "spot_fee_bps=0", "future_fee_bps=0"),
    **FLAGS,
)
PAIRS = DualLegOptions(
    strategy="pairs",
    symbols=("BTC-USD", "ETH-USD"),
    parameters=("window=10", "z_entry=1.2", "z_exit=0.5", "legs.short_mode=inventory"),
    **FLAGS,
)
BOTH = """
[venue.coinbase]
paper = false

[[strategy]]
kind = "basis"
instruments = ["BTC-USD", "BIT-27DEC30-CDE"]
interval = "5s"
capital = 20000
notional = 4000
entry_bps = 40
exit_bps = 20
spot_fee_bps = 0
future_fee_bps = 0

[[strategy]]
kind = "pairs"
instruments = ["ETH-USD", "SOL-USD"]
interval = "5s"
capital = 20000
notional = 4000
window = 10
z_entry = 1.2
[strategy.legs]
short_mode = "inventory"
"""


def faults(seed: int) -> FaultPlan:
    """Return everything that can go wrong at the local exchange, three times a minute."""
    return draw_plan(
        random.Random(seed).random,
        duration_ns=MINUTES * MINUTE_NS,
        targets=("coinbase",),
        count=3 * MINUTES,
        odds=dict.fromkeys(SANDBOX_FAULTS, 1),
        longest_ns=40 * NS_PER_SECOND,
    )


async def killed_twice(checked: CheckedSession, seed: int, opening: dict[str, Decimal]) -> int:
    """Live, be cut right after an execution, twice; live on, stop, and compare the books."""
    world = LiveWorld(opening, seed, Manners(cancel_after_ns=NS_PER_SECOND // 2))
    quiet_ns = world.clock.now_ns() + (MINUTES + 6) * MINUTE_NS
    async with world.going_on(faults(seed)):
        for count in (1, 8):
            wanted = world.fills + count
            await world.live_and_be_cut(checked, lambda: world.fills >= wanted)  # noqa: B023
        await world.live_and_stop(
            checked, lambda: world.clock.now_ns() > quiet_ns and world.fills > 12
        )
        world.check_books()
    assert world.lives == 3
    return world.fills


@pytest.mark.long
@pytest.mark.parametrize("options", [BASIS, PAIRS], ids=["basis", "pairs"])
@pytest.mark.parametrize("seed", [1])
def test_two_legs_killed_twice_under_faults_have_the_books_of_the_exchange(
    options: DualLegOptions, seed: int
) -> None:
    """Cash, coins, contracts, fees; each fill once; nothing works after the end."""
    checked = check_session(dual_leg_session(options, KEY, live=True), load_host())
    run_virtual(killed_twice, checked, seed, OPENING, seed=seed)


@pytest.mark.long
def test_two_strategies_killed_twice_under_faults_have_the_books_of_the_exchange(
    tmp_path: Path,
) -> None:
    """A session of a file: a basis and a pair at once, in one account."""
    path = tmp_path / "run.toml"
    path.write_text(BOTH, "utf-8")
    checked = check_session(read_session(path, KEY), load_host())
    run_virtual(killed_twice, checked, 3, {**OPENING, "SOL": Decimal(500)}, seed=3)
