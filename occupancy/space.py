"""What each source reported of one space, what was learned of it, and the estimate that was made of it.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from occupancy.air import Sensor
from occupancy.flow import Flow
from occupancy.grants import Grants
from occupancy.habits import Habits
from occupancy.paths import Paths
from occupancy.reserved import Reserved
from occupancy.rooms import Rooms
from occupancy.seats import Seats
from occupancy.standing import Standing
from occupancy.stations import Stations
from occupancy.stays import Stays
from occupancy.use import Use

NEVER: Final = 2**63
NOTHING: Final[frozenset[str]] = frozenset()
VERSION: Final = 7
"""Of the stored form. 1 and 2 held sums and no distribution, 3 held one distribution for a day's counters, less of
rooms and nothing of the air, 4 five courses of a day, and nothing of who comes in without a badge, of doors' openings,
of Wi-Fi stations, of bookings and of the hours in which a place is used, 5 nothing of what a whole day at the doors
showed and of who sits at no desk; the ingest rebuilds them from the stored events. 6 held the same as 7, with rows of
numbers as arrays (``occupancy.rows``): it is read."""
_READ: Final = (6, VERSION)
_ENCODE: Final = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode
_STATES: Final = {True: "true", False: "false", None: "null"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How many people are in a space: ``0 <= low <= present <= high``, or all None when it isn't known."""

    present: int | None
    """The median."""
    low: int | None
    """The 5 % quantile: with a chance of 95 % there are at least so many."""
    high: int | None
    """The 95 % quantile."""
    quality: str
    """``live``, ``degraded`` (less sure) or ``unknown``; ``stale`` is for the reader's clock to say."""
    faults: tuple[str, ...] = field(default=(), compare=False)
    """What is wrong with its sources, in words of ``occupancy.faults.FAULTS``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From ``at`` on, this was the estimate for ``space``."""

    at: int
    space: int
    estimate: Estimate


class Evidence(NamedTuple):
    """What one kind of source says of a space, and how much that counts."""

    kind: str
    """``counters``, ``badges``, ``desks``, ``presence``, ``seen`` (a sensor that counts heads), ``head_count``, ``air``
    (CO2), ``stations`` (of Wi-Fi), ``bookings`` or ``spaces`` (those within)."""
    at: int | None
    """When it last said anything."""
    mean: float
    spread: float
    """One standard deviation, people."""
    weight: float
    """Its share in the result, 0 to 1."""
    numbers: dict[str, Any]
    """What made it: counted, desks taken, members badged in and so on."""

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON values; instants in microseconds, numbers of people rounded."""
        return {
            "kind": self.kind,
            "at": self.at,
            "people": round(self.mean, 1),
            "spread": round(self.spread, 1),
            "weight": round(self.weight, 2),
            "numbers": self.numbers,
        }


class UnknownForm(Exception):
    """A stored fold that this release can't read."""


class OlderForm(UnknownForm):
    """A stored fold of an earlier release: it is rebuilt from the stored events."""


UNKNOWN: Final = Estimate(present=None, low=None, high=None, quality="unknown")


