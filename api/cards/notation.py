"""Card numbers as people write and print them, read as the number that a reader sends. Pure.

Cards show their number in decimal more often than in hexadecimal, and often only a part of it. An EM4100 card has 5
bytes; 0A004D7603, for example, is printed as 0005076483 (the last 4 bytes in decimal, "8H10D"), 077,30211 (the last 3:
one byte and two, "2H3D,4H5D", or Wiegand 26), 05076483 ("6H8D") or 0042954749443 (all 5). Ten decimal digits are also 5
bytes in hexadecimal. So a number of decimal digits alone is read only if its format gives the base.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from access.errors import CardError
from access.formats import Card, Unreadable, is_random, read_bits, read_code, read_digits, read_uid

FORMATS: Final = (
    "uid (hexadecimal); EM4100, MIFARE4, MIFARE7, MIFARE10, each with -hex or -decimal, and -reversed after it; "
    "EM4100-0A-decimal (0A: the first byte, which isn't printed); H10301, H10306, H10304 (facility:number), "
    "H10302 (number), H10301-decimal, H10306-decimal (both in one), each also with -hex; code"
)
_UID_BYTES: Final = {"EM4100": 5, "MIFARE4": 4, "MIFARE7": 7, "MIFARE10": 10}
_WIEGAND: Final = {"H10301": (26, 8), "H10306": (34, 16), "H10304": (37, 16), "H10302": (37, 0)}
"""Length in bits, and how many of them are the facility code."""
_WIEGAND_BYTES: Final = {"H10301": 3, "H10306": 4, "H10304": 5, "H10302": 5}
_BY_BYTES: Final = {3: "H10301", 4: "MIFARE4", 5: "EM4100", 7: "MIFARE7", 10: "MIFARE10"}
_BLANKS: Final = dict.fromkeys(map(ord, "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2007\u2008\u2009\u202f\u3000"), " ")
_FORMULA: Final = re.compile(r'="([^"]*)"')
_EXPONENT: Final = re.compile(r"[0-9](?:[.,][0-9]*[eE][+-]?|[0-9]*[eE]\+)[0-9]+")
_FRACTION: Final = re.compile(r"([0-9][0-9 ]*)[.,]0{1,2}")
_PAIRS: Final = re.compile(r"[0-9A-Fa-f]{2}(?:[:. -]?[0-9A-Fa-f]{2})*")
_MARKED_PAIRS: Final = re.compile(r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2})+")
_PRINTED: Final = re.compile(r"(?:(\d{1,6})\s*([:/,.-])\s*)?(\d{1,11})")
_FIRST: Final = re.compile("(?:[0-9A-F]{2}){1,2}")
_EXACT_DIGITS: Final = 15
"""The digits of a number that a spreadsheet keeps; it replaces the others by zeros."""

_POWER: Final = (
    "a spreadsheet has turned this number into a power of ten, and digits are lost: format the column as text, fill in "
    "the numbers again from their source, and export again"
)
_NUMBER: Final = (
    "a spreadsheet has made a number of this, and zeros in front may be lost: format the column as text, fill it in "
    "again and export again"
)
RANDOM: Final = (
    "this number begins with 08: it is of a phone, or of a card with a random UID, and another at each reading, so "
    "that it would never open a door again. Issue another card, or a keypad code"
)
_NO_UID: Final = "a UID is 8, 10, 14 or 20 hexadecimal digits; another notation is named by card_format (format)"


class NeedsFormat(CardError):
    """A number that may be decimal or hexadecimal; ``choices``: how each format would read it."""

    def __init__(self, choices: Sequence[Choice]) -> None:
        super().__init__(
            "is this number decimal or hexadecimal? It has decimal digits only, and each reading is another card: "
            f"name its format (in a file: card_format), one of {'; '.join(one.words for one in choices)}. XX is "
            "the first byte of the card, which isn't printed. In doubt, read one of the cards at a reader "
            "(an enrolment) and compare"
        )
        self.choices = tuple(choices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A format, and what a reader would send for the number in question."""

    format: str
    reader_sends: str = field(repr=False)
    """In hexadecimal; ``??``: a byte that the number doesn't contain."""

    @property
    def words(self) -> str:
        """The choice as text."""
        return f"{self.format} (the reader sends {self.reader_sends})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notation:
    """How a number is written."""

    name: str = "uid"
    base: Literal["hex", "decimal"] | None = None
    """None: not given."""
    reversed: bool = False
    first: bytes = field(default=b"", repr=False)
    """The first bytes of an EM4100 card, which the number doesn't contain."""


