"""
HTTP over the network in memory: httpx and its connection pool as they are, on faulty lines.

    http = HttpClient("https://venue.test", transport=http_transport(network.dial))
"""

import ssl
from collections.abc import Iterable
from typing import Any

import anyio
import httpcore
import httpx
from anyio.abc import ByteStream

from algopioneer_core.domain.errors import VenueUnavailable
from algopioneer_core.wire.dialing import Dial

__all__ = ["http_transport"]


def http_transport(dial: Dial) -> httpx.AsyncHTTPTransport:
    """Return a transport whose connections are made by *dial*; TLS is the dial's business."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used; the default one is slow to make
    transport = httpx.AsyncHTTPTransport(verify=context)
    # httpx offers no way to hand in a pool, and its errors are made in this class.
    transport._pool = httpcore.AsyncConnectionPool(network_backend=_Backend(dial))
    return transport


class _Backend(httpcore.AsyncNetworkBackend):
    """What httpcore asks of a network."""

    def __init__(self, dial: Dial) -> None:
        self._dial = dial

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect."""
        del timeout, local_address, socket_options
        try:
            return _Stream(await self._dial(host, port, tls=False))
        except VenueUnavailable as error:
            raise httpcore.ConnectError(error.message) from error


class _Stream(httpcore.AsyncNetworkStream):
    """A byte stream, with httpcore's errors."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> bytes:
        """Read some bytes; none at the end."""
        del timeout
        try:
            return await self._stream.receive(max_bytes)
        except anyio.EndOfStream:
            return b""
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> None:
        """Write all bytes."""
        del timeout
        try:
            await self._stream.send(buffer)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        """Close it."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        """Go on as it is: lines in memory have nothing to hide."""
        del ssl_context, server_hostname, timeout
        return self

    def get_extra_info(self, info: str) -> Any:
        """Know nothing about sockets."""
        del info
