"""The reference of session files says what the classes say."""

from pathlib import Path
from typing import Any

import pytest

from algopioneer_core.config import session_options
from algopioneer_core.config.pairs_config import FeeTier, Pair
from algopioneer_core.config.session import TABLES
from algopioneer_core.config.session_tables import SAFE_LEGS, SAFE_LIMITS
from algopioneer_core.engine.leg_rules import LegRules
from algopioneer_core.engine.margin import MarginRules
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.runtime.execution_rules import ExecutionRules
from algopioneer_core.runtime.reconciliation import DriftRules
from algopioneer_core.settings import Setting, settings_of

_PAGE = Path(__file__).parents[4] / "docs/reference/configuration.md"
pytestmark = pytest.mark.skipif(
    not _PAGE.is_file(), reason="the documents are not beside this package"
)
_CLASSES: dict[type[Any], dict[str, object]] = {
    **{
        getattr(session_options, name): {}
        for name in session_options.__all__
        if name.endswith("Options") or name == "RestartPolicy"
    },
    RiskLimits: dict(SAFE_LIMITS),
    LegRules: dict(SAFE_LEGS),
    ExecutionRules: {},
    DriftRules: {},
    MarginRules: {},
    Pair: {},
    FeeTier: {},
}


def _row(setting: Setting, safe: dict[str, object]) -> str:
    """Return the row of the page that *setting* must have; *safe* is what a session sets."""
    choices = f" ({', '.join(setting.choices)})" if setting.choices else ""
    default = _shown(safe.get(setting.key, setting.default))
    return (
        f"| `{setting.key}` | {setting.help}{choices} | {setting.unit} | "
        f"{'required' if setting.required else default} |"
    )


def _shown(value: object) -> str:
    value = getattr(value, "value", value)
    if value is None or value == ():
        return ""
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


@pytest.mark.parametrize("config", _CLASSES, ids=lambda each: each.__name__)
def test_every_key_has_its_unit_and_default(config: type[Any]) -> None:
    """The page and the class cannot drift apart."""
    lines = _PAGE.read_text("utf-8").splitlines()

    rows = [_row(each, _CLASSES[config]) for each in settings_of(config) if each.help]
    assert rows
    assert [] == [row for row in rows if row not in lines]


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_there(table: str) -> None:
    """Nothing in a session file is unexplained."""
    assert f"[{table}" in _PAGE.read_text("utf-8")
