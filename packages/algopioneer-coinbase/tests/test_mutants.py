"""The list of planted mistakes fits the adapter as it is."""

from pathlib import Path

from algopioneer_core.testing.mutants import check_plantable, read_mutants

LIST = Path(__file__).with_name("mutants.toml")


def test_every_mistake_can_be_planted() -> None:
    """Each in text that is there once; one that is not has to follow the code."""
    listed = read_mutants(LIST)
    check_plantable(listed)
    assert len(listed.mutants) >= 30
    assert listed.tests.is_file()
    assert listed.least >= 95
