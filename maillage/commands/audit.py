"""The audit: follow its chain of hashes, and read it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, NamedTuple

import typer

from maillage.commands import receipts
from maillage.commands.owner import connect
from maillage.commands.walk import follow
from maillage.complaint import Complaint

app = typer.Typer(
    help="Who did what, when and from where: read it, and check that it was not altered.", no_args_is_help=True
)

_VERIFY_EXAMPLE: Final = (
    "Example: maillage audit verify --against 2027-01.receipt --against 2027-02.receipt --public-key audit.key.pub"
)
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


@app.command(short_help="Check that no line of the audit was changed.", epilog=_VERIFY_EXAMPLE)
def verify(
    *,
    first: Annotated[int, typer.Option("--from", min=1, help="Number of the line to begin with.")] = 1,
    expect: Annotated[
        str | None, typer.Option(help="The hash that an earlier check printed: a line with it must be there still.")
    ] = None,
    against: receipts.Against = None,
    public_key: Annotated[
        str | None, typer.Option(help="With --against: the signer's public key, or its file.")
    ] = None,
) -> None:
    """Follow the chain and recompute every hash; exit code 1 at the first line that is wrong.

    A chain whose end was cut off, or that was written anew, looks right by itself: give a receipt that was kept
    elsewhere. Settings: MAILLAGE_DATABASE_URL (as the owner of the database, or a login that may read the audit).
    """
    wanted = _digest(expect)
    if against and public_key is None:
        raise Complaint("--against needs --public-key: what `maillage audit key` printed, or the file with .pub.")
    signed = receipts.read_receipts(against or (), public_key or "")
    state = follow("audit verify", signed, first=first, expect=wanted).state
    if state.head is None:
        if first > 1 or wanted is not None:
            raise Complaint(f"the audit is broken: there is no line {first} or later.")
        print("The audit has no lines yet.")
        return
    if not state.met:
        raise Complaint(
            f"the audit is broken: no line has the hash {expect} any more. Lines were removed from the end, or the "
            "chain was written anew."
        )
    number, digest = state.head
    erased = f", {state.erased:,} without their detail (erased, or past its time)" if state.erased else ""
    print(f"{state.lines:,} lines are right{erased}.")
    if state.unknown:
        print(
            f"{state.unknown:,} lines from before migration 0036 are without their detail: whether it was about a "
            "person, as it had to be, can't be said of these."
        )
    for path, receipt in signed.items():
        print(f"{path}: line {receipt.line:,}, signed {receipt.signed_at:%Y-%m-%d %H:%M:%S} UTC, is in the chain.")
    print(f"head: line {number}, hash {digest.hex()}")
    if not signed:
        print("Note the hash where this database's owner can't change it, and give it to the next check with --expect.")
        print("Or keep a signed receipt there: `maillage audit sign`.")


receipts.add_to(app)


@app.command()
def show(
    since: Annotated[datetime | None, typer.Option(help="From when on, UTC, like 2027-01-31.")] = None,
    subject: Annotated[str | None, typer.Option(help="For example 'member m-0a1b2c3d4e5f6789'.")] = None,
    actor: Annotated[str | None, typer.Option(help="For example key:7, or db:postgres.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many lines, the newest.")] = 100,
) -> None:
    """Print lines of the audit, the oldest first. Settings: MAILLAGE_DATABASE_URL (as the owner of the database).

    Example: maillage audit show --subject 'member m-0a1b2c3d4e5f6789' --since 2026-11-01
    """
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
