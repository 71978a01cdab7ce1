"""The notifier that posts to a webhook: the contract on a real socket, forms, refusals, secrets."""

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.abc
import httpx
import pytest
from attrs import define, field

from algopioneer_core.domain.errors import ConfigError, Outcome, VenueUnavailable
from algopioneer_core.notifiers.config import WebhookConfig, WebhookForm
from algopioneer_core.notifiers.webhook import WebhookNotifier, open_webhook_notifier
from algopioneer_core.ports import Alert, Notifier
from algopioneer_core.testing.contracts import Delivered, NotifierContract, OpenNotifier

URL = "https://hooks.example.com/services/T000/SECRETPATH"
ALERT = Alert(60_000_000_000, "alpha is halted", "loss of 12 USD", urgent=True)


@define
class Receiver:
    """A web server of one page: answers every POST and keeps what it got."""

    bodies: list[str] = field(factory=list)
    broken: bool = False

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Listen on a free port of this machine; gives the URL."""
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, self._serve)
            yield f"http://127.0.0.1:{port}/hook"
            tasks.cancel_scope.cancel()

    async def _serve(self, stream: anyio.abc.ByteStream) -> None:
        async with stream:
            try:
                while True:
                    await self._answer(stream)
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return

    async def _answer(self, stream: anyio.abc.ByteStream) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += await stream.receive()
        head, _, body = data.partition(b"\r\n\r\n")
        (length,) = (
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        while len(body) < length:
            body += await stream.receive()
        if not self.broken:
            self.bodies.append(body.decode())
        status = b"503 Unavailable" if self.broken else b"204 No Content"
        await stream.send(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")


class TestWebhookNotifier(NotifierContract):
    @pytest.fixture
    def receiver(self) -> Receiver:
        """Return the server that alerts are posted to."""
        return Receiver()

    @pytest.fixture
    def open_notifier(self, receiver: Receiver) -> OpenNotifier:
        """Return what opens the notifier together with the server."""

        @asynccontextmanager
        async def opening() -> AsyncIterator[Notifier]:
            async with (
                receiver.listening() as url,
                open_webhook_notifier(WebhookConfig(url=url)) as it,
            ):
                yield it

        return opening

    @pytest.fixture
    def delivered(self, receiver: Receiver) -> Delivered:
        """Return what reads the server's mail."""
        return lambda: receiver.bodies

    @pytest.fixture
    def cut_off(self, receiver: Receiver) -> Callable[[], None]:
        """Return what breaks the server."""

        def break_it() -> None:
            receiver.broken = True

        return break_it


async def post(answer: Callable[[httpx.Request], httpx.Response], **settings: Any) -> httpx.Request:
    """Post ALERT over a transport that answers as told; return the request."""
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer(request)

    config = WebhookConfig(**{"url": URL, **settings})
    async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as client:
        await WebhookNotifier(config, client).notify(ALERT)
    return seen[0]


def answering(status: int, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    """Return what answers every request with *status*."""
    return lambda _: httpx.Response(status, headers=headers)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("form", "body"),
    [
        (
            WebhookForm.GENERIC,
            {
                "time": "1970-01-01T00:01:00Z",
                "subject": "alpha is halted",
                "text": "loss of 12 USD",
                "urgent": True,
            },
        ),
        (
            WebhookForm.SLACK,
            {"text": "URGENT: alpha is halted\nloss of 12 USD\n1970-01-01T00:01:00Z"},
        ),
        (
            WebhookForm.DISCORD,
            {"content": "URGENT: alpha is halted\nloss of 12 USD\n1970-01-01T00:01:00Z"},
        ),
    ],
)
async def test_each_receiver_gets_what_it_understands(
    form: WebhookForm, body: dict[str, object]
) -> None:
    """The chat shows it without a program between."""
    request = await post(answering(200), form=form)
    assert body == json.loads(request.content)
    assert URL == str(request.url)


@pytest.mark.anyio
async def test_the_secret_goes_into_its_header_and_nowhere_else() -> None:
    """It shows neither in the body nor in the configuration's repr."""
    request = await post(answering(200), header="X-Token", header_value="tok-123456")
    assert "tok-123456" == request.headers["X-Token"]
    assert b"tok-123456" not in request.content
    config = WebhookConfig(url=URL, header_value="tok-123456")
    assert "tok-123456" not in repr(config)
    assert "SECRETPATH" not in repr(config)
    assert "X-Token" not in (await post(answering(200), header="X-Token")).headers


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("status", "retryable", "outcome"),
    [
        (302, False, Outcome.NOT_PLACED),
        (404, False, Outcome.NOT_PLACED),
        (429, True, Outcome.NOT_PLACED),
        (503, True, Outcome.UNKNOWN),
    ],
)
async def test_a_refusal_says_whether_it_may_be_tried_again(
    status: int, outcome: Outcome, *, retryable: bool
) -> None:
    """The path of the URL is a secret of its own: errors name the host."""
    answer = answering(status, Location="https://evil.example/", **{"Retry-After": "7"})
    with pytest.raises(VenueUnavailable, match=f"status {status}") as caught:
        await post(answer)
    error = caught.value
    assert (retryable, 7_000_000_000, outcome) == (
        error.retryable,
        error.retry_after_ns,
        error.outcome,
    )
    assert "hooks.example.com" == error.where
    assert "SECRETPATH" not in str(error)


@pytest.mark.anyio
async def test_no_answer_is_an_error_without_the_path() -> None:
    """Nobody listens."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"cannot reach {request.url}")

    with pytest.raises(VenueUnavailable, match="could not be posted: ConnectError") as caught:
        await post(refuse)
    assert caught.value.retryable
    assert "SECRETPATH" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("url", ["", "hooks.example.com/x", "file:///etc/passwd"])
def test_a_url_that_cannot_be_posted_to_is_refused_when_configured(url: str) -> None:
    """Not when the first alert is due; the value is not shown."""
    with pytest.raises(ConfigError, match="ALGOPIONEER_WEBHOOK_URL") as caught:
        WebhookConfig(url=url)
    assert not url or url not in str(caught.value)


def test_the_client_library_logs_urls_below_what_we_show() -> None:
    """httpx writes each URL at level info, which ours does not take."""
    assert logging.getLogger("httpx").getEffectiveLevel() >= logging.WARNING
