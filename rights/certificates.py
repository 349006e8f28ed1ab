"""Answers requests for certificates, and publishes whom to believe and what is revoked. Runs in the worker's thread."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from rights import authority as ca
from rights.authority import Authority, AuthorityError, Issued, Revoked
from rights.store import Connection

log = logging.getLogger(__name__)

_OLDEST_CRL: Final = timedelta(days=10)
"""A revocation list holds for 30 days; it is made again after this."""
_BACKDATED: Final = timedelta(minutes=5)
_SOONEST_AGAIN: Final = timedelta(days=1)
"""Between two renewals of a gateway by the same key of the authority: one whose clock is wrong may ask all the time."""

_AWAITED = """
-- the gateways of requests without an answer: locked first, as a revocation does, so that neither crosses the other
SELECT g.id FROM gateway g
WHERE g.id IN (SELECT r.gateway FROM certificate_request r WHERE r.answered_at IS NULL)
ORDER BY g.id FOR NO KEY UPDATE
"""
_OPEN = """
-- their requests, oldest first, and whether each is still good: nobody waits for one of an expired code
SELECT r.id, r.request, r.sealing_key, g.id, g.code::text,
  g.retired_at IS NULL AND CASE WHEN r.code IS NULL THEN g.revoked_at IS NULL ELSE c.expires_at > now() END
FROM certificate_request r JOIN gateway g ON g.id = r.gateway LEFT JOIN enrolment_code c ON c.id = r.code
WHERE r.answered_at IS NULL AND r.gateway = ANY(%b::integer[]) ORDER BY r.asked_at LIMIT 100 FOR UPDATE OF r
"""
_ANSWER = """
-- the answer to a request
UPDATE certificate_request SET answered_at = now(), certificate = %(certificate)s, refused = %(refused)s
WHERE id = %(id)s
"""
_ISSUED = """
-- a certificate that was issued
INSERT INTO certificate (issuer, serial, gateway, not_after) VALUES (%s, %s, %s, %s)
"""
_REPLACE = """
-- a gateway that joins (again) has one certificate: those of the machine before it are revoked
UPDATE certificate SET revoked_at = now() WHERE gateway = %b AND revoked_at IS NULL
"""
_JOINED = """
-- a gateway has joined, and is in service again if it was shut out
UPDATE gateway SET sealing_key = %b, joined_at = now(), revoked_at = NULL WHERE id = %b
"""
_RENEWED = """
-- the answer to the same request before, and whether the present key issued a certificate for the gateway just now;
-- the gateway is locked: one that is being revoked gets no certificate after that
SELECT (SELECT r.certificate FROM certificate_request r
        WHERE r.gateway = g.id AND r.request = %(request)s AND r.code IS NULL ORDER BY r.asked_at DESC LIMIT 1),
       (SELECT max(c.issued_at) > now() - %(soonest)s::interval FROM certificate c
        WHERE c.gateway = g.id AND c.issuer = %(issuer)s),
       g.id
FROM gateway g WHERE g.code = %(gateway)s AND g.retired_at IS NULL AND g.revoked_at IS NULL FOR NO KEY UPDATE OF g
"""
_RENEW = """
-- a renewal and its answer
INSERT INTO certificate_request (gateway, request, answered_at, certificate) VALUES (%s, %s, now(), %s)
"""
_BEHIND = """
-- gateways that have joined and whose newest certificate another key of the authority signed
SELECT g.code::text FROM gateway g
WHERE g.joined_at IS NOT NULL AND g.retired_at IS NULL AND g.revoked_at IS NULL AND %s <> (
  SELECT c.issuer FROM certificate c WHERE c.gateway = g.id ORDER BY c.issued_at DESC LIMIT 1)
"""
_REVOKED = """
-- certificates that are revoked and have not expired
SELECT serial, issuer, revoked_at FROM certificate
WHERE revoked_at IS NOT NULL AND not_after > now() - interval '1 day' ORDER BY issuer, serial
"""
_PUBLISHED = """
-- what is published
SELECT certificates, processes, list_keys, revocations_of, number, made_at FROM authority
"""
_PUBLISH = """
-- publish it
INSERT INTO authority (certificates, processes, list_keys, revocations, revocations_of, number, made_at)
VALUES (%(certificates)s, %(processes)s, %(list_keys)s, %(revocations)s, %(revocations_of)s, %(number)s, %(made_at)s)
ON CONFLICT (one) DO UPDATE SET certificates = excluded.certificates, processes = excluded.processes,
  list_keys = excluded.list_keys, revocations = excluded.revocations, revocations_of = excluded.revocations_of,
  number = excluded.number, made_at = excluded.made_at
"""
_FORGET = """
-- codes and requests that nobody asks for any more, certificates that expired long ago
WITH codes AS (DELETE FROM enrolment_code WHERE expires_at < now() - interval '7 days'),
  requests AS (DELETE FROM certificate_request WHERE asked_at < now() - interval '7 days' AND code IS NULL)
DELETE FROM certificate WHERE not_after < now() - interval '30 days'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Published:
    certificates: str
    processes: str
    list_keys: list[str]
    revocations_of: str
    number: int
    made_at: datetime


