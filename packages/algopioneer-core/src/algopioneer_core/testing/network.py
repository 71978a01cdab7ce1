"""
A network in memory, with faults: byte streams and message pipes that wait by anyio's clock.

    network = Network(random.Random(seed).random)
    listener = network.listen("venue.test", 443)
    ...
    async with open_websocket("wss://venue.test/feed", dial=network.dial) as websocket:
        network.conditions = Conditions(latency_s=0.05, jitter_s=0.02)
        ...
        network.reset()                                   # every connection breaks
        network.conditions = Conditions(half_open=True)   # bytes vanish, nobody is told

With a virtual clock and a seed the same run happens again, to the last byte. No task works in the
background: what is on its way waits in the receiver's queue for its time.
"""

import heapq
import math
from collections import deque
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

import anyio
from anyio.abc import ByteStream, Listener, TaskGroup
from anyio.lowlevel import checkpoint
from attrs import define, field, frozen

from algopioneer_core.domain.errors import Outcome, VenueUnavailable
from algopioneer_core.testing.clocks import own_time

__all__ = ["Conditions", "MemoryListener", "MemoryStream", "MessagePipe", "Network"]

_T = TypeVar("_T")
_CAPACITY: Final = 65_536
"""Bytes that wait in one direction before a sender has to, as in a socket's buffers."""


@frozen(kw_only=True)
class Conditions:
    """How a line behaves; what is sent is subject to those of that moment."""

    latency_s: float = 0.0
    """One way, seconds."""
    jitter_s: float = 0.0
    """Added to each latency: up to this much, drawn evenly. Bytes of a stream stay in order."""
    chunk_bytes: int | None = None
    """Most bytes that one `receive` returns: frames then come in pieces."""
    refuse: bool = False
    """New connections are refused."""
    stalled: bool = False
    """Nothing arrives until this ends; then everything does, as after a partition that healed."""
    half_open: bool = False
    """What is sent vanishes and the line never works again, but neither end is told; new
    connections get no answer."""
    drop: float = 0.0
    """Share of messages that are lost (message pipes; a stream loses nothing while it lives)."""
    duplicate: float = 0.0
    """Share of messages that arrive twice, each after a latency of its own (message pipes)."""


@define(eq=False)
class _Direction:
    """One way of a connection: what is on its way, and until when."""

    network: "Network"
    queue: deque[tuple[float, bytes]] = field(factory=deque)
    """(arrival, bytes); no bytes are the end."""
    waiting: int = 0
    last_arrival: float = -math.inf
    lost: bool = False
    unread: bool = False
    """Whether the reading end is closed."""
    broken: bool = False
    _changed: anyio.Event | None = field(default=None, init=False)  # while somebody waits

    def wake(self) -> None:
        """Let whoever waits on this look again."""
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    async def change(self) -> None:
        """Wait until `wake`."""
        if self._changed is None:
            self._changed = self.network.new_event()
        await self._changed.wait()

    def put(self, data: bytes) -> None:
        """Send *data*, or the end where there is none, under the present conditions."""
        self.lost = self.lost or self.network.conditions.half_open
        if self.lost:
            return
        self.last_arrival = max(self.last_arrival, self.network.arrival())
        self.queue.append((self.last_arrival, data))
        self.waiting += len(data)
        if len(self.queue) == 1:  # else whoever waits does so for what is before it
            self.wake()

    def get(self, limit: int) -> bytes:
        """Take up to *limit* bytes of what has arrived; none once the end has."""
        arrival, data = self.queue[0]
        if not data:
            return data
        taken = data[: min(limit, self.network.conditions.chunk_bytes or limit)]
        if len(taken) < len(data):
            self.queue[0] = (arrival, data[len(taken) :])
        else:
            self.queue.popleft()
        self.waiting -= len(taken)
        self.wake()
        return taken

    async def wait(self) -> None:
        """Wait until the first bytes arrive, or until something else happens."""
        if not self.queue or self.network.conditions.stalled:
            await self.change()
            return
        with anyio.move_on_after(self.queue[0][0] - self.network.now()):
            await self.change()

    def arrived(self) -> bool:
        """Tell whether there are bytes to be read now."""
        if not self.queue or self.network.conditions.stalled:
            return False
        return self.queue[0][0] <= self.network.now()

    def reset(self) -> None:
        """Break it: what was on its way is lost, and both ends are told."""
        self.broken = True
        self.queue.clear()
        self.wake()


