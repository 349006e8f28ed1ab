"""Encodes and signs what goes to a gateway: deltas, whole lists in parts, configurations, orders. Pure."""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Final

from access import AccessList, to_json
from access.compare import Delta
from access.deltas_json import delta_to_json
from gateway.contract.configuration import SignedConfiguration
from gateway.contract.list_messages import MAX_PART_BYTES, ListDelta, ListHead, ListPart
from gateway.contract.renewal import CertificateAnswer, CertificateBody
from gateway.contract.signing import sign
from gateway.contract.wire import Order, OrderBody

MAX_DELTA_BYTES: Final = 400_000
"""Of a delta's message: a larger one travels as a whole list, since brokers take 1 MiB."""


def delta_message(delta: Delta, seed: str) -> bytes:
    """Return the message of ``delta``, signed with the private ``seed`` (base64)."""
    body = delta_to_json(delta)
    return ListDelta(body=body, signature=sign(seed, "delta", body)).model_dump_json().encode()


def list_messages(whole: AccessList, fingerprint: str, seed: str) -> list[bytes]:
    """Return the messages of a whole list (at least one); their order doesn't matter.

    Args:
        fingerprint: the list's (``access.compare.fingerprint``).
        seed: private, base64.
    """
    text = to_json(whole).encode()
    packed = zlib.compress(text)
    pieces = [packed[start : start + MAX_PART_BYTES] for start in range(0, len(packed), MAX_PART_BYTES)]
    head = ListHead(
        place=whole.place,
        version=whole.version,
        parts=len(pieces),
        bytes=len(text),
        digest=hashlib.sha256(packed).hexdigest(),
        fingerprint=fingerprint,
    ).model_dump_json()
    signature = sign(seed, "list", head)
    return [
        ListPart(head=head, signature=signature, index=index, data=base64.b64encode(piece).decode())
        .model_dump_json()
        .encode()
        for index, piece in enumerate(pieces)
    ]


def configuration_message(body: str, seed: str) -> bytes:
    """Return the message of a configuration, signed with the private ``seed`` (base64)."""
    return SignedConfiguration(body=body, signature=sign(seed, "config", body)).model_dump_json().encode()


def certificate_message(body: CertificateBody, seed: str) -> bytes:
    """Return the message of a certificate, signed with the private ``seed`` (base64)."""
    text = body.model_dump_json(exclude_none=True)
    return CertificateAnswer(body=text, signature=sign(seed, "certificate", text)).model_dump_json().encode()


def order_message(body: OrderBody, seed: str) -> bytes:
    """Return the message of an order, signed with the private ``seed`` (base64)."""
    text = body.model_dump_json(exclude_none=True)
    return Order(body=text, signature=sign(seed, "command", text)).model_dump_json().encode()
