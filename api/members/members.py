"""Members: their SQL and their shape in requests and answers. Only callers with permission see names and addresses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final, Literal

from psycopg.rows import DictRow
from pydantic import Field

from access.cards import CardLife
from api.http.conditions import where
from api.http.cursors import Cursor
from api.http.language import Language
from api.http.models import Answer, Body, Code, CommuneCode, Day, Email, Name, Question, Ref, day_of, time_of
from api.http.revisions import Resource

MemberStatus = Literal["active", "suspended"]
_LIVES: Final = "Where they live, as an INSEE code. Only used in sums of commuting saved; null: not given."
_WORKS: Final = "Where their usual workplace is, as an INSEE code; likewise."
_LANGUAGE: Final = "Of the mails that they get; null: the network's."
_MINOR: Final = "The day on which they come of age: until then their passes need a guardian's consent. null: an adult."

# One member.
FIND: Final = """
SELECT m.ref, m.name, m.email, o.code::text AS organisation, p.code::text AS home, m.home_commune,
       m.work_commune, m.status, m.pin IS NOT NULL AS pin, m.minor_until, m.language, m.created_at, m.revision,
       coalesce(lower(m.name), '') AS sorted
FROM member m
LEFT JOIN organisation o ON o.id = m.organisation
LEFT JOIN place p ON p.id = m.home
WHERE m.ref = %(ref)s
"""
# A page of the members that the caller reaches, by name. `found` are those whose card ends in one of the words; no
# function stands in its condition, else the database would look whether the caller reaches every card of the network.
_LIST: Final = """
WITH wanted AS MATERIALIZED (
  SELECT w.word, unaccent(lower(w.word)) AS plain, upper(w.word) AS last4 FROM unnest(%(words)s::text[]) AS w (word)
), found AS MATERIALIZED (
  SELECT c.member, w.word FROM wanted w JOIN card c ON c.last4 = w.last4
)
SELECT m.ref, m.name, m.email, o.code::text AS organisation, p.code::text AS home, m.home_commune,
       m.work_commune, m.status, m.pin IS NOT NULL AS pin, m.minor_until, m.language, m.created_at, m.revision,
       coalesce(lower(m.name), '') AS sorted, o.name AS organisation_name,
       ARRAY(SELECT c.last4 FROM card c WHERE c.member = m.ref AND c.status IN ('issued', 'active', 'suspended')
             AND c.last4 IS NOT NULL ORDER BY c.issued_at DESC, c.ref) AS cards,
       (SELECT count(*) FROM pass s WHERE s.member = m.ref AND s.revoked_at IS NULL
          AND (s.valid_until IS NULL OR s.valid_until > now())) AS passes,
       (SELECT CASE WHEN bool_and(s.valid_until IS NOT NULL) THEN max(s.valid_until) END FROM pass s
        WHERE s.member = m.ref AND s.revoked_at IS NULL
          AND (s.valid_until IS NULL OR s.valid_until > now())) AS passes_end_at
FROM member m
LEFT JOIN organisation o ON o.id = m.organisation
LEFT JOIN place p ON p.id = m.home
"""
_CONDITIONS: Final[Mapping[str, str]] = {
    "status": "m.status = %(status)s",
    "organisation": "o.code::text = %(organisation)s",
    # their home, or that of a valid pass
    "place": """m.ref = ANY (ARRAY(
  SELECT h.ref FROM place q JOIN member h ON h.home = q.id WHERE q.code::text = %(place)s
  UNION
  SELECT s.member FROM place q JOIN pass_place w ON w.place = q.id JOIN pass s ON s.ref = w.pass
  WHERE q.code::text = %(place)s AND s.revoked_at IS NULL AND (s.valid_until IS NULL OR s.valid_until > now())))""",
    "card": "EXISTS (SELECT FROM card c WHERE c.member = m.ref AND c.status = %(card)s)",
    "ends_within_days": """(
  SELECT bool_and(s.valid_until < now() + make_interval(days => %(ends_within_days)s)) FROM pass s
  WHERE s.member = m.ref AND s.revoked_at IS NULL AND s.visitor IS NULL
    AND (s.valid_until IS NULL OR s.valid_until > now()))""",
    # a visitor has passes for visits and no other
    "no_visitors": """NOT EXISTS (
  SELECT FROM pass s WHERE s.member = m.ref AND s.visitor IS NOT NULL
    AND NOT EXISTS (SELECT FROM pass x WHERE x.member = s.member AND x.visitor IS NULL))""",
    # text of ASCII alone, which is as long in bytes, has no accents: taking them away is slow
    "words": """NOT EXISTS (
  SELECT FROM wanted w, lower(concat_ws(' ', m.name, m.email, m.ref, o.name, o.code::text)) AS said
  WHERE position(w.plain IN CASE WHEN octet_length(said) = length(said) THEN said ELSE unaccent(said) END) = 0
    AND (m.ref, w.word) NOT IN (SELECT f.member, f.word FROM found f))""",
    "after": "(coalesce(lower(m.name), ''), m.ref) > (%(after)s, %(after_ref)s)",
}
INSERT: Final = """
INSERT INTO member (name, email, organisation, home, home_commune, work_commune, status, minor_until, language)
VALUES (%(name)s, %(email)s, %(organisation)s, %(home)s, %(home_commune)s, %(work_commune)s, %(status)s,
  %(minor_until)s, %(language)s)
