"""Doors that wait for a PIN: the card that was presented last, and until when a PIN typed there belongs to it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

WITHIN_S: Final = 20.0
"""How long after its card a PIN may be typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A card that was refused for want of its PIN."""

    token: str = field(repr=False)
    member: str
    until: float
    """Seconds of the monotonic clock."""


class Keypads:
    """The doors of one gateway. ``now``: seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}

    def ask(self, door: str, token: str, member: str, now: float) -> None:
        """Wait for the PIN of the card that was presented at ``door`` last."""
        self._waiting[door] = Waiting(token=token, member=member, until=now + WITHIN_S)

    def stays(self, door: str, token: str, now: float) -> None:
        """The card that ``door`` waits for is still there: the time for its PIN starts anew."""
        found = self.waiting(door, now)
        if found is not None and found.token == token:
            self.ask(door, token, found.member, now)

    def waiting(self, door: str, now: float) -> Waiting | None:
        """Return the card whose PIN ``door`` waits for."""
        found = self._waiting.get(door)
        if found is not None and now > found.until:
            self.done(door)
            return None
        return found

    def done(self, door: str) -> None:
        """Stop waiting."""
        self._waiting.pop(door, None)