class MemoryStream(ByteStream):
    """One end of a connection; behaves like anyio's TCP streams, errors included."""

    def __init__(self, network: "Network", incoming: _Direction, outgoing: _Direction) -> None:
        self._network = network
        self._incoming = incoming
        self._outgoing = outgoing
        self._closed = False
        self._receiving = anyio.ResourceGuard("reading from")
        self._sending = anyio.ResourceGuard("writing to")

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        """Wait for bytes; see `anyio.abc.ByteReceiveStream`. A cancellation loses none."""
        with self._receiving:
            if self._incoming.arrived():  # else waiting is one
                await checkpoint()
            while True:
                self._check_open()
                if self._incoming.arrived():
                    if data := self._incoming.get(max_bytes):
                        return data
                    raise anyio.EndOfStream
                await self._incoming.wait()

    async def send(self, item: bytes) -> None:
        """Send bytes; waits while the other side does not read. Cancelled, it may send a part."""
        with self._sending:
            await checkpoint()
            for start in range(0, len(item), _CAPACITY):
                self._check_writable()
                while self._outgoing.waiting >= _CAPACITY:
                    await self._outgoing.change()
                    self._check_writable()
                self._outgoing.put(bytes(item[start : start + _CAPACITY]))

    async def send_eof(self) -> None:
        """Say that no more bytes will come."""
        await checkpoint()
        self._outgoing.put(b"")

    async def aclose(self) -> None:
        """Close this end: the other reads what was sent and then the end, and cannot send."""
        if not self._closed:
            self._closed = True
            self._network.forget(self)
            self._outgoing.put(b"")
            self._incoming.unread = True
            self.wake()
        await checkpoint()

    def reset(self) -> None:
        """Break the connection: both ends get `BrokenResourceError`."""
        self._incoming.reset()
        self._outgoing.reset()

    def wake(self) -> None:
        """Let whoever waits on this end look again at how the line is."""
        self._incoming.wake()
        self._outgoing.wake()

    def _check_open(self) -> None:
        if self._closed:
            raise anyio.ClosedResourceError
        if self._incoming.broken:
            raise anyio.BrokenResourceError("connection reset by peer")

    def _check_writable(self) -> None:
        self._check_open()
        gone = self._outgoing.unread and not (self._outgoing.lost or self._incoming.lost)
        if self._outgoing.broken or gone:
            raise anyio.BrokenResourceError("broken pipe")


class MemoryListener(Listener[ByteStream]):
    """Where connections to one host and port arrive."""

    def __init__(self, network: "Network", address: tuple[str, int]) -> None:
        self._network = network
        self._address = address
        self._send, self._receive = anyio.create_memory_object_stream[ByteStream](math.inf)

    async def serve(
        self, handler: Callable[[ByteStream], Any], task_group: TaskGroup | None = None
    ) -> None:
        """Run *handler* for each connection, which it has to close, until cancelled or closed."""
        if task_group is not None:
            await self._accept(handler, task_group)
            return
        async with anyio.create_task_group() as tasks:
            await self._accept(handler, tasks)

    async def _accept(self, handler: Callable[[ByteStream], Any], tasks: TaskGroup) -> None:
        async for stream in self._receive:
            tasks.start_soon(handler, stream)

    def connect(self, stream: ByteStream) -> None:
        """Hand over the serving end of a new connection."""
        self._send.send_nowait(stream)

    async def aclose(self) -> None:
        """Refuse connections from now on; those that exist live on."""
        self._network.close_port(self._address)
        self._send.close()
        self._receive.close()
        await checkpoint()