def read_notation(named: str) -> Notation:
    """Parse a format's name, for example ``EM4100-0A-decimal``; an empty one is a UID without a base.

    Raises:
        CardError: there is no such format.
    """
    if not named.strip():
        return Notation()
    name, *options = named.strip().upper().split("-")
    first = b""
    if name == "EM4100" and options and _FIRST.fullmatch(options[0]):
        first = bytes.fromhex(options.pop(0))
    wanted = frozenset(options)
    possible = (
        set()
        if name in ("UID", "CODE", "H10302", "H10304")
        else {"DECIMAL"}
        if name in _WIEGAND
        else {"DECIMAL", "REVERSED"}
    )
    possible |= {"HEX"} if name != "CODE" else set()
    if (
        name not in ("UID", "CODE", *_UID_BYTES, *_WIEGAND)
        or len(wanted) != len(options)
        or not wanted <= possible
        or {"HEX", "DECIMAL"} <= wanted
        or (first and wanted != {"DECIMAL"})
    ):
        raise CardError(f"there is no such card format; there are: {FORMATS}")
    base: Literal["hex", "decimal"] | None = (
        "decimal" if "DECIMAL" in wanted else "hex" if "HEX" in wanted or name == "UID" else None
    )
    plain = name.lower() if name in ("UID", "CODE") else name
    return Notation(name=plain, base=base, reversed="REVERSED" in wanted, first=first)


def clean(text: str) -> str:
    """Remove what a spreadsheet puts around ``text``: ``="0012"``, ``'0012``, no-break spaces.

    Raises:
        CardError: it is a power of ten, whose digits are lost.
    """
    text = text.translate(_BLANKS).strip()
    if (formula := _FORMULA.fullmatch(text)) is not None:
        text = formula[1].strip()
    text = text.removeprefix("'").strip()
    if _EXPONENT.fullmatch(text) is not None:
        raise CardError(_POWER)
    return text


def bare_digits(text: str) -> str | None:
    """Return the digits of a cleaned ``text`` without blanks and ``.0``; None: it has other characters."""
    match = _FRACTION.fullmatch(text)
    digits = (match[1] if match else text).replace(" ", "")
    return digits if digits.isascii() and digits.isdigit() else None


def may_be_decimal(digits: str) -> bool:
    """Whether decimal digits may be a decimal number.

    14 or 20 digits that don't begin with 00 are 7 or 10 bytes in hexadecimal: read as decimal, the first byte would
    be 00, which no maker uses.
    """
    return len(digits) not in (14, 20) or digits.startswith("00")


def read_number(text: str, named: str = "", *, hexadecimal: bool = False) -> Card:
    """Read ``text`` as a number of the format ``named``, as a reader would send it.

    Args:
        text: as it was typed, printed or exported.
        named: see ``FORMATS``; none: a UID of 4, 5, 7 or 10 bytes in hexadecimal.
        hexadecimal: the other numbers of its column show that digits alone are hexadecimal too.

    Raises:
        NeedsFormat: decimal digits only, and no base is given.
        CardError: it isn't such a number; the text says what to do, and doesn't quote the number.
    """
    card = _read(text, named, hexadecimal=hexadecimal)
    if card.format == "MIFARE4" and is_random(card.number):
        raise CardError(f"{RANDOM}. A 125 kHz card that a 34-bit reader sends so is of the format H10306-hex")
    return card


def _read(text: str, named: str, *, hexadecimal: bool) -> Card:
    notation, text = read_notation(named), clean(text)
    if notation.name == "code":
        if _FRACTION.fullmatch(text):
            raise CardError(_NUMBER)
        return read_code(text)
    bare = bare_digits(text)
    if notation.name in _WIEGAND and notation.base is None and not _is_bytes(text):
        return _printed(text, *_WIEGAND[notation.name])
    if notation.base == "decimal":
        return _decimal(text, bare, notation)
    if bare is not None and notation.base is None and not hexadecimal and may_be_decimal(bare):
        raise NeedsFormat(choices_for(bare))
    if bare is not None and _FRACTION.fullmatch(text):
        raise CardError(_NUMBER)
    return _bytes(text, notation)


