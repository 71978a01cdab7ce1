"""The list of planted mistakes fits the adapter as it is."""

from pathlib import Path

from algopioneer_core.testing.mutants import planted, read_mutants, source_of

LIST = Path(__file__).with_name("mutants.toml")


def test_every_mistake_can_be_planted() -> None:
    """Each in text that is there once; one that is not has to follow the code."""
    listed = read_mutants(LIST)
    source = source_of(listed.package)
    for mutant in listed.mutants:
        module = (source / mutant.file).read_text("utf-8")
        compile(planted(mutant, module), mutant.file, "exec")
    assert len(listed.mutants) >= 30
    assert listed.tests.is_file()
    assert listed.least >= 95
