"""From what a reader gives (bits, bytes, digits) to a card's format and its one normalised number. Pure.

The number is the card's payload, without parity, as bytes in upper-case hexadecimal, zeros in front kept: what
``access.tokens.normalise`` makes of a UID. So a MIFARE card of 4 bytes has one number whether a reader gives its UID or
sends it as Wiegand 34, and H10302 and H10304, which only divide the same 35 bits differently, don't differ in it.

Layouts (HID's; https://www.ooaccess.com/kb/37-bit-fc/ and the vectors in tests/data/devices/wiegand.csv): the first bit
makes the leading part even, the last one makes the trailing part odd; in 37 bits the parts overlap in the middle.
UIDs: NXP AN10927 (4, 7 or 10 bytes; a 7-byte UID is read in two steps, the first marked by 0x88); 125 kHz cards of the
EM4100 family have 5 bytes (EM Microelectronic, EM4100 data sheet: 40 data bits).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from access.errors import CardError
from access.tokens import normalise

Format = Literal["H10301", "H10306", "H10302", "H10304", "EM4100", "MIFARE4", "MIFARE7", "MIFARE10", "code"]
_WIEGAND: Final[Mapping[int, tuple[Format, int, int]]] = {26: ("H10301", 8, 12), 34: ("H10306", 16, 16)}
"""By length: format, bits of the facility code, bits that each parity covers."""
_WIDE: Final = 37
_CASCADE: Final = "88"
_RANDOM: Final = "08"
_BITS: Final = re.compile("[01]*")
_DIGITS: Final = {10: re.compile("[0-9]{1,40}"), 16: re.compile("[0-9A-Fa-f]{1,40}")}
_CODE: Final = re.compile("[0-9]{4,12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A credential as read. The number is personal: never in logs."""

    format: Format
    number: str = field(repr=False)
    """Normalised: what tokens are made of."""
    facility: int | None = field(default=None, repr=False)
    """What is printed on the card, where its format has it."""
    printed: int | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A card of an unknown format: the text gives its length, never its contents."""

    bits: int
    why: Literal["unknown_format", "parity"]


def read_bits(
    bits: str, *, inverted: bool = False, reversed_bytes: bool = False, facility: bool = True
) -> Card | Unreadable:
    """Read the raw bits of a Wiegand reader, first received first, as ``0`` and ``1``.

    Args:
        bits: 26, 34 or 37 with parity; 32, 40, 56 or 80 are a number without.
        inverted: of this reader: its two data lines are swapped, every bit is the other one.
        reversed_bytes: of this reader: a UID's bytes come last first.
        facility: whether 37 bits hold a facility code (H10304) or one long number (H10302): the bits don't show it, and
            the number doesn't depend on it.

    Raises:
        CardError: another character than 0 and 1.
    """
    if _BITS.fullmatch(bits) is None:
        raise CardError("bits are 0 and 1")
    if inverted:
        bits = bits.translate({48: "1", 49: "0"})
    length = len(bits)
    if length in (32, 40, 56, 80):
        return read_uid(int(bits, 2).to_bytes(length // 8, "big"), reversed_bytes=reversed_bytes)
    if length == _WIDE:
        named: Format = "H10304" if facility else "H10302"
        return _wiegand(bits, named, 16 if facility else 0, 18, reversed_bytes=False)
    if length in _WIEGAND:
        return _wiegand(bits, *_WIEGAND[length], reversed_bytes=reversed_bytes)
    return Unreadable(bits=length, why="unknown_format")


def read_uid(uid: bytes, *, reversed_bytes: bool = False) -> Card | Unreadable:
    """Read a MIFARE UID of 4, 7 or 10 bytes, or an EM4100's 5; ``reversed_bytes`` is a setting of the reader."""
    formats: dict[int, Format] = {4: "MIFARE4", 5: "EM4100", 7: "MIFARE7", 10: "MIFARE10"}
    if len(uid) not in formats:
        return Unreadable(bits=8 * len(uid), why="unknown_format")
    return Card(format=formats[len(uid)], number=normalise(uid[::-1] if reversed_bytes else uid))


