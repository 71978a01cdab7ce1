"""Behaviour of the records by which a plugin declares what it provides."""

import pytest

from algopioneer_core.domain.errors import PluginError
from algopioneer_core.plugins import CommandSpec, ExitPolicySpec, RecorderSpec, StrategySpec
from algopioneer_core.plugins.specs import resolve


def _strategy(**changes: object) -> StrategySpec:
    values: dict[str, object] = {"name": "plain", "summary": "Plain.", "factory": "math:sqrt"}
    return StrategySpec(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "Upper", "two words", " edge", None])
def test_name_must_be_one_lower_case_word(name: object) -> None:
    """Names are typed by people; there is one way to write each."""
    with pytest.raises(PluginError, match="is not a name for a StrategySpec"):
        _strategy(name=name)


@pytest.mark.parametrize("reference", ["math", "math:", ":sqrt", None, 5])
def test_factory_must_be_a_reference(reference: object) -> None:
    """A spec holds text that is resolved later, in one form."""
    with pytest.raises(PluginError, match="is not a reference"):
        _strategy(factory=reference)


def test_config_may_be_absent() -> None:
    """Not everything has something to configure."""
    assert _strategy().load_config() is None


def test_resolve_returns_what_the_reference_names() -> None:
    """Attributes may be nested."""
    import collections

    assert collections.OrderedDict.fromkeys == resolve(
        "collections:OrderedDict.fromkeys", wanted_by="a test"
    )


@pytest.mark.parametrize(
    ("reference", "cause"),
    [
        ("no_such_module_here:x", "ModuleNotFoundError"),
        ("math:no_such_function", "AttributeError"),
    ],
)
def test_unresolved_reference_names_who_wanted_it(reference: str, cause: str) -> None:
    """The error says what was asked for, by whom, and why it failed."""
    with pytest.raises(PluginError, match=cause) as caught:
        _strategy(factory=reference).load_factory()

    assert "strategy 'plain'" == caught.value.where
    assert reference in str(caught.value)
    assert caught.value.__cause__ is not None


def test_factory_must_be_callable() -> None:
    """A reference to a constant is a mistake of the plugin."""
    with pytest.raises(PluginError, match="'math:pi' is not callable"):
        _strategy(factory="math:pi").load_factory()


def test_config_must_be_an_attrs_class() -> None:
    """Flags and keys are made from attrs fields."""
    with pytest.raises(PluginError, match="is not an attrs class"):
        _strategy(config="decimal:Decimal").load_config()


def test_command_reference_is_resolved() -> None:
    """A command is imported when it is typed."""
    spec = CommandSpec(name="root", summary="Root.", command="math:sqrt")

    assert 3.0 == spec.load_command()(9.0)


def test_specs_of_one_shape_stay_different_kinds() -> None:
    """A recorder is never taken for an exit policy of the same name."""
    values = {"name": "same", "summary": "Same.", "factory": "math:sqrt"}

    specs: list[object] = [ExitPolicySpec(**values), RecorderSpec(**values)]
    assert specs[0] != specs[1]
    assert specs[0] == ExitPolicySpec(**values)
    assert "ExitPolicySpec" in repr(ExitPolicySpec(**values))
