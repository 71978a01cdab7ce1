"""Behaviour of the sessions that are one command."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from algopioneer_core.config.runs import Settings
from algopioneer_core.config.session import SessionConfig
from algopioneer_core.config.session_flags import (
    DualLegOptions,
    PortfolioOptions,
    TradeOptions,
    dual_leg_session,
    portfolio_session,
    trade_session,
)
from algopioneer_core.config.session_options import Resume
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.spreads import ShortMode
from algopioneer_core.runtime.restart_policy import OnRemove

SECOND_NS = 1_000_000_000
PAIRS = [
    {"spot_symbol": "A", "future_symbol": "B", "order_size": 100, "throttle_interval_secs": 9},
    {"spot_symbol": "B", "future_symbol": "C", "order_size": 50},
]


def _dual_leg(**flags: object) -> SessionConfig:
    asked = Settings("dual-leg", flags={"strategy": "pairs", "symbols": ["A", "B"], **flags})
    return dual_leg_session(asked.make(DualLegOptions), {})


def test_trade_is_a_moving_average_on_paper() -> None:
    """The cycle is the length of a bar; the size is in base units."""
    session = trade_session(TradeOptions(product_id="BTC-USD", duration=90, run_for="8h"), {})

    (strategy,) = session.strategies
    assert ("moving-average", "coinbase:BTC-USD") == (strategy.kind, strategy.instruments[0])
    assert (90 * SECOND_NS, 200) == (strategy.interval_ns, strategy.history)
    assert {
        "quantity": Decimal("0.001"),
        "short_window": 5,
        "long_window": 20,
    } == strategy.settings.filed
    assert not session.live
    assert "trade-coinbase-BTC-USD" == session.name
    assert Path("trade-coinbase-BTC-USD.journal") == session.journal_path
    assert 8 * 3600 * SECOND_NS == session.session.run_for_ns


def test_how_it_goes_on_after_a_kill_can_be_said() -> None:
    """Nothing is said unless it is asked for: the venues then decide."""
    asked = Settings("trade", flags={"product_id": "BTC-USD", "resume": "wallclock"})
    assert trade_session(asked.make(TradeOptions), {}).session.resume is Resume.WALLCLOCK
    assert trade_session(TradeOptions(product_id="BTC-USD"), {}).session.resume is None


def test_live_is_only_by_its_flag() -> None:
    """Without the flag nothing is sent."""
    options = TradeOptions(product_id="BTC-USD")

    assert trade_session(options, {}, live=True).live
    assert not trade_session(options, {}).live


def test_settings_of_venue_and_account_are_passed_on() -> None:
    """Whatever the plugin's class knows can be set."""
    options = TradeOptions(
        product_id="BTC/USD",
        exchange="replay",
        venue=("speed=60",),
        paper_account=("taker-fee-bps=20",),
        journal="j.db",
        record=("out/trades.csv", "trades.jsonl"),
    )

    session = trade_session(options, {})

    (venue,) = session.venues
    assert {"speed": "60"} == venue.settings.filed
    assert {"taker_fee_bps": "20"} == venue.fills.filed
    assert [("csv", "out/trades.csv"), ("jsonl", "trades.jsonl")] == [
        (each.kind, each.settings.filed["path"]) for each in session.recorders
    ]
    assert (Path("j.db"), "trade-replay-BTC-USD") == (session.journal_path, session.name)


def test_settings_lead_into_the_tables_of_a_strategy() -> None:
    """With a dot; what stands there already stays."""
    session = _dual_leg(set=["legs.short_mode=inventory", "window=9"])

    (strategy,) = session.strategies
    assert ShortMode.INVENTORY is strategy.legs.short_mode
    assert Decimal(2) == strategy.legs.max_price_age_s
    assert {"window": "9"} == strategy.settings.filed


def test_dual_leg_sizes_by_its_first_leg() -> None:
    """Half of what both legs take; the account is the strategy's alone."""
    session = _dual_leg(
        strategy="dual_leg",
        order_size="50",
        interval="1h",
        stop_loss_threshold="-3",
        throttle_interval_secs="7",
        set=["window=30"],
    )

    (strategy,) = session.strategies
    assert ("dual_leg", "A-B") == (strategy.kind, strategy.name)
    assert {"notional": Decimal(100), "window": "30"} == strategy.settings.filed
    assert (None, Decimal(1)) == (strategy.capital, strategy.capital_share)
    assert (Decimal(2), Decimal(30)) == (
        strategy.legs.max_price_age_s,
        strategy.legs.max_residual_s,
    )
    assert [{"stop_loss": Decimal(3)}] == [each.settings.filed for each in strategy.exits]
    assert 7 == session.log.throttle_s