RETURNING ref
"""
UPDATE: Final = """
UPDATE member SET name = %(name)s, email = %(email)s, status = %(status)s, minor_until = %(minor_until)s,
  language = %(language)s, home_commune = %(home_commune)s, work_commune = %(work_commune)s,
  organisation = (SELECT id FROM organisation WHERE code = %(organisation)s),
  home = (SELECT id FROM place WHERE code = %(home)s)
WHERE ref = %(ref)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s))
RETURNING revision
"""
SET_PIN: Final = """
UPDATE member SET pin = %(pin)s
WHERE ref = %(ref)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s))
RETURNING revision
"""


class MemberMade(Body):
    """A member to create."""

    name: Name
    email: Email | None = None
    organisation: Code | None = Field(default=None, description="The organisation's code.")
    home: Code | None = Field(default=None, description="The code of the place that they use most.")
    home_commune: CommuneCode | None = Field(default=None, description=_LIVES)
    work_commune: CommuneCode | None = Field(default=None, description=_WORKS)
    status: MemberStatus = "active"
    minor_until: Day | None = Field(default=None, description=_MINOR)
    language: Language | None = Field(default=None, description=_LANGUAGE)


class MemberChanged(Body):
    """A change of a member; fields that aren't sent keep their value."""

    name: Name | None = None
    email: Email | None = None
    organisation: Code | None = None
    home: Code | None = None
    home_commune: CommuneCode | None = Field(default=None, description=_LIVES)
    work_commune: CommuneCode | None = Field(default=None, description=_WORKS)
    status: MemberStatus = "active"
    minor_until: Day | None = Field(default=None, description=_MINOR)
    language: Language | None = Field(default=None, description=_LANGUAGE)


class PinSet(Body):
    """A member's PIN; only its hash is stored."""

    pin: str = Field(min_length=4, max_length=12, pattern=r"^[0-9]+$", examples=["471183"], repr=False)


class MembersQuestion(Question):
    """Which members to list."""

    q: str | None = Field(
        default=None,
        max_length=200,
        description="Words of the name, e-mail address, reference or organisation, or the last four digits of a card; "
        "accents and case don't count.",
    )
    place: str | None = Field(default=None, max_length=64, description="Members with this home place or a pass for it.")
    organisation: str | None = Field(default=None, max_length=64, description="The organisation's code.")
    status: MemberStatus | None = None
    card: CardLife | None = Field(default=None, description="Members with a card of this status.")
    ends_within_days: int | None = Field(
        default=None, ge=1, le=366, description="Members whose last valid pass ends within so many days."
    )
    visitors: bool = Field(default=True, description="false: without those who have passes for visits only.")
    limit: int = Field(default=100, ge=1, le=1000, description="Members on a page.")
    cursor: Cursor | None = None


class Member(Answer):
    """A member, as the front desk sees them."""

    ref: Ref
    name: str | None
    email: str | None
    organisation: str | None
    home: str | None
    home_commune: str | None
    work_commune: str | None
    status: MemberStatus
    pin: bool = Field(description="Whether a PIN is set.")
    minor_until: date | None
    language: Language | None
    created_at: datetime


class ListedMember(Member):
    """A member in a list, with their cards and passes in short."""

    organisation_name: str | None
    cards: list[str] = Field(description="The last four digits of the cards that they carry, newest first.")
    passes: int = Field(description="How many are valid now or later.")
    passes_end_at: datetime | None = Field(description="When the last of these ends; null: never, or there is none.")


class Members(Answer):
    """A page of members by name."""

    members: list[ListedMember]
    next: str | None = Field(description="`cursor` of the next page; null: this is the last.")


def member_resource(ref: str) -> Resource:
    """Name a member by reference."""
    return Resource(find=FIND, key={"ref": ref}, name=f"member {ref!r}", subject=f"member {ref}")


def find_page(given: Mapping[str, object]) -> str:
    """Return the query for a page of the members that ``given`` names.

    Args:
        given: ``status``, ``organisation``, ``place``, ``card``, ``ends_within_days``, ``no_visitors``, ``words``,
            ``after`` with ``after_ref``; None: any. ``limit``: how many.
    """
    return f"{_LIST}{where(_CONDITIONS, given)}ORDER BY coalesce(lower(m.name), ''), m.ref LIMIT %(limit)s"


def listed_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``find_page`` for an answer."""
    kept = ("organisation_name", "cards", "passes")
    return {
        **member_json(row),
        **{name: row[name] for name in kept},
        "passes_end_at": time_of(row["passes_end_at"]),
    }


def member_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` or ``find_page`` for an answer."""
    kept = ("ref", "name", "email", "organisation", "home", "home_commune", "work_commune", "status", "pin", "language")
    return {
        **{name: row[name] for name in kept},
        "minor_until": day_of(row["minor_until"]),
        "created_at": time_of(row["created_at"]),
    }
