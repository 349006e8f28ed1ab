"""The exceptions of access, as a tree. A denial is a value, not an exception.

AccessError
├── ListError     an access list that cannot be read or makes no sense
└── CardError     a card number or key that is none
"""

from __future__ import annotations


class AccessError(Exception):
    """Anything that access refuses to work with; the text says what and why, without card numbers."""


class ListError(AccessError):
    """An access list, or a part of one, that cannot be read or makes no sense."""


class CardError(AccessError):
    """A card number or a key for card tokens that is none."""
