"""The audit: follow its chain of hashes, and read it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated, Final, NamedTuple

import typer

from maillage.commands.owner import connect
from maillage.complaint import Complaint

app = typer.Typer(
    help="Who did what, when and from where: read it, and check that nobody altered it.", no_args_is_help=True
)

_PROGRESS_EVERY: Final = 100_000
_BATCH: Final = 5_000
# The newest lines that fit, with their details where these are not erased.
_SHOW: Final = b"""
SELECT a.id, a.at, a.actor, a.role, a.action, a.subject, p.code, a.from_addr, a.request, d.body::text
FROM audit a LEFT JOIN audit_detail d ON d.audit = a.id LEFT JOIN place p ON p.id = a.place
WHERE (%(since)s::timestamptz IS NULL OR a.at >= %(since)s) AND (%(subject)s::text IS NULL OR a.subject = %(subject)s)
  AND (%(actor)s::text IS NULL OR a.actor = %(actor)s OR a.actor LIKE %(actor)s || ' %%')
ORDER BY a.id DESC LIMIT %(limit)s
"""


class Shown(NamedTuple):
    """One line as ``_SHOW`` reads it; times in UTC."""

    id: int
    at: datetime
    actor: str
    role: str | None
    action: str
    subject: str
    place: str | None
    from_addr: str | None
    request: str | None
    detail: str | None


@app.command(short_help="Check that no line of the audit was changed.")
def verify(
    first: Annotated[int, typer.Option("--from", min=1, help="Number of the line to begin with.")] = 1,
    expect: Annotated[
        str | None, typer.Option(help="The hash that an earlier check printed: a line with it must be there still.")
    ] = None,
) -> None:
    """Follow the chain and recompute every hash; exit code 1 at the first line that is wrong.

    Settings: MAILLAGE_DATABASE_URL (as the owner of the database).
    """
    from database.chain import LINES, Checked, Line, check

    wanted = _digest(expect)
    last = Checked(met=wanted is None)
    with connect("audit verify") as connection, connection.cursor(name="audit_verify") as cursor:
        cursor.itersize = _BATCH
        cursor.execute(LINES, (first,))
        for last in check((Line(*row) for row in cursor), first=first, expect=wanted):
            if last.lines % _PROGRESS_EVERY == 0 and last.broken is None:
                print(f"{last.lines:,} lines are right so far", file=sys.stderr, flush=True)
    if last.broken is not None:
        number, wrong = last.broken
        raise Complaint(f"the audit is broken at line {number}: {wrong}. {last.lines:,} lines before it are right.")
    if last.head is None:
        if first > 1 or wanted is not None:
            raise Complaint(f"the audit is broken: there is no line {first} or later.")
        print("The audit has no lines yet.")
        return
    if not last.met:
        raise Complaint(
            f"the audit is broken: no line has the hash {expect} any more. Lines were removed from the end, or the "
            "chain was written anew."
        )
    number, digest = last.head
    erased = f", {last.erased:,} without their detail (erased, or past its time)" if last.erased else ""
    print(f"{last.lines:,} lines are right{erased}.")
    print(f"head: line {number}, hash {digest.hex()}")
    print("Note the hash where this database's owner can't change it, and give it to the next check with --expect.")


@app.command()
def show(
    since: Annotated[datetime | None, typer.Option(help="From when on, UTC, like 2027-01-31.")] = None,
    subject: Annotated[str | None, typer.Option(help="For example 'member m-0a1b2c3d4e5f6789'.")] = None,
    actor: Annotated[str | None, typer.Option(help="For example key:7, or db:postgres.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many lines, the newest.")] = 100,
) -> None:
    """Print lines of the audit, the oldest first. Settings: MAILLAGE_DATABASE_URL (as the owner of the database)."""
    start = since.replace(tzinfo=UTC) if since else None
    values = {"since": start, "subject": subject, "actor": actor, "limit": limit}
    with connect("audit show") as connection:
        rows = connection.execute(_SHOW, values).fetchall()
    if not rows:
        print("No line fits.")
    for row in reversed(rows):
        print(_told(Shown(*row)))


def _told(line: Shown) -> str:
    words = [f"{line.id:>7}", f"{line.at:%Y-%m-%d %H:%M:%S}"]
    words += [line.actor if line.role is None else f"{line.actor} ({line.role})", line.action, line.subject]
    words += [f"at {line.place}"] if line.place else []
    words += [f"from {line.from_addr}"] if line.from_addr else []
    words += [f"request {line.request}"] if line.request else []
    words += [line.detail] if line.detail else []
    return "  ".join(words)


def _digest(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise Complaint("--expect takes the hash as `maillage audit verify` prints it: 64 hexadecimal digits.")
    return digest
