"""
The pairs that an interrupted search had tried, in a file, so that the same search goes on there.

The file is JSON: numbers are read back to the last bit, and nothing in it can run. Each pair
carries a fingerprint of what it was tried with - bars, grid, costs, cuts, capital, code -, so a
search of anything else finds nothing of its own.
"""

import base64
import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Self, get_origin

import cattrs
import numpy as np
from attrs import define, field
from numpy.typing import NDArray

from algopioneer_core.domain.errors import AlgopioneerError
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_strategies.research.drafts import draft_of
from algopioneer_strategies.research.evaluation import PairTask, PairTrial
from algopioneer_strategies.research.screen_state import STATE_REMEDY

__all__ = ["PairState"]

_BYTES: Final = "bytes"
_KIND: Final = "dtype"
_UNREADABLE: Final = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    ArithmeticError,
    AlgopioneerError,
    cattrs.StructureHandlerNotFoundError,
)


def _is_array(kind: Any) -> bool:
    return get_origin(kind) is np.ndarray


def _written_array(values: NDArray[Any]) -> dict[str, str]:
    return {_KIND: values.dtype.str, _BYTES: base64.b64encode(values.tobytes()).decode("ascii")}


def _read_array(values: Any, _: Any) -> NDArray[Any]:
    return np.frombuffer(base64.b64decode(values[_BYTES]), values[_KIND]).copy()


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=False, forbid_extra_keys=True)
    converter.register_unstructure_hook_func(_is_array, _written_array)
    converter.register_structure_hook_func(_is_array, _read_array)
    converter.register_unstructure_hook(Decimal, str)
    converter.register_structure_hook(Decimal, lambda text, _: Decimal(text))
    converter.register_structure_hook(InstrumentId, lambda text, _: InstrumentId.parse(text))
    return converter


_CONVERTER: Final = _converter()


@define
class PairState:
    """
    What an interrupted search had tried and written down.

    Args:
        path: The file.
        code: `fingerprints.code_version`: what other code tried is tried again.
    """

    path: Path
    code: str
    written: dict[str, str] = field(factory=dict)
    """Entries of the ledger, as `SearchLog.written` has them."""
    _trials: dict[str, Any] = field(factory=dict)

    @classmethod
    def read(cls, path: Path, code: str) -> Self:
        """Return what the file has; nothing where there is none, or it is none of ours."""
        try:
            kept = json.loads(path.read_text("utf-8"))
            return cls(path, code, dict(kept["written"]), dict(kept["trials"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls(path, code)

    def trial(self, task: PairTask) -> PairTrial | None:
        """Return what came of *task* before; None where it was not tried, or not to be read."""
        values = self._trials.get(self._fingerprint(task))
        try:
            return values and _CONVERTER.structure(values, PairTrial)
        except _UNREADABLE:
            return None

    def add(self, task: PairTask, trial: PairTrial) -> None:
        """Remember what came of *task*."""
        self._trials[self._fingerprint(task)] = trial

    def keep(self) -> None:
        """
        Write what was tried and written down; nothing where nothing was.

        Raises:
            OutputError: The file cannot be written.
        """
        if not (self._trials or self.written):
            return
        values = {"written": self.written, "trials": _CONVERTER.unstructure(self._trials)}
        with draft_of(self.path, remedy=STATE_REMEDY) as draft:
            draft.write_text(json.dumps(values), "utf-8")

    def forget(self) -> None:
        """Remove the file: the search has come to its end."""
        self.path.unlink(missing_ok=True)

    def _fingerprint(self, task: PairTask) -> str:
        how = (task.spec, task.market, task.rule, task.split, task.capital, self.code)
        digest = hashlib.sha256(repr(how).encode())
        for leg in task.joint.legs:
            digest.update(f"{leg.instrument_id} {leg.price_decimals}".encode())
            for column in (leg.ts_ns, leg.open, leg.close):
                digest.update(np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()
