"""
One websocket connection, over any byte stream, on either backend of anyio.

The protocol (RFC 6455: frames, masks, close handshake, limits) is websockets' sans-I/O `Protocol`;
this is the shell that moves bytes between it and a stream. It starts no task and reads no clock of
its own: whoever receives does the reading, and answers pings by doing so. So a cancelled `receive`
loses nothing, and deadlines are the caller's.

    async with open_websocket("wss://venue.example/feed", headers={...}) as websocket:
        await websocket.send('{"op": "subscribe"}')
        tasks.start_soon(functools.partial(keep_alive, websocket, every_s=10, within_s=5))
        while True:
            with anyio.fail_after(10):  # a feed that is silent for longer is dead
                message = await websocket.receive()
"""

import logging
from collections import deque
from collections.abc import Callable
from typing import Final, Self

import anyio
from anyio.abc import ByteStream
from attrs import frozen
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import Protocol

from algopioneer_core.domain.errors import VenueUnavailable
from algopioneer_core.wire.dialing import reason_of

__all__ = ["QUIET", "Message", "WebSocket", "WebSocketClosed", "WebSocketLimits", "keep_alive"]

Message = str | bytes
"""Text or binary, as the peer marked it."""

_READ_BYTES: Final = 65_536
_REPLY_DEADLINE_S: Final = 5.0
"""How long a pong or the answer to a close may take to leave before the line counts as dead."""
_CLOSE_DEADLINE_S: Final = 3.0
"""How long to wait for the peer's part of the closing handshake."""
_LOST: Final = (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)
"""What a stream raises when there is no connection any more."""

QUIET: Final = logging.Logger("algopioneer.websocket", logging.CRITICAL + 1)  # noqa: LOG001 - not to inherit a level or handlers
"""Says nothing: websockets would log headers, and with them keys, at level DEBUG."""


@frozen
class WebSocketLimits:
    """What a peer may send."""

    message_bytes: int = 16 * 1024 * 1024
    """A longer message ends the connection with code 1009. A full order book has 5 MB."""


class WebSocketClosed(VenueUnavailable):
    """
    The connection is gone; what was sent before may or may not have arrived.

    Args:
        message: How it ended.
        close_code: RFC 6455 §7.4: 1000 done, 1001 going away, 1006 no closing handshake, 1009 too
            big; 4000 and above are the venue's own.
        reason: The peer's words.
        where: The connection.
    """

    def __init__(
        self, message: str, *, close_code: int, reason: str = "", where: str | None = None
    ) -> None:
        super().__init__(message, where=where, code=str(close_code))
        self.close_code = close_code
        self.reason = reason


