"""Exit policies made of exit policies: one is enough, or all must agree."""

from typing import Any

from attrs import field, frozen

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.engine.exits import ExitPolicy, ExitVerdict, OpenPosition

__all__ = ["AllOf", "AllOfConfig", "AnyOf", "AnyOfConfig"]


def _check_children(_: object, attribute: Any, children: tuple[ExitPolicy, ...]) -> None:
    if not children:
        raise ConfigError(
            "a combination of exit policies has none to combine",
            where=attribute.name,
            remedy="name at least one",
        )


@frozen(kw_only=True)
class AnyOfConfig:
    """
    Policies of which one is enough.

    Raises:
        ConfigError: There are none.
    """

    policies: tuple[ExitPolicy, ...] = field(validator=_check_children)
    """Made already: whoever reads the configuration makes the inner ones first."""


class AnyOf:
    """
    One child is enough: it says the first of EXIT, CONSENT, HOLD, ABSTAIN that any child says.

    | children     | EXIT | CONSENT | HOLD    | ABSTAIN |
    |--------------|------|---------|---------|---------|
    | **EXIT**     | EXIT | EXIT    | EXIT    | EXIT    |
    | **CONSENT**  | EXIT | CONSENT | CONSENT | CONSENT |
    | **HOLD**     | EXIT | CONSENT | HOLD    | HOLD    |
    | **ABSTAIN**  | EXIT | CONSENT | HOLD    | ABSTAIN |

    So `any-of(minimum-profit, time-stop)` holds until the profit is there or the time is over.
    Side by side on an engine, without `any-of`, one HOLD would outweigh any CONSENT.
    """

    __slots__ = ("_children",)
    name = "any-of"
    _ORDER = (ExitVerdict.EXIT, ExitVerdict.CONSENT, ExitVerdict.HOLD)

    def __init__(self, config: AnyOfConfig) -> None:
        self._children = config.policies

    def evaluate(self, position: OpenPosition) -> ExitVerdict:
        """See `ExitPolicy.evaluate`."""
        said = [child.evaluate(position) for child in self._children]
        return next((each for each in self._ORDER if each in said), ExitVerdict.ABSTAIN)


@frozen(kw_only=True)
class AllOfConfig:
    """
    Policies that must agree.

    Raises:
        ConfigError: There are none.
    """

    policies: tuple[ExitPolicy, ...] = field(validator=_check_children)
    """Made already: whoever reads the configuration makes the inner ones first."""


class AllOf:
    """
    All must let go: it says the first of HOLD, ABSTAIN, EXIT, CONSENT that any child says.

    | children     | EXIT    | CONSENT | HOLD | ABSTAIN |
    |--------------|---------|---------|------|---------|
    | **EXIT**     | EXIT    | EXIT    | HOLD | ABSTAIN |
    | **CONSENT**  | EXIT    | CONSENT | HOLD | ABSTAIN |
    | **HOLD**     | HOLD    | HOLD    | HOLD | HOLD    |
    | **ABSTAIN**  | ABSTAIN | ABSTAIN | HOLD | ABSTAIN |

    So `all-of(stop-loss, time-stop)` leaves when both have fired, and `all-of(minimum-profit,
    time-stop)` leaves when the time is over and the profit is there. A stop inside it does not
    fire while another child holds: a stop that must always fire stands outside.
    """

    __slots__ = ("_children",)
    name = "all-of"
    _ORDER = (ExitVerdict.HOLD, ExitVerdict.ABSTAIN, ExitVerdict.EXIT)

    def __init__(self, config: AllOfConfig) -> None:
        self._children = config.policies

    def evaluate(self, position: OpenPosition) -> ExitVerdict:
        """See `ExitPolicy.evaluate`."""
        said = [child.evaluate(position) for child in self._children]
        return next((each for each in self._ORDER if each in said), ExitVerdict.CONSENT)
