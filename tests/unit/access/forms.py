"""One list in every form that it is decided by: as made, as the edge reads it, as rows, and as deltas make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from access import AccessList, Member, from_json, to_json
from access.compare import apply, delta, fingerprint
from access.deltas_json import delta_from_json, delta_to_json
from access.entries_json import (
    Sharing,
    card_to_json,
    entry_from_json,
    holder_to_json,
    settings_from_json,
    settings_to_json,
)
from access.rules import NO_RULES


def forms(held: AccessList) -> Mapping[str, AccessList]:
    """All of them."""
    return {
        "read at the edge": from_json(to_json(held)),
        "rebuilt from rows": rebuilt(held),
        "made by deltas": by_deltas(held),
        "in another order": turned(held),
    }


def rebuilt(held: AccessList) -> AccessList:
    sharing = Sharing()
    beside = settings_from_json(
        place=held.place, version=held.version, made_at=held.made_at, body=settings_to_json(held)
    )
    entries = {
        token: entry_from_json(token, card_to_json(entry), holder_to_json(entry.member), sharing)
        for token, entry in held.entries.items()
    }
    return replace(beside, entries=entries)


def by_deltas(held: AccessList) -> AccessList:
    """From an empty list without rules, by way of one with half of the entries and nobody suspended."""
    now = replace(
        held, version=1, made_at=held.made_at - timedelta(hours=2), opening_hours=None, rules=NO_RULES, entries={},
        lockdown=not held.lockdown,
    )  # fmt: skip
    half = {
        token: replace(entry, status="active", member=Member(ref=entry.member.ref, status="active"))
        for number, (token, entry) in enumerate(held.entries.items())
        if number % 2
    }
    known = fingerprint(now)
    for following in (replace(now, version=2, entries=half, lockdown=held.lockdown), replace(held, version=3)):
        change = delta_from_json(delta_to_json(delta(now, following)))
        now, known = apply(now, change, known=known), change.fingerprint
    return replace(now, version=held.version)


def turned(held: AccessList) -> AccessList:
    """The same with entries, rights and bookings the other way round."""
    return replace(
        held,
        entries={
            token: replace(
                entry,
                member=replace(entry.member, rights=entry.member.rights[::-1], bookings=entry.member.bookings[::-1]),
            )
            for token, entry in reversed(list(held.entries.items()))
        },
    )
