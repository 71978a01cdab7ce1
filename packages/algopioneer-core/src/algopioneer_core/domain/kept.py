"""
Parts of a state that stay as they are until something else is put in their place.

A live session saves the state of its strategies with every commit, and most of it is what it was at
the last one. Who makes a state hands out such a part again for as long as nothing has changed, and
the journal writes its text once.
"""

from typing import Any

__all__ = ["KeptList", "KeptMapping"]


class KeptMapping(dict[str, Any]):
    """A mapping of JSON values that nobody changes any more; equal to a dict of the same parts."""

    text: str = ""
    """Its canonical text, once the journal has made it; empty before."""


class KeptList(list[Any]):
    """A list of JSON values that nobody changes any more; equal to a list of the same parts."""

    text: str = ""
    """Its canonical text, once the journal has made it; empty before."""
