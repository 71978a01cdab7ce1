"""
When a pair is changed for another: the improvement has to beat the noise.

Incumbents and candidates are walked forward by the same rule over the same bars, which the screen
did not see. For each incumbent and each candidate the difference of their returns, bar by bar, is
cut into twelve groups that follow each other, and the twelve means are tested by Student's t with
11 degrees of freedom, one-sided. Groups are long beside a trade, so what echoes from bar to bar
stays inside them; the test needs no equal variances, and holds up to a level of 4 % (Ibragimov and
Müller, *t-statistic based correlation and heterogeneity robust inference*, Journal of Business and
Economic Statistics 28, 2010, after Bakirov and Székely, 2005).

Deflation is Bonferroni's: the level is shared by all comparisons that were ever made at these bars,
those of candidates that may not be chosen too. And it is shared by time: a pass may spend as much
of the level as it has bars that no pass before it had, so that looking more often finds no more.

Cash is a contender like any other, with returns of 0: it holds a free place, and may take that of
a pair that loses.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from algopioneer_core.domain.errors import NotEnoughData, RefusedError
from algopioneer_core.simulation.equity_statistics import NOISE

__all__ = [
    "CASH",
    "GROUPS",
    "HIGHEST_LEVEL",
    "Comparison",
    "Contender",
    "Verdict",
    "compare",
    "judge",
    "share_of_level",
    "upper_tail",
]

GROUPS: Final = 12
"""Of bars; even, for `upper_tail` wants odd degrees of freedom."""
HIGHEST_LEVEL: Final = 0.04
"""Where the test holds whatever the variances of the groups: 1 - Phi(sqrt 3), rounded down."""
_FEWEST_BARS: Final = 10 * GROUPS
CASH: Final = "cash"


@frozen(eq=False)
class Contender:
    """A pair, or cash."""

    name: str
    returns: NDArray[np.float64]
    """Out of sample, bar by bar, the same bars for all."""
    refusal: str | None = None
    """Why it may not be chosen; it is compared all the same, for it was looked at."""


@frozen
class Comparison:
    """What a candidate would have gained in the place of an incumbent."""

    incumbent: str
    candidate: str
    gain: float
    """Mean difference of their returns, per bar."""
    statistic: float | None
    """Student's t of it; None where the difference does not vary."""
    p_value: float
    """One-sided: how likely so large a t is where the candidate is no better."""
    refusal: str | None = None
    """Why the candidate may not be chosen."""


@frozen(kw_only=True)
class Verdict:
    """What is changed, and by what rule."""

    level: float
    """What this pass may spend, a probability."""
    trials: int
    """Comparisons that share it."""
    comparisons: tuple[Comparison, ...]
    """All of this pass, the most certain first."""
    changes: tuple[Comparison, ...] = field(default=())
    """Those that are to be made."""

    @property
    def threshold(self) -> float:
        """Largest p-value that makes a change."""
        return self.level / self.trials

    def best_of(self, incumbent: str) -> Comparison | None:
        """Return the most certain comparison with *incumbent*; None where there is none."""
        return next((each for each in self.comparisons if each.incumbent == incumbent), None)


def upper_tail(statistic: float, freedom: int) -> float:
    """
    Return the probability that Student's t is above *statistic*, for an odd degree of *freedom*.

    Abramowitz and Stegun, *Handbook of Mathematical Functions*, 26.7.3; right to about 1e-16.

    Raises:
        RefusedError: The degree is even, or below 3.
    """
    if freedom < 3 or freedom % 2 == 0:
        raise RefusedError(f"the series is for odd degrees from 3, not {freedom}", where="freedom")
    angle = math.atan(statistic / math.sqrt(freedom))
    term = total = math.cos(angle)
    for step in range(3, freedom - 1, 2):
        term *= (step - 1) / step * math.cos(angle) ** 2
        total += term
    inside = 2 / math.pi * (angle + math.sin(angle) * total)
    return max(0.0, (1 - inside) / 2)


