"""What the routes of spaces, desks, doors, gateways and devices share: codes that stay, and retirement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from api.http.errors import BadField
from api.http.models import Body, Code, Question


class FittingQuestion(Question):
    """What to list."""

    retired: bool = Field(default=False, description="Also what is out of service.")


class FittingChanged(Body):
    """A change; fields that aren't sent keep their value."""

    code: Code | None = Field(default=None, description="Never changes; another value is refused.")
    retired: bool | None = Field(default=None, description="true: out of service; false: in service again.")


def changed_fields(body: Body, row: Mapping[str, Any], **names: str) -> dict[str, Any]:
    """Return ``row`` with the fields of ``body`` that were sent, and ``retired``.

    Raises:
        BadField: the code would change, or null was sent for what must have a value (``names``: why, by field).
    """
    sent = {name: getattr(body, name) for name in body.model_fields_set}
    if sent.get("code", row["code"]) != row["code"]:
        raise BadField(
            "code", f"a code never changes: events, lists and topics name {row['code']!r}; make a new one, retire this"
        )
    for name, why in {"retired": "expected true or false", **names}.items():
        if name in sent and sent[name] is None:
            raise BadField(name, why)
    return {**row, "retired": row["retired_at"] is not None, **sent}