class Network:
    """
    Hosts, ports and the lines between them.

    Args:
        draw: Gives numbers in [0, 1), as `random.Random(seed).random` does.
        conditions: Of every line, until they are set anew.
    """

    def __init__(self, draw: Callable[[], float], conditions: Conditions | None = None) -> None:
        self._draw = draw
        self._conditions = conditions or Conditions()
        self._listeners: dict[tuple[str, int], MemoryListener] = {}
        self._ends: dict[MemoryStream | MessagePipe[Any], None] = {}

    @property
    def conditions(self) -> Conditions:
        """How all lines behave now."""
        return self._conditions

    @conditions.setter
    def conditions(self, conditions: Conditions) -> None:
        self._conditions = conditions
        for end in self._ends:
            end.wake()

    def listen(self, host: str, port: int) -> MemoryListener:
        """Open a port; `async with` it, or close it."""
        if (host, port) in self._listeners:
            raise OSError(f"{host}:{port} is in use")
        listener = self._listeners[host, port] = MemoryListener(self, (host, port))
        return listener

    async def dial(self, host: str, port: int, *, tls: bool) -> ByteStream:
        """Connect to a port, `wire.dialing.Dial`; TLS is taken as given and costs nothing."""
        del tls
        await anyio.sleep(2 * self._latency_s())  # there and back
        if self._conditions.half_open or self._conditions.stalled:
            await anyio.sleep_forever()
        listener = self._listeners.get((host, port))
        if listener is None or self._conditions.refuse:
            raise VenueUnavailable(
                "connection refused", where=f"{host}:{port}", outcome=Outcome.NOT_PLACED
            )
        there, back = _Direction(self), _Direction(self)
        ours, theirs = MemoryStream(self, back, there), MemoryStream(self, there, back)
        self.attach(ours)
        self.attach(theirs)
        listener.connect(theirs)
        return ours

    def reset(self) -> None:
        """Break every connection there is; new ones can be made."""
        for end in self._ends:
            if isinstance(end, MemoryStream):
                end.reset()

    def close_port(self, address: tuple[str, int]) -> None:
        """Forget a listener; its `aclose` calls this."""
        self._listeners.pop(address, None)

    def attach(self, end: "MemoryStream | MessagePipe[Any]") -> None:
        """Wake *end* whenever the conditions change."""
        self._ends[end] = None

    def forget(self, end: "MemoryStream | MessagePipe[Any]") -> None:
        """Stop that: it is closed."""
        self._ends.pop(end, None)

    def arrival(self) -> float:
        """Return when something that is sent now arrives, seconds of anyio's clock."""
        return self.now() + self._latency_s()

    @cached_property
    def now(self) -> Callable[[], float]:
        """Reads anyio's clock, of the one event loop in which a network is used."""
        return own_time()

    @cached_property
    def new_event(self) -> type[anyio.Event]:
        """Makes events of that loop; anyio would ask each time which one it is."""
        return type(anyio.Event())

    def chance(self, share: float) -> bool:
        """Return True for a *share* of all calls; certain shares draw no number."""
        return share > 0 and (share >= 1 or self._draw() < share)

    def _latency_s(self) -> float:
        conditions = self._conditions
        jitter = conditions.jitter_s * self._draw() if conditions.jitter_s else 0.0
        return conditions.latency_s + jitter


class MessagePipe(Generic[_T]):
    """
    Carries whole messages one way and, unlike a stream, may lose, repeat and reorder them.

    For adapters that are tested above the wire: reports of a venue, lines of a queue. Each message
    has a latency of its own, so jitter reorders.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._heap: list[tuple[float, int, _T]] = []
        self._sent = 0
        self._closed = False
        self._changed = anyio.Event()
        network.attach(self)

    def send_nowait(self, message: _T) -> None:
        """Send under the present conditions of the network; never waits."""
        conditions = self._network.conditions
        if conditions.half_open or self._network.chance(conditions.drop):
            return
        for _ in range(1 + self._network.chance(conditions.duplicate)):
            self._sent += 1
            heapq.heappush(self._heap, (self._network.arrival(), self._sent, message))
        self.wake()

    async def receive(self) -> _T:
        """Wait for the next message to arrive; a cancellation loses none."""
        await checkpoint()
        while True:
            now = anyio.current_time()
            held = not self._heap or self._network.conditions.stalled
            if not held and self._heap[0][0] <= now:
                return heapq.heappop(self._heap)[2]
            if self._closed and not self._heap:
                raise anyio.EndOfStream
            with anyio.move_on_after(None if held else self._heap[0][0] - now):
                await self._changed.wait()

    def close(self) -> None:
        """Say that nothing more comes; what is on its way still arrives."""
        self._closed = True
        self._network.forget(self)
        self.wake()

    def wake(self) -> None:
        """Let the receiver look again."""
        self._changed.set()
        self._changed = anyio.Event()
