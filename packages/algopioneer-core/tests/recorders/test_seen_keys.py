"""The set of keys that were recorded."""

from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.recorders.seen_keys import SeenKeys

keys = st.one_of(
    st.builds("{}:{}".format, st.sampled_from("ab"), st.integers(0, 8)),
    st.sampled_from(["a", "a:", "a:01", "a:x", "a:-1", ":1", "a:b:1", "a:٣", "7", f"a:{10**30}"]),
)


@given(st.lists(keys, max_size=30), keys)
def test_it_is_a_set(added: list[str], asked: str) -> None:
    """Ranges are a way of keeping, not of seeing."""
    seen = SeenKeys()
    for key in added:
        seen.add(key)
        assert key in seen
    assert (asked in added) is (asked in seen)


@given(st.lists(st.tuples(keys, st.integers(0, 2**32 - 1)), max_size=30))
def test_a_key_keeps_its_first_mark(added: list[tuple[str, int]]) -> None:
    """Whether it stands in a range or alone."""
    seen, marks = SeenKeys(), dict[str, int]()
    for key, mark in added:
        seen.add(key, mark)
        marks.setdefault(key, mark)
    assert marks == {key: seen.mark_of(key) for key in marks}


@given(st.permutations(range(1, 12)))
def test_running_numbers_are_one_range(numbers: list[int]) -> None:
    """In order or not, once a strategy's trades have no gap they are one range."""
    seen = SeenKeys()
    seen.add("alpha:0")
    for number in numbers:
        seen.add(f"alpha:{number}")
    assert 1 == seen.kept
