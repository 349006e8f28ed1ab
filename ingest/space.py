"""What the events so far say about one space, by source, and the estimate that was made of it.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How many people are in a space: ``0 <= low <= present <= high``, or all None when it isn't known."""

    present: int | None
    low: int | None
    high: int | None
    quality: str
    """``live``, ``degraded`` (some sources are silent) or ``unknown``; ``stale`` is for the reader's clock to say."""


UNKNOWN: Final = Estimate(present=None, low=None, high=None, quality="unknown")


class SpaceFold:
    """What the events so far say about one space."""

    __slots__ = (
        "at",
        "badges",
        "counts",
        "desks",
        "estimate",
        "inside",
        "net",
        "net_at",
        "revision",
        "rooms",
        "silent",
    )

    def __init__(self) -> None:
        self.at = 0
        self.desks: dict[int, tuple[bool | None, int]] = {}
        self.rooms: dict[int, tuple[bool | None, int]] = {}
        self.counts: dict[int, tuple[int | None, int]] = {}
        self.inside: dict[str, int] = {}
        self.badges = 0
        """When a reader of this space last granted; 0: never."""
        self.net = 0
        self.net_at = 0
        self.silent: set[int] = set()
        self.estimate = UNKNOWN
        self.revision = 0

    def to_json(self) -> str:
        """Everything that the next event needs, as JSON; see ``from_json``."""
        return json.dumps(
            {
                "at": self.at,
                "desks": self.desks,
                "rooms": self.rooms,
                "counts": self.counts,
                "inside": self.inside,
                "badges": self.badges,
                "net": self.net,
                "net_at": self.net_at,
                "silent": sorted(self.silent),
            },
            separators=(",", ":"),
            sort_keys=True,
        )

    @classmethod
    def from_json(cls, value: dict[str, Any], estimate: Estimate, revision: int) -> SpaceFold:
        """The fold as stored: ``value`` is the parsed text of ``to_json``."""
        fold = cls()
        fold.at = value["at"]
        fold.desks = {int(key): (pair[0], pair[1]) for key, pair in value["desks"].items()}
        fold.rooms = {int(key): (pair[0], pair[1]) for key, pair in value["rooms"].items()}
        fold.counts = {int(key): (pair[0], pair[1]) for key, pair in value["counts"].items()}
        fold.inside = dict(value["inside"])
        fold.badges = value["badges"]
        fold.net = value["net"]
        fold.net_at = value["net_at"]
        fold.silent = set(value["silent"])
        fold.estimate = estimate
        fold.revision = revision
        return fold
