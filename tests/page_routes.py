"""Every page of people who sign in, read from the application: a new page is in the tests of all pages at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from fastapi.routing import APIRoute
from pydantic import SecretStr

from api.app import create_app
from api.http.settings import ApiSettings
from api.pages.routing import PageRoute

_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")


def page_routes() -> list[tuple[str, str]]:
    """Return method and path of each page and form."""
    app = create_app(ApiSettings(database_url=SecretStr("postgresql://nowhere/nothing")))
    found: list[APIRoute] = [one for one in app.router.routes if isinstance(one, PageRoute)]
    return sorted((method, one.path) for one in found for method in one.methods or ())


def filled(path: str, values: Mapping[str, str]) -> str:
    """Return ``path`` with its parameters filled in; of a parameter that isn't in ``values``: ``1``."""
    return _PARAMETER.sub(lambda found: values.get(found[1], "1"), path)


def parameters(path: str) -> Iterator[str]:
    """Yield the names of a path's parameters."""
    yield from _PARAMETER.findall(path)
