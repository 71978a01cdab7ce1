"""A pair is changed where another is better, and not where it only was luckier."""

from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from algopioneer_core.domain.errors import NotEnoughData, RefusedError
from algopioneer_strategies.research.autopilot_rule import (
    CASH,
    Contender,
    compare,
    judge,
    share_of_level,
    upper_tail,
)

BARS: Final = 600


def noise(seed: int, rows: int) -> NDArray[np.float64]:
    """Return returns as a pair has them: mostly without a position, and with fat tails."""
    random = np.random.Generator(np.random.PCG64(seed))
    held = np.repeat(random.random((rows, BARS // 10)) < 0.4, 10, axis=1)
    found: NDArray[np.float64] = 0.002 * held * random.standard_t(4, (rows, BARS))
    return found


def contenders(prefix: str, returns: NDArray[np.float64]) -> list[Contender]:
    """Return a contender for each row."""
    return [Contender(f"{prefix}{place}", row) for place, row in enumerate(returns)]


@pytest.mark.parametrize(
    ("statistic", "freedom", "tail"),
    [
        (0.0, 11, 0.5),
        (1.795884819, 11, 0.05),
        (-1.795884819, 11, 0.95),
        (3.105806514, 11, 0.005),
        (4.436979338, 11, 0.0005),
        (2.353363435, 3, 0.05),
        (2.015048373, 5, 0.05),
    ],
)
def test_the_tail_of_student_is_that_of_the_tables(
    statistic: float, freedom: int, tail: float
) -> None:
    """Critical values as printed."""
    assert upper_tail(statistic, freedom) == pytest.approx(tail, rel=1e-7)


@pytest.mark.parametrize("freedom", [1, 2, 10])
def test_other_degrees_are_refused(freedom: int) -> None:
    """The series is not theirs."""
    with pytest.raises(RefusedError, match="odd degrees"):
        upper_tail(1.0, freedom)


def test_among_pairs_of_noise_nothing_is_changed() -> None:
    """Two incumbents, three candidates and cash: false changes are no oftener than the level."""
    false = 0
    for seed in range(400):
        rows = noise(seed, 5)
        verdict = judge(contenders("in", rows[:2]), contenders("out", rows[2:]), level=0.04)
        assert verdict.trials == 8
        false += bool(verdict.changes)
    # 16 are expected at the level itself; three deviations of a binomial above that.
    assert false <= 27


def test_one_comparison_of_noise_is_as_often_false_as_it_says() -> None:
    """A test that never rejected would hold any level; this one uses what it has."""
    gains = [noise(1_000 + seed, 2) for seed in range(400)]
    p_values = [compare(*contenders("c", rows)).p_value for rows in gains]
    assert 0.02 <= np.mean(np.array(p_values) <= 0.05) <= 0.085
    assert 0.40 <= np.mean(np.array(p_values) <= 0.5) <= 0.60


def test_returns_that_echo_are_no_evidence() -> None:
    """Where each bar goes on as the one before it, a t over bars would reject far too often."""
    false = over_bars = 0
    for seed in range(300):
        random = np.random.Generator(np.random.PCG64(seed))
        echo = np.convolve(random.standard_normal(BARS + 9), np.ones(10) / 10, "valid")
        echoes = Contender("echo", 0.001 * echo)
        over_bars += echo.mean() / echo.std() * BARS**0.5 > 1.75
        false += compare(Contender("still", np.zeros(BARS)), echoes).p_value <= 0.04
    assert false <= 22  # 12 are expected
    assert over_bars > 4 * false


def test_a_clearly_better_pair_takes_the_place() -> None:
    """In all but few of many draws, and the right one."""
    right = 0
    for seed in range(60):
        rows = noise(seed, 5)
        rows[3] += 0.0005
        verdict = judge(contenders("in", rows[:2]), contenders("out", rows[2:]), level=0.04)
        right += [each.candidate for each in verdict.changes] == ["out1"]
    assert right >= 54


def test_a_pair_that_loses_gives_its_place_to_cash_unless_it_is_the_last() -> None:
    """A portfolio of none cannot run."""
    rows = noise(3, 2)
    rows[1] -= 0.001
    good, bad = contenders("in", rows)
    change = judge([good, bad], [], level=0.04).changes
    assert [(each.incumbent, each.candidate) for each in change] == [("in1", CASH)]
    alone = judge([bad], [], level=0.04)
    assert alone.changes == ()
    assert alone.comparisons[0].p_value < alone.threshold


def test_a_free_place_is_taken_by_what_beats_cash() -> None:
    """As many as there are places, the most certain first."""
    rows = noise(5, 4)
    rows[1] += 0.0006
    rows[2] += 0.0008
    first, *others = contenders("p", rows)
    for free, wanted in ((0, set()), (1, {"p2"}), (2, {"p1", "p2"})):
        verdict = judge([first], others, level=0.04, free=free)
        filled = {each.candidate for each in verdict.changes if each.incumbent == CASH}
        taken = {each.candidate for each in verdict.changes}
        assert len(filled) <= free
        assert wanted <= taken


def test_a_candidate_takes_one_place_only() -> None:
    """Both incumbents are worse; the more certain change is made."""
    rows = noise(6, 3)
    rows[2] += 0.001
    verdict = judge(contenders("in", rows[:2]), contenders("out", rows[2:]), level=0.04)
    assert len(verdict.changes) == 1
    assert verdict.changes[0] == verdict.comparisons[0]
    assert verdict.best_of("in0") is not None
    assert verdict.best_of("stranger") is None


def test_a_candidate_that_is_refused_counts_and_is_not_taken() -> None:
    """It was looked at."""
    rows = noise(6, 2)
    rows[1] += 0.002
    refused = Contender("out", rows[1], "nothing can be chosen on the latest bars")
    verdict = judge(contenders("in", rows[:1]), [refused], level=0.04)
    assert (verdict.trials, verdict.changes) == (2, ())
    assert verdict.comparisons[0].p_value < verdict.threshold


def test_what_was_tried_before_makes_it_harder() -> None:
    """Bonferroni over all that was ever compared at these bars."""
    rows = noise(7, 2)
    rows[1] += 0.0005
    incumbent, candidate = contenders("c", rows)
    assert judge([incumbent], [candidate], level=0.04).changes
    verdict = judge([incumbent], [candidate], level=0.04, earlier=10**9)
    assert (verdict.changes, verdict.threshold) == ((), 0.04 / (10**9 + 2))


def test_equals_stay() -> None:
    """No difference, no t."""
    row = noise(8, 1)[0]
    found = compare(Contender("one", row), Contender("same", row))
    assert (found.statistic, found.p_value, found.gain) == (None, 1.0, 0.0)
    one, same = Contender("one", row), Contender("same", row)
    assert all(each.incumbent != "one" for each in judge([one], [same], level=1.0).changes)


@pytest.mark.parametrize(("new", "share"), [(0, 0.0), (24, 0.0016), (600, 0.04), (900, 0.04)])
def test_a_pass_spends_what_its_new_bars_are_worth(new: int, share: float) -> None:
    """Looking again at the same bars is worth nothing."""
    assert share_of_level(0.04, new_bars=new, bars=BARS) == pytest.approx(share)


def test_looking_every_day_finds_no_more_than_the_level() -> None:
    """Noise for three held-out windows, looked at a twelfth of a window at a time."""
    false, window = 0, 240
    for seed in range(60):
        random = np.random.Generator(np.random.PCG64(seed))
        rows = 0.002 * random.standard_t(4, (2, 3 * window))
        for end in range(window, 3 * window + 1, window // 12):
            new = window if end == window else window // 12
            level = share_of_level(0.04, new_bars=new, bars=window)
            one, other = contenders("c", rows[:, end - window : end])
            false += bool(judge([one], [other], level=level).changes)
    assert false <= 60 * 3 * 0.04


def test_too_few_bars_are_refused_with_a_remedy() -> None:
    """A group of nine bars says nothing."""
    short = contenders("c", noise(1, 2)[:, :119])
    with pytest.raises(NotEnoughData, match=r"120 bars .* 119 .*--holdout"):
        judge(short[:1], short[1:], level=0.04)


def test_other_bars_and_pairs_that_are_there_twice_are_refused() -> None:
    """Both are mistakes of who asks."""
    one, other = contenders("c", noise(1, 2))
    with pytest.raises(RefusedError, match="different bars"):
        compare(one, Contender("short", other.returns[1:]))
    with pytest.raises(RefusedError, match=r"c0: it is there twice"):
        judge([one], [one], level=0.04)
