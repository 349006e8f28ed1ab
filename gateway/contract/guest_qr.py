"""The text of a guest's QR: what a visit opens, signed by the centre, short enough for a small QR.

``MQ1.`` and base45 (RFC 9285), all of it characters that a QR packs two into 11 bits; then, big-endian:

====== =================================================================================================
bytes
====== =================================================================================================
4      which place: the first bytes of a hash of its code
8      which guest: the reference without ``m-``, 16 hexadecimal digits
4      from, seconds since 1970
4      until, likewise
4      the version of the place's list from which on it has the visit
1      0: every door of the place; else how many doors follow, and 128 more where they are long
2 or 4 each door: the first bytes of a hash of place and code; 4 where two of the place's doors share 2
64     Ed25519 over all before and the place's whole code (purpose ``guest``)
====== =================================================================================================

With five doors that is 99 bytes: a QR of version 6 at error correction M. No name is in it, and a guest has a reference
for one visit only.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gateway.contract.signing import SignatureError, sign, verify

PREFIX: Final = "MQ1."
LONGEST: Final = 1024
"""Characters of a scanned text that are looked at."""
MOST_DOORS: Final = 100
_HEAD: Final = struct.Struct(">4s8sIIIB")
_SIGNATURE: Final = 64
_LONG: Final = 0x80
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUES: Final = {char: value for value, char in enumerate(_ALPHABET)}


class QrUnreadable(ValueError):
    """A text that isn't one of ours, or isn't signed by the centre."""


class QrElsewhere(ValueError):
    """The QR is another place's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QrText:
    """What a QR says."""

    member: str
    """The guest's reference."""
    starts: datetime
    ends: datetime
    """Both aware, to the second."""
    version: int
    doors: frozenset[str] | None
    """Codes; None: every door of the place."""


def number_of(member: str) -> str:
    """Return the number by which a QR is known as cards are by theirs; no card's begins with this letter.

    Raises:
        ValueError: the reference isn't ``m-`` and 16 hexadecimal digits.
    """
    return f"Q{_guest(member).hex().upper()}"


def write(seed: str, place: str, qr: QrText, doors: Iterable[str]) -> str:
    """Return the text of a QR for ``place``, signed with the private ``seed`` (base64).

    Args:
        seed: the centre's signing key.
        place: its code.
        qr: what it says.
        doors: all of the place's doors: those that ``qr`` names must differ from them.

    Raises:
        ValueError: it names too many doors or none, or can't be written in 32 bits.
    """
    named = sorted(qr.doors or ())
    if (qr.doors is not None and not named) or len(named) > MOST_DOORS:
        raise ValueError(f"{len(named)} doors")
    others = {*doors, *named}
    size = 2 if len({_door(place, one, 2) for one in others}) == len(others) else 4
    count = len(named) + (_LONG if size == 4 and named else 0)
    starts, ends = round(qr.starts.timestamp()), round(qr.ends.timestamp())
    try:
        head = _HEAD.pack(_place(place), _guest(qr.member), starts, ends, qr.version, count)
    except struct.error as error:
        raise ValueError("a time or a version beyond 32 bits") from error
    payload = head + b"".join(_door(place, one, size) for one in named)
    return PREFIX + base45(payload + base64.b64decode(sign(seed, "guest", _signed(place, payload))))


def read(keys: Sequence[str], place: str, text: str, doors: Iterable[str]) -> QrText:
    """Read a scanned text at ``place``.

    Args:
        keys: the centre's public keys (base64) that are believed.
        place: its code.
        text: as scanned.
        doors: those that this gateway knows; another that the QR names is left out.

    Raises:
        QrElsewhere: it is another place's; whether it is signed isn't known.
        QrUnreadable: it isn't one of ours, or not as it was signed.
    """
    if not text.startswith(PREFIX) or len(text) > LONGEST:
        raise QrUnreadable("no guest's QR")
    raw = from_base45(text.removeprefix(PREFIX))
    payload, signature = raw[:-_SIGNATURE], raw[-_SIGNATURE:]
    if len(payload) < _HEAD.size:
        raise QrUnreadable("too short")
    which, guest, starts, ends, version, count = _HEAD.unpack_from(payload)
    if which != _place(place):
        raise QrElsewhere("another place's")
    size, many = (4, count - _LONG) if count & _LONG else (2, count)
    if len(payload) != _HEAD.size + size * many:
        raise QrUnreadable("of another length")
    try:
        verify(keys, "guest", _signed(place, payload), base64.b64encode(signature).decode())
    except SignatureError as error:
        raise QrUnreadable(str(error)) from error
    named = {payload[at : at + size] for at in range(_HEAD.size, len(payload), size)}
    return QrText(
        member=f"m-{guest.hex()}",
        starts=datetime.fromtimestamp(starts, UTC),
        ends=datetime.fromtimestamp(ends, UTC),
        version=version,
        doors=None if many == 0 else frozenset(one for one in doors if _door(place, one, size) in named),
    )


def base45(raw: bytes) -> str:
    """Return ``raw`` in base45 (RFC 9285)."""
    made = []
    for at in range(0, len(raw), 2):
        pair = raw[at : at + 2]
        value = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            value, digit = divmod(value, 45)
            made.append(_ALPHABET[digit])
    return "".join(made)


def from_base45(text: str) -> bytes:
    """Return the bytes that ``text`` is base45 of.

    Raises:
        QrUnreadable: it isn't.
    """
    made = bytearray()
    try:
        for at in range(0, len(text), 3):
            some = text[at : at + 3]
            value = sum(_VALUES[char] * 45**power for power, char in enumerate(some))
            made += value.to_bytes(len(some) - 1, "big")
            if len(some) == 1:
                raise QrUnreadable("a character too many")
    except (KeyError, OverflowError) as error:
        raise QrUnreadable("not base45") from error
    return bytes(made)


def _guest(member: str) -> bytes:
    raw = bytes.fromhex(member.removeprefix("m-"))
    if len(raw) != 8:
        raise ValueError("a guest's reference has 16 hexadecimal digits")
    return raw


def _place(place: str) -> bytes:
    return hashlib.sha256(b"maillage qr place\0" + place.encode()).digest()[:4]


def _door(place: str, door: str, size: int) -> bytes:
    return hashlib.sha256(f"maillage qr door\0{place}\0{door}".encode()).digest()[:size]


def _signed(place: str, payload: bytes) -> str:
    return f"{place}\n{payload.hex()}"
