"""What the tests of the whole have in common."""

from pathlib import Path

import pytest

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test in this folder as one of the whole."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.whole)
