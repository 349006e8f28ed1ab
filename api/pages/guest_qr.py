"""``/guest/{token}``: the page of a guest with a QR. Nobody signs in: the link is the secret."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from api.pages.asking import Missing
from api.pages.rendering import page
from api.pages.routing import PageRoute
from api.visits.guest_qr import guest_of, svg_of, text_of

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_WORKER: Final = Path(__file__).parent / "templates" / "guest_worker.js"
_HEADERS: Final = {"X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer"}


@router.get("/guest/worker.js")
async def worker() -> Response:
    """The script that keeps a guest's page in the browser; its address is its scope."""
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    return Response(_WORKER.read_bytes(), media_type="text/javascript", headers=headers)


@router.get("/guest/{token}")
async def guest(token: str, request: Request) -> Response:
    """Show the QR large, where and when it opens, and what to do."""
    found = await guest_of(request, token)
    if found is None:
        raise Missing
    over = found["ends_at"] <= datetime.now(UTC) or found["visitor"] == "left"
    off = found["visitor"] == "cancelled"
    text = None if over or off else text_of(request, found["pass"], found["sealed"])
    picture = None if text is None else Markup(svg_of(text, inline=True))  # noqa: S704 made by segno
    state = "over" if over else "off" if off else "making" if text is None else "good"
    answer = page(request, "guest.html", visit=found, state=state, picture=picture)
    answer.headers.update(_HEADERS)
    return answer
