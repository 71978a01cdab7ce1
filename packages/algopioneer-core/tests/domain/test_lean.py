"""Frozen classes that are cheap to make and to read."""

import copy
import inspect
import pickle
from typing import Any

import pytest
from attrs import evolve, field, frozen
from attrs.exceptions import FrozenInstanceError

from algopioneer_core.domain.lean import lean


@lean
@frozen
class Lean:
    one: int
    two: int = 2


@frozen
class Plain:
    one: int
    two: int = 2


@lean
@frozen(kw_only=True)
class Keywords:
    one: int = 1
    two: int

    def __attrs_post_init__(self) -> None:
        if self.one == self.two:
            raise ValueError("equal")


@lean
@frozen
class Mixed:
    last: int = field(kw_only=True)
    first: int = 1


def test_makes_what_attrs_would_make() -> None:
    """Arguments by place and by name, and defaults, become fields."""
    assert repr(Lean(1)) == "Lean(one=1, two=2)"
    assert Lean(two=3, one=1) == Lean(1, 3)
    assert hash(Lean(1)) == hash(Lean(1, 2))
    assert Mixed(5, last=4) == Mixed(last=4, first=5)


def test_has_the_signature_that_attrs_gave_it() -> None:
    """Whoever looks at the class sees the same arguments and types."""
    assert inspect.signature(Lean) == inspect.signature(Plain)
    assert Lean.__init__.__qualname__ == "Lean.__init__"


@pytest.mark.parametrize("cls", [Lean, Keywords])
@pytest.mark.parametrize("arguments", [(), (1, 2, 3)])
def test_refuses_wrong_arguments(cls: Any, arguments: tuple[int, ...]) -> None:
    """Too few and too many are errors, and so is a place where a name is asked for."""
    with pytest.raises(TypeError):
        cls(*arguments)


def test_checks_after_the_fields_are_set() -> None:
    """`__attrs_post_init__` is called, by `evolve` too."""
    with pytest.raises(ValueError, match="equal"):
        Keywords(two=1)
    with pytest.raises(ValueError, match="equal"):
        evolve(Keywords(two=2), one=2)


def test_stays_frozen_and_without_a_dictionary() -> None:
    """Nothing can be changed or added afterwards."""
    each: Any = Lean(1)
    with pytest.raises(FrozenInstanceError):
        each.one = 2
    with pytest.raises(AttributeError):
        each.three = 3
    assert not hasattr(each, "__dict__")


def test_can_be_copied_and_pickled() -> None:
    """What travels between processes arrives as it was."""
    assert pickle.loads(pickle.dumps(Lean(1, 5))) == copy.deepcopy(Lean(1, 5)) == Lean(1, 5)


@pytest.mark.parametrize(
    "options",
    [
        {"validator": lambda *_: None},
        {"converter": int},
        {"factory": int},
        {"init": False, "default": 0},
    ],
    ids=["validator", "converter", "factory", "no argument"],
)
def test_refuses_fields_that_need_more(options: dict[str, Any]) -> None:
    """What it would leave out is refused when the class is made."""

    @frozen
    class Other:
        one: int = field(**options)

    with pytest.raises(TypeError, match=r"Other\.one needs"):
        lean(Other)
