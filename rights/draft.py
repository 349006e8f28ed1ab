"""Compares a place's stored list with the list as it should be: the rows to write, and the delta. Pure."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from access import AccessList, Entry
from access.compare import Delta, delta_of, moved, settings_digest
from access.entries_json import Texts, canonical, card_text, entry_text, settings_to_json

_NOTHING: Final = "0" * 64
_MOST_OF_A_DELTA: Final = 2000
"""Entries; a delta with more is no shorter than the whole list, compressed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredList:
    """A place's newest list, as numbers."""

    version: int
    fingerprint: str
    entries: int
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntries:
    """Rows of list_entry to be written, of one version of a place's list, column by column; JSON as text."""

    place: int
    since: int
    tokens: bytes
    """32 bytes each, like digests and lookups."""
    digests: bytes
    lookups: bytes
    """Whose the tokens are."""
    members: Sequence[str]
    cards: Sequence[str]
    holders: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A new version of a place's list."""

    place: int
    base: int
    """The version before; 0: none."""
    version: int
    fingerprint: str
    delta: Delta | None
    """From ``base``; None: the whole list is to be sent."""
    dirty_at: datetime
    """When what it tells of was changed."""


@dataclass(slots=True, kw_only=True)
class Draft:
    """The next version of a place's list, as far as it is known."""

    place: int
    settings: AccessList
    """Its settings: all but the entries."""
    stored: StoredList | None
    """The list in force."""
    dirty_at: datetime
    whole: bool = False
    """Whether all of its entries are looked at, and its settings: else those of some members only."""
    body: Any = None
    """Where it is looked at as a whole: the settings in force, as JSON."""
    forced: int = 0
    """Make a version above this number, even with the same contents; 0: only where something changed."""
    new_body: dict[str, Any] | None = None
    """Settings to be written."""
    closed: list[str] = field(default_factory=list)
    """Tokens whose rows end."""
    gone: list[str] = field(default_factory=list)
    """Of these, the tokens that are in the list no more."""
    minus: list[bytes] = field(default_factory=list)
    fresh: list[tuple[Entry, bytes]] = field(default_factory=list)
    """Entries that are new or otherwise, with their digests."""
    by_member: defaultdict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    """All new entries of the members looked at, where there is a list that a delta begins at."""
    was_of: dict[str, str] = field(default_factory=dict)
    """Whose each changed token was."""
    entries: int = 0
    """How many entries the new version has."""
    fingerprint: str = _NOTHING
    """The new version's."""
    written: bool = False
    """Whether its new entries are written already."""

    def compare(self, old: Mapping[str, tuple[str, bytes]], new: Mapping[str, Entry], texts: Texts) -> None:
        """Find what differs between ``old`` (token → member and digest) and ``new``, and in the settings."""
        for token, (_, digest) in old.items():
            if token not in new:
                self.closed.append(token)
                self.gone.append(token)
                self.minus.append(digest)
        digests = []
        for token, entry in new.items():
            if self.stored is not None:
                self.by_member[entry.member.ref].append(entry)
            digest = hashlib.sha256(entry_text(entry, texts).encode()).digest()
            digests.append(digest)
            before = old.get(token)
            if before is None:
                self.fresh.append((entry, digest))
            elif before[1] != digest:
                self.closed.append(token)
                self.minus.append(before[1])
                self.was_of[token] = before[0]
                self.fresh.append((entry, digest))
        if self.whole:
            wanted = settings_to_json(self.settings)
            if self.stored is None or canonical(self.body) != canonical(wanted):
                self.new_body = wanted
            self.entries = len(new)
            self.fingerprint = moved(_NOTHING, (), [*digests, settings_digest(self.settings)])
        elif self.stored is not None:
            self.entries = self.stored.entries - len(self.closed) + len(self.fresh)
            self.fingerprint = moved(self.stored.fingerprint, self.minus, [digest for _, digest in self.fresh])

    @property
    def due(self) -> bool:
        """Whether it is a new version."""
        if self.stored is None or self.fingerprint != self.stored.fingerprint:
            return True
        return bool(self.closed or self.fresh or self.forced or self.new_body is not None)

    @property
    def version(self) -> int:
        """The number of the new version."""
        return max(self.stored.version if self.stored is not None else 0, self.forced) + 1

    @property
    def is_first(self) -> bool:
        """Whether the place has no list yet, and all of its entries are new."""
        return self.stored is None and not self.closed

    def rows(self, texts: Texts, lookups: Mapping[str, bytes]) -> NewEntries:
        """Return the entries to be written; ``lookups``: by token, whose it is."""
        fresh = [entry for entry, _ in self.fresh]
        tokens = [entry.token for entry in fresh]
        return NewEntries(
            place=self.place,
            since=self.version,
            tokens=bytes.fromhex("".join(tokens)),
            digests=b"".join([digest for _, digest in self.fresh]),
            lookups=b"".join([lookups[token] for token in tokens]),
            members=[entry.member.ref for entry in fresh],
            cards=[card_text(entry) for entry in fresh],
            holders=[texts.holder(entry.member) for entry in fresh],
        )

    def change(self, holders: Mapping[tuple[int, str], Any], made_at: datetime, texts: Texts) -> Change:
        """Return the new version with its delta.

        Args:
            holders: what changed entries said of their holders before, by place and token.
            made_at: when it is made.
        """
        delta = None
        if self.stored is not None and len(self.fresh) + len(self.gone) <= _MOST_OF_A_DELTA:
            others = {
                entry.member.ref
                for entry, _ in self.fresh
                if self.was_of.get(entry.token) != entry.member.ref
                or canonical(holders.get((self.place, entry.token))) != texts.holder(entry.member)
            }
            changed = [(entry, True) for ref in others for entry in self.by_member[ref]]
            changed += [(entry, False) for entry, _ in self.fresh if entry.member.ref not in others]
            delta = delta_of(
                self.stored.version,
                replace(self.settings, version=self.version, made_at=made_at),
                changed=changed,
                removed=self.gone,
                settings_changed=self.new_body is not None,
                fingerprint=self.fingerprint,
            )
        return Change(
            place=self.place,
            base=self.stored.version if self.stored is not None else 0,
            version=self.version,
            fingerprint=self.fingerprint,
            delta=delta,
            dirty_at=self.dirty_at,
        )
