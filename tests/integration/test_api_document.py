"""Requests made from the OpenAPI document, right ones and spoiled ones, sent to a real API by several roles.

Every answer must be one that the document describes: its status, media type and shape; none is a fault of ours, and
what the document doesn't allow is never accepted. The seed is fixed. The API has a database of its own and no broker:
what is ordered here reaches no door.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import SecretStr

from api.app import create_app
from api.http.session import PERMISSION_MARK
from api.http.settings import ApiSettings
from tests.from_schema import fitting
from tests.integration.test_api_manage_nasty import NASTY, known, leaves, put
from tests.managed import Managed, managed

EXAMPLES: Final = 20
"""Requests for each of about a hundred operations."""
DOCUMENT: Final = create_app(ApiSettings(database_url=SecretStr("postgresql://nowhere/nothing"))).openapi()
SCHEMAS: Final[dict[str, Any]] = DOCUMENT["components"]["schemas"]
CALLERS: Final = ("admin", "admin", "admin", "manager", "desk", "member", None)
ENDLESS: Final = "/v1/stream"
CSV: Final = (b"name\nClaire Martin\n", b"nom;carte\nZo\xe9;04A2245AC16D80\n", b"", b"\xff\xfe", b"name\n\x00\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path, as the document has it."""

    method: str
    path: str
    about: dict[str, Any] = field(repr=False)

    def validator(self, schema: dict[str, Any]) -> Draft202012Validator:
        return Draft202012Validator({**schema, "components": {"schemas": SCHEMAS}})

    @property
    def body(self) -> dict[str, Any]:
        """What it takes as JSON; empty: nothing."""
        content: dict[str, Any] = self.about.get("requestBody", {}).get("content", {})
        schema: dict[str, Any] = content.get("application/json", {}).get("schema", {})
        return schema


def _operations() -> list[Operation]:
    """All of them; what ends something last, and at the very end what ends the tests' own members and keys."""
    found = [
        Operation(method=method.upper(), path=path, about=about)
        for path, item in DOCUMENT["paths"].items()
        for method, about in item.items()
        if path != ENDLESS
    ]
    ends = ("/v1/members/{ref}", "/v1/me", "/v1/keys/{number}")
    return sorted(found, key=lambda one: (one.method == "DELETE", one.method == "DELETE" and one.path in ends))


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


@pytest.fixture(scope="module")
def things(network: Managed) -> dict[str, str]:
    return known(network)


@pytest.fixture(scope="module")
def seen() -> Counter[int]:
    return Counter()


def _path(data: st.DataObject, operation: Operation, things: dict[str, str]) -> str:
    """The path, most often of something that exists."""
    path = operation.path
    what = next((things[word] for word in things if path.startswith(word) or f"{word}/" in path), "999999")
    for name in re.findall(r"\{(\w+)\}", path):
        real = {"place": "limoges", "door": "entry"}.get(name, what)
        value = data.draw(st.sampled_from((real, real, real, "x-0000", "1", "é/..", "\x00", "%")), name)
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return path


def _query(data: st.DataObject, operation: Operation) -> httpx.QueryParams:
    pairs: list[tuple[str, str | int | float | bool | None]] = []
    for one in operation.about.get("parameters", ()):
        if one["in"] == "query" and data.draw(st.booleans() if not one.get("required") else st.just(True)):
            good = fitting(one["schema"], SCHEMAS)
            value = data.draw(st.sampled_from(("", "0", "x", "-1", "é")) if data.draw(st.integers(0, 3)) == 0 else good)
            value = 0 if one["name"] == "wait" else value  # no gateway will answer
            values = value if isinstance(value, list) else [] if value is None else [value]
            pairs += [(one["name"], each if isinstance(each, str) else json.dumps(each)) for each in values]
    return httpx.QueryParams(pairs)


def _json(data: st.DataObject, schema: dict[str, Any], network: Managed) -> Any:
    """A body that fits, or one with something else somewhere; codes and references are most often real ones."""
    body = data.draw(fitting(schema, SCHEMAS))
    if data.draw(st.integers(0, 2)):
        text = json.dumps(body).replace('"open-space"', '"limoges"').replace("m-0a1b2c3d4e5f6789", network.member)
        return json.loads(text)
    return put(body, data.draw(st.sampled_from(list(leaves(body)))), data.draw(st.sampled_from(NASTY)))


@pytest.mark.parametrize("operation", _operations(), ids=lambda one: f"{one.method} {one.path}")
def test_every_answer_is_one_that_the_document_describes(
    network: Managed, things: dict[str, str], seen: Counter[int], operation: Operation
) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data(), who=st.sampled_from(CALLERS), if_match=st.sampled_from(("*", "*", '"1"', "1", None)))
    def ask(data: st.DataObject, who: str | None, if_match: str | None) -> None:
        headers = {} if who is None else {"Authorization": f"Bearer {network.keys[who]}"}
        headers |= {} if if_match is None else {"If-Match": if_match}
        content, fits = None, True
        if operation.body:
            body = _json(data, operation.body, network)
            content, fits = json.dumps(body).encode(), operation.validator(operation.body).is_valid(body)
            headers["Content-Type"] = "application/json"
        elif "requestBody" in operation.about:
            content, headers["Content-Type"] = data.draw(st.sampled_from(CSV)), "text/csv"
        path, query = _path(data, operation, things), _query(data, operation)
        answer = network.api.request(operation.method, path, params=query, content=content, headers=headers)
        seen[answer.status_code] += 1
        _check(operation, answer)
        assert fits or answer.status_code >= 400, "what the document doesn't allow was accepted"
        if who is None and PERMISSION_MARK in operation.about and content != b"" and "{" not in operation.path:
            assert answer.status_code == 401, "a stranger learns nothing else"

    ask()


def _check(operation: Operation, answer: httpx.Response) -> None:
    """That the document describes this answer."""
    assert answer.status_code < 500, answer.text
    told = operation.about["responses"].get(str(answer.status_code))
    assert told is not None, f"status {answer.status_code} isn't described: {answer.text}"
    content = told.get("content", {})
    if not content:
        assert answer.content == b""
        return
    media_type = answer.headers["content-type"].partition(";")[0]
    assert media_type in content, f"{media_type} isn't described"
    if media_type.endswith("json"):
        operation.validator(content[media_type]["schema"]).validate(answer.json())


def test_the_requests_reach_what_there_is(seen: Counter[int]) -> None:
    """Runs last: requests that are all refused would show nothing."""
    if sum(seen.values()) < 1500:
        pytest.skip("only some of the operations were asked")
    assert seen[200] > 200
    assert seen[201] > 5
    assert all(seen[status] for status in (401, 403, 404, 412, 422, 428)), seen