def test_dual_leg_without_a_size_leaves_it_to_the_strategy() -> None:
    """Nothing is made up for it."""
    assert {} == _dual_leg().strategies[0].settings.filed


def test_portfolio_trades_every_pair(tmp_path: Path) -> None:
    """Each pair is a strategy; the fees are the paper account's, unless said otherwise."""
    path = tmp_path / "pairs_config.json"
    path.write_text(json.dumps(PAIRS), "utf-8")
    options = PortfolioOptions(
        config=str(path), interval="1d", exchange="alpaca", paper_account=("slippage_bps=1",)
    )

    session = portfolio_session(options, {})

    assert [("A-B", Decimal(200)), ("B-C", Decimal(100))] == [
        (each.name, each.capital) for each in session.strategies
    ]
    assert {
        "maker_fee_bps": Decimal(10),
        "taker_fee_bps": Decimal(20),
        "slippage_bps": "1",
    } == session.venue("alpaca").fills.filed
    assert (Decimal(9), "portfolio-alpaca-pairs_config") == (session.log.throttle_s, session.name)
    assert portfolio_session(PortfolioOptions(config=str(path)), {}, live=True).live


def test_pair_that_is_there_twice_is_refused_with_its_file(tmp_path: Path) -> None:
    """Two strategies cannot have one name."""
    path = tmp_path / "pairs.json"
    path.write_text(json.dumps([PAIRS[0], PAIRS[0]]), "utf-8")

    with pytest.raises(ConfigError, match="is also the name of") as caught:
        portfolio_session(PortfolioOptions(config=str(path)), {})

    assert f"{path}: strategy[1].name" == caught.value.where


@pytest.mark.parametrize(
    ("flags", "where", "message"),
    [
        ({"symbols": ["A"]}, "--symbols", "two symbols are needed"),
        ({"symbols": ["A,B,C"]}, "--symbols", "two symbols are needed, not A, B, C"),
        ({"symbols": ["A", "A"]}, "--symbols", "two symbols are needed"),
        ({"order_size": 0}, "--order-size", "must be positive"),
        ({"stop_loss_threshold": 1}, "--stop-loss-threshold", "zero or below"),
        ({"max_tick_age_ms": 0}, "--max-tick-age-ms", "at least 1"),
        ({"set": ["window"]}, "--set", "is not a setting"),
        ({"venue": ["=1"]}, "--venue", "is not a setting"),
        ({"record": ["trades.txt"]}, "--record", "neither a .csv nor a .jsonl"),
    ],
)
def test_wrong_flag_is_refused_by_its_name(
    flags: dict[str, object], where: str, message: str
) -> None:
    """The error names the flag that was typed."""
    with pytest.raises(ConfigError, match=message) as caught:
        _dual_leg(**flags)

    assert where == caught.value.where


def test_contradictions_of_trade_are_refused() -> None:
    """A history too short to decide on, and an account that nothing is filled in."""
    with pytest.raises(ConfigError, match="is shorter than long_window"):
        TradeOptions(product_id="A", long_window=300)
    with pytest.raises(ConfigError, match="no paper account with --live"):
        trade_session(TradeOptions(product_id="A", paper_account=("x=1",)), {}, live=True)


def test_a_portfolio_is_read_again_with_its_flags(tmp_path: Path) -> None:
    """From the file as it is then: that is what SIGHUP does."""
    path = tmp_path / "pairs.json"
    path.write_text(json.dumps(PAIRS))
    options = PortfolioOptions(config=str(path), exchange="sim", interval="1h", journal="j")
    session = portfolio_session(options, {})
    path.write_text(json.dumps([{**PAIRS[0], "on_remove": "drain", "short_mode": "inventory"}]))

    assert session.again is not None
    again = session.again()

    assert ["A-B", "B-C"] == [each.name for each in session.strategies]
    assert [("A-B", OnRemove.DRAIN)] == [(each.name, each.on_remove) for each in again.strategies]
    assert again.strategies[0].legs.short_mode is ShortMode.INVENTORY
    assert (session.name, session.journal_path) == (again.name, again.journal_path)
