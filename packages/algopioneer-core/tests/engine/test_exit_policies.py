"""Bundled exit policies: each fires exactly at its threshold."""

from decimal import Decimal
from typing import Any

import pytest

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.engine.exit_policies import (
    MinimumProfit,
    MinimumProfitConfig,
    PnlBand,
    PnlBandConfig,
    StopLoss,
    StopLossConfig,
    TimeStop,
    TimeStopConfig,
    TrailingStop,
    TrailingStopConfig,
)
from algopioneer_core.engine.exits import ExitPolicy, ExitVerdict, OpenPosition

BTC = Instrument.undescribed(InstrumentId("test", "BTC-USD"))
EXIT, CONSENT, HOLD, ABSTAIN = ExitVerdict
D = Decimal


def a_position(
    net: str = "0", *, peak: str | None = None, bars: int = 0, held_ns: int = 0
) -> OpenPosition:
    """Return a position that cost 200, with a net gain and its best."""
    return OpenPosition(
        instrument=BTC,
        quantity=D(2),
        open_cost=D(200),
        entry_ns=1_000,
        mark=D(100),
        cost=D(200),
        gross_pnl=D(net),
        net_pnl=D(net),
        peak_net_pnl=D(net if peak is None else peak),
        bars_held=bars,
        now_ns=1_000 + held_ns,
    )


@pytest.mark.parametrize(
    "config",
    [MinimumProfitConfig(profit=D(10)), MinimumProfitConfig(profit_fraction=D("0.05"))],
)
def test_minimum_profit_holds_below_its_threshold_and_consents_at_it(
    config: MinimumProfitConfig,
) -> None:
    """It never leaves on its own, however large the gain."""
    policy = MinimumProfit(config)
    said = [policy.evaluate(a_position(net)) for net in ("-50", "9.99999999", "10", "1000")]
    assert said == [HOLD, HOLD, CONSENT, CONSENT]


def test_minimum_profit_of_zero_only_asks_for_no_loss() -> None:
    """Break-even is a threshold like any other."""
    policy = MinimumProfit(MinimumProfitConfig(profit=D(0)))
    assert policy.evaluate(a_position("0")) is CONSENT
    assert policy.evaluate(a_position("-0.00000001")) is HOLD


@pytest.mark.parametrize(
    "config", [StopLossConfig(loss=D(10)), StopLossConfig(loss_fraction=D("0.05"))]
)
def test_stop_loss_fires_at_its_threshold(config: StopLossConfig) -> None:
    """A loss of exactly the threshold leaves; anything better is not its business."""
    policy = StopLoss(config)
    said = [policy.evaluate(a_position(net)) for net in ("-10.1", "-10", "-9.99999999", "50")]
    assert said == [EXIT, EXIT, ABSTAIN, ABSTAIN]


@pytest.mark.parametrize(
    "config",
    [
        PnlBandConfig(take_profit=D(20), stop_loss=D(10)),
        PnlBandConfig(take_profit_fraction=D("0.1"), stop_loss_fraction=D("0.05")),
    ],
)
def test_pnl_band_leaves_on_both_edges(config: PnlBandConfig) -> None:
    """On the edge is out; inside it has no opinion."""
    policy = PnlBand(config)
    said = [policy.evaluate(a_position(net)) for net in ("-10", "-9.9", "0", "19.9", "20")]
    assert said == [EXIT, ABSTAIN, ABSTAIN, ABSTAIN, EXIT]


def test_pnl_band_with_one_side_ignores_the_other() -> None:
    """An open side never fires."""
    above = PnlBand(PnlBandConfig(take_profit=D(20)))
    below = PnlBand(PnlBandConfig(stop_loss=D(10)))
    assert above.evaluate(a_position("-1000")) is ABSTAIN
    assert below.evaluate(a_position("1000")) is ABSTAIN


@pytest.mark.parametrize(
    "config", [TrailingStopConfig(distance=D(10)), TrailingStopConfig(distance_fraction=D("0.05"))]
)
def test_trailing_stop_fires_when_the_gain_has_fallen_by_its_distance(
    config: TrailingStopConfig,
) -> None:
    """Measured from the best, which may itself be a loss."""
    policy = TrailingStop(config)
    assert policy.evaluate(a_position("15.1", peak="25")) is ABSTAIN
    assert policy.evaluate(a_position("15", peak="25")) is EXIT
    assert policy.evaluate(a_position("-11", peak="-1")) is EXIT


