"""Orders to gateways: signed and sent once each, answered or given up. What a reader read goes to who asked for it."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import re
import secrets
import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from pydantic import ValidationError

from access.readings import number_of, readings
from gateway.contract.sealed import ENROLLED, SealError, unseal
from gateway.contract.wire import EnrolledCard, OrderBody, Reply
from rights import numbers
from rights.card_secret import opening_key, place_key, sealing_key
from rights.fleet import GatewayList
from rights.metrics import Metrics
from rights.packing import order_message
from rights.place_tokens import NumberBox
from rights.sealing import seal
from rights.sending import Publish
from rights.store import Connection

log = logging.getLogger(__name__)

_LARGEST_ANSWER: Final = 4_000_000
"""The most bytes of a report of a list's contents: twice what a message holds (``gateway.contract.list_report``)."""
_ANSWER: Final = re.compile(rb'\{(?:"[0-9a-f]{64}": ?"[0-9a-f]{1,64}"(?:, ?|(?=\})))*\}')
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

_OPEN = """
-- orders that are to be sent
SELECT c.id, g.code, c.do_what, d.code, v.code, c.expires_at, c.ordered_by, encode(c.token, 'hex')
FROM command c JOIN gateway g ON g.id = c.gateway
LEFT JOIN door d ON d.id = c.door LEFT JOIN device v ON v.id = c.device
WHERE c.outcome IS NULL AND c.sent_at IS NULL AND c.expires_at > now()
ORDER BY c.ordered_at, c.id
"""
_SENT = """
-- they are on their way
UPDATE command SET sent_at = now() WHERE id = ANY(%b::text[])
"""
_FAILED = """
-- an order that can't be sent
UPDATE command SET outcome = 'failed', outcome_at = now() WHERE id = %b
"""
_EXPIRED = """
-- orders without an answer; one may still be on its way when they expire
UPDATE command SET outcome = 'undelivered', outcome_at = now()
WHERE outcome IS NULL AND expires_at < now() - interval '3 seconds' RETURNING id
"""
_ANSWERED = """
-- an order's outcome, reported by the gateway that it was for; a late answer is better than none
UPDATE command c SET outcome = %(outcome)s, reason = %(reason)s, outcome_at = now() FROM gateway g
WHERE c.id = %(id)s AND g.id = c.gateway AND g.code = %(gateway)s AND (c.outcome IS NULL OR c.outcome = 'undelivered')
RETURNING c.do_what, (SELECT p.code FROM place p WHERE p.id = g.place)
"""
_READ = """
-- the card that was read for an enrolment, without its number
UPDATE enrolment SET lookup = %(lookup)s, last4 = %(last4)s, format = %(format)s, bits = %(bits)s, read_at = now()
WHERE id = %(id)s RETURNING id
"""
_ASKED = """
-- the key of the API that asked for the card's bits, if it did
SELECT reply_key FROM enrolment_answer WHERE id = %b
"""
_TELL = """
-- the bits, sealed for the API; for two minutes
UPDATE enrolment_answer SET sealed = %b, at = now() WHERE id = %b
"""
_FORGET = """
-- what was fetched by now, or asked for and never read
DELETE FROM enrolment_answer
WHERE at < now() - interval '2 minutes' AND (sealed IS NOT NULL OR at < now() - interval '2 hours')
"""


