"""SQL and shapes of a gateway's enrolment."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from api.http.models import Answer, Body

# The gateways in service of a place; those that have not joined first.
AT_PLACE: Final = """
SELECT id, code::text AS code, joined_at IS NOT NULL AS joined,
  joined_at IS NOT NULL AND revoked_at IS NULL AS in_service, joined_at FROM gateway
WHERE place = %(place)s AND retired_at IS NULL AND (%(gateway)s::text IS NULL OR code = %(gateway)s)
ORDER BY joined_at IS NOT NULL, code
"""
# Codes that were made for it before and not used are void.
WITHDRAW: Final = "DELETE FROM enrolment_code WHERE gateway = %(gateway)s AND used_at IS NULL"
MAKE: Final = """
INSERT INTO enrolment_code (digest, place, gateway, made_by) VALUES (%(digest)s, %(place)s, %(gateway)s, %(by)s)
RETURNING expires_at
"""
# A stranger with a code asks for a certificate.
ASK: Final = "SELECT outcome, id, retry_s FROM enrol_gateway(%s, %s, %s, %s)"
# The answer to that request, once there is one.
OUTCOME: Final = """
SELECT certificate, refused, certificates AS authority, list_keys, shard, place, gateway FROM enrolment_outcome(%s)
"""
FIND: Final = """
SELECT g.id, g.code::text AS code, g.revoked_at, p.code::text AS place
FROM gateway g JOIN place p ON p.id = g.place WHERE g.code = %(code)s
"""
REVOKE: Final = "SELECT revoke_gateway(%(id)s)"


def _sealing_key(text: str) -> str:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("expected base64") from error
    if len(key) != 32:
        raise ValueError("expected the 32 bytes of an X25519 public key in base64")
    return text


def _request(text: str) -> str:
    if not text.startswith("-----BEGIN CERTIFICATE REQUEST-----") or not text.isascii():
        raise ValueError("expected a certificate request (PKCS #10) as PEM")
    return text


class EnrolmentAsked(Body):
    """What a code may do."""

    confirm_replace: bool = Field(
        default=False,
        description="Confirms that the machine that has joined as this gateway is shut out when another joins with the "
        "code.",
    )


class EnrolmentCode(Answer):
    """A code that a new gateway joins with."""

    code: str = Field(description="Shown only once; only its hash is stored.", examples=["7KQF-2M9X-ZT4C"])
    place: str
    gateway: str
    expires_at: datetime
    replaces: bool = Field(description="A machine has joined as this gateway: it is shut out when another joins.")


class Enrolment(Body):
    """A gateway's public keys, and the code that lets it in."""

    code: str = Field(min_length=1, max_length=64, examples=["7KQF-2M9X-ZT4C"])
    request: Annotated[str, AfterValidator(_request)] = Field(
        max_length=4000, description="Certificate request (PKCS #10, PEM) of a key on P-256; its subject is ignored."
    )
    sealing_key: Annotated[str, AfterValidator(_sealing_key)] = Field(
        description="X25519 public key, base64: what the centre seals for this gateway."
    )


class Enrolled(Answer):
    """What a gateway needs to connect."""

    shard: int
    place: str
    gateway: str
    certificate: str = Field(description="PEM.")
    authority: str = Field(description="PEM: whom to believe as the broker; two while the authority is changed.")
    broker: str = Field(description="The central broker.", examples=["mqtts://broker.example.org:8883"])
    list_keys: list[str] = Field(description="Ed25519 public keys (base64) that sign lists and configurations.")


class Revoked(Answer):
    """A gateway that is shut out."""

    gateway: str
    place: str
    revoked_at: datetime