@pytest.mark.parametrize("activation", [{"activation": D(20)}, {"activation_fraction": D("0.1")}])
def test_trailing_stop_waits_for_its_activation(activation: dict[str, Decimal]) -> None:
    """Before the best has reached the activation, no fall fires it."""
    policy = TrailingStop(TrailingStopConfig(distance=D(10), **activation))
    assert policy.evaluate(a_position("-100", peak="19.99")) is ABSTAIN
    assert policy.evaluate(a_position("10", peak="20")) is EXIT


def test_time_stop_fires_after_bars_or_seconds_whichever_comes_first() -> None:
    """Both thresholds fire exactly when they are reached."""
    policy = TimeStop(TimeStopConfig(bars=5, seconds=60))
    assert policy.evaluate(a_position(bars=4, held_ns=59_999_999_999)) is ABSTAIN
    assert policy.evaluate(a_position(bars=5)) is EXIT
    assert policy.evaluate(a_position(held_ns=60_000_000_000)) is EXIT


def test_time_stop_with_one_threshold_ignores_the_other() -> None:
    """What is not given never fires."""
    assert TimeStop(TimeStopConfig(bars=5)).evaluate(a_position(held_ns=10**18)) is ABSTAIN
    assert TimeStop(TimeStopConfig(seconds=5)).evaluate(a_position(bars=10**6)) is ABSTAIN


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (MinimumProfitConfig, "profit"),
        (StopLossConfig, "loss"),
        (PnlBandConfig, "take_profit"),
        (TrailingStopConfig, "distance"),
        (TimeStopConfig, "bars"),
    ],
)
def test_policy_without_a_threshold_is_refused(config: type[Any], name: str) -> None:
    """The error names the field to give."""
    with pytest.raises(ConfigError, match="has no threshold") as caught:
        config()
    assert caught.value.where == name
    assert name in str(caught.value.remedy)


@pytest.mark.parametrize(
    ("config", "values"),
    [
        (MinimumProfitConfig, {"profit": D(1), "profit_fraction": D(1)}),
        (StopLossConfig, {"loss": D(1), "loss_fraction": D(1)}),
        (PnlBandConfig, {"take_profit": D(1), "take_profit_fraction": D(1)}),
        (PnlBandConfig, {"stop_loss": D(1), "stop_loss_fraction": D(1)}),
        (TrailingStopConfig, {"distance": D(1), "distance_fraction": D(1)}),
        (
            TrailingStopConfig,
            {"distance": D(1), "activation": D(1), "activation_fraction": D(1)},
        ),
    ],
)
def test_threshold_given_as_money_and_as_fraction_is_refused(
    config: type[Any], values: dict[str, Decimal]
) -> None:
    """Two forms of one threshold contradict each other."""
    with pytest.raises(ConfigError, match="both"):
        config(**values)


@pytest.mark.parametrize(
    ("config", "values"),
    [
        (MinimumProfitConfig, {"profit": D(-1)}),
        (StopLossConfig, {"loss": D(0)}),
        (StopLossConfig, {"loss_fraction": D(-1)}),
        (PnlBandConfig, {"take_profit": D(0)}),
        (TrailingStopConfig, {"distance": D(0)}),
        (TimeStopConfig, {"bars": 0}),
        (TimeStopConfig, {"seconds": 0}),
    ],
)
def test_threshold_out_of_range_is_refused(config: type[Any], values: dict[str, Any]) -> None:
    """A stop at zero would fire on every position."""
    with pytest.raises(ConfigError, match=next(iter(values))):
        config(**values)


def test_each_policy_says_its_name() -> None:
    """The name is what users choose it by and what ends up in the round trip."""
    policies: list[ExitPolicy] = [
        MinimumProfit(MinimumProfitConfig(profit=D(1))),
        StopLoss(StopLossConfig(loss=D(1))),
        PnlBand(PnlBandConfig(stop_loss=D(1))),
        TrailingStop(TrailingStopConfig(distance=D(1))),
        TimeStop(TimeStopConfig(bars=1)),
    ]
    assert [policy.name for policy in policies] == [
        "minimum-profit",
        "stop-loss",
        "pnl-band",
        "trailing-stop",
        "time-stop",
    ]