class Orders:
    """Carries rows of ``command`` to gateways, and their answers back."""

    def __init__(self, publish: Publish, seed: str, metrics: Metrics, *, card_secret: bytes) -> None:
        """``seed`` signs: Ed25519, base64. ``card_secret`` opens what readers read to be enrolled."""
        self._card_secret = card_secret
        self._box = NumberBox(card_secret)
        self._seal_for = base64.b64encode(sealing_key(card_secret)).decode()
        self._publish = publish
        self._seed = seed
        self._metrics = metrics

    def send(self, connection: Connection, sides: Mapping[str, GatewayList]) -> None:
        """Send what is open to the gateways that are online; what is for others waits for them until it expires."""
        sent: list[str] = []
        with connection.transaction():
            for number, code, what, door, device, expires_at, by, card in connection.execute(_OPEN).fetchall():
                side = sides.get(code)
                if side is None or not side.online:
                    continue
                try:
                    body = OrderBody(
                        id=number,
                        gateway=code,
                        do=what,
                        door=door,
                        device=device,
                        expires_at=(expires_at - _EPOCH) // timedelta(microseconds=1),
                        nonce=secrets.token_hex(16),
                        by=by,
                        card=card,
                        seal_for=self._seal_for if what == "enrol" else None,
                    )
                except ValidationError:  # an order that a newer centre knows
                    connection.execute(_FAILED, (number,))
                    log.exception("command_unknown", extra={"id": number, "do": what})
                    continue
                message = order_message(body, self._seed)
                self._publish(side.gateway.address.topic("command"), message)
                self._metrics.messages.labels("command").inc()
                self._metrics.bytes.labels("command").inc(len(message))
                sent.append(number)
                log.info("command_sent", extra={"id": number, "gateway": code, "do": what})
            if sent:
                connection.execute(_SENT, (sent,))

    def expire(self, connection: Connection) -> None:
        """Give up what expired without an answer."""
        connection.execute(_FORGET)
        for (number,) in connection.execute(_EXPIRED).fetchall():
            self._metrics.commands.labels("undelivered").inc()
            log.warning("command_undelivered", extra={"id": number})

    def answered(self, connection: Connection, gateway: str, reply: Reply) -> dict[str, str] | None:
        """Store an order's outcome; return the list's contents where the order asked for them."""
        with connection.transaction():
            values = {"id": reply.id, "gateway": gateway, "outcome": reply.outcome, "reason": reply.reason}
            row = connection.execute(_ANSWERED, values).fetchone()
            if row is None:
                self._metrics.dropped.labels("unexpected").inc()
                log.debug("reply_unexpected", extra={"gateway": gateway, "id": reply.id[:64]})
                return None
            if row[0] == "enrol" and reply.card is not None:
                self._enrolled(connection, reply.id, row[1], reply.card)
        self._metrics.commands.labels(reply.outcome).inc()
        log.info("command_answered", extra={"id": reply.id, "gateway": gateway, "outcome": reply.outcome})
        return _entries(reply.entries) if row[0] == "report_list" and reply.entries is not None else None

    def _enrolled(self, connection: Connection, order: str, place: str, card: EnrolledCard) -> None:
        bits = self._bits(order, card)
        if bits is None:
            log.error("enrolled_card_unreadable", extra={"id": order})
            return
        number = None
        if card.token is not None:
            key = place_key(self._card_secret, place)  # a gateway of an earlier version has another one
            number = number_of(key, card.token, bits) or next(readings(bits), None)
        lookup = None if number is None else self._box.lookup(number)
        values = {"id": order, "lookup": lookup, "last4": card.last4, "format": card.format, "bits": len(bits)}
        if connection.execute(_READ, values).fetchone() is None:
            return
        if number is not None and lookup is not None:
            numbers.keep(connection, lookup, self._box.boxed(lookup, number))
        asked = connection.execute(_ASKED, (order,)).fetchone()
        if asked is not None:
            connection.execute(_TELL, (seal(bytes(asked[0]), bits, about=order), order))

    def _bits(self, order: str, card: EnrolledCard) -> str | None:
        """Return the bits of a card that was read for ``order``; None: they were not sealed for it."""
        if card.sealed is None:
            return card.bits  # a gateway of an earlier version sends them as they are
        try:
            sealed = base64.b64decode(card.sealed, validate=True)
            return unseal(opening_key(self._card_secret), sealed, ENROLLED + order.encode()).decode("ascii")
        except (binascii.Error, SealError, UnicodeDecodeError):
            return None


def _entries(text: str) -> dict[str, str] | None:
    """Read token → first digits of a digest; None: it isn't that."""
    try:
        unpacked = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), _LARGEST_ANSWER)
        if _ANSWER.fullmatch(unpacked) is None:  # before objects are made of it
            return None
        body: dict[str, str] = json.loads(unpacked)
    except (binascii.Error, zlib.error, ValueError):
        return None
    return body
