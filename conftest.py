"""How Hypothesis and asynchronous tests behave in every test of the project."""

import os
from typing import Any

import pytest
from hypothesis import settings

# No deadline: coverage and a busy machine slow single examples down at random. Where CI says so,
# the examples are the same in every run; a failure found elsewhere prints what replays it.
# `measured` is for the default run, most of which is under coverage, `deep` for CI's long tests,
# `thorough` for the hours before a release.
settings.register_profile(
    "project",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    max_examples=60,
    print_blob=True,
)
settings.register_profile("measured", settings.get_profile("project"), max_examples=20)
settings.register_profile("deep", settings.get_profile("project"), max_examples=100)
settings.register_profile("thorough", settings.get_profile("project"), max_examples=2000)
settings.load_profile("project")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark with `again` what runs on asyncio as it does on trio; slow loops do so in `long`."""
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if parameters.get("virtual_backend") == "asyncio":
            item.add_marker(pytest.mark.again)
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.long)


@pytest.fixture
def anyio_backend(virtual_backend: tuple[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Run every `async def` test on trio and on asyncio, in virtual time."""
    return virtual_backend
