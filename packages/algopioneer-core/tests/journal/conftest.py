"""What the tests of the journal share."""

import itertools
from collections.abc import Callable

import pytest


@pytest.fixture
def make_uuid() -> Callable[[], str]:
    """Return a source of identities: `journal-1`, `journal-2`, …"""
    numbers = itertools.count(1)
    return lambda: f"journal-{next(numbers)}"
