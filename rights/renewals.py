"""Sends gateways their next certificates, and lets them know when the authority is being changed."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import ValidationError

from gateway.contract.renewal import CertificateBody, CertificateRequest
from rights.certificates import Certificates
from rights.fleet import GatewayList
from rights.metrics import Metrics
from rights.packing import certificate_message
from rights.sending import Publish
from rights.store import Connection

log = logging.getLogger(__name__)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_REMIND_EVERY_S: Final = 60.0


class Renewals:
    """What gateways ask for over their connections."""

    def __init__(self, publish: Publish, seed: str, certificates: Certificates, metrics: Metrics) -> None:
        """``seed`` signs: Ed25519, base64."""
        self._publish = publish
        self._seed = seed
        self._certificates = certificates
        self._metrics = metrics
        self._remind_at: dict[str, float] = {}
        """When each gateway that is online is looked at again."""
        self._reminded_of: str | None = None

    def turn(
        self, connection: Connection, requests: Mapping[str, bytes], sides: Mapping[str, GatewayList], now: datetime
    ) -> None:
        """Answer ``requests`` (by gateway); while the authority is changed, remind who has no new certificate."""
        for gateway, payload in requests.items():
            side = sides.get(gateway)
            if side is None:
                continue  # retired or shut out meanwhile
            try:
                request = CertificateRequest.model_validate_json(payload).request
            except ValidationError:
                log.warning("certificate_request_unreadable", extra={"gateway": gateway, "bytes": len(payload)})
                continue
            answer = self._certificates.renew(connection, gateway, request, now)
            if answer is not None:
                self._send(side, answer[0], answer[1], now)
        authority = self._certificates.changing
        if authority is not None:
            self._remind(connection, authority, sides, now)

    def _remind(self, connection: Connection, authority: str, sides: Mapping[str, GatewayList], now: datetime) -> None:
        """Let who has no new certificate know of the authority's: at once when they are online, then once a minute."""
        before = self._remind_at if authority == self._reminded_of else {}
        online, moment = [code for code, side in sides.items() if side.online], time.monotonic()
        self._reminded_of, self._remind_at = authority, {code: before[code] for code in online if code in before}
        due = [code for code in online if moment >= self._remind_at.get(code, moment)]
        if not due:
            return
        behind = set(self._certificates.behind(connection))
        for code in due:
            self._remind_at[code] = moment + _REMIND_EVERY_S
            if code in behind:
                self._send(sides[code], None, authority, now)

    def _send(self, side: GatewayList, certificate: str | None, authority: str, now: datetime) -> None:
        body = CertificateBody(
            gateway=side.gateway.code,
            at=(now - _EPOCH) // timedelta(microseconds=1),
            certificate=certificate,
            authority=authority,
        )
        message = certificate_message(body, self._seed)
        self._publish(side.gateway.address.topic("certificate"), message)
        self._metrics.messages.labels("certificate").inc()
        self._metrics.bytes.labels("certificate").inc(len(message))
