"""Organisations: the companies and councils that members belong to."""

from __future__ import annotations

from typing import Any, Final

from psycopg.rows import DictRow

from api.http.models import Answer, Body, Code, Name
from api.http.revisions import Thing

# One organisation, or all.
FIND: Final = """
SELECT id, code::text AS code, name, revision FROM organisation
WHERE %(code)s::text IS NULL OR code::text = %(code)s ORDER BY name, code
"""
INSERT: Final = "INSERT INTO organisation (code, name) VALUES (%(code)s, %(name)s) RETURNING id"
UPDATE: Final = """
UPDATE organisation SET name = %(name)s
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING revision
"""
DELETE: Final = """
DELETE FROM organisation
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING id
"""


class OrganisationFields(Body):
    """What an organisation is called."""

    name: Name


class OrganisationMade(OrganisationFields):
    """An organisation to create."""

    code: Code


class Organisation(OrganisationMade, Answer):
    """An organisation."""


class Organisations(Answer):
    """All organisations by name."""

    organisations: list[Organisation]


def organisation_thing(code: str) -> Thing:
    """An organisation by its code."""
    return Thing(find=FIND, key={"code": code}, name=f"organisation {code!r}", subject=f"organisation {code}")


def organisation_json(row: DictRow) -> dict[str, Any]:
    """A row of ``FIND`` as it is told."""
    return {"code": row["code"], "name": row["name"]}
