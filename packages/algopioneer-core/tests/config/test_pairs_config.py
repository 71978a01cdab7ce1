"""Behaviour of reading `pairs_config.json`."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from algopioneer_core.config.pairs_config import read_pairs
from algopioneer_core.domain.errors import ConfigError

PAIR: dict[str, Any] = {
    "spot_symbol": "XLM-USD",
    "future_symbol": "SOL-USD",
    "order_size": "200",
    "max_tick_age_ms": 2000,
    "execution_timeout_ms": 30000,
    "min_profit_threshold": "0.001",
    "stop_loss_threshold": "-0.02",
    "fee_tier": {"maker_fee_bps": "10.0", "taker_fee_bps": "20.0", "slippage_bps": "5.0"},
    "throttle_interval_secs": 5,
    "window_size": 30,
    "entry_z_score": 1.4,
    "exit_z_score": 0.2,
}


def _file(folder: Path, content: Any) -> Path:
    path = folder / "pairs_config.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def test_hedge_of_a_discovered_pair_is_read(tmp_path: Path) -> None:
    """What `discover-pairs` writes beside the keys of the Rust system; none is the strategy's."""
    pair = {**PAIR, "hedge": "fixed", "hedge_ratio": "0.731"}
    (strategy,) = read_pairs(_file(tmp_path, [pair]), interval="1h").strategies
    assert ("fixed", Decimal("0.731")) == (strategy["hedge"], strategy["beta"])
    with pytest.raises(ConfigError, match="hedge_ratio"):
        read_pairs(_file(tmp_path, [{**pair, "hedge_ratio": "0"}]))


def test_filter_of_a_discovered_pair_is_read(tmp_path: Path) -> None:
    """The hedge ratio is where it begins; a noise that is none is refused by its key."""
    noises = {"kalman_q": "0.00001", "kalman_r": "0.01", "kalman_variance": "2"}
    pair = {**PAIR, "hedge": "kalman", "hedge_ratio": "0.7", **noises}
    (strategy,) = read_pairs(_file(tmp_path, [pair]), interval="1h").strategies
    assert ("kalman", Decimal("0.7")) == (strategy["hedge"], strategy["beta"])
    assert {key: Decimal(text) for key, text in noises.items()} == {
        key: strategy[key] for key in noises
    }
    for key, wrong in (("kalman_q", "-1"), ("kalman_r", "0"), ("kalman_variance", "-1")):
        with pytest.raises(ConfigError, match=key):
            read_pairs(_file(tmp_path, [{**pair, key: wrong}]))


def test_pair_of_the_rust_system_is_read(tmp_path: Path) -> None:
    """Money to the first leg is half of both; thresholds are money; ages are seconds."""
    found = read_pairs(_file(tmp_path, [PAIR]), interval="1h")

    (strategy,) = found.strategies
    assert {
        "kind": "pairs",
        "name": "XLM-USD-SOL-USD",
        "instruments": ["XLM-USD", "SOL-USD"],
        "interval": "1h",
        "capital": Decimal(400),
        "notional": Decimal(400),
        "window": 30,
        "z_entry": Decimal("1.4"),
        "z_exit": Decimal("0.2"),
        "legs": {
            "max_price_age_s": Decimal(2),
            "max_price_skew_s": Decimal(2),
            "max_residual_s": Decimal(30),
            "patience_s": Decimal(10),
            "entry_cooldown_s": Decimal(30),
        },
        "exit": [
            {"kind": "pnl-band", "take_profit": Decimal("0.001"), "stop_loss": Decimal("0.02")}
        ],
    } == strategy
    assert {
        "maker_fee_bps": Decimal(10),
        "taker_fee_bps": Decimal(20),
        "slippage_bps": Decimal(5),
    } == found.fees
    assert 5 == found.throttle_s


def test_what_is_left_out_is_the_strategys(tmp_path: Path) -> None:
    """A file without scores or thresholds sets none, and a pair's own interval wins."""
    pair = {
        "spot_symbol": "A",
        "future_symbol": "B",
        "order_size": 1,
        "entry_cooldown_ms": 0,
        "interval": "5m",
    }

    (strategy,) = read_pairs(_file(tmp_path, [pair]), interval="1h").strategies

    assert "5m" == strategy["interval"]
    assert [] == strategy["exit"]
    assert not {"window", "z_entry", "z_exit"} & set(strategy)
    assert "entry_cooldown_s" not in strategy["legs"]


@pytest.mark.parametrize(
    ("content", "where", "message"),
    [
        ("[{,}]", ":1", "is not valid JSON"),
        ({}, "", "is not a list of pairs"),
        ([1], "", "is not a list of pairs"),
        ([], "", "has no pairs"),
        ([{**PAIR, "widow_size": 3}], ": [0].widow_size", "did you mean 'window_size'"),
        ([PAIR, {"spot_symbol": "A"}], ": [1].future_symbol", "is required and missing"),
        ([{**PAIR, "order_size": "much"}], ": [0].order_size", "must be a number"),
        ([{**PAIR, "order_size": 0}], ": [0].order_size", "must be positive"),
        ([{**PAIR, "stop_loss_threshold": 1}], ": [0].stop_loss_threshold", "zero or below"),
        ([{**PAIR, "min_profit_threshold": -1}], ": [0].min_profit_threshold", "zero or more"),
        ([{**PAIR, "future_symbol": "XLM-USD"}], ": [0].future_symbol", "both legs are XLM-USD"),
        (
            [{**PAIR, "fee_tier": {"maker_fee_bps": -1}}],
            ": [0].fee_tier.maker_fee_bps",
            "zero or more",
        ),
        (
            [PAIR, {**PAIR, "fee_tier": {"maker_fee_bps": 1}}],
            ": [1].fee_tier",
            "one account has one scale of fees",
        ),
    ],
)
def test_wrong_file_is_refused_with_its_place(
    tmp_path: Path, content: Any, where: str, message: str
) -> None:
    """The error names the file, the pair and the key."""
    path = _file(tmp_path, content)

    with pytest.raises(ConfigError, match=message) as caught:
        read_pairs(path)

    assert f"{path}{where}" == caught.value.where


def test_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """The error names the path."""
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_pairs(tmp_path / "absent.json")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read: not UTF-8"):
        read_pairs(tmp_path / "binary")