class SpaceFold:
    """The state of one space after the events so far."""

    __slots__ = (
        "air",
        "answer",
        "at",
        "beside",
        "bucket",
        "counts",
        "desks",
        "due",
        "estimate",
        "expires",
        "flow",
        "fresh",
        "gathered",
        "grants",
        "habits",
        "head_count",
        "live",
        "look",
        "made",
        "newest",
        "old",
        "reserved",
        "revision",
        "room",
        "rooms",
        "seats",
        "silent",
        "stations",
        "stays",
        "testimony",
        "text",
        "unmoved",
        "use",
    )

    def __init__(self) -> None:
        self.at = 0
        self.air: dict[int, Sensor] = {}
        """CO2 sensors."""
        self.stations = Stations()
        self.reserved = Reserved()
        self.desks: dict[int, tuple[bool | None, int]] = {}
        self.rooms: dict[int, tuple[bool | None, int]] = {}
        self.counts: dict[int, tuple[int | None, int]] = {}
        """Counters that see how many are there."""
        self.silent: dict[int, int] = {}
        """Devices that have fallen silent, or whose report has expired, and not reported since: from when on."""
        self.bucket: tuple[int, int, int] = (0, 0, 0)
        """The minute that is being gathered, and who was counted coming and going in it."""
        self.gathered: tuple[int, float, Paths] | None = None
        """The counters' paths with the minute that is being gathered: until when they hold, the share of doors that is
        not seen, and the paths. Made of the rest."""
        self.grants = Grants()
        """Of the doors that lead into this space."""
        self.habits = Habits()
        self.flow = Flow()
        self.stays = Stays()
        self.seats = Seats()
        self.room = Rooms()
        self.beside = Standing()
        """People who are in none of the spaces within."""
        self.use = Use()
        """Of a root: the hours in which the place is used."""
        self.head_count: tuple[int, int] | None = None
        """What was last counted by hand, and when."""
        self.estimate = UNKNOWN
        self.made: Estimate | None = UNKNOWN
        """The estimate before what the space lies in bounds it (``occupancy.estimate.bounded``); None: it was not made
        since the fold was read back."""
        self.testimony: list[Any] | None = None
        """What made the estimate (``occupancy.witnesses.Testimony``); None: what is stored of it still holds."""
        self.answer: Any = None
        """What was answered last (``occupancy.asking.Answer``). Made of the rest."""
        self.fresh = False
        """Nothing has moved since the answer."""
        self.unmoved = NOTHING
        """Where something has: kinds of witnesses of which nothing has."""
        self.text: tuple[str, list[tuple[int, str]], list[tuple[int, str]]] | None = None
        """All of ``to_json`` but the use and when desks and rooms were last heard; None: something has moved since."""
        self.expires = 0
        """No sensor's report expires before this instant; 0: not looked at yet. Made of the rest."""
        self.live: set[int] | None = None
        """The space's desk sensors whose state is known; None: not looked at yet. Made of the rest."""
        self.newest = 0
        """When a desk was last heard. Made of the rest."""
        self.revision = 0
        self.due: int | None = None
        """When the estimate changes next by time alone; None: never. Made of the rest."""
        self.old = False
        """Not of this version's form: the stored estimate is made again."""
        self.look: int | None = None
        """As stored: when the ingest looks at this space again, not later than ``due``."""

    def moved(self, but: frozenset[str] = NOTHING) -> None:
        """More was reported than that a sensor's state is still the same: what was made of the rest holds no longer.

        ``but``: kinds of witnesses (``occupancy.witnesses``) that say the same for the rest of the minute.
        """
        if self.fresh:
            self.unmoved, self.fresh = but, False
        elif self.unmoved is not but:
            self.unmoved &= but
        self.gathered = None
        self.text = None

    def looks_at(self, now: int) -> int | None:
        """When to look at this space, to be stored: ``due``, or an earlier instant that is stored already.

        Most events put ``due`` off by a little. Looking once too early costs less than an index that moves with each.
        """
        if self.look is not None and now < self.look and (self.due is None or self.look <= self.due):
            return self.look
        return self.due

    def to_json(self) -> str:
        """Everything that the next event needs, as JSON; see ``from_json``."""
        rest, desks, rooms = self.text = self.text or (self._rest(), _states(self.desks), _states(self.rooms))
        use = self.use.text() if self.use.last else "null"
        return f'{rest},"use":{use},"desks":{{{_heard(desks, self.desks)}}},"rooms":{{{_heard(rooms, self.rooms)}}}}}'

    def _rest(self) -> str:
        value: dict[str, Any] = {
            "v": VERSION,
            "counts": self.counts,
            "silent": sorted(self.silent),
            "silent_at": self.silent,
            "bucket": self.bucket,
            "grants": self.grants.to_json(),
            "flow": self.flow.to_json() if self.flow.doors else None,
            "stays": self.stays.to_json() if self.stays.says_anything else None,
            "seats": self.seats.to_json() if self.desks else None,
            "room": self.room.to_json() if self.rooms else None,
            "head_count": self.head_count,
            "air": {device: sensor.to_json() for device, sensor in self.air.items()},
            "stations": self.stations.to_json() if self.stations.heard else None,
            "reserved": self.reserved.to_json(),
            "beside": self.beside.to_json() if self.beside.at else None,
        }
        return f'{_ENCODE(value)[:-1]},"habits":{self.habits.text()}'

    @classmethod
    def anew(cls, at: int, estimate: Estimate, revision: int) -> SpaceFold:
        """A fold that knows nothing, in place of one that can't be read: the space is unknown until a source reports.

        ``at``, ``estimate`` and ``revision``: what is stored of the space; its estimate is made again at once.
        """
        fold = cls()
        fold.at, fold.estimate, fold.made, fold.revision, fold.old = at, estimate, None, revision, True
        return fold

    @classmethod
    def from_json(cls, value: dict[str, Any], *, at: int, estimate: Estimate, revision: int) -> SpaceFold:
        """Read the parsed text of ``to_json``; ``at`` is stored beside it.

        Raises:
            OlderForm: an earlier release wrote it.
            UnknownForm: a newer version wrote it, or it isn't a fold.
        """
        try:
            version = value.get("v", 1)
            if version in (1, 2, 3, 4, 5) and version is not True:
                raise OlderForm(f"the stored fold has version {version}, this release keeps {VERSION}")
            if version not in _READ:
                raise UnknownForm(f"the stored fold has version {version}, this release reads {VERSION}")
            fold = cls._read(value)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as problem:
            raise UnknownForm(f"the stored fold cannot be read: {problem!r}") from problem
        fold.at, fold.estimate, fold.made, fold.revision = at, estimate, None, revision
        return fold

    @classmethod
    def _read(cls, value: dict[str, Any]) -> SpaceFold:
        fold = cls()
        fold.desks = {int(key): (pair[0], pair[1]) for key, pair in value["desks"].items()}
        fold.rooms = {int(key): (pair[0], pair[1]) for key, pair in value["rooms"].items()}
        fold.newest = max((at for _, at in fold.desks.values()), default=0)
        fold.counts = {int(key): (pair[0], pair[1]) for key, pair in value["counts"].items()}
        fold.silent = {int(key): at for key, at in value["silent_at"].items()}
        minute, entered, left = value["bucket"]
        fold.bucket = (minute, entered, left)
        fold.grants = Grants.from_json(value["grants"])
        fold.habits = Habits.from_json(value["habits"])
        for name, kind in (
            ("flow", Flow), ("stays", Stays), ("seats", Seats), ("room", Rooms), ("use", Use), ("stations", Stations),
            ("beside", Standing),
        ):  # fmt: skip
            if value[name] is not None:
                setattr(fold, name, kind.from_json(value[name]))
        fold.air = {int(key): Sensor.from_json(one) for key, one in value["air"].items()}
        fold.reserved = Reserved.from_json(value["reserved"])
        counted = value["head_count"]
        fold.head_count = None if counted is None else (counted[0], counted[1])
        return fold


def _states(words: dict[int, tuple[bool | None, int]]) -> list[tuple[int, str]]:
    """Each sensor with the beginning of what is stored of it: all but when it was last heard."""
    return [(one, f'"{one}":[{_STATES[words[one][0]]},') for one in sorted(words)]


def _heard(states: list[tuple[int, str]], words: dict[int, tuple[bool | None, int]]) -> str:
    return ",".join([f"{state}{words[one][1]}]" for one, state in states])
