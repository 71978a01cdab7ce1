"""What an experiment was made of: a hash of its data, and the version of its code."""

import hashlib
import importlib.metadata
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["code_version", "data_hash"]

_DISTRIBUTION: Final = "algopioneer-strategies"


def data_hash(
    symbols: Iterable[str], ts_ns: NDArray[np.int64], columns: Iterable[NDArray[Any]]
) -> str:
    """
    Return the SHA-256 of a table of prices: the same on every machine.

    Args:
        symbols: What the columns are of.
        ts_ns: Close times, UTC nanoseconds.
        columns: Numbers of each bar; bytes count, so 1 and 1.0 differ.
    """
    digest = hashlib.sha256(json.dumps(list(symbols)).encode())
    for column in (ts_ns, *columns):
        little = np.ascontiguousarray(column, column.dtype.newbyteorder("<"))
        digest.update(f"{little.dtype.str}{little.shape}".encode())
        digest.update(little.tobytes())
    return digest.hexdigest()


def code_version(package: Path | None = None) -> str:
    """
    Return the version of this distribution and a short hash of its sources.

    The hash tells apart what was run between two releases.

    Args:
        package: The folder of the sources; that of `algopioneer_strategies` unless given.
    """
    folder = Path(__file__).parent.parent if package is None else package
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{importlib.metadata.version(_DISTRIBUTION)}+{digest.hexdigest()[:12]}"
