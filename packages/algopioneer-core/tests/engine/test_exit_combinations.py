"""Policies made of policies: the truth tables of any-of and all-of."""

import itertools
from decimal import Decimal

import pytest
from attrs import frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.engine.exit_combinations import AllOf, AllOfConfig, AnyOf, AnyOfConfig
from algopioneer_core.engine.exits import ExitPolicy, ExitVerdict, OpenPosition

EXIT, CONSENT, HOLD, ABSTAIN = ExitVerdict
ZERO = Decimal(0)
POSITION = OpenPosition(
    Instrument.undescribed(InstrumentId("test", "BTC-USD")),
    Decimal(1),
    Decimal(100),
    0,
    Decimal(100),
    Decimal(100),
    ZERO,
    ZERO,
    ZERO,
    0,
    0,
)
# Rows and columns in the order EXIT, CONSENT, HOLD, ABSTAIN, as in the docstrings.
ANY = {
    EXIT: (EXIT, EXIT, EXIT, EXIT),
    CONSENT: (EXIT, CONSENT, CONSENT, CONSENT),
    HOLD: (EXIT, CONSENT, HOLD, HOLD),
    ABSTAIN: (EXIT, CONSENT, HOLD, ABSTAIN),
}
ALL = {
    EXIT: (EXIT, EXIT, HOLD, ABSTAIN),
    CONSENT: (EXIT, CONSENT, HOLD, ABSTAIN),
    HOLD: (HOLD, HOLD, HOLD, HOLD),
    ABSTAIN: (ABSTAIN, ABSTAIN, HOLD, ABSTAIN),
}


@frozen
class Saying:
    verdict: ExitVerdict
    name: str = "saying"

    def evaluate(self, position: OpenPosition) -> ExitVerdict:
        return self.verdict


def any_of(*children: ExitPolicy) -> AnyOf:
    """Return the policy that one child is enough for."""
    return AnyOf(AnyOfConfig(policies=children))


def all_of(*children: ExitPolicy) -> AllOf:
    """Return the policy that all children must agree to."""
    return AllOf(AllOfConfig(policies=children))


@pytest.mark.parametrize(("row", "column"), list(itertools.product(ExitVerdict, repeat=2)))
def test_truth_tables_hold_for_two_children(row: ExitVerdict, column: ExitVerdict) -> None:
    """Each pair of verdicts gives what the table in the docstring says."""
    index = list(ExitVerdict).index(column)
    pair = Saying(row), Saying(column)
    assert any_of(*pair).evaluate(POSITION) is ANY[row][index]
    assert all_of(*pair).evaluate(POSITION) is ALL[row][index]


@pytest.mark.parametrize("said", list(itertools.product(ExitVerdict, repeat=3)))
def test_three_children_are_two_and_one(
    said: tuple[ExitVerdict, ExitVerdict, ExitVerdict],
) -> None:
    """Nesting does not matter, so the tables say all there is to say."""
    a, b, c = map(Saying, said)
    assert any_of(a, b, c).evaluate(POSITION) is any_of(any_of(a, b), c).evaluate(POSITION)
    assert all_of(a, b, c).evaluate(POSITION) is all_of(all_of(a, b), c).evaluate(POSITION)


@pytest.mark.parametrize("verdict", ExitVerdict)
def test_one_child_alone_is_itself(verdict: ExitVerdict) -> None:
    """A combination of one adds nothing."""
    assert any_of(Saying(verdict)).evaluate(POSITION) is verdict
    assert all_of(Saying(verdict)).evaluate(POSITION) is verdict


@pytest.mark.parametrize("config", [AnyOfConfig, AllOfConfig])
def test_combination_of_nothing_is_refused(config: type[AnyOfConfig | AllOfConfig]) -> None:
    """Nothing to combine is a mistake in the configuration."""
    with pytest.raises(ConfigError, match="none to combine"):
        config(policies=())


def test_combinations_say_their_names() -> None:
    """The names users choose them by."""
    assert (any_of(Saying(EXIT)).name, all_of(Saying(EXIT)).name) == ("any-of", "all-of")
