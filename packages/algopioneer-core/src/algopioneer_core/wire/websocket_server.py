"""
The serving side of a websocket: for local exchanges and tests, not for the open internet.

    async def handle(websocket: WebSocket, handshake: Handshake) -> None:
        async for message in websocket:
            await websocket.send(message)

    await serve_websockets(listener, handle)
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

import anyio
from anyio.abc import ByteStream, Listener
from attrs import Factory, frozen
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request
from websockets.server import ServerProtocol

from algopioneer_core.wire.websocket import QUIET, WebSocket, WebSocketClosed, WebSocketLimits

__all__ = ["Handshake", "HandshakeRefused", "Refusal", "accept_websocket", "serve_websockets"]

_LEAVE_DEADLINE_S: Final = 4.0
_READ_BYTES: Final = 65_536
_NO_LIMITS_SET: Final = WebSocketLimits()


@frozen
class Handshake:
    """What a client asked for."""

    path: str
    """With the query."""
    headers: Mapping[str, str]
    """Names in lower case; of one that is repeated the last."""


@frozen
class Refusal:
    """An HTTP answer instead of a websocket."""

    status: int
    text: str = ""
    headers: Mapping[str, str] = Factory(dict)


class HandshakeRefused(Exception):
    """A client was answered with something else than a websocket, or asked for none."""


Check = Callable[[Handshake], Refusal | None]
Handler = Callable[[WebSocket, Handshake], Awaitable[None]]


def _admit(_: Handshake) -> Refusal | None:
    return None


@asynccontextmanager
async def accept_websocket(
    stream: ByteStream,
    *,
    check: Check = _admit,
    limits: WebSocketLimits = _NO_LIMITS_SET,
    where: str = "websocket server",
) -> AsyncIterator[tuple[WebSocket, Handshake]]:
    """
    Answer a client's opening handshake, and serve for the length of a block.

    The stream is closed at the end, whatever happened. Compression is agreed to where it is asked
    for.

    Args:
        stream: A connection that was just accepted.
        check: Returns a refusal, or None to go on.
        limits: What the client may send.
        where: Names this side in errors.

    Raises:
        HandshakeRefused: It came to no websocket; the client was told why, if it was still there.
    """
    protocol = ServerProtocol(
        extensions=[ServerPerMessageDeflateFactory()],
        max_size=limits.message_bytes,
        logger=QUIET,
    )
    try:
        websocket = WebSocket(stream, protocol, where=where)
        handshake = await _shake_hands(stream, protocol, check)
        websocket.take_events()
        try:
            yield websocket, handshake
        finally:
            with anyio.move_on_after(_LEAVE_DEADLINE_S, shield=True):
                await websocket.aclose()
    finally:
        await anyio.aclose_forcefully(stream)


async def serve_websockets(
    listener: Listener[ByteStream],
    handle: Handler,
    *,
    check: Check = _admit,
    limits: WebSocketLimits = _NO_LIMITS_SET,
) -> None:
    """
    Serve every client with *handle*, each in a task of its own, until cancelled.

    A handler that returns says goodbye to its client; so ends one whose client has gone. Any other
    error ends them all.
    """

    async def serve(stream: ByteStream) -> None:
        try:
            async with accept_websocket(stream, check=check, limits=limits) as (websocket, asked):
                await handle(websocket, asked)
        except (HandshakeRefused, WebSocketClosed):
            pass

    await listener.serve(serve)


async def _shake_hands(stream: ByteStream, protocol: ServerProtocol, check: Check) -> Handshake:
    try:
        request = await _read_request(stream, protocol)
        handshake = Handshake(
            request.path, {name.lower(): value for name, value in request.headers.raw_items()}
        )
        refusal = check(handshake)
        if refusal is None:
            response = protocol.accept(request)
        else:
            response = protocol.reject(refusal.status, refusal.text)
            for name, value in refusal.headers.items():
                response.headers[name] = value
        protocol.send_response(response)
        await _flush(stream, protocol)
    except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
        raise HandshakeRefused("the client hung up during the handshake") from error
    if response.status_code != 101:
        raise HandshakeRefused(f"answered {response.status_code}") from protocol.handshake_exc
    return handshake


async def _read_request(stream: ByteStream, protocol: ServerProtocol) -> Request:
    while not protocol.events:
        protocol.receive_data(await stream.receive(_READ_BYTES))
        if protocol.handshake_exc is not None:
            await _flush(stream, protocol)
            raise HandshakeRefused("not a request of HTTP") from protocol.handshake_exc
    request = protocol.events.pop(0)
    assert isinstance(request, Request)
    return request


async def _flush(stream: ByteStream, protocol: ServerProtocol) -> None:
    if data := b"".join(protocol.data_to_send()):
        await stream.send(data)
