"""Two access lists side by side: what differs, and the delta that makes one of the other. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from access.entries_json import Texts, canonical, entry_text, settings_to_json
from access.errors import ListError
from access.model import AccessList, Entry, Member
from access.rules import NO_RULES

SETTINGS: Final = ("time_zone", "max_age_s", "opening_hours", "lockdown", "rules")
"""The settings of a list: all but its entries and its identity."""
_MODULUS: Final = 1 << 256


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


def digest(entry: Entry) -> bytes:
    """Return SHA-256 of an entry: token, card and holder (``access.entries_json``)."""
    return _digest(entry, Texts())


def settings_digest(access_list: AccessList) -> bytes:
    """Return SHA-256 of the place and the list's settings."""
    return hashlib.sha256(canonical([access_list.place, settings_to_json(access_list)]).encode()).digest()


def fingerprint(access_list: AccessList) -> str:
    """Return a list's fingerprint, which ignores version and age: the sum of its digests, 64 hexadecimal digits.

    Equal lists have equal ones. A sum, so that it moves with each change (``moved``): it finds what went astray, and
    is no proof against who makes up entries; signatures are.
    """
    texts = Texts()
    digests = [_digest(one, texts) for one in access_list.entries.values()]
    digests.append(settings_digest(access_list))
    return moved("0" * 64, (), digests)


def moved(fingerprint: str, minus: Iterable[bytes], plus: Iterable[bytes]) -> str:
    """Return the fingerprint after entries (or settings) of the digests ``minus`` went and those of ``plus`` came."""
    total = int(fingerprint, 16)
    total += sum(int.from_bytes(one, "big") for one in plus)
    total -= sum(int.from_bytes(one, "big") for one in minus)
    return f"{total % _MODULUS:064x}"


def delta(old: AccessList, new: AccessList) -> Delta:
    """Return what turns ``old`` into ``new``.

    Raises:
        ListError: they are of two places, or ``new`` isn't newer.
    """
    if old.place != new.place or new.version <= old.version:
        raise ListError("a delta leads to a newer list of the same place")
    before = _members(old)
    return delta_of(
        old.version,
        new,
        changed=[
            (entry, before.get(entry.member.ref) != entry.member)
            for token, entry in new.entries.items()
            if old.entries.get(token) != entry
        ],
        removed=old.entries.keys() - new.entries.keys(),
        settings_changed=any(getattr(old, name) != getattr(new, name) for name in SETTINGS),
        fingerprint=fingerprint(new),
    )


def delta_of(
    base: int,
    new: AccessList,
    *,
    changed: Iterable[tuple[Entry, bool]],
    removed: Iterable[str],
    settings_changed: bool,
    fingerprint: str,
) -> Delta:
    """Return the delta of single changes, without the two lists.

    Args:
        base: the version that it is for.
        new: the new list's place, version, age and settings; its entries don't matter.
        changed: each entry that is new or otherwise than in ``base``, and whether its holder is (all of the entries of
            a holder who changed are). True is right where it isn't known.
        removed: tokens of entries that are no more.
        settings_changed: whether the new list's settings travel.
        fingerprint: of the whole new list.
    """
    part: dict[str, Entry] = {}
    cards: dict[str, Entry] = {}
    for entry, holder in changed:
        (part if holder else cards)[entry.token] = entry
    if not settings_changed:
        new = replace(new, opening_hours=None, rules=NO_RULES)
    return Delta(
        base=base,
        part=replace(new, entries=part),
        cards=tuple(cards[token] for token in sorted(cards)),
        removed=tuple(sorted(removed)),
        settings=settings_changed,
        fingerprint=fingerprint,
    )


def apply(old: AccessList, change: Delta, *, known: str | None = None) -> AccessList:
    """Return the list that ``change`` makes of ``old``.

    Args:
        known: ``old``'s fingerprint: then only what changes is looked at, else all of it.

    Raises:
        ListError: it is for another version or place, changes cards or members that ``old`` hasn't, or what comes of
            it isn't what the centre has: ask for the whole list then. Nothing of it may be used.
    """
    part = change.part
    if change.base != old.version or part.place != old.place:
        raise ListError(f"a delta for version {change.base} of {part.place}")
    if part.version <= old.version:
        raise ListError("a delta leads to a newer list")
    entries = dict(old.entries)
    gone: list[Entry] = []
    come: list[Entry] = []
    for token in change.removed:
        entry = entries.pop(token, None)
        if entry is None:
            raise ListError("a delta removes a card that isn't there")
        gone.append(entry)
    for entry in (*part.entries.values(), *_cards(old, change)):
        was = entries.get(entry.token)
        if was is not None:
            gone.append(was)
        come.append(entry)
        entries[entry.token] = entry
    kept = part if change.settings else replace(old, version=part.version, made_at=part.made_at)
    applied = replace(kept, entries=entries)
    texts = Texts()
    minus, plus = [_digest(entry, texts) for entry in gone], [_digest(entry, texts) for entry in come]
    if change.settings:
        minus.append(settings_digest(old))
        plus.append(settings_digest(applied))
    if moved(known or fingerprint(old), minus, plus) != change.fingerprint:
        raise ListError("a delta makes another list than the centre's")
    return applied


def _digest(entry: Entry, texts: Texts) -> bytes:
    return hashlib.sha256(entry_text(entry, texts).encode()).digest()


def _cards(old: AccessList, change: Delta) -> Iterator[Entry]:
    """Give the cards that changed their holders, as the old list knows them."""
    members: Mapping[str, Member] | None = None
    for card in change.cards:
        ref, was = card.member.ref, old.entries.get(card.token)
        member = was.member if was is not None and was.member.ref == ref else None
        if member is None:
            members = _members(old) if members is None else members
            member = members.get(ref)
        if member is None:
            raise ListError("a delta adds a card of a member who isn't there")
        yield replace(card, member=member)


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
