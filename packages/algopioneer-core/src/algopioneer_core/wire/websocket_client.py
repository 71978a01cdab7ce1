"""Open a websocket to a venue."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import anyio
from anyio.abc import ByteStream
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidURI
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.http11 import Response
from websockets.uri import WebSocketURI, parse_uri

from algopioneer_core.domain.errors import ConfigError, Outcome, VenueError, VenueUnavailable
from algopioneer_core.wire.dialing import Dial, dial_tcp, reason_of
from algopioneer_core.wire.statuses import error_of_status
from algopioneer_core.wire.websocket import QUIET, WebSocket, WebSocketLimits

__all__ = ["open_websocket"]

_LEAVE_DEADLINE_S: Final = 4.0
"""How long leaving the block may take, even when it is cancelled: one second over the goodbye."""
_READ_BYTES: Final = 65_536
_DETAIL_CHARACTERS: Final = 200
_NO_LIMITS_SET: Final = WebSocketLimits()


@asynccontextmanager
async def open_websocket(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    dial: Dial = dial_tcp,
    limits: WebSocketLimits = _NO_LIMITS_SET,
    compress: bool = False,
    text_as_bytes: bool = False,
) -> AsyncIterator[WebSocket]:
    """
    Open a websocket for the length of a block; leaving it says goodbye.

    A cancellation while it opens leaves nothing open. Leaving is shielded and takes four seconds at
    most; so long may a cancelled block last.

    Args:
        url: `ws://` or `wss://`, with path and query.
        headers: Sent with the opening handshake, beside what the protocol needs.
        dial: Makes the stream.
        limits: What the venue may send.
        compress: Offer permessage-deflate. It costs more time than a near line saves.
        text_as_bytes: See `WebSocket`.

    Raises:
        ConfigError: The URL is no websocket's.
        RateLimited: The venue answered the handshake with 429.
        AuthenticationFailed: The venue answered it with 401 or 403.
        VenueUnavailable: Nobody answers, or with a server error.
        VenueError: The venue answered with anything else that is no websocket.
    """
    uri = _parse(url)
    where = f"{'wss' if uri.secure else 'ws'}://{uri.host}:{uri.port}{uri.path}"
    stream = await dial(uri.host, uri.port, tls=uri.secure)
    try:
        protocol = ClientProtocol(
            uri,
            extensions=[ClientPerMessageDeflateFactory()] if compress else None,
            max_size=limits.message_bytes,
            logger=QUIET,
        )
        websocket = WebSocket(stream, protocol, where=where, text_as_bytes=text_as_bytes)
        await _shake_hands(stream, protocol, headers or {}, where)
        websocket.take_events()
        try:
            yield websocket
        finally:
            with anyio.move_on_after(_LEAVE_DEADLINE_S, shield=True):
                await websocket.aclose()
    finally:
        await anyio.aclose_forcefully(stream)


async def _shake_hands(
    stream: ByteStream, protocol: ClientProtocol, headers: Mapping[str, str], where: str
) -> None:
    """Send the request and read the response; frames that follow it stay in the protocol."""
    request = protocol.connect()
    for name, value in {"User-Agent": "algopioneer", **headers}.items():
        if name in request.headers:
            del request.headers[name]  # assigning to it would add a second one
        request.headers[name] = value
    protocol.send_request(request)
    try:
        await stream.send(b"".join(protocol.data_to_send()))
        while not protocol.events and protocol.handshake_exc is None:
            protocol.receive_data(await stream.receive(_READ_BYTES))
    except anyio.EndOfStream:
        protocol.receive_eof()  # ends a response whose length is not stated
    except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError) as error:
        raise _unanswered(where, reason_of(error)) from error
    if protocol.handshake_exc is not None or not protocol.events:
        raise _refused(protocol, where) from protocol.handshake_exc


def _refused(protocol: ClientProtocol, where: str) -> VenueError:
    response = protocol.events[0] if protocol.events else None
    if not isinstance(response, Response):
        return _unanswered(where, str(protocol.handshake_exc or "the venue hung up"))
    if response.status_code == 101:
        text = f"the venue's handshake is not a websocket's: {protocol.handshake_exc}"
        return VenueError(text, where=where, outcome=Outcome.NOT_PLACED)
    lower = {name.lower(): value for name, value in response.headers.raw_items()}
    body = bytes(response.body or b"").decode("utf-8", "replace")
    detail = re.sub(r"\s+", " ", body)[:_DETAIL_CHARACTERS]
    error = error_of_status(response.status_code, lower, where=where, detail=detail)
    error.outcome = Outcome.NOT_PLACED  # no message can have left before the handshake is done
    return error


def _unanswered(where: str, why: str) -> VenueUnavailable:
    return VenueUnavailable(
        f"the venue did not answer the handshake: {why}", where=where, outcome=Outcome.NOT_PLACED
    )


def _parse(url: str) -> WebSocketURI:
    try:
        return parse_uri(url)
    except (InvalidURI, ValueError) as error:
        remedy = "give a URL such as wss://venue.example/feed"
        raise ConfigError("not the URL of a websocket", where=url, remedy=remedy) from error
