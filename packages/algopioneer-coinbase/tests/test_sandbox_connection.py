"""What waits to be sent to a client of the local Coinbase."""

import anyio

from algopioneer_coinbase.sandbox_connection import Outbox
from algopioneer_core.testing.clocks import wait_all_blocked


async def test_messages_are_handed_out_in_their_order_and_then_the_end() -> None:
    """What waited when the outbox was closed still comes; what is put in afterwards does not."""
    outbox = Outbox(10)
    for text in ("a", "b"):
        outbox.put(text)
    outbox.close()
    outbox.put("c")
    assert ["a", "b", None] == [await outbox.take() for _ in range(3)]


async def test_one_message_too_many_closes_it() -> None:
    """Its client does not read; the one that found no room is lost."""
    outbox = Outbox(2)
    for text in ("a", "b", "c"):
        outbox.put(text)
    assert ["a", "b", None] == [await outbox.take() for _ in range(3)]


async def test_who_waits_is_woken_by_a_message_and_by_the_end() -> None:
    """Whichever comes first, at the moment at which it comes."""
    outbox, taken = Outbox(10), list[str | None]()

    async def take_two() -> None:
        for _ in range(2):
            taken.append(await outbox.take())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take_two)
        await wait_all_blocked()
        outbox.put("a")
        await wait_all_blocked()
        assert ["a"] == taken
        outbox.close()
    assert ["a", None] == taken


async def test_a_cancelled_wait_loses_no_message() -> None:
    """The next who waits gets it."""
    outbox = Outbox(10)
    with anyio.move_on_after(1):
        await outbox.take()
    outbox.put("a")
    assert "a" == await outbox.take()
