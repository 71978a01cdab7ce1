"""
Values that come from the environment: `${NAME}` in a configuration file, the file `.env`, secrets.

A text taken from the environment stays marked (`EnvironmentText`), so that whoever shows a
configuration prints `${NAME}` and not what stood behind it.
"""

import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

from attrs import evolve

from algopioneer_core.config.runs import Settings
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.settings import Setting, settings_of

__all__ = ["EnvironmentText", "load_environment", "substitute", "with_secrets"]

_REFERENCE: Final = re.compile(r"\$(?:(\$)\{|\{([^}]*)\})")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class EnvironmentText(str):
    """A text some of which was taken from the environment; its `repr` shows where from."""

    __slots__ = ("written",)

    written: str
    """The text as it stands in the file, with its `${NAME}`."""

    def __new__(cls, value: str, *, written: str) -> Self:
        """Mark *value*, which *written* stands for."""
        self = super().__new__(cls, value)
        self.written = written
        return self

    def __repr__(self) -> str:
        """Return what is written in the file."""
        return repr(self.written)


def load_environment(dotenv: Path | None, process: Mapping[str, str]) -> Mapping[str, str]:
    """
    Return the variables of *process* over those of a `.env` file.

    Args:
        dotenv: The file; one that does not exist gives nothing. None for no file.
        process: The environment of the process, which wins.

    Raises:
        ConfigError: The file cannot be read, or a line is not NAME=value.
    """
    if dotenv is None or not dotenv.exists():
        return MappingProxyType(dict(process))
    return MappingProxyType({**_read_dotenv(dotenv), **process})


def _read_dotenv(path: Path) -> dict[str, str]:
    from dotenv.parser import parse_stream

    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as cause:
        reason = getattr(cause, "strerror", None) or "not UTF-8 text"
        raise ConfigError(f"cannot be read: {reason}", where=str(path)) from None
    found: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            # The line is not quoted: it may hold half a secret.
            raise ConfigError(
                "is not NAME=value",
                where=f"{path}:{_line(binding.original)}",
                remedy="put a value with spaces or # in quotes, and close them",
            )
        if binding.key is not None:
            found[binding.key] = binding.value or ""
    return found


def _line(original: Any) -> int:
    """Return the line of the text itself; the parser counts from the blank lines before it."""
    text: str = original.string
    blank = text[: len(text) - len(text.lstrip())]
    return int(original.line) + blank.count("\n")


def substitute(
    value: Any,
    environment: Mapping[str, str],
    *,
    locate: Callable[[str], str] = str,
    key: str = "",
) -> Any:
    """
    Return *value* with each `${NAME}` in its texts replaced; `$${` stands for `${` itself.

    Tables and lists are gone through; keys are left alone.

    Args:
        value: A table, list or plain value of a configuration file.
        environment: The variables.
        locate: Turns a key (`venue.kraken.host`) into what the user calls that place.
        key: Where *value* stands.

    Raises:
        ConfigError: A variable is not set, or its name is not one; names the key.
    """
    if isinstance(value, Mapping):
        return {
            name: substitute(
                each, environment, locate=locate, key=f"{key}.{name}" if key else str(name)
            )
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [
            substitute(each, environment, locate=locate, key=f"{key}[{index}]")
            for index, each in enumerate(value)
        ]
    return _text(value, environment, locate(key)) if isinstance(value, str) else value


def _text(text: str, environment: Mapping[str, str], where: str) -> str:
    used = []

    def replace(found: "re.Match[str]") -> str:
        if found[1]:
            return "${"
        used.append(found[2])
        return _lookup(found[2], environment, where)

    result = _REFERENCE.sub(replace, text)
    return EnvironmentText(result, written=text) if used else result


def _lookup(name: str, environment: Mapping[str, str], where: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"${{{name}}} does not name a variable",
            where=where,
            remedy="write ${NAME}, or $${ for the two characters themselves",
        )
    if name not in environment:
        raise ConfigError(
            f"the environment variable {name} is not set",
            where=where,
            remedy=f"export {name}, or write {name}=... into the file .env",
        )
    return environment[name]


def with_secrets(
    settings: Settings,
    config: type[Any],
    environment: Mapping[str, str],
    *,
    all_needed: bool = False,
) -> Settings:
    """
    Return *settings* with the secrets of *config* filled in from the variables they declare.

    Args:
        settings: What the user wrote; a secret may stand there as `${NAME}` and nothing else.
        config: The class the settings are for.
        environment: The variables.
        all_needed: Whether every secret must be there (a venue that trades with money), and not
            only those that the class cannot do without.

    Raises:
        ConfigError: A secret is missing, or was given itself as a flag or in a file; names the
            variable.
    """
    secrets = [setting for setting in settings_of(config) if setting.secret]
    found = {}
    for setting in secrets:
        if _is_given(setting, settings):
            continue
        value = environment.get(setting.environment or "", "")
        if value:
            found[setting.key] = value
        elif all_needed or setting.required:
            raise ConfigError(
                f"the secret is missing: environment variable {setting.environment} is not set",
                where=settings.place(setting.key),
                remedy=f"export {setting.environment}, or write it into the file .env",
            )
    return evolve(settings, filed={**settings.filed, **found})


def _is_given(secret: Setting, settings: Settings) -> bool:
    """Tell whether the user names another variable for *secret*; refuse the secret itself."""
    given = settings.filed.get(secret.key)
    if secret.key not in settings.flags and (given is None or isinstance(given, EnvironmentText)):
        return given is not None
    raise ConfigError(
        "a secret is not read from files and flags, where others can see it",
        where=settings.place(secret.key),
        remedy=f"set the environment variable {secret.environment}",
    )
