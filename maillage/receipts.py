"""Signed receipts of the audit's head: a small text that is kept where the database's owner can't change it.

The signature (Ed25519) covers the lines from the first to ``signed``, each ended by a line feed. ``chain`` is the hash
of the audit's first line, which differs in each network: it says whose audit it is. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gateway.contract.signing import public_key, sign, verify

_TITLE: Final = "maillage audit receipt 1"
_TIME: Final = "%Y-%m-%dT%H:%M:%S.%fZ"
_WHEN: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
_PATTERN: Final = re.compile(
    rf"{_TITLE}\nchain: ([0-9a-f]{{64}})\nline: ([1-9]\d{{0,17}})\nhash: ([0-9a-f]{{64}})\nwritten: ({_WHEN})\n"
    rf"signed: ({_WHEN})\nkey: ([A-Za-z0-9+/]{{43}}=)\nsignature: ([A-Za-z0-9+/]{{86}}==)\n",
    re.ASCII,
)


class ReceiptError(Exception):
    """A text that is no receipt, or one that the expected key didn't sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The audit's head at a moment."""

    chain: bytes
    """Hash of the first line."""
    line: int
    """Number of the last line."""
    hash: bytes
    """Hash of the last line."""
    written_at: datetime
    """Time of the last line."""
    signed_at: datetime


def write(receipt: Receipt, seed: str) -> str:
    """Return ``receipt`` as a text, signed with the private ``seed`` (base64).

    Raises:
        SignatureError: the seed isn't 32 bytes in base64.
    """
    body = _body(receipt)
    return f"{body}key: {public_key(seed)}\nsignature: {sign(seed, 'audit', body)}\n"


def read(text: str, key: str) -> Receipt:
    """Return the receipt in ``text`` if the private half of ``key`` (base64) signed it.

    Line ends of another system and blanks at the end of lines don't matter.

    Raises:
        ReceiptError: it isn't one, or another key signed it.
        SignatureError: the signature doesn't fit, or ``key`` isn't one.
    """
    lines = [line.rstrip() for line in text.strip().splitlines()]
    found = _PATTERN.fullmatch("\n".join(lines) + "\n")
    if found is None:
        raise ReceiptError("this is not a receipt that `maillage audit sign` wrote, or it is not complete")
    chain, line, digest, written, signed, signer, signature = found.groups()
    if signer != key:
        raise ReceiptError(f"it was signed with another key: {signer}")
    try:
        receipt = Receipt(
            chain=bytes.fromhex(chain),
            line=int(line),
            hash=bytes.fromhex(digest),
            written_at=datetime.strptime(written, _TIME).replace(tzinfo=UTC),
            signed_at=datetime.strptime(signed, _TIME).replace(tzinfo=UTC),
        )
    except ValueError as error:
        raise ReceiptError(f"it has a time that is none: {error}") from error
    verify(key, "audit", _body(receipt), signature)
    return receipt


def contradiction(receipt: Receipt, *, chain: bytes | None, head: int, digest: bytes | None) -> str | None:
    """Return what is wrong with an audit that should continue the one of ``receipt``; None: nothing.

    Args:
        chain: the hash of the audit's first line; None: not read.
        head: the number of its last line; 0: it has none.
        digest: the hash of the line that has the receipt's number; None: there is no such line.
    """
    signed = f"{receipt.signed_at:%Y-%m-%d %H:%M:%S} UTC"
    if digest == receipt.hash:
        return None
    if chain is not None and chain != receipt.chain:
        return (
            f"its first line is another than when line {receipt.line} was signed ({signed}): the receipt is of another "
            "network, or the whole chain was written anew"
        )
    if digest is None:
        return f"lines were removed from its end: it ends at line {head}, but line {receipt.line} was signed ({signed})"
    return (
        f"it was written anew: line {receipt.line} has another hash than the one that was signed ({signed}), so this "
        "line or one before it was replaced"
    )


def _body(receipt: Receipt) -> str:
    return (
        f"{_TITLE}\nchain: {receipt.chain.hex()}\nline: {receipt.line}\nhash: {receipt.hash.hex()}\n"
        f"written: {receipt.written_at.astimezone(UTC).strftime(_TIME)}\n"
        f"signed: {receipt.signed_at.astimezone(UTC).strftime(_TIME)}\n"
    )
