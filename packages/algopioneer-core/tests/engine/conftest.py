"""Every test here runs in a decimal context that spoils whatever relies on it."""

from collections.abc import Iterator

import pytest

from algopioneer_core.testing.domain import hostile_decimal_context


@pytest.fixture(autouse=True)
def hostile_context() -> Iterator[None]:
    """Set three digits and all traps, so that relying on the context raises."""
    with hostile_decimal_context(loud=True):
        yield
