"""How texts of older versions become those of today; `schema` says which version needs which."""

import sqlite3
from typing import Any, Final

import msgspec

__all__ = ["put_paper_accounts_in_pages"]

_SUMS: Final = ("quantity", "cost", "realised", "fees", "other_fees")
_encode: Final = msgspec.json.Encoder(order="sorted").encode


def put_paper_accounts_in_pages(connection: sqlite3.Connection) -> None:
    """
    Version 1 had the ended orders and the fills of a paper account among what changes always.

    In a live session each page is a snapshot of its own from version 2 on. Positions were objects
    that told all about their instrument, and are sums now.
    """
    found = connection.execute("SELECT name, sequence, body FROM snapshots").fetchall()
    for name, sequence, body in found:
        state = msgspec.json.decode(body)
        if name == "session" and _is_paper(state.get("venue")):
            _take_out_pages(state["venue"])
            _write(connection, name, sequence, state)
        elif name.startswith("venue:") and _is_paper(state):
            pages = _take_out_pages(state)
            del state["pages"]
            _write(connection, name, sequence, state)
            for page, items in pages.items():
                _write(connection, f"{name}/{page}", sequence, items)


def _is_paper(state: Any) -> bool:
    return isinstance(state, dict) and "ended" in (state.get("exchange") or ())


def _take_out_pages(state: dict[str, Any]) -> dict[str, Any]:
    """Move what only grows from the account to `pages`, and return that."""
    exchange = state["exchange"]
    pages = state["pages"] = {f"{name}/0": exchange.pop(name) for name in ("ended", "fills")}
    positions = exchange["account"]["positions"]
    for key, position in positions.items():
        positions[key] = [position["$Position"][part] for part in _SUMS]
    return pages


def _write(connection: sqlite3.Connection, name: str, sequence: int, state: object) -> None:
    body = _encode(state).decode()
    # The hash is made anew with the chain, once all steps are done.
    connection.execute(
        "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, '')", (name, sequence, body)
    )