def choices_for(digits: str) -> tuple[Choice, ...]:
    """Return how the usual formats would read decimal ``digits``."""
    found: list[Choice] = []
    value, named = int(digits), _BY_BYTES.get(len(digits) // 2) if len(digits) % 2 == 0 else None
    if named is not None:
        found.append(Choice(format=f"{named}-hex", reader_sends=digits))
    if value < 1 << 24:
        found.append(Choice(format="H10301-decimal", reader_sends=f"{value:06X}"))
    if value < 1 << 32:
        found.append(Choice(format="MIFARE4-decimal", reader_sends=f"{value:08X}"))
        swapped = value.to_bytes(4, "big")[::-1].hex().upper()
        found.append(Choice(format="MIFARE4-decimal-reversed", reader_sends=swapped))
        found.append(Choice(format="EM4100-XX-decimal", reader_sends=f"??{value:08X}"))
    elif value < 1 << 40:
        found.append(Choice(format="EM4100-decimal", reader_sends=f"{value:010X}"))
    elif 1 << 48 <= value < 1 << 56:
        found.append(Choice(format="MIFARE7-decimal", reader_sends=f"{value:014X}"))
    if not found:
        raise CardError(_NO_UID)
    return tuple(found)


def lost_digits(numbers: Sequence[str]) -> bool:
    """Whether a spreadsheet seems to have rounded the decimal numbers of this column to 15 digits."""
    long = [digits for digits in numbers if len(digits.lstrip("0")) > _EXACT_DIGITS]
    return len(long) >= 3 and not any(digits.lstrip("0")[_EXACT_DIGITS:].strip("0") for digits in long)


def _decimal(text: str, bare: str | None, notation: Notation) -> Card:
    count = _UID_BYTES.get(notation.name) or _WIEGAND_BYTES[notation.name]
    pair = re.fullmatch(r"(\d{1,3})\s*[,:/]\s*(\d{1,5})", text) if len(notation.first) == 2 else None
    if pair is not None and int(pair[1]) < 1 << 8 and int(pair[2]) < 1 << 16:
        bare = str(int(pair[1]) << 16 | int(pair[2]))  # 077,30211
    if bare is None or len(bare) > 40:
        raise CardError(f"a number of the format {notation.name}-decimal is decimal digits")
    value, left = int(bare), count - len(notation.first)
    if value >> (8 * left):
        raise CardError(f"this is more than {left} bytes hold: it is a number of another format")
    if notation.name == "EM4100" and not notation.first and value < 1 << 32:
        raise CardError(
            "this decimal number has only the last 4 of the card's 5 bytes. Read one card of the batch at a reader "
            "(an enrolment): where it sends 10 digits, the first two are the byte that isn't printed, and the format "
            "is EM4100-0A-decimal with these two in place of 0A; where it sends 8, the format is MIFARE4-decimal"
        )
    if notation.name in _WIEGAND:
        length, facility_bits = _WIEGAND[notation.name]
        return _with_parity(f"{value:0{length - 2}b}", length, facility=facility_bits > 0)
    if notation.first:
        found = read_uid(notation.first + value.to_bytes(left, "big"))
    else:
        found = read_digits(bare, uid_bytes=count, base=10, reversed_bytes=notation.reversed)
    assert isinstance(found, Card), "it has the bytes of its format"
    return found


def _bytes(text: str, notation: Notation) -> Card:
    if _PAIRS.fullmatch(text) is None:
        raise CardError(_NO_UID)
    uid = bytes.fromhex(re.sub("[: .-]", "", text))
    wanted = _UID_BYTES.get(notation.name) or _WIEGAND_BYTES.get(notation.name)
    if wanted is not None and len(uid) != wanted:
        raise CardError(
            f"a number of the format {notation.name} has {2 * wanted} hexadecimal digits, this one {2 * len(uid)}: "
            "zeros in front may be lost, or another card_format (format) is right"
        )
    if notation.name in _WIEGAND:
        length, facility_bits = _WIEGAND[notation.name]
        value = int.from_bytes(uid, "big")
        if value >> (length - 2):
            raise CardError(f"a number of the format {notation.name} has {length - 2} bits: this is more")
        return _with_parity(f"{value:0{length - 2}b}", length, facility=facility_bits > 0)
    found = read_uid(uid, reversed_bytes=notation.reversed)
    if isinstance(found, Unreadable):
        raise CardError(_NO_UID)
    return found


def _is_bytes(text: str) -> bool:
    """Whether ``text`` is bytes rather than facility code and number: it has a letter, or at least three pairs."""
    marked = _MARKED_PAIRS.fullmatch(text) is not None and len(text) >= 8
    return marked or (_PAIRS.fullmatch(text) is not None and re.search("[A-Fa-f]", text) is not None)


def _printed(text: str, length: int, facility_bits: int) -> Card:
    match = _PRINTED.fullmatch(text)
    if match is None or (match[1] is None) != (facility_bits == 0):
        shape = "its facility code and number, like 68:41551" if facility_bits else "its number alone"
        raise CardError(f"a card of this format is written as {shape}")
    if match[2] in (",", ".") and len(match[3]) < 5:
        raise CardError(
            "after a comma a card has five digits; a spreadsheet may have dropped a zero at the end: write 77:30210"
        )
    facility, number, number_bits = int(match[1] or 0), int(match[3]), length - 2 - facility_bits
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
