"""
Messages a second through a websocket on loopback TCP: ours on both backends, beside `websockets`.

    python -m benchmarks.wire --messages 100000 --repeat 3

The sender is a process of its own that writes frames made beforehand as fast as the socket takes
them, so the client is what is measured. Clients take turns and the best run of each counts. Nothing
is asserted; the targets are in README.md.
"""

import argparse
import asyncio
import multiprocessing
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from multiprocessing.synchronize import Event

import anyio
import trio
from websockets.asyncio.client import connect as asyncio_connect
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from algopioneer_core.wire.websocket_client import open_websocket

TICKER = (
    b'{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":67412.1,'
    b'"bid_qty":0.81530000,"ask":67412.2,"ask_qty":3.10241987,"last":67412.2,"volume":'
    b'1824.40270310,"vwap":67015.3,"low":65800.0,"high":68012.9,"change":811.4}]}'
)
Client = Callable[[str, int], Awaitable[None]]


def serve(listener: socket.socket, count: int, stop: Event) -> None:
    """Send *count* tickers to each client, one client after the other."""
    listener.settimeout(0.2)
    frames = Frame(Opcode.TEXT, TICKER).serialize(mask=False) * 500
    while not stop.is_set():
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        with connection:
            connection.settimeout(30)
            protocol = ServerProtocol()
            while not protocol.events:
                protocol.receive_data(connection.recv(65_536))
            request = protocol.events[0]
            assert isinstance(request, Request)
            protocol.send_response(protocol.accept(request))
            connection.sendall(b"".join(protocol.data_to_send()))
            for _ in range(count // 500):
                connection.sendall(frames)
            connection.recv(65_536)  # the client's goodbye


async def ours(url: str, count: int) -> None:
    """Receive with the core's websocket, text decoded."""
    async with open_websocket(url) as websocket:
        for _ in range(count):
            await websocket.receive()


async def ours_as_bytes(url: str, count: int) -> None:
    """Receive with the core's websocket, text left to a JSON parser."""
    async with open_websocket(url, text_as_bytes=True) as websocket:
        for _ in range(count):
            await websocket.receive()


async def theirs_asyncio(url: str, count: int) -> None:
    """Receive with `websockets` on asyncio."""
    async with asyncio_connect(url, compression=None) as connection:
        for _ in range(count):
            await connection.recv()


async def theirs_trio(url: str, count: int) -> None:
    """Receive with `websockets` on trio."""
    from websockets.trio.client import connect

    async with connect(url, compression=None) as connection:
        for _ in range(count):
            await connection.recv()


def clients() -> Mapping[str, Callable[[str, int], None]]:
    """Return what is measured, by name."""

    def on(backend: str, client: Client) -> Callable[[str, int], None]:
        return lambda url, count: anyio.run(client, url, count, backend=backend)

    return {
        "ours, trio": on("trio", ours),
        "ours, trio, bytes": on("trio", ours_as_bytes),
        "ours, asyncio": on("asyncio", ours),
        "ours, asyncio, bytes": on("asyncio", ours_as_bytes),
        "websockets, asyncio": lambda url, count: asyncio.run(theirs_asyncio(url, count)),
        "websockets, trio": lambda url, count: trio.run(theirs_trio, url, count),
    }


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    count = options.messages // 500 * 500
    stop = multiprocessing.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sender = multiprocessing.Process(target=serve, args=(listener, count, stop))
        sender.start()
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        best = dict.fromkeys(clients(), float("inf"))
        for _ in range(options.repeat):
            for name, client in clients().items():
                start = time.perf_counter()
                client(url, count)
                best[name] = min(best[name], time.perf_counter() - start)
        stop.set()
        sender.join()
    peer = count / best["websockets, asyncio"]
    for name, seconds in best.items():
        rate = count / seconds
        print(f"{name:22} {rate / 1000:7.0f} k messages/s {rate / peer:6.2f} x websockets asyncio")


if __name__ == "__main__":
    main()
