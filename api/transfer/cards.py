"""A card's number as people write it in a table: hexadecimal, decimal, or facility and number. Pure."""

from __future__ import annotations

import re
from typing import Final, Literal

from access.errors import CardError
from access.formats import Card, Unreadable, read_bits, read_code, read_digits, read_uid

_HEX: Final = re.compile("[0-9A-Fa-f]+")
_EXPONENT: Final = re.compile(r"[0-9][.,]?[0-9]*[eE]\+?[0-9]+")
_PRINTED: Final = re.compile(r"(?:(\d{1,6})\s*[:/,-]\s*)?(\d{1,11})")
_UID_BYTES: Final = {"EM4100": 5, "MIFARE4": 4, "MIFARE7": 7, "MIFARE10": 10}
_WIEGAND: Final = {"H10301": (26, 8), "H10306": (34, 16), "H10304": (37, 16), "H10302": (37, 0)}
"""Length, and how many of its bits are the facility code."""
FORMATS: Final = (
    "uid, EM4100, MIFARE4, MIFARE7, MIFARE10 (each also with -reversed, -decimal or -decimal-reversed), "
    "H10301, H10306, H10304 (facility:number), H10302 (number), code"
)


def read_number(text: str, named: str = "") -> Card:
    """Read ``text`` as a number of the format ``named`` (none: a UID in hexadecimal, of 4, 5, 7 or 10 bytes).

    Raises:
        CardError: it is no such number; the text says what to do, and doesn't quote the number.
    """
    if _EXPONENT.fullmatch(text) and ("," in text or "." in text or "+" in text):
        raise CardError("a spreadsheet has turned this number into a power of ten: format the column as text first")
    name, *options = named.strip().split("-") if named.strip() else ["uid"]
    name = name.upper() if name.lower() not in ("uid", "code") else name.lower()
    if name == "code":
        return read_code(text)
    if name in _WIEGAND and not options:
        return _printed(text, *_WIEGAND[name])
    wanted = frozenset(one.lower() for one in options)
    if name not in ("uid", *_UID_BYTES) or not wanted <= {"reversed", "decimal"} or (name == "uid" and wanted):
        raise CardError(f"there is no such card format; there are: {FORMATS}")
    digits = re.sub("[: .-]", "", text)
    if "decimal" in wanted:
        found = read_digits(digits, uid_bytes=_UID_BYTES[name], base=10, reversed_bytes="reversed" in wanted)
    elif _HEX.fullmatch(digits) is None or len(digits) % 2:
        raise CardError("a UID is 8, 10, 14 or 20 hexadecimal digits; another notation is told by card_format")
    else:
        found = read_uid(bytes.fromhex(digits), reversed_bytes="reversed" in wanted)
    if isinstance(found, Unreadable) or name not in ("uid", found.format):
        raise CardError("a UID is 8, 10, 14 or 20 hexadecimal digits; another notation is told by card_format")
    return found


def _printed(text: str, length: int, facility_bits: int) -> Card:
    match = _PRINTED.fullmatch(text)
    if match is None or (match[1] is None) != (facility_bits == 0):
        shape = "its facility code and number, like 68:41551" if facility_bits else "its number alone"
        raise CardError(f"a card of this format is written as {shape}")
    facility, number, number_bits = int(match[1] or 0), int(match[2]), length - 2 - facility_bits
    if facility >> facility_bits or number >> number_bits:
        raise CardError(f"the facility code has {facility_bits} bits here and the number {number_bits}: this is more")
    return _with_parity(f"{(facility << number_bits) | number:0{length - 2}b}", length, facility=facility_bits > 0)


def _with_parity(payload: str, length: int, *, facility: bool) -> Card:
    covered = {26: 12, 34: 16, 37: 18}[length]
    even = str(payload[:covered].count("1") % 2)
    odd = str(1 - payload[-covered:].count("1") % 2)
    card = read_bits(even + payload + odd, facility=facility)
    assert isinstance(card, Card), "the parity is ours"
    return card


def last4_of(card: Card) -> str | None:
    """What of its number is shown; of a keypad code nothing: four digits may be all that it has."""
    return None if card.format == "code" else card.number[-4:]


Kind = Literal["card", "code"]


def kind_of(card: Card) -> Kind:
    """As the table ``card`` names it."""
    return "code" if card.format == "code" else "card"
