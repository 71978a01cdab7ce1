"""Tasks that live as long as a block, whose only error comes out as it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup

__all__ = ["tasks_for_block"]


@asynccontextmanager
async def tasks_for_block() -> AsyncIterator[TaskGroup]:
    """
    Open a task group that is cancelled when the block is left, whichever way.

    A port promises certain errors, and a task group wraps every error in a group, those of the
    block too. Here a single one comes out alone; several at once stay a group.
    """
    try:
        async with anyio.create_task_group() as tasks:
            try:
                yield tasks
            finally:
                tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        if len(group.exceptions) != 1:
            raise
        (error,) = group.exceptions
        raise error from error.__cause__
