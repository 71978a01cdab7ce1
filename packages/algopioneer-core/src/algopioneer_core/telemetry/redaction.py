"""
Keeping secrets out of what is written: by their value, wherever it stands, and by their name.

A configuration class keeps a secret out of its `repr` (`settings.secret`). This is the second
fence, for what gets around the first: a library that logs a URL, an error that quotes a header.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from urllib.parse import quote, quote_plus

import attrs

from algopioneer_core.domain.money import plain
from algopioneer_core.settings import settings_of

__all__ = ["HIDDEN", "SHORTEST_SECRET", "Redactor", "secrets_in"]

HIDDEN: Final = "***"
"""What stands in the place of a secret."""
SHORTEST_SECRET: Final = 4
"""Characters; hiding a shorter value wherever it occurs would hide everything else too."""
_SECRET_NAME: Final = re.compile(
    r"(?:^|[_\-.])(?:password|passwd|passphrase|secret|token|credentials?|authorization|signature"
    r"|cookie|api[_\-]?key|api[_\-]?sign|private[_\-]?key|access[_\-]?key)(?:$|[_\-.])",
    re.IGNORECASE,
)


def secrets_in(config: object) -> Iterator[str]:
    """Return the values of all fields of *config* made with `settings.secret`, nested ones too."""
    if isinstance(config, list | tuple):
        for item in config:
            yield from secrets_in(item)
    elif attrs.has(type(config)):
        for setting in settings_of(type(config)):
            value = getattr(config, setting.field)
            if setting.secret and isinstance(value, str):
                yield value
            else:
                yield from secrets_in(value)


class Redactor:
    """
    Hides secrets in texts and in trees of values.

    Args:
        secrets: Their values, hidden wherever they occur, also as part of a URL and line by line.
            Those shorter than `SHORTEST_SECRET` are left out.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def text(self, text: str) -> str:
        """Return *text* with `HIDDEN` for each secret."""
        return self._pattern.sub(HIDDEN, text)

    def fields(self, fields: Mapping[Any, Any]) -> dict[str, Any]:
        """
        Return *fields* as values that JSON has, without secrets.

        What stands under a name such as `api_key` or `authorization` is hidden, whatever it is.
        Amounts become plain text, other objects their `repr`.
        """
        return {
            self.text(str(name)): HIDDEN if _SECRET_NAME.search(str(name)) else self._value(value)
            for name, value in fields.items()
        }

    def _value(self, value: object) -> object:
        if value is None or (isinstance(value, bool | int | float) and not isinstance(value, Enum)):
            return value
        for kind, shown in self._KINDS:
            if isinstance(value, kind):
                return shown(self, value)
        return self.text(repr(value))

    _KINDS: Final[tuple[tuple[Any, Callable[["Redactor", Any], object]], ...]] = (
        (Enum, lambda self, value: self._value(value.value)),
        (str, lambda self, value: self.text(str(value))),
        (Decimal, lambda _, value: plain(value) if value.is_finite() else str(value)),
        (BaseException, lambda self, value: self.text(str(value))),
        (Mapping, lambda self, value: self.fields(value)),
        (list | tuple, lambda self, value: [self._value(item) for item in value]),
    )


def _forms(secret: str) -> Iterator[str]:
    """Return the texts under which *secret* may turn up: as it is, in a URL, one of its lines."""
    for part in (secret, *secret.splitlines(), *secret.split("\\n")):
        for form in (part.strip(), quote(part.strip(), safe=""), quote_plus(part.strip())):
            if len(form) >= SHORTEST_SECRET:
                yield form
