"""The audit's chain, checked without the database's own functions: what a line's hash covers, and what breaks it.

A line's hash is SHA-256 over the previous line's hash (of the first: 32 zero bytes) and its fields in this order: id,
at (microseconds since 1970, UTC), actor, role, action, subject, place, from_addr, request, detail_digest (hexadecimal).
Each field is its length in UTF-8 bytes (4 bytes, most significant first; of a missing one -1, with nothing after it)
and the text.

Lines since migration 0036 have one more field at the end: about, ``person`` (the detail may be erased) or ``nobody``.
Their detail_digest is SHA-256 over the detail's salt, the person as a field, and the body; of older lines over salt and
body. Older lines have no field ``about``, and none may follow a newer one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final, NamedTuple

from database.erasures import ERASED, LISTED, REMOVED, Erasures, Fact

START: Final = bytes(32)
"""What stands for the hash before the first line's."""
_LENGTH: Final = struct.Struct(">i").pack
_MISSING: Final = _LENGTH(-1)
_ACCOUNTING: Final = frozenset({REMOVED, ERASED, LISTED})

# The lines from one on, each with its detail where that is not erased; in their order.
LINES: Final = b"""
SELECT a.id, (extract(epoch FROM a.at) * 1000000)::bigint, a.actor, a.role, a.action, a.subject, a.place, a.from_addr,
       a.request, a.detail_digest, a.about, a.previous, a.hash, d.salt, d.person, d.body::text
FROM audit a LEFT JOIN audit_detail d ON d.audit = a.id WHERE a.id >= %s ORDER BY a.id
"""


class Line(NamedTuple):
    """One line as ``LINES`` reads it."""

    id: int
    at_us: int
    actor: str
    role: str | None
    action: str
    subject: str
    place: int | None
    from_addr: str | None
    request: str | None
    detail_digest: bytes | None
    about: str | None
    """``person`` or ``nobody``; None: from before migration 0036."""
    previous: bytes
    hash: bytes
    salt: bytes | None
    person: str | None
    body: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """How far the chain was followed, and the first thing that is wrong with it."""

    lines: int = 0
    erased: int = 0
    """Lines whose detail was erased with its person or after its time, by later lines; known at the end."""
    unknown: int = 0
    """Lines from before migration 0036 whose detail is gone, lawfully or not; known at the end."""
    head: tuple[int, bytes] | None = None
    """Number and hash of the last line: note them elsewhere, and a removed end shows."""
    broken: tuple[int, str] | None = None
    """The first line that is wrong, and how."""
    met: bool = True
    """Whether the hash that was expected belongs to one of the lines."""


def line_hash(line: Line) -> bytes:
    """Return the hash that ``line`` must have, from its fields and the hash before it."""
    digest = None if line.detail_digest is None else line.detail_digest.hex()
    parts = [line.previous, _field(str(line.id)), _field(str(line.at_us))]
    place = None if line.place is None else str(line.place)
    texts = (line.actor, line.role, line.action, line.subject, place, line.from_addr, line.request, digest)
    parts += map(_field, texts)
    if line.about is not None:
        parts.append(_field(line.about))
    return sha256(b"".join(parts)).digest()


def check(lines: Iterable[Line], *, first: int = 1, expect: bytes | None = None) -> Iterator[Checked]:
    """Follow ``lines``; yield the state after each, the last of them with what is wrong, where the walk ends.

    ``first``: the number of the line to begin with; above 1, its hash of the line before is taken as right.
    ``expect``: the hash of a head noted earlier, which must come by (``Checked.met``).
    """
    state = Checked(met=expect is None)
    erasures = Erasures()
    newer: bool | None = None
    for line in lines:
        number, before = (first, line.previous if first > 1 else START) if state.head is None else _after(state.head)
        wrong = _wrong(line, number, before, newer=bool(newer))
        if wrong is not None:
            yield replace(state, broken=(line.id, wrong))
            return
        if line.detail_digest is not None and line.body is None:
            erasures.missing(_fact(line))
        if line.action in _ACCOUNTING and line.about is not None:
            erasures.note(_fact(line), first_new=newer is False)
        newer = line.about is not None
        state = Checked(lines=state.lines + 1, head=(line.id, line.hash), met=state.met or line.hash == expect)
        yield state
    if state.head is not None:
        account = erasures.account()
        right = state.lines if account.wrong is None else account.wrong[0] - first
        yield replace(state, lines=right, erased=account.erased, unknown=account.unknown, broken=account.wrong)


def _fact(line: Line) -> Fact:
    return Fact(line.id, line.at_us, line.actor, line.request, line.action, line.body, line.about)


def _after(head: tuple[int, bytes]) -> tuple[int, bytes]:
    return head[0] + 1, head[1]


def _wrong(line: Line, number: int, before: bytes, *, newer: bool) -> str | None:
    """Say what is wrong with ``line``, which should have that ``number`` and follow the hash ``before``.

    ``newer``: the line before it has the format since migration 0036.
    """
    if line.id != number:
        gone = f"line {number} was" if line.id == number + 1 else f"lines {number} to {line.id - 1} were"
        return f"removed: {gone} taken out before it"
    if line_hash(line) != line.hash:
        return "altered: its hash is not that of what it says"
    if line.previous != before:
        return f"replaced: it does not follow line {number - 1} as that stands now"
    if newer and line.about is None:
        return "replaced: it has the format from before migration 0036, and stands after a newer line"
    if line.body is None:
        if line.detail_digest is not None and line.about == "nobody":
            return "detail removed: it is about nobody, so it must not be erased"
        return None
    if line.detail_digest is None:
        return "detail added: it had none when it was written"
    person = b"" if line.about is None else _field(line.person)
    if line.salt is None or sha256(line.salt + person + line.body.encode()).digest() != line.detail_digest:
        return "detail altered: its digest is another"
    return None


def _field(text: str | None) -> bytes:
    if text is None:
        return _MISSING
    data = text.encode()
    return _LENGTH(len(data)) + data
