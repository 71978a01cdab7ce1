"""What is true of a spread: products of decimals that answer as fractions would."""

from decimal import Decimal
from fractions import Fraction

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.positions import Position
from algopioneer_core.engine.leg_facts import LegFacts, SpreadFacts, leg_facts
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.testing.domain import INVERSE_PERPETUAL

LEGS = [Instrument.undescribed(InstrumentId("sim", each)) for each in ("A-USD", "B-USD")]
LIMITS = st.decimals("0.0001", 1, places=4)


def quantities(low: str = "0") -> st.SearchStrategy[Decimal]:
    """Return unsigned quantities, some of so many digits that a product has more than 60."""
    fine = st.integers(1, 10**38).map(lambda steps: Decimal(f"{steps}E-18"))
    coarse = st.decimals(low, 3, places=1)
    return st.one_of(coarse, fine)


@st.composite
def legs(draw: st.DrawFn, instrument: Instrument) -> LegFacts:
    """Return one leg in any state."""
    sign = draw(st.sampled_from((1, -1)))
    size, held = draw(quantities("0.1")), draw(quantities())
    done = draw(st.sampled_from((held, held.copy_negate(), size)))
    return LegFacts(
        instrument,
        size if sign > 0 else size.copy_negate(),
        done if sign > 0 else done.copy_negate(),
        draw(quantities()),
        draw(quantities()),
        (),
        (),
        size,
        done,
        None,
    )


PAIRS = st.builds(SpreadFacts.of, legs(LEGS[0]), legs(LEGS[1]))


def span(leg: LegFacts) -> tuple[Fraction, Fraction]:
    """Return the fractions of the target between which a leg may end."""
    size, done = Fraction(leg.size), Fraction(leg.done)
    return (done - Fraction(leg.closing)) / size, (done + Fraction(leg.opening)) / size


@given(PAIRS)
def test_the_residual_is_the_distance_of_the_legs_intervals(facts: SpreadFacts) -> None:
    """Its ends are those of the definition, in fractions."""
    (low_a, high_a), (low_b, high_b) = map(span, facts.legs)
    assert facts.residual_low == max(Fraction(0), low_a - high_b, low_b - high_a)
    assert facts.residual_high == max(abs(high_a - low_b), abs(high_b - low_a))


@given(PAIRS, LIMITS)
def test_a_residual_is_above_its_limit_exactly(facts: SpreadFacts, limit: Decimal) -> None:
    """The comparison of products is that of the quotients."""
    assert facts.is_above(limit) == (facts.residual_high > Fraction(limit))


@given(PAIRS)
def test_a_residual_on_its_limit_is_not_above_it(facts: SpreadFacts) -> None:
    """A leg of which one half stands alone has a residual of exactly one half."""
    first, second = (
        each._replace(size=Decimal(2), done=Decimal(done), opening=Decimal(0), closing=Decimal(0))
        for each, done in zip(facts.legs, (1, 0), strict=True)
    )
    even = SpreadFacts.of(first, second)
    assert not even.is_above(Decimal("0.5"))
    assert even.is_above(Decimal("0.4999"))


@given(PAIRS, LIMITS)
def test_legs_are_compared_exactly(facts: SpreadFacts, limit: Decimal) -> None:
    """Whether one may get further than the other is decided as fractions would."""
    one, other = facts.legs
    ahead = span(one)[1] - other.fraction
    assert one.may_outgrow(other) == (ahead > 0)
    assert one.may_outgrow(other, limit) == (ahead > Fraction(limit))


@given(PAIRS)
def test_what_an_order_can_close_or_add_is_rounded_down(facts: SpreadFacts) -> None:
    """A part of a leg becomes the largest multiple of the increment that is within it."""
    leg = facts.first
    step = Fraction(leg.instrument.quantity_increment.step)
    for part in (Fraction(1, 3), Fraction(1)):
        wanted = part * Fraction(leg.size)
        assert Fraction(leg.orderable_part(part)) == wanted // step * step


@pytest.mark.parametrize(
    ("instrument", "mark", "closable"),
    [
        (LEGS[0], "9.99", "0"),
        (LEGS[0], "10", "1"),
        (LEGS[0], None, "1"),
        (INVERSE_PERPETUAL, None, "1"),
        (evolve(INVERSE_PERPETUAL, multiplier=Decimal(9)), None, "0"),
    ],
)
def test_what_is_worth_less_than_the_venues_minimum_is_dust(
    instrument: Instrument, mark: str | None, closable: str
) -> None:
    """By its worth at the mark, where that takes one and there is one."""
    leg = evolve(instrument, minimum_notional=Decimal(10))
    portfolio = Portfolio([leg], Decimal(0))
    portfolio.replace(Position(leg, Decimal(1)), 0, "test")
    if mark is not None:
        portfolio.mark_price(leg.id, Decimal(mark), 0)
    facts = leg_facts(leg, Decimal(2), portfolio, ())
    assert facts.closable == Decimal(closable)


def test_what_is_less_than_the_venues_smallest_order_is_dust() -> None:
    """By its quantity, whatever it is worth."""
    leg = evolve(LEGS[0], minimum_quantity=Decimal(2))
    portfolio = Portfolio([leg], Decimal(0))
    for held, closable in ((1, 0), (2, 2)):
        portfolio.replace(Position(leg, Decimal(held)), 0, "test")
        assert leg_facts(leg, Decimal(4), portfolio, ()).closable == closable
