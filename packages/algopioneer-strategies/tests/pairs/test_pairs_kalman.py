"""With a Kalman filter the strategy trades the prior innovation, and leaves by the frozen hedge."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from algopioneer_strategies.pairs import Pairs
from algopioneer_strategies.pairs_config import HedgeMethod, KalmanScore, PairsConfig

Prior = tuple[float, float, float, float]


def priors(closes: Sequence[tuple[float, float]], config: PairsConfig) -> list[Prior]:
    """Return (alpha, beta, innovation, its variance) of each bar, with the matrices written out."""
    state = np.array([0.0, float(config.beta)])
    covariance = float(config.kalman_variance) * np.eye(2)
    found = []
    for a, b in closes:
        design = np.array([1.0, np.log(b)])
        error = float(np.log(a) - design @ state)
        variance = float(design @ covariance @ design + float(config.kalman_r))
        found.append((float(state[0]), float(state[1]), error, variance))
        gain = covariance @ design / variance
        state = state + gain * error
        covariance = covariance - np.outer(gain, gain) * variance
        covariance = covariance + float(config.kalman_q) * np.eye(2)
    return found


def expected_decisions(
    closes: Sequence[tuple[float, float]], config: PairsConfig
) -> list[tuple[int, str]]:
    """Apply the rule to the standardised innovation."""
    entry, out = float(config.z_entry), float(config.z_exit)
    stop = float(config.z_stop or "inf")
    decisions: list[tuple[int, str]] = []
    side, frozen, barred = 0, (0.0, 0.0), False
    for bar, (alpha, beta, error, variance) in enumerate(priors(closes, config)):
        if bar < config.window - 1:
            continue
        z = error / variance**0.5
        assert min(abs(abs(z) - level) for level in (entry, out, stop)) > 1e-6
        barred = barred and abs(z) >= entry
        if side:
            held = float(np.log(closes[bar][0]) - frozen[0] - frozen[1] * np.log(closes[bar][1]))
            z = held / variance**0.5
            assert min(abs(abs(z) - level) for level in (entry, out, stop)) > 1e-6
            back = z > -out if side > 0 else z < out
            if abs(z) > stop or back:
                decisions.append((bar, "z_stop" if abs(z) > stop else "signal"))
                side, barred = 0, barred or abs(z) > stop
        elif not barred and entry < abs(z) < stop:
            side, frozen = (-1 if z > 0 else 1), (alpha, beta)
            decisions.append((bar, "long" if side > 0 else "short"))
    return decisions


@pytest.mark.parametrize("stop", [None, Decimal("2.4")], ids=["no stop", "stop"])
def test_decisions_are_those_of_the_standardised_innovation(kit: Any, stop: Decimal | None) -> None:
    """Entries by the prior's innovation over its deviation, exits by the entry's alpha and beta."""
    config = PairsConfig(
        hedge=HedgeMethod.KALMAN,
        window=30,
        z_entry=Decimal("1.5"),
        z_stop=stop,
        kalman_q=Decimal("0.0000001"),
        kalman_r=Decimal("0.0003"),
    )
    pairs = kit.wandering(1500, seed=6)
    expected = expected_decisions(kit.prices(pairs), config)
    account = kit.Account()
    account.run(Pairs(config, kit.A, kit.B), kit.bars(pairs))
    assert len(expected) > 20
    assert (stop is not None) == ("z_stop" in {reason for _, reason in expected})
    assert account.decisions == expected


def test_the_hedge_of_an_entry_is_the_priors_beta(kit: Any) -> None:
    """Quantities are made at the beta known before the bar, with nine decimals."""
    config = PairsConfig(hedge=HedgeMethod.KALMAN, window=30, z_entry=Decimal(1))
    pairs = kit.wandering(400, seed=2)
    account = kit.Account()
    account.run(Pairs(config, kit.A, kit.B), kit.bars(pairs))
    known = priors(kit.prices(pairs), config)
    entries = [bar for bar, reason in account.decisions if reason in ("long", "short")]
    assert len(entries) == len(account.opened) > 3
    for bar, opened in zip(entries, account.opened, strict=True):
        assert float(opened.hedge_ratio) == pytest.approx(known[bar][1], abs=1e-8)
        assert opened.hedge_ratio == round(opened.hedge_ratio, 9)


def test_a_window_can_be_traded_at_the_priors_beta(kit: Any) -> None:
    """With `kalman_score = window`, z is that of the last spreads, all at this bar's prior beta."""
    config = PairsConfig(
        hedge=HedgeMethod.KALMAN, kalman_score=KalmanScore.WINDOW, window=20, z_entry=Decimal(1)
    )
    pairs = kit.wandering(200, seed=4)
    known = priors(kit.prices(pairs), config)
    logs = np.log(np.array(kit.prices(pairs)))
    strategy, account = Pairs(config, kit.A, kit.B), kit.Account()
    for index, joint in enumerate(kit.bars(pairs)):
        account.run(strategy, [joint], index)
        z = strategy.reading.z
        if index < 19:
            assert z is None
            continue
        window = logs[index - 19 : index + 1]
        spreads = window[:, 0] - known[index][1] * window[:, 1]
        assert z == pytest.approx((spreads[-1] - spreads.mean()) / spreads.std(), abs=1e-5)
    assert len(account.decisions) > 10
