"""What can go wrong in the API, without a word of HTTP (``api.http.problems`` maps it).

ApiError
├── NotFound            no such place
├── BadQuery            a question that can't be understood; says which parameter and what to do
├── BadField            a field of what was sent makes no sense; says which and what to do
│   └── FormatNeeded    a card number that may be decimal or hexadecimal; says how each format would read it
├── Conflict            what is there already stands against it
│   └── Taken           a card number, a code or an address that another has
├── RevisionMissing     a change must say what it was made of (If-Match)
├── Changed             somebody else has changed it meanwhile
├── NotAllowed
│   ├── KeyMissing      this needs a key
│   ├── KeyRefused      unknown, expired or revoked
│   ├── ScopeMissing    the key is good, but not for this
│   └── NotYours        the key is good for this, but not here: the database refuses the row
├── LimitReached        a client or a key has had its share for now; says when to try again
├── Unavailable         the database or the board is not there yet
│   └── TooManyStreams
└── KeyInvalid          a key can't be made as asked
"""

from __future__ import annotations

from collections.abc import Sequence


class ApiError(Exception):
    """The root: its text is a sentence for the caller."""


class NotFound(ApiError):
    """What was named doesn't exist."""


class BadQuery(ApiError):
    """A parameter that can't be read; ``parameter`` names it."""

    def __init__(self, parameter: str, text: str) -> None:
        super().__init__(text)
        self.parameter = parameter


class BadField(ApiError):
    """A field of what was sent that makes no sense; ``field`` names it, with dots for fields within."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


class FormatNeeded(BadField):
    """A card number whose base must be said; ``choices``: formats, and what a reader sends by each."""

    def __init__(self, field: str, text: str, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__(field, text)
        self.choices = tuple(choices)


class Conflict(ApiError):
    """What is there stands against it; ``field`` names what of the request, where it is one field."""

    def __init__(self, text: str, *, field: str | None = None) -> None:
        super().__init__(text)
        self.field = field


class Taken(Conflict):
    """A card number, a code or an address that another has, perhaps one whom the caller doesn't see."""


class RevisionMissing(ApiError):
    """A change came without the revision that it was made of."""


class Changed(ApiError):
    """Somebody else has changed it since it was read; ``etag`` is what it is now."""

    def __init__(self, text: str, *, etag: str | None = None) -> None:
        super().__init__(text)
        self.etag = etag


class NotAllowed(ApiError):
    """The caller may not do this."""


class KeyMissing(NotAllowed):
    """No key came with the request."""


class KeyRefused(NotAllowed):
    """The key is unknown, expired or revoked."""


class ScopeMissing(NotAllowed):
    """The key is valid but lacks the scope, or has it for other places only."""

    def __init__(self, scope: str, *, of: str | None = None) -> None:
        text = f"This key lacks the permission {scope!r}. Ask for a key of a role that has it (docs/api.md, Roles)."
        super().__init__(text if of is None else f"This key may not see the place {of!r}.")
        self.scope = scope


class NotYours(NotAllowed):
    """The key may do this, but not to this: another place's, or what its role never touches."""


class LimitReached(ApiError):
    """A client or a key has had its share for now; try again after ``retry_s`` seconds."""

    def __init__(self, text: str, *, retry_s: int) -> None:
        super().__init__(text)
        self.retry_s = retry_s


class Unavailable(ApiError):
    """What answers this is away; try again after ``retry_s`` seconds."""

    def __init__(self, text: str, *, retry_s: int = 2) -> None:
        super().__init__(text)
        self.retry_s = retry_s


class TooManyStreams(Unavailable):
    """Every stream that this replica may hold is taken."""


class KeyInvalid(ApiError):
    """A key can't be made as asked: scopes, places or dates that make no sense."""


class DatabaseFault(Exception):
    """A fault of ours that the database found. No ``ApiError``: its text is for the log, and tells no row's values."""
