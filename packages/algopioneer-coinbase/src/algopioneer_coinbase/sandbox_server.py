"""
The local Coinbase on loopback.

REST is served by hypercorn on trio, the websockets by `wire.websocket_server`; both over TLS where
that is asked for, with a certificate that is made for the occasion.
"""

import functools
import json
import socket
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import anyio
import trio
from anyio.abc import ByteStream, Listener, SocketAttribute
from anyio.streams.tls import TLSListener
from attrs import frozen
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypercorn.config import Config, Sockets
from hypercorn.trio.run import worker_serve
from hypercorn.utils import wrap_app
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from algopioneer_coinbase.sandbox import DEFAULT_CONFIG, CoinbaseSandbox
from algopioneer_coinbase.sandbox_auth import ApiKey
from algopioneer_coinbase.sandbox_certificate import make_certificate
from algopioneer_coinbase.sandbox_faults import apply_fault
from algopioneer_coinbase.sandbox_http import Request
from algopioneer_coinbase.sandbox_market import Market
from algopioneer_coinbase.signing import PrivateKey
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.ports import Clock
from algopioneer_core.simulation.paper_config import PaperConfig
from algopioneer_core.simulation.sandbox_market import drive
from algopioneer_core.testing.fault_plans import FaultPlan, play
from algopioneer_core.wire.machine import nonce
from algopioneer_core.wire.tasks import tasks_for_block

__all__ = ["ALLOWED", "PERMISSIONS", "ServerOptions", "ShiftedClock", "serve"]

PERMISSIONS: Final = ("view", "trade", "transfer")
"""What a key may be allowed."""
ALLOWED: Final = ("view", "trade")
"""What it is allowed unless somebody says otherwise."""
_HOST: Final = "127.0.0.1"


@frozen(kw_only=True)
class ServerOptions:
    """What the local exchange is started with."""

    market: Market
    speed: float = 1.0
    plan: FaultPlan | None = None
    port: int = 0
    """Of REST, and the next one of the websockets; 0 takes free ones."""
    tls: bool = False
    ed25519: bool = False
    """Whether the key is of that kind; else it is of P-256."""
    config: PaperConfig = DEFAULT_CONFIG
    """Balances and fees."""
    permissions: tuple[str, ...] = ALLOWED
    """What the key may do, out of `PERMISSIONS`."""
    record: Path | None = None
    """Where everything that clients send is written."""


@frozen
class ShiftedClock:
    """A clock that is ahead of another one, or behind it."""

    clock: Clock
    ahead_ns: int
    """Negative is behind."""

    def now_ns(self) -> int:
        """Return its time, UTC nanoseconds."""
        return self.clock.now_ns() + self.ahead_ns


async def serve(
    options: ServerOptions,
    clock: Clock,
    folder: Path,
    ready: Callable[[Mapping[str, str]], None],
    *,
    behind: Callable[[CoinbaseSandbox], None] = lambda _: None,
) -> None:
    """
    Serve until cancelled.

    Args:
        options: What to serve.
        clock: The exchange's time.
        folder: Where the certificate is put.
        ready: Told once of the environment variables that point the adapter here.
        behind: Told before of the exchange that is served, which tests look at.

    Raises:
        ConfigError: A port is in use, or the record cannot be written.
    """
    key = _issued(options)
    sandbox = CoinbaseSandbox(clock, key, config=options.config)
    sandbox.exchange.load(options.market.history, options.market.interval_ns)
    if options.record is not None:
        _check_writable(options.record)
        sandbox.hear(functools.partial(_append, options.record))
    certificate = make_certificate(clock, _HOST, folder) if options.tls else None
    streams, stream_port = await _stream_listener(options.port and options.port + 1, certificate)
    async with streams:
        with _listening(options.port) as listening:
            async with tasks_for_block() as tasks:
                tasks.start_soon(functools.partial(_serve_rest, sandbox, listening, certificate))
                tasks.start_soon(sandbox.streams.listen, streams)
                tasks.start_soon(sandbox.run)
                tasks.start_soon(_drive, sandbox, options)
                if options.plan is not None:
                    tasks.start_soon(play, options.plan, functools.partial(apply_fault, sandbox))
                behind(sandbox)
                ready(_variables(key, listening.getsockname()[1], stream_port, certificate))
                await anyio.sleep_forever()


