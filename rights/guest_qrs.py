"""Guests' QR codes: signed here once the place's list has the visit, and again whenever its entry has changed.

What a QR says is read from the list's entry, so that a door decides alike by either. A visit that is over or called off
has none. The text is sealed for the API, which shows it; no other process can read it.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any, Final

from access.entries_json import Sharing, entry_from_json
from access.errors import ListError
from gateway.contract.guest_qr import QrText, write
from gateway.contract.signing import public_key
from rights.card_secret import lookup_key
from rights.sealing import public_bytes, reply_key, seal
from rights.store import Connection

log = logging.getLogger(__name__)

_MOST: Final = 200
"""Signed in one turn: some 10 ms."""

_DUE: Final = """
-- visits to come whose QR isn't made from the entry in force, or isn't signed by our key
SELECT q.pass, q.member, p.code, encode(e.token, 'hex'), e.since, e.card, e.holder, e.digest,
  ARRAY(SELECT d.code::text FROM door d WHERE d.place = q.place AND d.retired_at IS NULL)
FROM guest_qr q JOIN pass v ON v.ref = q.pass JOIN place p ON p.id = q.place
JOIN card c ON c.member = q.member AND c.kind = 'qr'
JOIN list_entry e ON e.place = q.place AND e.member = q.member AND e.lookup = c.lookup AND e.until IS NULL
WHERE v.valid_until > now() AND (q.entry IS DISTINCT FROM e.digest OR q.signed_by IS DISTINCT FROM %b)
ORDER BY v.valid_from LIMIT %b
"""
_SIGNED: Final = """
-- a QR that was made; without a text: this visit opens nothing
UPDATE guest_qr SET sealed = %(sealed)s, starts_at = %(starts)s, ends_at = %(ends)s, entry = %(entry)s,
  signed_by = %(signed_by)s, signed_at = now()
WHERE pass = %(pass)s
"""


class GuestQrs:
    """Signs what is due."""

    def __init__(self, seed: str, *, card_secret: bytes) -> None:
        """``seed`` signs: Ed25519, base64. The API's key, for which texts are sealed, follows from ``card_secret``."""
        self._seed = seed
        self._key = public_key(seed)
        self._seal_for = public_bytes(reply_key(lookup_key(card_secret)))
        self.waits = False
        """Whether there is more to do at once."""

    def turn(self, connection: Connection) -> int:
        """Sign what is due, and return how many were. ``connection``: in autocommit."""
        with connection.transaction():
            rows = connection.execute(_DUE, (self._key, _MOST)).fetchall()
            for row in rows:
                connection.execute(_SIGNED, self._signed(row))
        self.waits = len(rows) == _MOST
        if rows:
            log.info("guest_qrs_signed", extra={"qrs": len(rows)})
        return len(rows)

    def _signed(self, row: tuple[Any, ...]) -> dict[str, Any]:
        visit, member, place, token, since, card, holder, digest, doors = row
        sealed, starts, ends = None, None, None
        try:
            entry = entry_from_json(token, card, holder, Sharing())
            open_ = [right for right in entry.rights if right.terms.visitor in ("expected", "present")]
            if open_ and entry.status == "active" and entry.member.status == "active":
                right = open_[0]
                starts, ends = _known(right.valid_from), _known(right.valid_until)
                said = QrText(member=member, starts=starts, ends=ends, version=since, doors=right.doors)
                text = write(self._seed, place, said, doors)
                sealed = seal(self._seal_for, text, about=f"qr {visit}")
        except (ListError, ValueError) as error:
            log.error("guest_qr_not_signed", extra={"visit": visit, "reason": str(error)[:200]})
        times = {"starts": starts, "ends": ends} if sealed is not None else {"starts": None, "ends": None}
        return {"pass": visit, "sealed": sealed, **times, "entry": bytes(digest), "signed_by": self._key}


def _known(at: datetime | None) -> datetime:
    if at is None:
        raise ValueError("a visit without a beginning or an end")
    return at
