"""Writing tables as TOML, so that what a program shows can be read again."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["toml_text"]


def toml_text(tables: Mapping[str, Any]) -> str:
    """
    Return *tables* as TOML; None is left out, and a list of tables becomes `[[name]]`.

    Args:
        tables: Texts, numbers (decimals keep their digits), truths, lists of these, tables and
            lists of tables.
    """
    return "\n".join(_lines(tables, ())).strip() + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    for key, value in table.items():
        if value is not None and not _is_tables(value):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in table.items():
        name = (*path, key)
        if isinstance(value, Mapping):
            only_tables = bool(value) and all(_is_tables(each) for each in value.values())
            heading = "" if only_tables else f"[{_dotted(name)}]"
            yield from _headed(heading, value, name)
        elif _is_tables(value):
            for each in value:
                yield from _headed(f"[[{_dotted(name)}]]", each, name)


def _headed(heading: str, table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    if heading:
        yield ""
        yield heading
    yield from _lines(table, path)


def _is_tables(value: object) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(each, Mapping) for each in value)
    return isinstance(value, Mapping)


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(_key(name) for name in path)


def _key(name: str) -> str:
    plain = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if plain else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(each) for each in value)}]"
    return str(value)


def _text(text: str) -> str:
    """Quote *text* as JSON does, which is as TOML does but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