def read_digits(
    text: str, *, uid_bytes: int, base: Literal[10, 16] = 16, reversed_bytes: bool = False
) -> Card | Unreadable:
    """Read a UID that a reader writes as a number and whose leading zeros it may have dropped.

    Tasmota's ``0074380D`` and ESPHome's ``7616525`` are the same card of 4 bytes. ``:``, ``-`` and blanks are skipped.

    Args:
        text: hexadecimal digits, or decimal ones.
        uid_bytes: how many bytes this reader's cards have: nothing else shows how many zeros are missing.
        base: of the digits.
        reversed_bytes: the reader writes the last byte first.

    Raises:
        CardError: it is no such number, or doesn't fit.
    """
    digits = text.translate({ord(one): None for one in ":- "})
    if _DIGITS[base].fullmatch(digits) is None:
        raise CardError(f"a card number in base {base} is its digits")
    try:
        return read_uid(int(digits, base).to_bytes(uid_bytes, "big"), reversed_bytes=reversed_bytes)
    except OverflowError:
        raise CardError(f"a card number of more than {uid_bytes} bytes") from None


def read_code(digits: str) -> Card:
    """Read typed digits as a keypad code: 4 to 12 digits, a credential of its own.

    Its number begins with a letter that no card's has, so that no card opens what a code opens, nor the reverse.

    Raises:
        CardError: fewer, more, or something else.
    """
    if _CODE.fullmatch(digits) is None:
        raise CardError("a keypad code has 4 to 12 digits")
    return Card(format="code", number=f"K{digits}")


def is_random(number: str) -> bool:
    """Whether a number of 4 bytes looks as if it were another at each reading: it begins with 08 (NXP AN10927).

    Phones and cards with a random UID send these. A 125 kHz card in a 34-bit reader may have such a number for good.
    """
    return len(number) == 8 and number.startswith(_RANDOM)


def lookalikes(number: str) -> Mapping[str, str]:
    """Return the numbers that a wrongly set reader makes of a card, by what is wrong with it.

    For enrolment and for "why is my card unknown?": nothing is ever decided by these.

    Args:
        number: a card's normalised number.

    Returns:
        ``reversed``, ``inverted``, ``inverted_reversed`` and, of 7 bytes, what is left where a reader cuts them
        (``first_4``, ``last_4``, ``cascade`` with the 0x88 of the first step) or sends 26 bits (``first_3``,
        ``last_3``). A keypad code has none.
    """
    if not number or _DIGITS[16].fullmatch(number) is None or len(number) % 2:
        return {}
    uid = bytes.fromhex(number)
    other = bytes(byte ^ 0xFF for byte in uid)
    found = {"reversed": uid[::-1], "inverted": other, "inverted_reversed": other[::-1]}
    if len(uid) > 3:
        found |= {"first_3": uid[:3], "last_3": uid[-3:]}
    if len(uid) > 4:
        found |= {"first_4": uid[:4], "last_4": uid[-4:], "cascade": bytes.fromhex(_CASCADE) + uid[:3]}
    return {name: normalise(one) for name, one in found.items() if one != uid}


def _wiegand(bits: str, named: Format, facility_bits: int, covered: int, *, reversed_bytes: bool) -> Card | Unreadable:
    """Check both parities; each covers ``covered`` bits beside its own."""
    leading, payload, trailing = bits[: covered + 1], bits[1:-1], bits[-covered - 1 :]
    if leading.count("1") % 2 != 0 or trailing.count("1") % 2 != 1:
        return Unreadable(bits=len(bits), why="parity")
    number = int(payload, 2).to_bytes((len(payload) + 7) // 8, "big")
    if reversed_bytes:
        number = number[::-1]
        payload = "".join(f"{byte:08b}" for byte in number)
    return Card(
        format=named,
        number=normalise(number),
        facility=int(payload[:facility_bits], 2) if facility_bits else None,
        printed=int(payload[facility_bits:], 2),
    )
