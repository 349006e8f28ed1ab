"""The OpenAPI description of problems (RFC 9457)."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import ConfigDict, Field

from api.http.models import Answer


class Problem(Answer):
    """A problem (RFC 9457). Some problems have more members; clients ignore those they don't know."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:maillage:problem:bad-query",
                    "title": "Invalid query",
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
    429: "This address or key has reached a limit: `Retry-After` says when to try again.",
    503: "Temporarily unavailable; `Retry-After` says when to try again.",
}


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of a route's problems."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _WHEN[status], "content": {"application/problem+json": {"schema": schema}}}
        for status in statuses
    }


def describe_problems(app: FastAPI) -> None:
    """Add the schema of problems, and the response 429 of every route, to the OpenAPI document."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        document = plain()
        document["components"]["schemas"].setdefault("Problem", Problem.model_json_schema())
        too_many = {str(status): response for status, response in problem_responses(429).items()}
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"] |= too_many
        return document

    app.openapi = described  # type: ignore[method-assign]
