"""
A screen that was interrupted, in a file, so that the same search goes on where it stopped.

The file holds the tests that were done and a fingerprint of what they were of: prices, pairs, lags.
A search for anything else finds a fingerprint that is not its own, and begins at the beginning.
"""

import hashlib
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np
from attrs import frozen

from algopioneer_strategies.research.cointegration import PairTests
from algopioneer_strategies.research.drafts import draft_of
from algopioneer_strategies.research.lag_choice import LagRule
from algopioneer_strategies.research.universe import AlignedCloses

__all__ = ["STATE_REMEDY", "ScreenState"]

STATE_REMEDY: Final = "make room and allow writing there, or choose another file with --state"
"""What to do where the state of an interrupted search cannot be kept."""

_ARRAYS: Final = ("hedge_ratios", "statistics", "lags", "tied", "collinear", "done")


@frozen
class ScreenState:
    """Where the tests of an interrupted screen are kept."""

    path: Path

    def restore(self, tests: PairTests, closes: AlignedCloses, rule: LagRule) -> None:
        """
        Fill in what was tested before, where the file is of the same search.

        Args:
            tests: Of the family, none done yet.
            closes: What is tested.
            rule: How.
        """
        wanted = _fingerprint(tests, closes, rule)
        try:
            with np.load(self.path, allow_pickle=False) as kept:
                if str(kept["fingerprint"]) == wanted:
                    for name in _ARRAYS:
                        getattr(tests, name)[:] = kept[name]
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return  # there is none, or it is none of ours: all is tested again

    def keep(self, tests: PairTests, closes: AlignedCloses, rule: LagRule) -> None:
        """
        Write what was tested; nothing where nothing was.

        Raises:
            OutputError: The file cannot be written.
        """
        if not tests.done.any():
            return
        arrays = {name: getattr(tests, name) for name in _ARRAYS}
        fingerprint = np.array(_fingerprint(tests, closes, rule))
        with draft_of(self.path, remedy=STATE_REMEDY) as draft, draft.open("wb") as file:
            np.savez(file, fingerprint=fingerprint, **arrays)

    def forget(self) -> None:
        """Remove the file: the search has come to its end."""
        self.path.unlink(missing_ok=True)


def _fingerprint(tests: PairTests, closes: AlignedCloses, rule: LagRule) -> str:
    text = f"{rule.criterion.value} {rule.lags} {closes.symbols}"
    digest = hashlib.sha256(text.encode())
    for array in (closes.log_prices, tests.pairs):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
