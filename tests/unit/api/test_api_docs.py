"""docs/api.md names every route with its permission, and its examples are what the routes take."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator
from pydantic import SecretStr

from api.app import create_app
from api.http.roles import HELD, PERMISSIONS
from api.http.session import PERMISSION_MARK
from api.http.settings import ApiSettings

DOCS: Final = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")
LINES: Final = {
    match[1]: (match[2], match[3])
    for match in re.finditer(r"^\| `([A-Z]+ /v1\S+)` \| (.*?) \| .*? \| (.*) \|$", DOCS, re.MULTILINE)
}


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(ApiSettings(database_url=SecretStr("postgresql://nowhere/nothing")))


def test_every_route_stands_there_with_its_permission(app: FastAPI) -> None:
    routes = {
        f"{method} {one.path}": ", ".join((one.openapi_extra or {}).get(PERMISSION_MARK, ["public"])) or "any key"
        for one in app.router.routes
        if isinstance(one, APIRoute) and one.path.startswith("/v1")
        for method in one.methods or ()
    }
    assert {name: permission for name, (permission, _) in LINES.items()} == routes


def test_every_role_stands_there_with_its_permissions() -> None:
    for role, held in HELD.items():
        told = ", ".join(one for one in PERMISSIONS if one in held) or "none: the numbers of its places"
        assert f"| `{role}` | {'everything' if held == set(PERMISSIONS) else told} |" in DOCS


def test_every_example_is_what_its_route_takes(app: FastAPI) -> None:
    document = app.openapi()
    checked = 0
    for name, (_, example) in LINES.items():
        method, path = name.split(" ")
        body: dict[str, Any] = document["paths"][path][method.lower()].get("requestBody", {})
        schema = body.get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            continue
        found = re.findall(r"`(\{.*?\})`", example)
        assert found, f"{name} has no example of what is sent"
        validator = Draft202012Validator({**schema, "components": document["components"]})
        for text in found:
            validator.validate(json.loads(text))
            checked += 1
    assert checked > 30
