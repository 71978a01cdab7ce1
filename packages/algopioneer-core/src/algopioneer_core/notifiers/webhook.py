"""A notifier that posts alerts as JSON to a URL: a chat, a pager, a service of one's own."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import httpx

from algopioneer_core.domain.errors import Outcome, VenueUnavailable
from algopioneer_core.domain.market_data import NS_PER_SECOND
from algopioneer_core.domain.times import iso_utc
from algopioneer_core.notifiers.config import WebhookConfig, WebhookForm
from algopioneer_core.ports import Alert, Notifier

__all__ = ["WebhookNotifier", "open_webhook_notifier"]

_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500


class WebhookNotifier:
    """
    Posts each alert in a request of its own.

    Args:
        config: Where to, and in which form.
        client: Sends the requests; closed by whoever opened it.
    """

    def __init__(self, config: WebhookConfig, client: httpx.AsyncClient) -> None:
        self._url = httpx.URL(config.url)
        self._body = _BODIES[config.form]
        self._headers = {config.header: config.header_value} if config.header_value else {}
        self._client = client

    async def notify(self, alert: Alert) -> None:
        """
        Post *alert*; return when the receiver answered that it has it.

        If this is cancelled it may or may not have been delivered. Errors name the host only,
        because the rest of the URL may be a secret.

        Raises:
            VenueUnavailable: No answer, or not one of success; `retryable` says whether the same
                alert may be taken later.
        """
        try:
            answer = await self._client.post(
                self._url, json=self._body(alert), headers=self._headers
            )
        except httpx.HTTPError as error:
            raise VenueUnavailable(
                f"the alert could not be posted: {type(error).__name__}", where=self._url.host
            ) from None
        if not answer.is_success:
            raise self._refused(answer)

    def _refused(self, answer: httpx.Response) -> VenueUnavailable:
        status, seconds = answer.status_code, answer.headers.get("Retry-After", "")
        return VenueUnavailable(
            f"the alert was refused with status {status}",
            where=self._url.host,
            remedy="check ALGOPIONEER_WEBHOOK_URL and ALGOPIONEER_WEBHOOK_SECRET",
            code=str(status),
            retryable=status == _TOO_MANY or status >= _SERVER_ERROR,
            retry_after_ns=int(seconds) * NS_PER_SECOND if seconds.isdecimal() else None,
            outcome=Outcome.UNKNOWN if status >= _SERVER_ERROR else Outcome.NOT_PLACED,
        )


def _generic(alert: Alert) -> dict[str, object]:
    return {
        "time": iso_utc(alert.ts_ns),
        "subject": alert.subject,
        "text": alert.text,
        "urgent": alert.urgent,
    }


def _message(alert: Alert) -> str:
    mark = "URGENT: " if alert.urgent else ""
    lines = (f"{mark}{alert.subject}", alert.text, iso_utc(alert.ts_ns))
    return "\n".join(line for line in lines if line)


_BODIES: Final[dict[WebhookForm, Callable[[Alert], dict[str, object]]]] = {
    WebhookForm.GENERIC: _generic,
    WebhookForm.SLACK: lambda alert: {"text": _message(alert)},
    WebhookForm.DISCORD: lambda alert: {"content": _message(alert)},
}


@asynccontextmanager
async def open_webhook_notifier(config: WebhookConfig) -> AsyncIterator[Notifier]:
    """
    Open the notifier. Deadlines are the caller's: it has none of its own.

    A redirect is an error and not followed: it would take the secret to another host.
    """
    async with httpx.AsyncClient(timeout=None, follow_redirects=False) as client:  # noqa: S113
        yield WebhookNotifier(config, client)
