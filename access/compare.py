"""Two access lists side by side: what differs, and the delta that makes one of the other. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from access.errors import ListError
from access.listing import to_json
from access.model import AccessList, Entry, Member
from access.rules import NO_RULES

SETTINGS: Final = ("time_zone", "max_age_s", "opening_hours", "lockdown", "rules")
"""What a list says beside its entries and its identity."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a gateway's list lacks, has too much, or has otherwise than the centre's: card tokens, sorted."""

    missing: tuple[str, ...]
    extraneous: tuple[str, ...]
    different: tuple[str, ...]
    settings: tuple[str, ...]
    """Names of ``SETTINGS``."""

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return bool(self.missing or self.extraneous or self.different or self.settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What turns version ``base`` of a place's list into ``part``'s version."""

    base: int
    part: AccessList
    """The new identity and age; the members that changed, each with all of its entries; its settings where
    ``settings`` says so."""
    cards: tuple[Entry, ...]
    """Entries that changed, or are new, of members who did not change; of ``member`` only the reference counts."""
    removed: tuple[str, ...]
    settings: bool
    fingerprint: str
    """Of the whole list that comes of it."""


def compare(ours: AccessList, theirs: AccessList) -> Difference:
    """Return how ``theirs`` (a gateway's) differs from ``ours`` (the centre's), versions and ages aside.

    Rights and bookings are compared as sets: their order opens nothing.
    """
    both = ours.entries.keys() & theirs.entries.keys()
    return Difference(
        missing=tuple(sorted(ours.entries.keys() - theirs.entries.keys())),
        extraneous=tuple(sorted(theirs.entries.keys() - ours.entries.keys())),
        different=tuple(sorted(token for token in both if not _same(ours.entries[token], theirs.entries[token]))),
        settings=tuple(name for name in SETTINGS if getattr(ours, name) != getattr(theirs, name)),
    )


def fingerprint(access_list: AccessList) -> str:
    """Return SHA-256 (hexadecimal) of what the list says, version and age aside: equal lists have equal ones."""
    text = to_json(replace(access_list, version=0, made_at=_EPOCH))
    return hashlib.sha256(text.encode()).hexdigest()


def delta(old: AccessList, new: AccessList) -> Delta:
    """Return what turns ``old`` into ``new``.

    Raises:
        ListError: they are of two places, or ``new`` isn't newer.
    """
    if old.place != new.place or new.version <= old.version:
        raise ListError("a delta leads to a newer list of the same place")
    before, now = _members(old), _members(new)
    changed = {ref for ref, member in now.items() if before.get(ref) != member}
    settings = any(getattr(old, name) != getattr(new, name) for name in SETTINGS)
    part = replace(new, entries={token: entry for token, entry in new.entries.items() if entry.member.ref in changed})
    if not settings:
        part = replace(part, opening_hours=None, rules=NO_RULES)
    return Delta(
        base=old.version,
        part=part,
        cards=tuple(
            entry
            for token, entry in sorted(new.entries.items())
            if entry.member.ref not in changed and old.entries.get(token) != entry
        ),
        removed=tuple(sorted(old.entries.keys() - new.entries.keys())),
        settings=settings,
        fingerprint=fingerprint(new),
    )


def apply(old: AccessList, change: Delta) -> AccessList:
    """Return the list that ``change`` makes of ``old``.

    Raises:
        ListError: it is for another version or place, tells of cards or members that ``old`` hasn't, or what comes of
            it isn't what the centre has: ask for the whole list then. Nothing of it may be used.
    """
    part = change.part
    if change.base != old.version or part.place != old.place:
        raise ListError(f"a delta for version {change.base} of {part.place}")
    if part.version <= old.version:
        raise ListError("a delta leads to a newer list")
    entries = dict(old.entries)
    for token in change.removed:
        if entries.pop(token, None) is None:
            raise ListError("a delta removes a card that isn't there")
    entries.update(part.entries)
    members = _members(old) if change.cards else {}
    for card in change.cards:
        member = members.get(card.member.ref)
        if member is None:
            raise ListError("a delta adds a card of a member who isn't there")
        entries[card.token] = replace(card, member=member)
    kept = {} if change.settings else {name: getattr(old, name) for name in SETTINGS}
    applied = replace(part, entries=entries, **kept)
    if fingerprint(applied) != change.fingerprint:
        raise ListError("a delta makes another list than the centre's")
    return applied


def _members(access_list: AccessList) -> Mapping[str, Member]:
    return {entry.member.ref: entry.member for entry in access_list.entries.values()}


def _same(one: Entry, other: Entry) -> bool:
    return one == other or _unordered(one) == _unordered(other)


def _unordered(entry: Entry) -> tuple[object, ...]:
    member = entry.member
    return (
        entry.token, entry.status, entry.valid_from, entry.valid_until,
        member.ref, member.status, member.pin, frozenset(member.rights), frozenset(member.bookings),
    )  # fmt: skip