class Certificates:
    """The authority at work: one ``turn`` does all that is due."""

    def __init__(self, directory: Path | None, *, list_keys: Sequence[str], life: timedelta = ca.GATEWAY_LIFE) -> None:
        """Prepare.

        Args:
            directory: the authority's folder, read at each turn; None: requests stay without an answer.
            list_keys: the public keys (base64) that gateways believe lists and configurations by.
            life: of a gateway's certificate.
        """
        self._directory = directory
        self._list_keys = list(list_keys)
        self._life = life
        self._trouble = ""
        self.changing: str | None = None
        """While the authority is changed: its certificates (PEM)."""

    def turn(self, connection: Connection, now: datetime) -> None:
        """Publish what has changed, and answer the requests that are open."""
        authority, processes = self._read(), self._read(ca.PROCESSES)
        if authority is None or processes is None:
            return
        self.changing = authority.pem() if len(authority.signers) > 1 else None
        with connection.transaction():
            self._answer(connection, authority, now)
        with connection.transaction():
            self._publish(connection, authority, processes, now)

    def renew(self, connection: Connection, gateway: str, request: str, now: datetime) -> tuple[str, str] | None:
        """Answer a gateway that asks over its own connection: certificate and authority (PEM); None: not now."""
        authority = self._read()
        if authority is None:
            return None
        with connection.transaction():
            issuer = ca.name_of(authority.present.certificate)
            values = {"request": request, "gateway": gateway, "soonest": _SOONEST_AGAIN, "issuer": issuer}
            row = connection.execute(_RENEWED, values).fetchone()
            if row is None:
                return None
            before, too_soon, number = row
            if before is None:
                if too_soon:
                    log.warning("certificate_asked_too_soon", extra={"gateway": gateway})
                    return None
                try:
                    issued = ca.certify_gateway(authority, request, gateway=gateway, now=now, life=self._life)
                except AuthorityError as error:
                    log.warning("certificate_refused", extra={"gateway": gateway, "reason": str(error)})
                    return None
                self._issued(connection, number, gateway, issued)
                connection.execute(_RENEW, (number, request, issued.pem))
                before = issued.pem
        return before, authority.pem()

    def behind(self, connection: Connection) -> list[str]:
        """Return the gateways that have no certificate of the authority's present key yet."""
        authority = self._read()
        if authority is None:
            return []
        issuer = ca.name_of(authority.present.certificate)
        return [code for (code,) in connection.execute(_BEHIND, (issuer,))]

    def ends(self) -> dict[str, datetime]:
        """Return when the authorities that sign now end, by whose certificates they sign."""
        found = {"gateways": self._read(), "processes": self._read(ca.PROCESSES)}
        return {whose: one.present.certificate.not_valid_after_utc for whose, one in found.items() if one is not None}

    def forget(self, connection: Connection) -> None:
        """Remove what is over."""
        with connection.transaction():
            connection.execute(_FORGET)

    def _read(self, folder: str = "") -> Authority | None:
        if self._directory is None:
            self._complain("MAILLAGE_AUTHORITY is not set: no gateway can join")
            return None
        try:
            return ca.load(self._directory / folder)
        except AuthorityError as error:
            self._complain(str(error))
            return None

    def _complain(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            log.warning("no_authority", extra={"reason": trouble})

    def _answer(self, connection: Connection, authority: Authority, now: datetime) -> None:
        awaited = [gateway for (gateway,) in connection.execute(_AWAITED)]
        for number, request, sealing_key, gateway, code, may in connection.execute(_OPEN, (awaited,)).fetchall():
            issued, refused = None, None
            try:
                if not may:
                    raise AuthorityError("the gateway is not in service, or its code has expired")
                issued = ca.certify_gateway(authority, request, gateway=code, now=now, life=self._life)
            except AuthorityError as error:
                refused = str(error)
                log.warning("certificate_refused", extra={"gateway": code, "reason": refused})
            if issued is not None and sealing_key is not None:
                connection.execute(_REPLACE, (gateway,))
                connection.execute(_JOINED, (sealing_key, gateway))
                log.info("gateway_joined", extra={"gateway": code})
            if issued is not None:
                self._issued(connection, gateway, code, issued)
            values = {"id": number, "certificate": issued.pem if issued else None, "refused": refused}
            connection.execute(_ANSWER, values)

    def _issued(self, connection: Connection, gateway: int, code: str, issued: Issued) -> None:
        connection.execute(_ISSUED, (issued.issuer, issued.serial, gateway, issued.not_after))
        log.info(
            "certificate_issued",
            extra={"gateway": code, "serial": issued.serial, "not_after": issued.not_after.isoformat()},
        )

    def _publish(self, connection: Connection, authority: Authority, processes: Authority, now: datetime) -> None:
        revoked = [Revoked(serial=s, issuer=i, at=at) for s, i, at in connection.execute(_REVOKED)]
        row = connection.execute(_PUBLISHED).fetchone()
        before = _Published(**dict(zip(_Published.__slots__, row, strict=True))) if row else None
        certificates, of_processes = authority.pem(), processes.pem()
        covers = _digest(certificates, *(f"{one.issuer} {one.serial}" for one in revoked))
        if (
            before is not None
            and (before.certificates, before.processes) == (certificates, of_processes)
            and (before.list_keys, before.revocations_of) == (self._list_keys, covers)
            and -_BACKDATED < now - before.made_at < _OLDEST_CRL
        ):
            return
        # OpenSSL believes the latest of the lists that a broker has read: each is at least a second later than the last
        made_at = (now - _BACKDATED).replace(microsecond=0)
        if before is not None and before.made_at - now >= _BACKDATED:
            # A wrong clock dated it ahead, so that the broker refuses every gateway: one that holds now is preferred.
            log.error("revocations_dated_ahead", extra={"made_at": before.made_at.isoformat()})
        elif before is not None:
            made_at = max(made_at, before.made_at + timedelta(seconds=1))
        number = before.number + 1 if before is not None else 1
        values = {
            "certificates": certificates,
            "processes": of_processes,
            "list_keys": self._list_keys,
            "revocations": ca.revocation_lists(authority, revoked, at=made_at, number=number),
            "revocations_of": covers,
            "number": number,
            "made_at": made_at,
        }
        connection.execute(_PUBLISH, values)
        log.info("authority_published", extra={"number": number, "revoked": len(revoked)})


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()
