"""Plans: their SQL and their shape in requests and answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator

from api.http.models import Answer, Body, Code
from api.http.revisions import Resource
from api.plans.layout import Layout, Shape

# A place with its plan; revision 0: nobody has drawn it yet. Beside it the spaces and desks in service, which may be
# on it or not. The root space stands for all, and is drawn only where it is the only one or has desks of its own.
FIND: Final = """
SELECT p.id AS place, n.place IS NOT NULL AS drawn, n.width, n.height, n.spaces, n.desks,
  coalesce(n.revision, 0) AS revision,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('code', s.code, 'name', s.name, 'kind', s.kind) ORDER BY (
      SELECT count(*) FROM desk d WHERE d.space = s.id AND d.retired_at IS NULL) DESC, s.code), '[]')
   FROM space s
   WHERE s.place = p.id AND s.retired_at IS NULL AND (s.parent IS NOT NULL
     OR EXISTS (SELECT FROM desk d WHERE d.space = s.id AND d.retired_at IS NULL)
     OR NOT EXISTS (SELECT FROM space o WHERE o.place = s.place AND o.parent IS NOT NULL AND o.retired_at IS NULL))
  ) AS spaces_in_service,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('code', d.code, 'name', d.name, 'space', s.code)
      ORDER BY s.code, d.id), '[]')
   FROM desk d JOIN space s ON s.id = d.space WHERE d.place = p.id AND d.retired_at IS NULL) AS desks_in_service
FROM place p LEFT JOIN plan n ON n.place = p.id WHERE p.code = %(place)s
"""
SAVE: Final = """
INSERT INTO plan AS n (place, width, height, spaces, desks)
VALUES (%(place)s, %(width)s, %(height)s, %(spaces)s::jsonb, %(desks)s::jsonb)
ON CONFLICT (place) DO UPDATE SET width = excluded.width, height = excluded.height, spaces = excluded.spaces,
  desks = excluded.desks
WHERE %(revisions)s::integer[] IS NULL OR n.revision = ANY(%(revisions)s)
RETURNING revision
"""

_At = Annotated[int, Field(ge=0, le=4000)]
_Size = Annotated[int, Field(ge=10, le=4000)]
_Whole = Annotated[int, Field(ge=100, le=4000)]


class PlannedSpace(Body):
    """A space as a rectangle."""

    space: Code
    x: _At
    y: _At
    width: _Size
    height: _Size


class PlannedDesk(Body):
    """A desk as a rectangle, turned around its middle."""

    desk: Code
    x: _At
    y: _At
    width: _Size = 60
    height: _Size = 40
    rotation: int = Field(default=0, ge=0, le=359, description="Degrees, clockwise.")


class PlanDrawn(Body):
    """A plan; what isn't in it is laid out below."""

    width: _Whole
    height: _Whole
    spaces: list[PlannedSpace] = Field(max_length=500)
    desks: list[PlannedDesk] = Field(max_length=2000)

    @model_validator(mode="after")
    def _within(self) -> Self:
        named: list[tuple[str, PlannedSpace | PlannedDesk]] = [(f"space {one.space}", one) for one in self.spaces]
        named += [(f"desk {one.desk}", one) for one in self.desks]
        if len({name for name, _ in named}) < len(named):
            raise ValueError("a space or desk stands in it twice")
        for name, one in named:
            if one.x + one.width > self.width or one.y + one.height > self.height:
                raise ValueError(f"{name} doesn't lie within the plan: make that larger, or move it")
        return self


class _Drawn(Answer):
    """A rectangle in units of the plan."""

    name: str
    x: int
    y: int
    width: int
    height: int


class SpaceOfPlan(_Drawn):
    """A space on the plan."""

    space: str
    kind: str


class DeskOfPlan(_Drawn):
    """A desk on the plan."""

    desk: str
    space: str
    rotation: int


class Plan(Answer):
    """Where the spaces and desks of a place stand; the units are those of the drawing, not metres."""

    place: str
    drawn: bool = Field(description="false: nobody has drawn it; it was laid out from the spaces and desks.")
    width: int
    height: int
    spaces: list[SpaceOfPlan]
    desks: list[DeskOfPlan]


def plan_resource(place: str) -> Resource:
    """Name a plan by the code of its place."""
    return Resource(find=FIND, key={"place": place}, name=f"plan of {place!r}", subject="plan of place {place}")


def drawn_of(row: Mapping[str, Any]) -> Layout | None:
    """Return the stored plan of a row of ``FIND``; None: nobody has drawn it."""
    if not row["drawn"]:
        return None
    names = ("x", "y", "width", "height", "rotation")
    spaces = {code: Shape(**dict(zip(names, one, strict=False))) for code, one in row["spaces"].items()}
    desks = {code: Shape(**dict(zip(names, one, strict=True))) for code, one in row["desks"].items()}
    return Layout(width=row["width"], height=row["height"], spaces=spaces, desks=desks)


def plan_json(place: str, layout: Layout, row: Mapping[str, Any]) -> Any:
    """Format a plan for an answer; ``row``: as ``FIND`` returned it."""

    def placed(one: Shape) -> dict[str, int]:
        return {"x": one.x, "y": one.y, "width": one.width, "height": one.height}

    return {
        "place": place,
        "drawn": row["drawn"],
        "width": layout.width,
        "height": layout.height,
        "spaces": [
            {"space": one["code"], "name": one["name"], "kind": one["kind"], **placed(layout.spaces[one["code"]])}
            for one in row["spaces_in_service"]
        ],
        "desks": [
            {
                "desk": one["code"],
                "name": one["name"],
                "space": one["space"],
                **placed(layout.desks[one["code"]]),
                "rotation": layout.desks[one["code"]].rotation,
            }
            for one in row["desks_in_service"]
        ],
    }
