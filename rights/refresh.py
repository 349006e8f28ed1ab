"""Brings the lists in the database up to date: takes what has changed, writes new versions, all in one transaction.

Only the rights process that leads may do so (``rights.store.lead``): it alone knows when what it remembers of places is
out of date. Members come first; places to be rebuilt as a whole wait in a queue and are taken some at a time.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

import psycopg

from access.entries_json import Texts, canonical
from rights import gateways, numbers, queries, store
from rights.assembly import MemberRows, PlaceRows, PlaceSettings, entries, places
from rights.backlog import Backlog, Dirty
from rights.codes import Codes
from rights.draft import Change, Draft
from rights.place_tokens import NumberBox, PlaceTokens
from rights.store import Connection

log = logging.getLogger(__name__)

_MANY: Final = 5000
"""Members at once from which on it is quicker to rebuild all places."""
_FEW: Final = 50
"""Members whose entries may all be held at once, wherever they are."""
_HEAVY: Final = 150_000
"""Entries that are not held at once: then places are rebuilt, some at a time."""


class Refresher:
    """What the leader remembers between two refreshes."""

    def __init__(self, now: Callable[[], datetime], *, card_secret: bytes) -> None:
        """``now`` gives the time (aware)."""
        self._now = now
        self._secret = card_secret
        self._box = NumberBox(card_secret)
        self._keys: dict[str, bytes] = {}
        """Places' keys by code."""
        self._codes = Codes(card_secret)
        self._known: dict[int, PlaceSettings] = {}
        self._served: list[int] | None = None
        self._backlog = Backlog()
        self._over: list[str] = []
        """Members whose pass or booking has ended, or whose code is hashed now; done when nothing else waits."""
        self._trying: tuple[list[Dirty], list[int]] = ([], [])
        """Rows and places that the present turn is about."""
        self.failures = 0
        """Turns that failed though the database is there."""
        self.network_changed = False
        """Whether gateways may have come or gone; the reader resets it."""

    @property
    def waits(self) -> bool:
        """Whether there is more to do at once."""
        return bool(self._over) or self._codes.waits or self._backlog.waits(self._now())

    def begin(self, connection: Connection) -> int:
        """Take the lead: queue the places that have no list yet; return how many."""
        self._forget()
        missing = sorted(set(store.served(connection)) - set(store.listed(connection)))
        self._backlog.add_all(missing, self._now(), ())
        self._over = numbers.with_codes(connection)  # their tokens may not be made yet
        return len(missing)

    def renew(self, connection: Connection) -> None:
        """Queue the lists that have lived half of their allowed age."""
        for place in store.old(connection, self._now()):
            self.force(place, 0)

    def forgo(self, connection: Connection) -> None:
        """Queue members whose pass or booking has ended since the last run."""
        self._over += store.over(connection, self._now())
        numbers.drop_unused(connection)

    def force(self, place: int, above: int) -> None:
        """Queue a new version of ``place``, above ``above``, even with the same contents."""
        self._backlog.forced[place] = max(above, self._backlog.forced.get(place, 0))
        self._backlog.add(place, self._now())

    def turn(self, connection: Connection) -> list[Change]:
        """Do one transaction's worth of what is dirty; return the new versions. ``connection``: in autocommit.

        What fails though the database is there is tried one by one, and set aside for a minute where it fails alone: it
        must not keep all others from being refused at a door.

        Raises:
            psycopg.Error: the database is away; nothing was written. ``begin`` again.
        """
        self._trying = ([], [])
        try:
            changes = self._turn(connection, self._now())
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception:
            rows, wanted = self._trying
            alone = self._backlog.failed(rows, wanted, self._now())
            log.exception("refresh_failed", extra={"rows": len(rows), "places": wanted[:5], "alone": alone})
            self.failures += 1
            self.begin(connection)
            if alone:
                gateways.alarm_of_failure(connection, wanted[0] if wanted else None)
            return []
        self._backlog.succeeded()
        return changes

    def _turn(self, connection: Connection, now: datetime) -> list[Change]:
        with store.snapshot(connection):
            rows = self._backlog.fresh(store.dirt(connection), now)
            followers = self._enqueue(connection, [row for row in rows if row.member is None])
            due = self._backlog.due([row for row in rows if row.member is not None], now)
            members = sorted({row.member for row in due if row.member is not None} | followers)
            if len(members) > _MANY or (len(members) > _FEW and store.weight(connection, members) > _HEAVY):
                self._everything(connection, due)
            elif members and not (self._backlog.places_first and self._backlog.waits(now) and not followers):
                self._trying = (due, [])
                changes = self._members(connection, members, now, min((row.at for row in due), default=now))
                store.clean(connection, [row.id for row in due])
                self._backlog.places_first = True
                return changes
        self._backlog.places_first = False
        wanted = self._backlog.next_places(now)
        if not wanted:
            if not self._over:
                self._over = self._codes.hash_some(connection)
            some, self._over = self._over[:_FEW], self._over[_FEW:]
            with store.snapshot(connection):
                return self._members(connection, some, now, now) if some else []
        self._trying = ([], wanted)
        begun = time.perf_counter()
        with store.snapshot(connection):
            changes = self._places(connection, wanted, now)
            store.clean(connection, self._backlog.rebuilt(wanted))
        self._backlog.took(time.perf_counter() - begun)
        if self._backlog.places:
            log.info("places_rebuilt", extra={"places": len(wanted), "left": len(self._backlog.places)})
        return changes

    def _forget(self) -> None:
        self._known.clear()
        self._served = None
        self._over = []
        self._backlog.forget()

    def _enqueue(self, connection: Connection, rows: Sequence[Dirty]) -> set[str]:
        """Queue the dirty places; return the members who follow a schedule of these elsewhere."""
        self.network_changed |= bool(rows)
        for row in rows:
            if row.place is None:
                self._everything(connection, [row])
            else:
                self._backlog.add(row.place, row.at, [row])
        dirty = sorted({row.place for row in rows if row.place is not None})
        if not dirty:
            return set()
        self._served = None
        members, others = store.followers(connection, dirty)
        if self._backlog.careful:  # a member who fails must not keep these places from being rebuilt
            members = []
        for place in (*dirty, *others):
            self._known.pop(place, None)
            self._backlog.add(place, rows[0].at)
        return set(members)

    def _everything(self, connection: Connection, rows: Sequence[Dirty]) -> None:
        self._known.clear()
        self._served = None
        everywhere = {*store.served(connection), *store.listed(connection)}
        self._backlog.add_all(sorted(everywhere), min((row.at for row in rows), default=self._now()), rows)

    def _places(self, connection: Connection, wanted: Sequence[int], now: datetime) -> list[Change]:
        """Rebuild whole lists."""
        values = {"places": list(wanted), "now": now}
        for place in wanted:
            self._known.pop(place, None)
        at = self._settings(connection, wanted, now)
        members = [ref for (ref,) in connection.execute(queries.MEMBERS_AT, values)]
        tokens = self._tokens(connection, members)
        new, broken = entries(_member_rows(connection, members, now), at, tokens)
        self._tell(connection, None, broken)
        old: defaultdict[int, dict[str, tuple[str, bytes]]] = defaultdict(dict)
        for place, token, member, digest in store.entries_of_places(connection, wanted):
            old[place][token] = (member, digest)
        stored, bodies = store.lists(connection, wanted), store.settings(connection, wanted)
        texts, drafts = Texts(), []
        for place, settings in at.items():
            if place not in stored and not settings.served:
                continue
            draft = Draft(
                place=place,
                settings=settings.list,
                stored=stored.get(place),
                dirty_at=self._backlog.places.get(place, now),
                whole=True,
                body=bodies.get(place),
            )
            if place in self._backlog.forced and draft.stored is not None:
                draft.forced = max(self._backlog.forced[place], draft.stored.version)
            drafts.append(draft)
        with connection.pipeline():  # the server writes one place's entries while the next one's are made
            for draft in drafts:
                draft.compare(old[draft.place], new[draft.place], texts)
                if draft.is_first:
                    draft.written = True
                    store.add_entries(connection, [draft.rows(texts, tokens.lookups)])
        return self._write(connection, drafts, now, texts, tokens)

    def _members(self, connection: Connection, members: Sequence[str], now: datetime, since: datetime) -> list[Change]:
        """Make members' entries new wherever they are or should be."""
        rows = _member_rows(connection, members, now)
        old: defaultdict[int, dict[str, tuple[str, bytes]]] = defaultdict(dict)
        for place, token, member, digest in store.entries_of_members(connection, members):
            old[place][token] = (member, digest)
        concerned = {*old, *(row[1] for row in rows.pass_places), *(row[1] for row in rows.bookings if row[5])}
        if any(row[2] for row in rows.passes):
            if self._served is None:
                self._served = store.served(connection)
            concerned.update(self._served)
        stored = store.lists(connection, concerned)
        at = self._settings(connection, sorted(stored), now)
        tokens = self._tokens(connection, members)
        new, broken = entries(rows, at, tokens)
        self._tell(connection, None, broken)
        texts, drafts = Texts(), []
        for place, settings in at.items():
            draft = Draft(place=place, settings=settings.list, stored=stored[place], dirty_at=since)
            draft.compare(old[place], new[place], texts)
            drafts.append(draft)
        return self._write(connection, drafts, now, texts, tokens)

    def _settings(self, connection: Connection, wanted: Sequence[int], now: datetime) -> dict[int, PlaceSettings]:
        """Return the settings of places, as remembered or else as read now."""
        unknown = [place for place in wanted if place not in self._known]
        if unknown:
            values = {"places": unknown, "now": now}
            rows = PlaceRows(
                **{name: connection.execute(sql, values).fetchall() for name, sql in queries.PLACES.items()}
            )
            for place, settings in places(rows).items():
                self._known[place] = settings
                self._tell(connection, place, settings.broken)
        return {place: self._known[place] for place in wanted if place in self._known}

    def _tokens(self, connection: Connection, members: Sequence[str]) -> PlaceTokens:
        """Return what makes the tokens of these members' cards."""
        tokens = PlaceTokens(self._secret, self._box, self._keys)
        tokens.take(numbers.known(connection, members), numbers.hashed(connection, members))
        numbers.keep_boxed(connection, tokens.opened)
        if tokens.unreadable:
            log.error("card_numbers_unreadable", extra={"cards": len(tokens.unreadable)})
        return tokens

    def _write(
        self, connection: Connection, drafts: Sequence[Draft], now: datetime, texts: Texts, tokens: PlaceTokens
    ) -> list[Change]:
        self._codes.add(tokens.missing)
        due = [draft for draft in drafts if draft.due]
        wanted = [(draft.place, token) for draft in due for token in draft.was_of]
        holders = store.holders(connection, wanted)
        changes = [draft.change(holders, now, texts) for draft in due]
        versions = [
            (draft.place, one.version, one.fingerprint, draft.entries) for draft, one in zip(due, changes, strict=True)
        ]
        bodies = [
            (draft.place, draft.version, canonical(body)) for draft in due if (body := draft.new_body) is not None
        ]
        with connection.pipeline():
            store.close_entries(
                connection, [(draft.place, token, draft.version) for draft in due for token in draft.closed]
            )
            store.add_entries(connection, [draft.rows(texts, tokens.lookups) for draft in due if not draft.written])
            store.write_versions(connection, versions, bodies, now)
        return changes

    def _tell(self, connection: Connection, place: int | None, broken: Iterable[str]) -> None:
        for text in broken:
            log.warning("schedule_unusable", extra={"place": place, "what": text})
            gateways.alarm_of_schedule(connection, place, text)


def _member_rows(connection: Connection, members: Sequence[str], now: datetime) -> MemberRows:
    values = {"members": list(members), "now": now}
    with connection.pipeline():
        asked = {name: connection.execute(sql, values) for name, sql in queries.MEMBERS.items()}
        return MemberRows(**{name: answer.fetchall() for name, answer in asked.items()})
