"""What one transaction of the ingest gathers before it writes, and what it has done."""

from __future__ import annotations

from dataclasses import dataclass, field

from database.alarms import Alarm
from ingest import store
from ingest.consequences import Consequences
from ingest.letters import DeadLetter
from ingest.quota import Quota
from ingest.store import Reached, Stored
from occupancy.fold import PlaceFold
from occupancy.topology import Gateway


@dataclass(slots=True)
class Tally:
    """What one transaction did."""

    received: int = 0
    committed: int = 0
    stored: int = 0
    """Rows of ``event``: the committed ones that are no dead letters."""
    duplicate: int = 0
    beyond_gap: int = 0
    corrected: int = 0
    conflicts: int = 0
    dead: list[str] = field(default_factory=list)
    marks: dict[tuple[str, str], tuple[Gateway, int, str | None]] = field(default_factory=dict)
    """(gateway's code, epoch) → the gateway, and the mark to publish with its digest."""
    lags: list[float] = field(default_factory=list)
    """Seconds from the newest event of each batch to the commit's begin."""


@dataclass(slots=True, kw_only=True)
class Work:
    """What a transaction gathers before it writes."""

    tx: int
    now: int
    quota: Quota
    tally: Tally = field(default_factory=Tally)
    held: dict[int, frozenset[int]] = field(default_factory=dict)
    """``id`` of a batch → indices of its events that an earlier stream of its gateway holds."""
    rows: store.Rows
    letters: list[DeadLetter] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    entailed: Consequences = field(default_factory=Consequences)
    reached: dict[int, Reached] = field(default_factory=dict)
    places: dict[int, PlaceFold] = field(default_factory=dict)
    shards: set[int] = field(default_factory=set)
    spaces: list[int] = field(default_factory=list)
    """Whose state is new."""
    parts: list[Stored] = field(default_factory=list)
    """What the rows are, for the feed."""

    def settle(self) -> None:
        """Estimate the places anew, which takes no word with the database."""
        for fold in self.places.values():
            fold.settle()

    def unread(self, letter: DeadLetter) -> None:
        """Count an event that can't be read, and keep it while its gateway's quota has room."""
        self.tally.dead.append(letter.reason)
        if self.quota.admits(letter, self.now):
            self.letters.append(letter)

    def said(self, letter: DeadLetter | None) -> None:
        """Keep a dead letter, if there is one."""
        if letter is not None and letter.origin == "gateway":
            self.unread(letter)
        elif letter is not None:
            self.letters.append(letter)
