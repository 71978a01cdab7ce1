"""The pages: `GET /health` and `GET /metrics`. They read; nothing can be changed through them."""

from collections.abc import Callable

from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from algopioneer_core.runtime.status import SessionStatus
from algopioneer_core.telemetry.redaction import Redactor
from algopioneer_core.web.counts import SessionCounts
from algopioneer_core.web.health import health_of
from algopioneer_core.web.metrics import registry_of

__all__ = ["application"]

_WELL, _UNWELL = 200, 503
_NOT_KEPT = {"cache-control": "no-store"}


def application(
    look: Callable[[], SessionStatus | None], counts: SessionCounts, redactor: Redactor
) -> Starlette:
    """
    Return the application that tells how one session stands.

    Args:
        look: Returns the session's status; None while it is being opened.
        counts: What was counted of it.
        redactor: Keeps secrets out of texts that come from errors.
    """
    registry = registry_of(look, counts)

    async def health(_: Request) -> Response:
        found = health_of(look(), counts)
        code = _WELL if found.is_good else _UNWELL
        return JSONResponse(redactor.fields(found.body), code, _NOT_KEPT)

    async def metrics(_: Request) -> Response:
        text = redactor.text(generate_latest(registry).decode())
        return Response(text, media_type=CONTENT_TYPE_LATEST, headers=_NOT_KEPT)

    return Starlette(routes=[Route("/health", health), Route("/metrics", metrics)])
