"""Brings the lists in the database up to date: takes what is dirty, writes new versions, all in one transaction.

Only the rights process that leads may do so (``rights.store.lead``): it alone knows when what it remembers of places is
out of date. Members come first; places to be rebuilt as a whole wait in a queue and are taken some at a time.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from access import Entry
from access.entries_json import Texts, canonical
from rights import queries, store
from rights.assembly import MemberRows, PlaceRows, PlaceSettings, entries, places
from rights.draft import Change, Draft
from rights.store import Connection, Dirt

log = logging.getLogger(__name__)

SLOW: Final = timedelta(seconds=5)
"""A use of a pass waits so long for others."""
_PLACES_A_TURN: Final = 40
_MANY: Final = 5000
"""Members at once from which on it is quicker to rebuild all places."""


class Refresher:
    """What the leader remembers between two refreshes; ``forget`` after any failure."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        """``now`` gives the time (aware)."""
        self._now = now
        self._known: dict[int, PlaceSettings] = {}
        self._served: list[int] | None = None
        self._queue: dict[int, datetime] = {}
        """Places to be rebuilt, and since when they are dirty."""
        self._rows: defaultdict[int | None, set[int]] = defaultdict(set)
        """Rows of access_dirty that are done with once a place is rebuilt; None: once the queue is empty."""
        self._taken: set[int] = set()
        """All of these."""
        self._forced: dict[int, int] = {}
        self.waits = False
        """Whether the last turn left something that wants another one at once."""

    def forget(self) -> None:
        """Start over: what is dirty is in the database."""
        self._known.clear()
        self._served = None
        self._queue.clear()
        self._rows.clear()
        self._taken.clear()
        self._forced.clear()

    def begin(self, connection: Connection) -> int:
        """Take the lead: queue the places that have no list yet; return how many."""
        self.forget()
        missing = sorted(set(store.served(connection)) - set(store.listed(connection)))
        self._queue.update(dict.fromkeys(missing, self._now()))
        return len(missing)

    def renew(self, connection: Connection) -> None:
        """Queue the lists that have lived half of their allowed age."""
        for place in store.old(connection, self._now()):
            self.force(place, 0)

    def forgo(self, connection: Connection) -> list[Change]:
        """Take out of the lists what time has taken: passes that ended, bookings that are over."""
        now = self._now()
        members = store.over(connection, now)
        changes: list[Change] = []
        for start in range(0, len(members), _MANY):
            with connection.transaction():
                changes += self._members(connection, members[start : start + _MANY], now, now)
        return changes

    def force(self, place: int, above: int) -> None:
        """Queue a new version of ``place``, above ``above``, whatever it says."""
        self._forced[place] = max(above, self._forced.get(place, 0))
        self._queue.setdefault(place, self._now())

    def turn(self, connection: Connection) -> list[Change]:
        """Do one transaction's worth of what is dirty; return the new versions. ``connection``: in autocommit.

        Raises:
            psycopg.Error: nothing was written; ``forget``.
        """
        now = self._now()
        with connection.transaction():
            rows = [row for row in store.dirt(connection) if row.id not in self._taken]
            followers = self._enqueue(connection, [row for row in rows if row.member is None])
            due = _due([row for row in rows if row.member is not None], now)
            members = sorted({row.member for row in due if row.member is not None} | followers)
            if len(members) > _MANY:
                self._everything(connection, due[0].at if due else now)
                self._take(None, due)
            elif members:
                changes = self._members(connection, members, now, min((row.at for row in due), default=now))
                store.clean(connection, [row.id for row in due])
                self.waits = bool(self._queue)
                return changes
        if not self._queue:
            self.waits = False
            return []
        with connection.transaction():
            return self._next_places(connection, now)

    def _enqueue(self, connection: Connection, rows: Sequence[Dirt]) -> set[str]:
        """Queue the dirty places; return the members who follow a schedule of these elsewhere."""
        dirty = sorted({row.place for row in rows if row.place is not None})
        for row in rows:
            if row.place is None:
                self._everything(connection, row.at)
                self._take(None, [row])
            else:
                self._queue.setdefault(row.place, row.at)
                self._take(row.place, [row])
        if not dirty:
            return set()
        self._served = None
        members, others = store.followers(connection, dirty)
        for place in (*dirty, *others):
            self._known.pop(place, None)
            self._queue.setdefault(place, rows[0].at)
        return set(members)

    def _everything(self, connection: Connection, since: datetime) -> None:
        self._known.clear()
        self._served = None
        for place in sorted({*store.served(connection), *store.listed(connection)}):
            self._queue.setdefault(place, since)

    def _take(self, place: int | None, rows: Iterable[Dirt]) -> None:
        ids = {row.id for row in rows}
        self._rows[place] |= ids
        self._taken |= ids

    def _next_places(self, connection: Connection, now: datetime) -> list[Change]:
        """Rebuild the next places of the queue."""
        wanted = list(self._queue)[:_PLACES_A_TURN]
        changes = self._places(connection, wanted, now)
        done: set[int] = set()
        for place in wanted:
            del self._queue[place]
            self._forced.pop(place, None)
            done |= self._rows.pop(place, set())
        if not self._queue:
            done |= self._rows.pop(None, set())
        if done:
            store.clean(connection, done)
            self._taken -= done
        self.waits = bool(self._queue)
        if len(wanted) == _PLACES_A_TURN:
            log.info("places_rebuilt", extra={"places": len(wanted), "changed": len(changes), "left": len(self._queue)})
        return changes

    def _places(self, connection: Connection, wanted: Sequence[int], now: datetime) -> list[Change]:
        """Rebuild whole lists."""
        values = {"places": list(wanted), "now": now}
        for place in wanted:
            self._known.pop(place, None)
        at = self._settings(connection, wanted, now)
        members = [ref for (ref,) in connection.execute(queries.MEMBERS_AT, values)]
        new = self._entries(connection, members, at, now)
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
                dirty_at=self._queue.get(place, now),
                whole=True,
                body=bodies.get(place),
            )
            if place in self._forced and draft.stored is not None:
                draft.forced = max(self._forced[place], draft.stored.version)
            draft.compare(old[place], new[place], texts)
            drafts.append(draft)
        return self._write(connection, drafts, now, texts)

    def _members(self, connection: Connection, members: Sequence[str], now: datetime, since: datetime) -> list[Change]:
        """Make members' entries new wherever they are or should be."""
        rows = _member_rows(connection, members, now)
        old: defaultdict[int, dict[str, tuple[str, bytes]]] = defaultdict(dict)
        for place, token, member, digest in store.entries_of_members(connection, members):
            old[place][token] = (member, digest)
        concerned = {*old, *(row[1] for row in rows.pass_places)}
        if any(row[2] for row in rows.passes):
            if self._served is None:
                self._served = store.served(connection)
            concerned.update(self._served)
        stored = store.lists(connection, concerned)
        at = self._settings(connection, sorted(stored), now)
        new, broken = entries(rows, at)
        self._tell(broken)
        texts, drafts = Texts(), []
        for place, settings in at.items():
            draft = Draft(place=place, settings=settings.list, stored=stored[place], dirty_at=since)
            draft.compare(old[place], new[place], texts)
            drafts.append(draft)
        return self._write(connection, drafts, now, texts)

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
                self._tell(f"{settings.code}: {one}" for one in settings.broken)
        return {place: self._known[place] for place in wanted if place in self._known}

    def _entries(
        self, connection: Connection, members: Sequence[str], at: dict[int, PlaceSettings], now: datetime
    ) -> dict[int, dict[str, Entry]]:
        found, broken = entries(_member_rows(connection, members, now), at)
        self._tell(broken)
        return found

    def _write(self, connection: Connection, drafts: Sequence[Draft], now: datetime, texts: Texts) -> list[Change]:
        due = [draft for draft in drafts if draft.due]
        wanted = [(draft.place, token) for draft in due for token in draft.was_of]
        holders = store.holders(connection, wanted)
        changes = [draft.change(holders, now, texts) for draft in due]
        store.write_entries(
            connection,
            [(draft.place, token, draft.version) for draft in due for token in draft.closed],
            [row for draft in due for row in draft.rows(texts)],
        )
        store.write_versions(
            connection,
            [
                (draft.place, one.version, one.fingerprint, draft.entries)
                for draft, one in zip(due, changes, strict=True)
            ],
            [(draft.place, draft.version, canonical(body)) for draft in due if (body := draft.new_body) is not None],
            now,
        )
        return changes

    def _tell(self, broken: Iterable[str]) -> None:
        for text in broken:
            log.warning("schedule_unusable", extra={"what": text})


def _due(rows: Sequence[Dirt], now: datetime) -> list[Dirt]:
    """Return the rows to be done now: all as soon as one has waited long, else those in a hurry and their like."""
    if any(not row.hurry and now - row.at >= SLOW for row in rows):
        return list(rows)
    hurried = {row.member for row in rows if row.hurry}
    return [row for row in rows if row.member in hurried]


def _member_rows(connection: Connection, members: Sequence[str], now: datetime) -> MemberRows:
    values = {"members": list(members), "now": now}
    return MemberRows(**{name: connection.execute(sql, values).fetchall() for name, sql in queries.MEMBERS.items()})
