"""
Serving an application beside a session, on the session's own event loop.

The socket is ours and is opened first, so that an address that cannot be had is told before
anything trades. The server gets a trigger for its end, and so leaves the signals of the process
alone. It is never the reason for a session to end: if it fails, that is said, and trading goes on.
"""

import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio
import anyio.abc
import hypercorn.asyncio.run
import hypercorn.trio.run
import trio
from hypercorn.config import Config, Sockets
from hypercorn.utils import wrap_app
from starlette.applications import Starlette

from algopioneer_core.domain.errors import RefusedError

__all__ = ["listen", "serving", "url_of"]

_BACKLOG: Final = 32
_LARGEST_BODY: Final = 1024
_GOODBYE_S: Final = 2.0


def listen(host: str, port: int, *, where: str) -> socket.socket:
    """
    Return a socket that listens.

    Args:
        host: Name or address.
        port: 0 takes a free one.
        where: What the user calls the place at which both are configured.

    Raises:
        RefusedError: The address cannot be had: it is in use, or not of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        opened = socket.socket(family, kind, protocol)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(address)
            opened.listen(_BACKLOG)
        except OSError:
            opened.close()
            raise
    except OSError as error:
        raise RefusedError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}",
            where=where,
            remedy="end what uses the port, or write another: port = 0 takes a free one",
        ) from error
    opened.setblocking(False)
    return opened


def url_of(listening: socket.socket) -> str:
    """Return where *listening* is reached from this machine."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@asynccontextmanager
async def serving(
    application: Starlette, listening: socket.socket, failed: Callable[[Exception], None]
) -> AsyncIterator[None]:
    """
    Serve *application* for the block, and close the socket at its end.

    Requests under way at the end have two seconds. Cancelled, it ends at once.

    Args:
        application: The pages.
        listening: From `listen`.
        failed: Called when the server fails; the block goes on.
    """
    ended = anyio.Event()

    async def serve(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        task_status.started()  # the socket listens already: whoever asks waits
        try:
            await _serve(application, listening, ended)
        except Exception as error:  # whatever it is, it is no reason to stop trading
            failed(error)

    with listening:
        async with anyio.create_task_group() as tasks:
            await tasks.start(serve)
            try:
                yield
            finally:
                ended.set()


async def _serve(application: Starlette, listening: socket.socket, ended: anyio.Event) -> None:
    config = Config()
    config.errorlog = logging.getLogger("hypercorn.error")  # from there it comes into our log
    config.include_server_header = False
    config.graceful_timeout = _GOODBYE_S
    on_trio = trio.lowlevel.in_trio_run()
    run = hypercorn.trio.run if on_trio else hypercorn.asyncio.run
    await run.worker_serve(
        wrap_app(application, _LARGEST_BODY, "asgi"),  # type: ignore[arg-type]  # its own Protocol
        config,
        sockets=Sockets([], [listening], []),
        shutdown_trigger=ended.wait,
    )