def _check_writable(path: Path) -> None:
    try:
        path.open("a").close()
    except OSError as error:
        raise ConfigError(
            f"it cannot be written: {error.strerror}",
            where=str(path),
            remedy="name a file in a folder that is there",
        ) from error


def _append(path: Path, heard: Mapping[str, Any]) -> None:
    """Add a line to a record; it is opened each time, so that a reader misses nothing."""
    with path.open("a", encoding="utf-8") as record:
        record.write(json.dumps(heard) + "\n")


async def _drive(sandbox: CoinbaseSandbox, options: ServerOptions) -> None:
    market = options.market
    await drive(sandbox.exchange, market.future, market.interval_ns, speed=options.speed)


def _variables(
    key: ApiKey, rest_port: int, stream_port: int, certificate: Path | None
) -> dict[str, str]:
    secure = "s" if certificate else ""
    stream = f"ws{secure}://{_HOST}:{stream_port}"
    values = {
        "COINBASE_API_KEY": key.name,
        "COINBASE_API_SECRET": _pem(key.private_key).replace("\n", "\\n"),
        "COINBASE_REST_URL": f"http{secure}://{_HOST}:{rest_port}",
        "COINBASE_MARKET_URL": stream,
        "COINBASE_USER_URL": stream,
    }
    if certificate is not None:
        values |= {"SSL_CERT_FILE": str(certificate), "REQUESTS_CA_BUNDLE": str(certificate)}
    return values


# --- REST ------------------------------------------------------------------------------------


def _application(sandbox: CoinbaseSandbox) -> Starlette:
    async def answer(request: HttpRequest) -> Response:
        query: dict[str, list[str]] = {}
        for name, value in request.query_params.multi_items():
            query.setdefault(name, []).append(value)
        made = await sandbox.answer(
            Request(
                request.method, request.url.path, query, dict(request.headers), await request.body()
            )
        )
        return Response(made.body, made.status, dict(made.headers), made.content_type)

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])


async def _serve_rest(
    sandbox: CoinbaseSandbox, listening: socket.socket, certificate: Path | None
) -> None:
    config = Config()
    config.accesslog = config.errorlog = None
    config.graceful_timeout = 1.0
    if certificate is not None:
        config.certfile = config.keyfile = str(certificate)
    secure, plain = ([listening], []) if certificate else ([], [listening])
    application: Any = _application(sandbox)  # the two describe ASGI in types of their own
    app = wrap_app(application, config.wsgi_max_body_size, "asgi")
    await worker_serve(
        app,
        config,
        sockets=Sockets(secure, plain, []),
        shutdown_trigger=trio.sleep_forever,  # we are cancelled; its own way takes signals
    )


def _listening(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((_HOST, port))
    except OSError as error:
        made.close()
        raise _taken(port) from error
    made.listen(128)
    made.setblocking(False)
    return made


async def _stream_listener(port: int, certificate: Path | None) -> tuple[Listener[ByteStream], int]:
    """Return what websockets connect to, and its port."""
    try:
        listener = await anyio.create_tcp_listener(local_host=_HOST, local_port=port)
    except OSError as error:
        raise _taken(port) from error
    port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - not Django's
    if certificate is None:
        return listener, port
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return TLSListener(listener, context, standard_compatible=False), port


def _taken(port: int) -> ConfigError:
    return ConfigError(
        f"port {port} cannot be used",
        where="--port",
        remedy="choose another (the next one is taken too, for the websockets), or 0 for free ones",
    )


# --- keys and certificates -------------------------------------------------------------------


def _issued(options: ServerOptions) -> ApiKey:
    may = {f"can_{each}": each in options.permissions for each in PERMISSIONS}
    name = f"organizations/sandbox/apiKeys/{nonce()}"
    return ApiKey(name, _new_key(of_edwards=options.ed25519), **may)


def _new_key(*, of_edwards: bool) -> PrivateKey:
    if of_edwards:
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1())


def _pem(key: PrivateKey) -> str:
    """Return a key as Coinbase hands it out."""
    form = PrivateFormat.PKCS8
    if isinstance(key, ec.EllipticCurvePrivateKey):
        form = PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()
