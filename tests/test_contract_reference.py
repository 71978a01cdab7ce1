"""The reference of the venue contract names every case that there is, and no other."""

import re
from pathlib import Path

from algopioneer_core.testing.contracts import (
    ExitPolicyContract,
    NotifierContract,
    RecorderContract,
    StateStoreContract,
    StrategyContract,
    VenueContract,
)

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "venue-contract.md"


def test_every_case_has_a_row() -> None:
    """In the order of ids, once each."""
    cases = sorted(
        name.split("_")[1].upper() for name in dir(VenueContract) if name.startswith("test_")
    )
    rows = re.findall(r"^\| ([A-Z]\d\d) \| .+\. \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert cases == sorted(rows)
    assert len(cases) > 50


def test_each_case_says_what_it_checks_under_its_id() -> None:
    """So that a failure names the row."""
    for name in dir(VenueContract):
        if name.startswith("test_"):
            told = getattr(VenueContract, name).__doc__
            assert told.startswith(f"{name.split('_')[1].upper()}: ")


OTHERS = (
    StrategyContract,
    ExitPolicyContract,
    RecorderContract,
    StateStoreContract,
    NotifierContract,
)


def test_every_case_of_the_other_contracts_has_a_row_and_says_its_id() -> None:
    """On the one page of all plugins but venues."""
    page = (PAGE.parent / "plugin-contracts.md").read_text("utf-8")
    names = [(kind, name) for kind in OTHERS for name in dir(kind) if name.startswith("test_")]
    cases = [name.split("_")[1].upper() for _, name in names]
    assert sorted(cases) == sorted(re.findall(r"^\| ([A-Z]\d\d) \| .+\. \|", page, re.MULTILINE))
    for (kind, name), case in zip(names, cases, strict=True):
        assert getattr(kind, name).__doc__.startswith(f"{case}: ")
