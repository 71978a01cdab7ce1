"""
How fast pairs are screened, beside statsmodels on a sample of the same pairs.

    python -m benchmarks.discovery
    python -m benchmarks.discovery --symbols 5000 --sample 0 --lags 1

Seeded random walks of 2 160 hourly closes, every pair in both directions, by Engle and Granger with
fixed and with chosen lags. Statsmodels tests a sample of these pairs in the same run: both must
agree to 1e-8, or the program stops. Processor seconds are those of all threads.
"""

import argparse
import resource
import time
import warnings
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from algopioneer_strategies.research.cointegration import PairTests, all_pairs, engle_granger
from algopioneer_strategies.research.lag_choice import LagCriterion, LagRule

BARS: Final = 2_160
TOLERANCE: Final = 1e-8


class Spent(NamedTuple):
    """What a run took."""

    seconds: float
    processor: float

    def line(self, name: str, pairs: int) -> str:
        """Return a line of the table."""
        return (
            f"{name:30} {self.seconds:8.2f} s {self.processor:8.2f} processor s "
            f"{pairs / self.processor:12,.0f} pairs per processor s"
        )


def walks(symbols: int) -> NDArray[np.float64]:
    """Return seeded log prices."""
    noise = np.random.Generator(np.random.PCG64(1)).standard_normal((symbols, BARS))
    return 4.0 + np.cumsum(0.01 * noise, axis=1)


def screened(
    prices: NDArray[np.float64], pairs: NDArray[np.intp], rule: LagRule
) -> tuple[PairTests, Spent]:
    """Return the tests of all pairs with their p-values, and what they took."""
    start, worked = time.perf_counter(), time.process_time()
    tests = engle_granger(prices, pairs, rule)
    _ = tests.p_values
    return tests, Spent(time.perf_counter() - start, time.process_time() - worked)


def by_statsmodels(
    prices: NDArray[np.float64], tests: PairTests, sample: NDArray[np.intp], rule: LagRule
) -> Spent:
    """
    Return what statsmodels takes for the pairs at *sample*, both directions.

    Raises:
        SystemExit: It does not agree.
    """
    from statsmodels.tsa.stattools import coint

    how = (
        {"maxlag": rule.lags, "autolag": None}
        if rule.criterion is LagCriterion.FIXED
        else {"autolag": rule.criterion.value}
    )
    start, worked = time.perf_counter(), time.process_time()
    for place in sample:
        one, other = tests.pairs[place]
        for direction, (a, b) in enumerate(((one, other), (other, one))):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                statistic, p_value, _ = coint(prices[a], prices[b], **how)
            worst = max(
                abs(statistic - tests.statistics[direction, place]),
                abs(p_value - tests.p_values[direction, place]),
            )
            if worst > TOLERANCE and not tests.tied[direction, place]:
                raise SystemExit(f"pair {place}: the two differ by {worst:.1e}")
    return Spent(time.perf_counter() - start, time.process_time() - worked)


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--sample", type=int, default=12)
    parser.add_argument("--lags", choices=("1", "aic", "both"), default="both")
    options = parser.parse_args()
    prices, pairs = walks(options.symbols), all_pairs(options.symbols)
    rules = {"1": LagRule(LagCriterion.FIXED, 1), "aic": LagRule(LagCriterion.AIC)}
    chosen = np.random.Generator(np.random.PCG64(2)).integers(0, len(pairs), options.sample)
    print(f"{options.symbols} symbols, {len(pairs):,} pairs, {BARS} closes")
    engle_granger(prices[:2], pairs[:1], rules["1"])  # what is loaded at first use
    for name, rule in rules.items():
        if options.lags not in {name, "both"}:
            continue
        tests, ours = screened(prices, pairs, rule)
        print(ours.line(f"screen, lags {name}", len(pairs)))
        if options.sample:
            theirs = by_statsmodels(prices, tests, chosen, rule)
            print(theirs.line(f"statsmodels, lags {name}", options.sample))
            ratio = theirs.processor / options.sample / (ours.processor / len(pairs))
            print(f"{'':30} {ratio:8,.0f} x statsmodels")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak memory {peak:,} MB")


if __name__ == "__main__":
    main()
