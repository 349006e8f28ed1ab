"""``/healthz``, ``/readyz`` and ``/metrics``: for those who run the API."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.errors import NotFound
from api.http.instance import LONGEST_CHALLENGE, PATH, proof
from api.http.state import shared
from api.present.state import present

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz(request: Request) -> Response:
    """Whether the process works: 503 once the task that feeds the board has died."""
    dead = request.app.state.listening is None or request.app.state.listening.done()
    return json_answer({"status": "dead" if dead else "ok"}, status=503 if dead else 200)


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Whether to send it requests: 503 until the network was loaded. A lost database doesn't count: the board ages."""
    listener = present(request).listener
    return json_answer(
        {"ready": listener.loaded, "board": {"loaded": listener.loaded, "connected": listener.connected}},
        status=200 if listener.loaded else 503,
    )


@router.get(PATH)
async def instance(request: Request, challenge: Annotated[str, Query(max_length=LONGEST_CHALLENGE)]) -> Response:
    """Prove that this is the API of the stack whose key the caller holds; 404 where no key was given to it."""
    settings, port = shared(request).settings, (request.scope.get("server") or ("", 0))[1]
    if settings.instance_key is None:
        raise NotFound("This API belongs to no stack that asks for a proof.")
    return json_answer({"proof": proof(settings.instance_key.get_secret_value(), port=port, challenge=challenge)})


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """What the API counts of itself, in the Prometheus text format."""
    text = shared(request).metrics.text()
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8", headers={"Cache-Control": "no-store"})
