"""``/healthz``, ``/readyz`` and ``/metrics``, and the proof that an API belongs to a stack."""

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
    """Whether the process works: 503 if a task that feeds the board has died."""
    feeding = request.app.state.listening
    dead = not feeding or any(task.done() for task in feeding)
    return json_answer({"status": "dead" if dead else "ok"}, status=503 if dead else 200)


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Whether it can answer: 503 until the network is loaded. A lost database doesn't change it: the board ages."""
    listener = present(request).listener
    return json_answer(
        {"ready": listener.loaded, "board": {"loaded": listener.loaded, "connected": listener.connected}},
        status=200 if listener.loaded else 503,
    )


@router.get(PATH)
async def instance(request: Request, challenge: Annotated[str, Query(max_length=LONGEST_CHALLENGE)]) -> Response:
    """Prove that this API belongs to the stack whose secret the caller holds; 404 if it has no such secret."""
    settings, port = shared(request).settings, (request.scope.get("server") or ("", 0))[1]
    if settings.instance_key is None:
        raise NotFound("This API has no MAILLAGE_INSTANCE_KEY, so that it can't prove where it belongs.")
    return json_answer({"proof": proof(settings.instance_key.get_secret_value(), port=port, challenge=challenge)})


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Metrics of this process in the Prometheus text format."""
    text = shared(request).metrics.text()
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8", headers={"Cache-Control": "no-store"})
