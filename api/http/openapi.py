"""What the OpenAPI document contains about problems (RFC 9457)."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import ConfigDict, Field

from api.http.models import Answer


class Problem(Answer):
    """What went wrong (RFC 9457). Some problems have further members; a client ignores those that it doesn't know."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:maillage:problem:bad-query",
                    "title": "The question can't be understood",
                    "status": 422,
                    "detail": "near: expected latitude,longitude in degrees, for example 45.83,1.26",
                    "instance": "/v1/places",
                    "errors": [{"where": "query", "name": "near", "what": "expected latitude,longitude in degrees"}],
                }
            ]
        },
    )

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[dict[str, str]] = Field(default=[])


_WHEN = {
    401: "No key, or one that is not accepted.",
    403: "The key does not permit this.",
    404: "Not found.",
    409: "Conflicts with existing data.",
    412: "Changed by another request in the meantime: read it again.",
    422: "Invalid request: `errors` lists what is wrong and where.",
    428: "`If-Match` is missing: send the `ETag` of the version that you read.",
    429: "Too much of this address or key, or too often: `Retry-After` says when to try again.",
    503: "Temporarily unavailable; `Retry-After` says when to try again.",
}


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of a route's errors."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _WHEN[status], "content": {"application/problem+json": {"schema": schema}}}
        for status in statuses
    }


def describe_problems(app: FastAPI) -> None:
    """Put the shape of a problem into the OpenAPI document, where every route's errors point to it; and 429."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        document = plain()
        document["components"]["schemas"].setdefault("Problem", Problem.model_json_schema())
        too_many = {str(status): said for status, said in problem_responses(429).items()}
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"] |= too_many
        return document

    app.openapi = described  # type: ignore[method-assign]
