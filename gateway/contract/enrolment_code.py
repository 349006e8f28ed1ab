"""The one-time code that a new gateway joins with: 12 digits of Crockford's base 32 in groups, like ``7KQF-2M9X-ZT4C``.

60 bits, so that it can be typed and not guessed within its hour. Letters that look like digits are read as those.
"""

from __future__ import annotations

import hashlib
from typing import Final

BITS: Final = 60
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_DIGITS: Final = BITS // 5
_MISREAD: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def code_of(number: int) -> str:
    """Return the code of a random ``number`` of ``BITS`` bits."""
    digits = "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_DIGITS)))
    return "-".join(digits[start : start + 4] for start in range(0, _DIGITS, 4))


def digest_of(code: str) -> bytes | None:
    """Return the SHA-256 that the centre keeps of a code as it was typed; None: it can't be a code."""
    digits = code.strip().upper().translate(_MISREAD)
    if len(digits) != _DIGITS or not set(digits) <= set(_ALPHABET):
        return None
    return hashlib.sha256(b"maillage enrolment code " + digits.encode()).digest()
