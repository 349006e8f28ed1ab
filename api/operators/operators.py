"""Operators: their SQL and their shape in requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, Self

from psycopg.rows import DictRow
from pydantic import Field, model_validator

from api.http.models import Answer, Body, Code, Name, Ref, time_of
from api.http.revisions import Resource

OperatorRole = Literal["network_administrator", "place_manager", "front_desk", "auditor"]

# One operator, or all that the caller sees.
FIND: Final = """
SELECT o.ref, o.name, o.email, o.member, o.report_mail, o.created_at, o.ended_at, o.revision,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('role', g.role, 'places', g.places) ORDER BY g.role), '[]') FROM (
     SELECT r.role,
       CASE WHEN bool_or(r.place IS NULL) THEN NULL ELSE array_agg(p.code::text ORDER BY p.code) END AS places
     FROM operator_role r LEFT JOIN place p ON p.id = r.place WHERE r.operator = o.ref GROUP BY r.role) AS g) AS roles
FROM operator o WHERE %(ref)s::text IS NULL OR o.ref = %(ref)s ORDER BY o.name, o.ref LIMIT 5000
"""
INSERT: Final = """
INSERT INTO operator (name, email, member, report_mail) VALUES (%(name)s, %(email)s, %(member)s, %(report_mail)s)
RETURNING ref
"""
UPDATE: Final = """
UPDATE operator SET name = %(name)s, email = %(email)s, member = %(member)s, report_mail = %(report_mail)s
WHERE ref = %(ref)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) AND ended_at IS NULL
RETURNING revision
"""
END: Final = """
UPDATE operator SET ended_at = coalesce(ended_at, now())
WHERE ref = %(ref)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING revision
"""
# Roles that the operator no longer has.
TAKE: Final = """
DELETE FROM operator_role r WHERE r.operator = %(ref)s AND NOT EXISTS (
  SELECT FROM jsonb_to_recordset(%(roles)s::jsonb) AS n (role text, place integer)
  WHERE n.role = r.role AND n.place IS NOT DISTINCT FROM r.place)
"""
# Roles that the operator didn't have.
GIVE: Final = """
INSERT INTO operator_role (operator, role, place)
SELECT %(ref)s, n.role, n.place FROM jsonb_to_recordset(%(roles)s::jsonb) AS n (role text, place integer)
ON CONFLICT DO NOTHING
"""
PLACES: Final = "SELECT code::text AS code, id FROM place WHERE code = ANY(%(codes)s)"
ERASE: Final = "SELECT erase_operator(%(ref)s) AS erased"
# All that is held about an operator beside the row: keys, and the lines of the audit about them and of their acts.
KEYS: Final = """
SELECT id, name, role, created_at, expires_at, revoked_at, last_used_at FROM api_key
WHERE operator = %(ref)s ORDER BY id
"""
AUDIT: Final = """
SELECT a.at, a.actor, a.action, a.subject, d.body AS detail FROM audit a LEFT JOIN audit_detail d ON d.audit = a.id
WHERE a.subject = 'operator ' || %(ref)s OR a.actor LIKE 'key:%% operator:' || %(ref)s ORDER BY a.id
"""
SESSIONS: Final = """
SELECT id, role, created_at, last_used_at, expires_at, revoked_at, agent, from_addr FROM sessions_of(%(ref)s)
"""
PASSKEYS: Final = "SELECT name, created_at, last_used_at FROM passkeys_of(%(ref)s)"
SECRETS_SET: Final = "SELECT password_at, factor_at FROM password_of(%(ref)s)"
# The mails about reports.
MAIL: Final = """
SELECT m.kind, m.queued_at, m.sent_at, m."values" FROM mail m JOIN operator o ON lower(o.email) = lower(m.to_address)
WHERE o.ref = %(ref)s AND m.kind = 'report_ready' ORDER BY m.id
"""


class RoleHeld(Body):
    """A role, at some places or at all."""

    role: OperatorRole
    places: list[Code] | None = Field(default=None, min_length=1, max_length=2000, description="null: every place.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.role == "network_administrator" and self.places is not None:
            raise ValueError("a network administrator has every place; for some places: place_manager")
        return self


class OperatorFields(Body):
    """A person who manages places, and their roles."""

    name: Name
    email: str | None = Field(
        default=None, max_length=320, pattern=r"^[^@\s<>,;]+@[^@\s<>,;]+$", examples=["anne@example.org"]
    )
    member: Ref | None = Field(default=None, description="Where the operator is a member too.")
    report_mail: bool = Field(
        default=False, description="Whether they get a mail when a monthly report of theirs is there (docs/reports.md)."
    )
    roles: list[RoleHeld] = Field(max_length=20, description="Each role once.")

    @model_validator(mode="after")
    def _once(self) -> Self:
        if len({one.role for one in self.roles}) < len(self.roles):
            raise ValueError("each role once, with all its places")
        return self


class RoleOf(Answer):
    """A role of an operator."""

    role: OperatorRole
    places: list[str] | None = Field(description="null: every place.")


class Operator(Answer):
    """An operator."""

    ref: Ref
    name: str
    email: str | None
    member: Ref | None
    report_mail: bool
    roles: list[RoleOf]
    created_at: datetime
    ended_at: datetime | None = Field(description="From then on none of their keys works.")


class Operators(Answer):
    """Operators by name."""

    operators: list[Operator]


class OperatorData(Answer):
    """All data about an operator."""

    exported_at: datetime
    operator: Operator
    keys: list[dict[str, Any]]
    sessions: list[dict[str, Any]] = Field(description="Browsers in which they signed in.")
    passkeys: list[dict[str, Any]] = Field(description="By name, with dates.")
    password: list[dict[str, Any]] = Field(description="When a password and a second factor were set.")
    audit: list[dict[str, Any]] = Field(description="What they did, and what was done to them.")
    mail: list[dict[str, Any]] = Field(description="About monthly reports, of the last three months.")


def operator_resource(ref: str) -> Resource:
    """Name an operator by reference."""
    return Resource(find=FIND, key={"ref": ref}, name=f"operator {ref!r}", subject=f"operator {ref}")


def operator_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    kept = ("ref", "name", "email", "member", "report_mail", "roles")
    return {
        **{name: row[name] for name in kept},
        "created_at": time_of(row["created_at"]),
        "ended_at": time_of(row["ended_at"]),
    }
