"""Reading TOML files, with numbers exactly as they are written."""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from algopioneer_core.domain.errors import ConfigError

__all__ = ["read_toml", "table"]


def read_toml(path: Path) -> dict[str, Any]:
    """
    Return the content of a TOML file; numbers with a point become exact decimals, not floats.

    Raises:
        ConfigError: The file cannot be read or is not TOML; names the file, and the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as cause:
        raise ConfigError(
            f"cannot be read: {cause.strerror or cause}",
            where=str(path),
            remedy="check the path and its permissions",
        ) from cause
    except UnicodeDecodeError as cause:
        raise ConfigError(
            "is not UTF-8 text", where=str(path), remedy="save it as UTF-8"
        ) from cause
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as cause:
        raise _not_toml(path, str(cause)) from cause


def _not_toml(path: Path, reason: str) -> ConfigError:
    """Turn `... (at line 3, column 5)` into a place and a reason."""
    message, _, place = reason.partition(" (at ")
    line = place.removeprefix("line ").partition(",")[0] if place.startswith("line") else ""
    return ConfigError(
        f"is not valid TOML: {message}",
        where=f"{path}:{line}" if line else str(path),
        remedy="texts stand in quotes, tables in [brackets]",
    )


def table(content: Mapping[str, Any], name: str, *, path: Path | None) -> dict[str, Any]:
    """
    Return the table *name* of a file, empty when it is absent.

    Raises:
        ConfigError: It is there and is not a table.
    """
    found = content.get(name, {})
    if not isinstance(found, dict):
        raise ConfigError(
            f"{name!r} must be a table",
            where=f"{path}: {name}" if path else name,
            remedy=f"write [{name}]",
        )
    return found
