"""``/accessibility``: how accessible these pages are, as the French declaration says it (RGAA 4.1.2).

The figures come from the walk through the criteria that is kept in docs/accessibility.md; a test compares them.
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.pages.rendering import page
from api.pages.routing import PageRoute

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

MET: Final = 71
NOT_MET: Final = 2
NOT_APPLICABLE: Final = 33
"""Of the 106 criteria."""


@router.get("/accessibility")
async def declaration(request: Request) -> Response:
    """The declaration."""
    rate = round(100 * MET / (MET + NOT_MET))
    values = {"met": MET, "not_met": NOT_MET, "not_applicable": NOT_APPLICABLE, "rate": rate}
    return page(request, "accessibility.html", **values)
