"""The routes of pages: an error is a page too, not the API's JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response

from api.http.errors import BadQuery, LimitReached, Unavailable
from api.pages.rendering import page


class PageRoute(APIRoute):
    """A route whose refusals are pages."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """Return the handler, with our errors as pages."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except Unavailable:
                return page(request, "message.html", status=503, what="busy")
            except LimitReached:
                return page(request, "message.html", status=429, what="busy")
            except BadQuery:  # of ``form_of``
                return page(request, "message.html", status=422, what="form")
            except RequestValidationError:  # of the path
                return page(request, "message.html", status=404, what="missing")

        return handled
