"""Visitors: a member for a visit, a pass for its time, and what has become of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Self

from psycopg.rows import DictRow
from pydantic import Field, model_validator

from api.cards.cards import CardMade, IssuedCard
from api.http.models import Answer, Body, Code, Day, Email, Moment, Name, Question, Ref, time_of
from api.http.revisions import Thing
from api.passes.passes import VISITS, VisitorStatus

BEFORE: Final[Mapping[VisitorStatus, Sequence[VisitorStatus]]] = {
    "expected": ("expected",),
    "present": ("expected", "present", "left"),
    "left": ("present", "left"),
    "cancelled": ("expected", "cancelled"),
}
"""From which states a visit comes into each."""


class VisitorMade(Body):
    """Who comes, when, where, to whom."""

    name: Name
    email: Email | None = None
    host: Ref | None = Field(default=None, description="The member whom they visit.")
    place: Code
    spaces: list[Code] | None = Field(default=None, max_length=50, description="Only these; null: all of the place.")
    starts: Moment = Field(alias="from")
    ends: Moment = Field(alias="until")
    card: CardMade | None = Field(default=None, description="A card or a keypad code for the visit.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends <= self.starts:
            raise ValueError("until must be after from")
        return self


class VisitChanged(Body):
    """What has become of a visit."""

    status: VisitorStatus


class VisitsQuestion(Question):
    """Which visits to list."""

    place: str | None = Field(default=None, max_length=64)
    day: Day | None = Field(default=None, description="Local day of the visit.")
    status: VisitorStatus | None = None


class Visit(Answer):
    """A visit: its reference is that of its pass."""

    ref: Ref
    member: Ref
    name: str | None
    host: str | None
    place: str
    starts: datetime = Field(alias="from")
    ends: datetime = Field(alias="until")
    status: VisitorStatus
    card: IssuedCard | None = Field(default=None, description="Only in the answer that makes the visit.")


class Visits(Answer):
    """Visits, the latest first, at most 1,000."""

    visitors: list[Visit]


def visit_thing(ref: str) -> Thing:
    """A visit by the reference of its pass."""
    key = {"ref": ref, "place": None, "status": None, "day": None}
    return Thing(find=VISITS, key=key, name=f"visit {ref!r}", subject=f"pass {ref}")


def visit_json(row: DictRow) -> dict[str, Any]:
    """A row of ``passes.VISITS`` as it is told."""
    return {
        "ref": row["ref"],
        "member": row["member"],
        "name": row["name"],
        "host": row["host"],
        "place": row["place"],
        "from": time_of(row["valid_from"]),
        "until": time_of(row["valid_until"]),
        "status": row["visitor"],
    }