class WebSocket:
    """
    An open connection. One task may receive while any number send.

    Make it with `open_websocket` or, on the serving side, `accept_websocket`.

    Args:
        stream: Carries the bytes; closed with the connection.
        protocol: Has its opening handshake behind it.
        where: Names the connection in errors.
        text_as_bytes: Hand text messages over as UTF-8 bytes, unchecked: faster where a JSON parser
            follows, which checks it.
    """

    def __init__(
        self, stream: ByteStream, protocol: Protocol, *, where: str, text_as_bytes: bool = False
    ) -> None:
        self.where = where
        self._stream = stream
        self._protocol = protocol
        self._text_as_bytes = text_as_bytes
        self._messages: deque[Message] = deque()
        self._fragments: list[bytes | bytearray | memoryview] = []
        self._fragments_are_text = False
        self._pings: dict[bytes, anyio.Event] = {}
        self._pings_sent = 0
        self._reading = anyio.ResourceGuard("receiving from")
        self._sending = anyio.Lock(fast_acquire=True)
        self._given_up: str | None = None
        self._ended = anyio.Event()

    async def receive(self) -> Message:
        """
        Wait for the next message.

        What is already here is returned at once, without a checkpoint: at most what one read of
        64 KiB brought. A cancellation loses nothing.

        Raises:
            WebSocketClosed: The connection has ended, and all messages before were returned.
        """
        while not self._messages:
            if self._ended.is_set():
                raise self._closed()
            await self._read()
        return self._messages.popleft()

    def __aiter__(self) -> Self:
        """Iterate over messages until the peer says that it is done (1000); else raise."""
        return self

    async def __anext__(self) -> Message:
        try:
            return await self.receive()
        except WebSocketClosed as closed:
            if closed.close_code == CloseCode.NORMAL_CLOSURE:
                raise StopAsyncIteration from closed
            raise

    async def wait_closed(self) -> None:
        """Wait until the connection has ended, whoever notices it."""
        await self._ended.wait()

    async def send(self, message: Message) -> None:
        """
        Send one message, text or binary by its type; return when the stream has taken it.

        A cancellation before it is written sends nothing. One while it is written, which is when
        the peer does not read, may leave half a frame on the line: the connection is given up.

        Raises:
            WebSocketClosed: The connection has ended; the message may have left.
        """
        if isinstance(message, str):
            data = message.encode()
            await self._write(lambda: self._protocol.send_text(data))
        else:
            await self._write(lambda: self._protocol.send_binary(message))

    async def ping(self) -> anyio.Event:
        """
        Send a ping; the event is set when it is answered, or when the connection has ended.

        Somebody must be receiving for the answer to be seen. Cancellation: as for `send`.

        Raises:
            WebSocketClosed: The connection has ended.
        """
        self._pings_sent += 1
        payload = self._pings_sent.to_bytes(4, "big")
        answered = self._pings[payload] = anyio.Event()
        await self._write(lambda: self._protocol.send_ping(payload))
        return answered

    async def aclose(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """
        Say goodbye, wait for the answer for three seconds at most, and close the stream.

        Messages that come meanwhile are dropped. A cancellation closes the stream at once.
        """
        try:
            with anyio.move_on_after(_CLOSE_DEADLINE_S):
                await self._say_goodbye(code, reason)
        finally:
            self._end("closed here")
            await anyio.aclose_forcefully(self._stream)

    async def abort(self, why: str) -> None:
        """Close the stream without a word; whoever receives or sends is told *why*."""
        self._end(why)
        await anyio.aclose_forcefully(self._stream)

    # --- reading ---

    async def _read(self) -> None:
        with self._reading:
            try:
                data = await self._stream.receive(_READ_BYTES)
            except anyio.EndOfStream:
                self._end("the peer hung up")
            except _LOST as error:
                self._end(f"the connection broke: {reason_of(error)}")
            else:
                self.take_in(data)
        if self._protocol.writes:
            await self._reply()

    def take_in(self, data: bytes) -> None:
        """Digest what was read from the stream; for the handshakes, which read it first."""
        self._protocol.receive_data(data)
        self.take_events()

    def take_events(self) -> None:
        """Turn what the protocol has understood so far into messages."""
        for event in self._protocol.events_received():
            if not isinstance(event, Request | Response):
                self._take(event)
        if self._protocol.close_rcvd is not None or self._protocol.parser_exc is not None:
            self._end("")

    def _take(self, frame: Frame) -> None:
        opcode = frame.opcode
        if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            text = opcode is Opcode.TEXT
            if frame.fin:
                self._deliver(frame.data, text)
            else:
                self._fragments, self._fragments_are_text = [frame.data], text
        elif opcode is Opcode.CONT:
            self._fragments.append(frame.data)
            if frame.fin:
                self._deliver(b"".join(self._fragments), self._fragments_are_text)
                self._fragments = []
        elif opcode is Opcode.PONG:
            self._answered(bytes(frame.data))

    def _deliver(self, data: bytes | bytearray | memoryview, text: bool) -> None:
        if self._ended.is_set():
            return  # frames behind one that was not UTF-8, or behind our own goodbye
        if not text or self._text_as_bytes:
            self._messages.append(bytes(data))
            return
        try:
            self._messages.append(str(data, "utf-8"))
        except UnicodeDecodeError:
            self._protocol.fail(CloseCode.INVALID_DATA, "text that is not UTF-8")
            self._end("the peer sent text that is not UTF-8")

    def _answered(self, payload: bytes) -> None:
        """Set the event of a ping and of all before it (RFC 6455 §5.5.3 lets a peer skip those)."""
        if payload not in self._pings:
            return
        for sent in list(self._pings):
            self._pings.pop(sent).set()
            if sent == payload:
                return

    # --- writing ---

    async def _write(self, put: Callable[[], None]) -> None:
        async with self._sending:  # who is cancelled does not get it
            if self._ended.is_set():
                raise self._closed()
            put()
            await self._flush()

    async def _flush(self) -> None:
        """Send what the protocol wants to; under the lock, for half a frame spoils the next one."""
        done = False
        try:
            while chunks := self._protocol.data_to_send():
                if data := b"".join(chunks):  # a demand to hang up is empty: `aclose` does that
                    await self._stream.send(data)
            done = True
        except _LOST as error:
            self._end(f"the connection broke: {reason_of(error)}")
            raise self._closed() from error
        finally:
            if not done:
                self._end("a write was cut off")
                await anyio.aclose_forcefully(self._stream)

    async def _reply(self) -> None:
        """
        Send pongs and the answer to a close, even if the caller is cancelled: what was read stays.

        A sender who holds the lock sends them too. Waiting for it here would be a deadlock with a
        peer that does not read until somebody reads what it sends.
        """
        try:
            self._sending.acquire_nowait()
        except anyio.WouldBlock:
            return
        try:
            with anyio.move_on_after(_REPLY_DEADLINE_S, shield=True):
                await self._flush()
        except WebSocketClosed:
            pass  # the messages before it are still to be returned; then `receive` says it
        finally:
            self._sending.release()

    # --- the end ---

    async def _say_goodbye(self, code: int, reason: str) -> None:
        try:
            if not self._ended.is_set():
                await self._write(lambda: self._protocol.send_close(code, reason))
            while not self._ended.is_set():
                await self._read()
        except WebSocketClosed:
            return
        except anyio.BusyResourceError:  # another task receives: it will see the answer
            await self._ended.wait()

    def _end(self, why: str) -> None:
        if not self._ended.is_set():
            self._given_up = why or None
            self._ended.set()
            for answered in self._pings.values():
                answered.set()
            self._pings.clear()

    def _closed(self) -> WebSocketClosed:
        """Return a new error about the end: one that is raised twice would collect tracebacks."""
        protocol, ours = self._protocol, self._protocol.close_sent
        if protocol.parser_exc is not None and ours is not None:
            text = f"the peer broke the protocol: {protocol.parser_exc}"
            return WebSocketClosed(text, close_code=ours.code, where=self.where)
        theirs = protocol.close_rcvd
        if theirs is not None:
            text = f"closed by the peer with {theirs.code} {theirs.reason}".rstrip()
            return WebSocketClosed(
                text, close_code=theirs.code, reason=theirs.reason, where=self.where
            )
        code = CloseCode.ABNORMAL_CLOSURE if ours is None else ours.code
        return WebSocketClosed(self._given_up or "no connection", close_code=code, where=self.where)


async def keep_alive(websocket: WebSocket, *, every_s: float, within_s: float) -> None:
    """
    Ping until the connection ends; give it up when an answer takes too long.

    Whoever receives then gets `WebSocketClosed`; this returns. Somebody must be receiving all the
    time, or answers are not seen. It does not notice a venue that answers pings and sends nothing:
    that takes a deadline around `receive`.

    Args:
        websocket: What to keep.
        every_s: Seconds from an answer to the next ping.
        within_s: Seconds an answer may take.
    """
    while True:
        with anyio.move_on_after(every_s):
            await websocket.wait_closed()
            return
        try:
            with anyio.fail_after(within_s):
                answered = await websocket.ping()
                await answered.wait()
        except WebSocketClosed:
            return
        except TimeoutError:
            await websocket.abort(f"no answer to a ping within {within_s:g} s")
            return
