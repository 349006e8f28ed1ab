"""Wiegand numbers as boards publish them: without parity, without the zeros in front. Back to the bits on the wire.

The firmware of esp-rfid takes both parities off (https://github.com/monkeyboard/Wiegand-Protocol-Library-for-Arduino)
and prints what is left as a number, so that Wiegand 34 of a small number looks like Wiegand 26 of it. Only the reader's
setting tells them apart.
"""

from __future__ import annotations

from typing import Final

from gateway.drivers import DriverError

_PAYLOAD: Final = {24: 24, 26: 24, 32: 32, 34: 32, 37: 35}
"""By length: bits of the number that is published. Of other lengths nobody knows the parity."""
_COVERED: Final = {24: 12, 32: 16, 35: 18}
"""By payload: bits that each parity covers beside its own."""


def number_bytes(value: int, length: int | None) -> tuple[bytes, int]:
    """Return a number's bytes with the zeros in front, and how many bits it has.

    Args:
        length: of the reader's cards, parity included; None: 3 bytes where the number fits, else as many as it needs.

    Raises:
        DriverError: ``number_too_long`` for the reader's setting.
    """
    if length is None:
        size = max(3, (value.bit_length() + 7) // 8)
        return value.to_bytes(size, "big"), 35 if size == 5 and value.bit_length() <= 35 else 8 * size
    bits = _PAYLOAD.get(length, length)
    if value.bit_length() > bits:
        raise DriverError("number_too_long")
    return value.to_bytes((bits + 7) // 8, "big"), bits


def with_parity(number: bytes, bits: int) -> str:
    """Return a number of ``bits`` bits as the card sent it: with both parities where its format is known.

    The first bit makes the leading part even, the last one the trailing part odd; in 37 bits the parts overlap.
    """
    payload = f"{int.from_bytes(number, 'big'):0{bits}b}"
    covered = _COVERED.get(bits)
    if covered is None:
        return payload
    even = payload[:covered].count("1") % 2
    odd = 1 - payload[-covered:].count("1") % 2
    return f"{even}{payload}{odd}"
