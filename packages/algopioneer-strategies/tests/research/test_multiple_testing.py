"""q-values are those of the papers' examples."""

import numpy as np
import pytest

from algopioneer_strategies.research.multiple_testing import (
    benjamini_hochberg,
    benjamini_yekutieli,
    two_looks,
)

PAPER = np.array(
    [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
        0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000,
    ]
)  # fmt: skip


def test_example_of_the_paper_has_four_discoveries() -> None:
    """Benjamini and Hochberg (1995), page 295: four at 0.05; three by Benjamini-Yekutieli."""
    assert 4 == np.count_nonzero(benjamini_hochberg(PAPER) <= 0.05)
    assert 3 == np.count_nonzero(benjamini_yekutieli(PAPER) <= 0.05)


def test_q_values_follow_their_p_values_in_any_order() -> None:
    """They are given back in the order of the tests, rise with p, and stay at most 1."""
    order = np.random.Generator(np.random.PCG64(1)).permutation(len(PAPER))
    assert np.array_equal(benjamini_hochberg(PAPER)[order], benjamini_hochberg(PAPER[order]))
    for q_values in (benjamini_hochberg(PAPER), benjamini_yekutieli(PAPER)):
        assert (np.diff(q_values) >= 0).all()
        assert q_values.max() <= 1.0
    assert benjamini_hochberg(PAPER)[:4] == pytest.approx(
        [0.0015, 0.003, 0.0095, 0.035625], abs=1e-12
    )


def test_no_tests_have_no_q_values() -> None:
    """A family may be empty: every pair collinear."""
    assert 0 == len(benjamini_hochberg(np.empty(0)))


def test_two_looks_cost_twice() -> None:
    """The smaller p-value of both directions, doubled, at most 1."""
    assert [0.02, 0.8, 1.0] == two_looks(
        np.array([0.01, 0.7, 0.6]), np.array([0.3, 0.4, 0.9])
    ).tolist()