def compare(incumbent: Contender, candidate: Contender) -> Comparison:
    """
    Compare the returns of two contenders.

    Raises:
        NotEnoughData: There are fewer than ten bars in a group.
        RefusedError: They are of different bars.
    """
    if len(incumbent.returns) != len(candidate.returns):
        raise RefusedError(
            "their returns are of different bars", where=f"{incumbent.name}, {candidate.name}"
        )
    if len(candidate.returns) < _FEWEST_BARS:
        raise NotEnoughData(
            f"a comparison needs {_FEWEST_BARS} bars that the screen did not see, and there are "
            f"{len(candidate.returns)}",
            where=candidate.name,
            remedy="use a longer history or a larger --holdout",
        )
    gains = candidate.returns - incumbent.returns
    starts = np.arange(GROUPS) * len(gains) // GROUPS
    means = np.add.reduceat(gains, starts) / np.diff(starts, append=len(gains))
    gain, error = float(means.mean()), float(means.std(ddof=1)) / math.sqrt(GROUPS)
    statistic = gain / error if error > NOISE else None
    p_value = 1.0 if statistic is None else upper_tail(statistic, GROUPS - 1)
    return Comparison(incumbent.name, candidate.name, gain, statistic, p_value, candidate.refusal)


def share_of_level(level: float, *, new_bars: int, bars: int) -> float:
    """
    Return what a pass may spend of *level*.

    Over any stretch as long as the held-out bars, the shares of all passes sum to the level, or to
    twice that at most where the first pass lies in it: false changes are that rare, however often
    one looks.

    Args:
        level: Probability of a false change in as many bars as are held out.
        new_bars: Held-out bars that no pass before this one had.
        bars: Held-out bars.
    """
    return level * min(1.0, new_bars / bars)


def judge(
    incumbents: Sequence[Contender],
    candidates: Sequence[Contender],
    *,
    level: float,
    free: int = 0,
    earlier: int = 0,
) -> Verdict:
    """
    Decide which incumbents give their place to which candidates.

    The most certain improvement is made first; each candidate is taken once, and one pair at least
    is left, for a portfolio of none cannot run.

    Args:
        incumbents: Pairs that are traded.
        candidates: Pairs that are not.
        level: What this pass may spend.
        free: Places that nobody holds.
        earlier: Comparisons that were made at these bars before, by other rules or of other pairs.

    Raises:
        NotEnoughData: There are too few bars.
        RefusedError: Returns are of different bars, or a pair is there twice.
    """
    _refuse_twice([*incumbents, *candidates])
    found = tuple(sorted(_comparisons(incumbents, candidates, free), key=_by_certainty))
    trials = max(1, earlier + len(found))
    places = Counter({each.name: 1 for each in incumbents})
    places[CASH] = free
    offers = Counter({each.name: 1 for each in candidates})
    offers[CASH] = max(0, len(incumbents) - 1)
    changes = tuple(_taken(found, level / trials, places, offers))
    return Verdict(level=level, trials=trials, comparisons=found, changes=changes)


def _refuse_twice(contenders: Iterable[Contender]) -> None:
    for name, count in Counter(each.name for each in contenders).items():
        if count > 1:
            raise RefusedError("it is there twice", where=name, remedy="name each pair once")


def _comparisons(
    incumbents: Sequence[Contender], candidates: Sequence[Contender], free: int
) -> Iterator[Comparison]:
    for incumbent in incumbents:
        yield compare(incumbent, _cash(incumbent))
        for candidate in candidates:
            yield compare(incumbent, candidate)
    if free:
        for candidate in candidates:
            yield compare(_cash(candidate), candidate)


def _cash(beside: Contender) -> Contender:
    return Contender(CASH, np.zeros_like(beside.returns))


def _by_certainty(found: Comparison) -> tuple[float, float, str, str]:
    return found.p_value, -found.gain, found.incumbent, found.candidate


def _taken(
    found: Iterable[Comparison], threshold: float, places: Counter[str], offers: Counter[str]
) -> Iterator[Comparison]:
    for each in found:
        certain = each.p_value <= threshold and each.statistic is not None
        if not certain or each.refusal is not None:
            continue
        if places[each.incumbent] and offers[each.candidate]:
            places[each.incumbent] -= 1
            offers[each.candidate] -= 1
            yield each
