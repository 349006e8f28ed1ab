"""What each source reported of one space, and the estimate that was made of it.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from occupancy.day_sums import Sums
from occupancy.grants import Grants

VERSION: Final = 2
"""Of the stored form. 1 (without a number): one sum of all counts, cut off at zero, and no open grants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How many people are in a space: ``0 <= low <= present <= high``, or all None when it isn't known."""

    present: int | None
    low: int | None
    high: int | None
    quality: str
    """``live``, ``degraded`` (some sources are silent) or ``unknown``; ``stale`` is for the reader's clock to say."""


class UnknownForm(Exception):
    """A stored fold that this release can't read."""


UNKNOWN: Final = Estimate(present=None, low=None, high=None, quality="unknown")


class SpaceFold:
    """The state of one space after the events so far."""

    __slots__ = (
        "at",
        "badges",
        "counts",
        "desks",
        "due",
        "estimate",
        "grants",
        "inside",
        "look",
        "moves",
        "old",
        "revision",
        "rooms",
        "silent",
        "sums",
    )

    def __init__(self) -> None:
        self.at = 0
        self.desks: dict[int, tuple[bool | None, int]] = {}
        self.rooms: dict[int, tuple[bool | None, int]] = {}
        self.counts: dict[int, tuple[int | None, int]] = {}
        """Counters that see how many are there."""
        self.moves: dict[int, int] = {}
        """Counters that see who comes and goes: when each last reported."""
        self.sums: Sums = {}
        """What those counted, by day."""
        self.inside: dict[str, int] = {}
        """Members inside, with their last badge."""
        self.badges = 0
        """When a reader of this space last let a person through; 0: never."""
        self.grants = Grants()
        """Of the doors that lead into this space."""
        self.silent: set[int] = set()
        """Devices that have fallen silent, or whose report has expired, and that have not reported since."""
        self.estimate = UNKNOWN
        self.revision = 0
        self.due: int | None = None
        """When the estimate changes next by time alone; None: never. Made of the rest."""
        self.old = False
        """Not of this version's form: the stored estimate is made again."""
        self.look: int | None = None
        """As stored: when the ingest looks at this space again, not later than ``due``."""

    def looks_at(self, now: int) -> int | None:
        """When to look at this space, to be stored: ``due``, or an earlier instant that is stored already.

        Most events put ``due`` off by a little. Looking once too early costs less than an index that moves with each.
        """
        if self.look is not None and now < self.look and (self.due is None or self.look <= self.due):
            return self.look
        return self.due

    def to_json(self) -> str:
        """Everything that the next event needs, as JSON; see ``from_json``."""
        return json.dumps(
            {
                "v": VERSION,
                "at": self.at,
                "desks": self.desks,
                "rooms": self.rooms,
                "counts": self.counts,
                "moves": self.moves,
                "sums": self.sums,
                "inside": self.inside,
                "badges": self.badges,
                "grants": self.grants.to_json(),
                "silent": sorted(self.silent),
            },
            separators=(",", ":"),
            sort_keys=True,
        )

    @classmethod
    def anew(cls, at: int, estimate: Estimate, revision: int) -> SpaceFold:
        """A fold that knows nothing, in place of one that can't be read: the space is unknown until a source reports.

        ``at``, ``estimate`` and ``revision``: what is stored of the space; its estimate is made again at once.
        """
        fold = cls()
        fold.at, fold.estimate, fold.revision, fold.old = at, estimate, revision, True
        return fold

    @classmethod
    def from_json(cls, value: dict[str, Any], estimate: Estimate, revision: int) -> SpaceFold:
        """Read the parsed text of ``to_json``, of this version or an older one.

        Of version 1's sum of counts only the time is taken: it had no anchor, so the day's count is unknown until the
        next quiet morning.

        Raises:
            UnknownForm: a newer version wrote it, or it isn't a fold.
        """
        try:
            return cls._read(value, estimate, revision)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as problem:
            raise UnknownForm(f"the stored fold cannot be read: {problem!r}") from problem

    @classmethod
    def _read(cls, value: dict[str, Any], estimate: Estimate, revision: int) -> SpaceFold:
        version = value.get("v", 1)
        if version not in (1, VERSION):
            raise UnknownForm(f"the stored fold has version {version}, this release reads 1 to {VERSION}")
        fold = cls()
        fold.at = value["at"]
        fold.desks = {int(key): (pair[0], pair[1]) for key, pair in value["desks"].items()}
        fold.rooms = {int(key): (pair[0], pair[1]) for key, pair in value["rooms"].items()}
        fold.counts = {int(key): (pair[0], pair[1]) for key, pair in value["counts"].items()}
        fold.inside = dict(value["inside"])
        fold.badges = value["badges"]
        fold.silent = set(value["silent"])
        if version == 1:
            fold.old = True
            fold.sums = {0: (0, value["net_at"])} if value["net_at"] else {}
        else:
            fold.moves = {int(key): at for key, at in value["moves"].items()}
            fold.sums = {int(key): (pair[0], pair[1]) for key, pair in value["sums"].items()}
            fold.grants = Grants.from_json(value["grants"])
        fold.estimate = estimate
        fold.revision = revision
        return fold
