"""The API's exceptions, independent of HTTP (``api.http.problems`` maps them to responses).

ApiError
├── NotFound            it doesn't exist
├── BadQuery            an invalid query parameter
│   └── Ambiguous       a name that several things have; lists them
├── BadField            an invalid field of the body
│   └── FormatNeeded    a card number that may be decimal or hexadecimal; lists how each format would read it
├── Conflict            it conflicts with existing data
│   ├── RuleRefused     a rule of the place, a pass or an organisation refuses it
│   └── Taken           a card number, a code or an address that another member has
├── RevisionMissing     a change without If-Match
├── Changed             another request has changed it since
├── NotAllowed
│   ├── KeyMissing      no key
│   ├── KeyRefused      unknown, expired or revoked
│   ├── ScopeMissing    the key lacks the permission
│   ├── NotYours        the key has the permission, but not for this row
│   └── CodeRefused     an enrolment code that is wrong, used or expired
├── LimitReached        too many requests, streams, wrong keys or tries
├── Unavailable         the database or the board is not available
│   └── TooManyStreams
└── KeyInvalid          a key can't be created like this
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class ApiError(Exception):
    """The root; its text is a sentence for the caller."""


class NotFound(ApiError):
    """It doesn't exist."""


class NoSuchPlace(NotFound):
    """There is no place with the code ``code``."""

    def __init__(self, code: str) -> None:
        super().__init__(f"There is no place {code!r}. Find places with /v1/places?q=…")


class BadQuery(ApiError):
    """An invalid query parameter; ``parameter`` is its name."""

    def __init__(self, parameter: str, text: str) -> None:
        super().__init__(text)
        self.parameter = parameter


class Ambiguous(BadQuery):
    """A name that several things have, or none; ``candidates``: what may be meant, as the answer lists them."""

    def __init__(self, parameter: str, text: str, candidates: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(parameter, text)
        self.candidates = tuple(candidates)


class BadField(ApiError):
    """An invalid field of the body; ``field`` is its path, with dots."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


class FormatNeeded(BadField):
    """A card number that needs a format; ``choices``: formats, and what a reader would send in each."""

    def __init__(self, field: str, text: str, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__(field, text)
        self.choices = tuple(choices)


class Conflict(ApiError):
    """It conflicts with existing data; ``field``: the field of the request that does, if it is one."""

    def __init__(self, text: str, *, field: str | None = None) -> None:
        super().__init__(text)
        self.field = field


class RuleRefused(Conflict):
    """A rule refuses it; its name, and to whom to turn."""

    def __init__(self, text: str, *, rule: str, field: str | None, contact: Mapping[str, str | None]) -> None:
        super().__init__(text, field=field)
        self.rule = rule
        self.contact = dict(contact)


class Taken(Conflict):
    """A card number, a code or an address that another member has, who may be hidden from the caller."""


class RevisionMissing(ApiError):
    """A change without ``If-Match``."""


class Changed(ApiError):
    """Another request has changed it since it was read; ``etag``: the current one."""

    def __init__(self, text: str, *, etag: str | None = None) -> None:
        super().__init__(text)
        self.etag = etag


class NotAllowed(ApiError):
    """The caller may not do this."""


class KeyMissing(NotAllowed):
    """The request has no key."""


class KeyRefused(NotAllowed):
    """The key is unknown, expired or revoked."""


class ScopeMissing(NotAllowed):
    """The key is valid but lacks the permission, or has it for other places only."""

    def __init__(self, scope: str, *, of: str | None = None) -> None:
        text = f"This key lacks the permission {scope!r}. Ask for a key of a role that has it (docs/api.md, Roles)."
        super().__init__(text if of is None else f"This key has no access to the place {of!r}.")
        self.scope = scope


class NotYours(NotAllowed):
    """The key has the permission, but not for this: it belongs to another place, or the role never changes it."""


class CodeRefused(NotAllowed):
    """An enrolment code is wrong, was used or has expired."""


class LimitReached(ApiError):
    """A client or a key has reached a limit; try again after ``retry_s`` seconds."""

    def __init__(self, text: str, *, retry_s: int) -> None:
        super().__init__(text)
        self.retry_s = retry_s


class Unavailable(ApiError):
    """The database or the board is not available; try again after ``retry_s`` seconds."""

    def __init__(self, text: str, *, retry_s: int = 2) -> None:
        super().__init__(text)
        self.retry_s = retry_s


class TooManyStreams(Unavailable):
    """This replica has the maximum number of streams open."""


class KeyInvalid(ApiError):
    """A key can't be created like this: its scopes, places or dates are invalid."""


class DatabaseFault(Exception):
    """An unexpected database error. Not an ``ApiError``: its text is for the log, and contains no row's values."""
