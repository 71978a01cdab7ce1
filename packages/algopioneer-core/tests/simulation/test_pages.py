"""What only grows: its latest part is here, and little of it changes at a time."""

from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.simulation.pages import PAGE, Pages


@given(st.integers(0, 3 * PAGE), st.integers(0, 8 * PAGE))
def test_the_latest_items_are_here_and_at_most_a_page_more(kept: int, count: int) -> None:
    """What was dropped comes back from `append`, each item once and in order."""
    pages, dropped = Pages[int](kept), list[int]()
    for number in range(count):
        dropped += pages.append(number)
        assert len(pages) <= max(kept, 1) + PAGE
    assert [*dropped, *pages] == [*range(count)]
    assert len(pages) >= min(kept, count)


@given(st.lists(st.integers(0, 5), max_size=4 * PAGE))
def test_what_is_needed_stays_with_all_that_came_after_it(needs: list[int]) -> None:
    """However much there is."""
    oldest = 0
    pages = Pages[int](1, lambda number: number >= oldest)
    for number, step in enumerate(needs):
        oldest += step // 3
        pages.append(number)
        assert [*pages][-1] == number
        assert next(iter(pages)) <= min(oldest, number)


@given(st.integers(0, 5 * PAGE))
def test_one_page_changes_with_one_item(count: int) -> None:
    """A full page is never written again."""
    pages = Pages[int](2 * PAGE)
    for number in range(count):
        pages.append(number)
    before = {name: list(page) for name, page in pages.snapshot("a").items()}
    pages.append(count)
    after = pages.snapshot("a")
    changed = [name for name, page in after.items() if before.get(name) != page]
    assert len(changed) == 1
    assert len(after[changed[0]]) <= PAGE


@given(st.integers(0, 20 * PAGE))
def test_restored_pages_go_on_alike(count: int) -> None:
    """Whatever order their names come in, beside those of another list."""
    pages, twin = Pages[int](3 * PAGE), Pages[int](3 * PAGE)
    for number in range(count):
        pages.append(number)
    saved = {**pages.snapshot("fills"), "other/0": [1]}
    twin.restore("fills", {name: list(saved[name]) for name in sorted(saved)})
    for number in range(PAGE + 1):
        assert [*twin] == [*pages]
        assert len(twin) == len(pages)
        assert pages.append(number) == twin.append(number)
