"""The table of a spread's life: every state can be reached, and left."""

from pathlib import Path

import pytest

from algopioneer_core.engine.leg_states import LEG_TRANSITIONS, LegState, LegTrigger
from algopioneer_core.testing.leg_table import BEGIN, END, leg_diagram

DOCUMENT = Path(__file__).parents[4] / "docs" / "reference" / "leg-states.md"


def reachable(start: LegState) -> set[LegState]:
    """Return the states that follow from *start*, itself included."""
    found, todo = {start}, [start]
    while todo:
        state = todo.pop()
        for (before, _), after in LEG_TRANSITIONS.items():
            if before is state and after not in found:
                found.add(after)
                todo.append(after)
    return found


@pytest.mark.parametrize("state", list(LegState))
def test_every_state_is_reached_from_every_other(state: LegState) -> None:
    """No state is dead, and none is a trap."""
    assert set(LegState) == reachable(state)


def test_nothing_is_opened_but_from_flat() -> None:
    """One spread at a time, and none while halted."""
    assert [before for before, trigger in LEG_TRANSITIONS if trigger is LegTrigger.OPEN] == [
        LegState.FLAT
    ]


def test_what_was_given_up_is_never_completed_from_a_halt() -> None:
    """Out of HALTED and RECONCILING leads only the unwinding."""
    for state in (LegState.HALTED, LegState.RECONCILING):
        after = {to for (before, _), to in LEG_TRANSITIONS.items() if before is state}
        assert after <= {LegState.UNWINDING, LegState.HALTED}


def test_reference_shows_the_table_as_it_is() -> None:
    """`docs/reference/leg-states.md` holds the table that the code follows."""
    if not DOCUMENT.exists():
        pytest.skip("the documentation is not beside this package")
    shown = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip()
    assert leg_diagram() == shown, "regenerate it: see the end of the page"
