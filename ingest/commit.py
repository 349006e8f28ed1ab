"""One transaction: batches in, rows, folds and marks out, all or nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import psycopg

from database.alarms import raise_alarm
from database.leases import Fenced
from gateway.contract.stored_events import Encoder
from gateway.contract.wire import Event
from ingest import alarms, clock, earlier, letters, records, refold, store
from ingest.consequences import TELLING
from ingest.late import apply_late
from ingest.letters import OldLetter
from ingest.messages import Letter, ReadBatch, Unreadable, read_event
from ingest.notifications import committing, notify
from ingest.quota import Quota
from ingest.store import Reached, Stored, Stream
from ingest.transaction import Tally, Work
from occupancy.fold import TTL_S, PlaceFold
from occupancy.topology import Gateway, Topology
from process import garbage

log = logging.getLogger(__name__)

_CHANNEL: Final = "maillage_occupancy"
_CLOCK_STEP: Final = b'"clock_step"'


class Books:
    """What this worker knows of marks and folds; true as long as it owns its shards. Forget it after any failure."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self._streams: dict[int, list[Stream]] = {}
        self._folds: dict[int, PlaceFold] = {}
        self._limit = letters.Limit()
        self._quota = Quota()

    def use(self, topology: Topology) -> None:
        """Go on with a new topology; marks and folds are read again, since spaces may have come or gone."""
        self.topology = topology
        self.forget()

    def forget(self) -> None:
        """Read marks and folds again: a transaction failed, which has changed them here but not in the database."""
        self._streams.clear()
        self._folds.clear()

    def stored(self, gateway: Gateway, epoch: str) -> int:
        """Up to which number the events of a gateway's newest epoch are committed; 0: unknown."""
        known = self._streams.get(gateway.id)
        return known[-1].last_seq if known and known[-1].epoch == epoch else 0

    def commit(
        self,
        connection: Fenced,
        readings: list[ReadBatch],
        unreadable: list[Letter],
        *,
        keep: bool = True,
        meanwhile: Callable[[], None] | None = None,
    ) -> Tally:
        """Store what is new in ``readings``, fold it, move the marks, and notify; return what was done.

        With ``keep`` False it is a trial: all is done, and taken back. ``meanwhile`` is called while the database
        commits; it must not use the connection.

        Raises:
            psycopg.Error: the transaction failed as a whole; nothing was stored. A SQLSTATE of ``store.OVERTAKEN``:
                another worker owns one of these shards.
            store.DatabaseReplaced: the database isn't the one whose topology this is.
        """
        with store.transaction(connection, self.topology.base) as (tx, now):
            work = self._begin(connection, tx, now, {reading.gateway.shard for reading in readings})
            work.shards |= {letter.gateway.shard for letter in unreadable if letter.gateway is not None}
            self._load(connection, readings)
            placed = [(self._stream(connection, reading, work), reading) for reading in readings]
            self._look_up(connection, readings, work)
            with work.rows:
                for stream, reading in sorted(placed, key=lambda pair: pair[0].id if pair[0] else 0):
                    work.tally.received += len(reading.events)
                    self._accept(stream, reading, work)
                work.settle()  # while the database takes the last rows
            for letter in unreadable:
                work.tally.dead.append(letter.reason)
                work.said(self._limit.of_message(letter, now))
            work.tally.stored = work.rows.count
            self._write(connection, work, commit=keep, meanwhile=meanwhile)
            if not keep:
                connection.execute("ROLLBACK")
        if not keep:
            self.forget()
            return work.tally
        for one in self._quota.excess.values():
            numbers = {"stream": one.stream, "first": one.first_seq, "last": one.last_seq}
            log.warning("dead_letters_not_kept", extra={**numbers, "events": one.events, "reason": one.reason})
        self._quota.settle()
        for kept in work.letters:
            if kept.origin == "ingest" and kept.seq is not None:
                where = {"topic": kept.topic, "stream": kept.stream, "seq": kept.seq}
                log.warning("dead_letter", extra={**where, "reason": kept.reason, "error": kept.error})
        for moved in work.reached.values():
            moved.stream.last_seq, moved.stream.digest = moved.seq, moved.digest
            moved.stream.last_received_at = store.when(now)
        return work.tally

    def takes_events(self, connection: store.Connection, gateway: Gateway) -> bool:
        """Whether the database takes a plain event of ``gateway`` now; it is taken back.

        Raises:
            psycopg.Error: it is refused for a reason that lies in no event.
        """
        with store.transaction(connection, self.topology.base) as (tx, now):
            event: Event = {"kind": "audit", "at": now, "device": "gateway", "by": "ingest", "text": "trial"}
            try:
                encoder = Encoder(received_at=now, tx=tx, stream=0, place=gateway.place)
                store.copy_events(connection, [encoder.row(event, now, 0, None)])
            except (psycopg.DataError, psycopg.IntegrityError):
                return False
            finally:
                connection.execute("ROLLBACK")
        return True

    def replay(
        self, connection: Fenced, old: list[OldLetter], *, tx: int, now: int
    ) -> tuple[list[int], list[tuple[int, str, str]]]:
        """Store and fold the events of letters that can be read by now, inside the caller's transaction ``tx``.

        Returns:
            The ids of those that became events; and of the others, id, error and reason.
        """
        work = self._begin(connection, tx, now)
        rows: list[bytes] = []
        done: list[int] = []
        refused: list[tuple[int, str, str]] = []
        for letter in old:
            gateway = self.topology.gateways.get(letter.gateway)
            event = read_event(letter.payload)
            if gateway is None:
                refused.append((letter.id, f"gateway {letter.gateway} is not in service", "unknown_gateway"))
                continue
            if (
                not isinstance(event, Unreadable)
                and event["device"] not in gateway.devices
                and event["device"] != "gateway"
            ):
                event = letters.stranger(event, gateway)
            if isinstance(event, Unreadable):
                refused.append((letter.id, event.error, event.reason))
                continue
            work.shards.add(gateway.shard)
            self._read_folds(connection, {gateway.place})
            place = work.places.setdefault(gateway.place, self._folds[gateway.place])
            device = gateway.devices.get(event["device"])
            at = clock.correct(event["at"], clock.offset(letter.sent_at, letter.received_at), letter.received_at)
            apply_late(place, event, device, at)
            if event["kind"] in TELLING:
                work.entailed.take(event, gateway, device, at)
            encoder = Encoder(received_at=now, tx=tx, stream=letter.stream, place=gateway.place)
            rows.append(encoder.row(event, at, letter.seq, None if device is None else device.id))
            seq = letter.seq
            work.parts.append(Stored(stream=letter.stream, place=gateway.place, first=seq, last=seq, low=at, high=at))
            done.append(letter.id)
        with work.rows:
            work.rows.send(rows)
            work.settle()
        self._write(connection, work)
        notify(connection, _CHANNEL, work.spaces)
        return done, refused

    def look(self, connection: Fenced, due: Mapping[int, int]) -> None:
        """Let time pass in places, each up to the instant given with it, and store and notify what that changes.

        Raises:
            psycopg.Error: nothing was stored.
        """
        shards = {gateway.shard for gateway in self.topology.gateways.values() if gateway.place in due}
        with self.at_places(connection, due, shards) as work:
            for place, until in due.items():
                work.places[place].look(until)

    @contextmanager
    def at_places(self, connection: Fenced, places: Collection[int], shards: Iterable[int]) -> Iterator[Work]:
        """Begin a transaction about ``places`` of ``shards``; what the block does there is stored and notified."""
        with store.transaction(connection, self.topology.base) as (tx, now):
            work = self._begin(connection, tx, now, shards)
            self._read_folds(connection, set(places))
            work.places = {place: self._folds[place] for place in places}
            yield work
            work.settle()
            self._write(connection, work, commit=True)

    def _begin(self, connection: Fenced, tx: int, now: int, shards: Iterable[int] = ()) -> Work:
        self._quota.begin()
        return Work(tx=tx, now=now, quota=self._quota, rows=store.Rows(connection), shards=set(shards))

    def _write(
        self, connection: Fenced, work: Work, *, commit: bool = False, meanwhile: Callable[[], None] | None = None
    ) -> None:
        """Write what a transaction gathered beside its rows: folds, letters, alarms, the marks last; COMMIT and notify.

        All of it travels at once; after the first that fails the database ignores the rest, COMMIT included.
        """
        with committing(connection, _CHANNEL) as done:
            work.spaces = store.store_spaces(connection, self.topology, work.places.values(), work.now, TTL_S)
            for kept in work.letters:
                records.store_letter(connection, kept)
            for excess in work.quota.excess.values():
                records.store_excess(connection, excess)
            for alarm in work.alarms:
                raise_alarm(connection, alarm)
            for incident in work.entailed.incidents:
                records.raise_incident(connection, incident)
            records.store_uses(connection, work.entailed.uses)
            store.move_marks(connection, list(work.reached.values()))
            store.check_shards(connection, work.shards)
            store.append_feed(connection, work.tx, work.parts)
            if commit:
                done(work.spaces)
            if meanwhile is not None:
                meanwhile()

    def _load(self, connection: store.Connection, readings: list[ReadBatch]) -> None:
        """Read the marks and folds that aren't known yet."""
        gateways = {r.gateway.id for r in readings} - self._streams.keys()
        if gateways:
            for gateway in gateways:
                self._streams[gateway] = []
            for stream in store.streams(connection, list(gateways)):
                self._streams[stream.gateway].append(stream)
        self._read_folds(connection, {r.gateway.place for r in readings})

    def _read_folds(self, connection: store.Connection, places: set[int]) -> None:
        places -= self._folds.keys()
        if places:
            found, older = store.folds(connection, self.topology, list(places))
            for place in older:
                found[place] = refold.rebuilt(connection, self.topology, found[place])
            self._folds.update(found)
            garbage.keep()

    def _stream(self, connection: store.Connection, reading: ReadBatch, work: Work) -> Stream | None:
        """The stream of a batch; None where a life that we don't know doesn't begin at its beginning."""
        known = self._streams[reading.gateway.id]
        for stream in known:
            if stream.epoch == reading.epoch:
                if stream is not known[-1]:
                    work.tally.conflicts += 1
                    work.alarms.append(alarms.conflict(reading.gateway))
                return stream
        if reading.first != 1:
            return None
        if known:
            work.alarms.append(alarms.new_life(reading, known[-1]))
        stream = store.new_stream(connection, reading.gateway.id, reading.epoch)
        known.append(stream)
        return stream

    def _look_up(self, connection: store.Connection, readings: list[ReadBatch], work: Work) -> None:
        """Look up which events the database holds in earlier streams: nothing can be asked once rows are sent."""
        for reading in readings:
            if reading.was:
                work.held[id(reading)] = earlier.held(connection, self._streams[reading.gateway.id], reading)

    def _accept(self, stream: Stream | None, reading: ReadBatch, work: Work) -> None:
        """Take what is new of a batch: cut off what was seen, ignore what lies beyond a gap or continues another spool.

        Whatever it is, the mark answers: the gateway finds there what it has to send.
        """
        tally, count = work.tally, len(reading.events)
        reached = Reached(stream=stream, seq=stream.last_seq, digest=stream.digest) if stream is not None else None
        if stream is not None and stream.id in work.reached:
            reached = work.reached[stream.id]
        last, digest = (0, None) if reached is None else (reached.seq, reached.digest)
        end = reading.first + count - 1
        tally.marks[reading.gateway.code, reading.epoch] = (reading.gateway, last, digest)
        if stream is None or reached is None or reading.first > last + 1:
            tally.beyond_gap += count
            return
        if end <= last:
            tally.duplicate += count
            return
        known = last and digest is not None and reading.after is not None
        if known and (reading.first <= last or reading.after != digest):
            # Only its gateway can tell whether what overlaps is the same; the mark tells it what to send.
            tally.beyond_gap += count
            return
        seen = last + 1 - reading.first
        tally.duplicate += seen
        held: frozenset[int] = frozenset()
        if reading.was:
            before = {one["epoch"] for one in reading.was}
            if any(one.epoch in before and one.id in work.reached for one in self._streams[reading.gateway.id]):
                # This transaction has taken from the earlier stream, and its rows can't be looked up yet.
                tally.beyond_gap += count
                return
            held = work.held[id(reading)] - set(range(seen))
        newest = self._take(stream, reading, seen, held, work)
        reached.seq, reached.digest = end, reading.digest
        reached.held_before += len(held)
        work.reached[stream.id] = reached
        tally.committed += count - seen - len(held)
        tally.duplicate += len(held)
        tally.marks[reading.gateway.code, reading.epoch] = (reading.gateway, end, reading.digest)
        if newest:
            tally.lags.append((work.now - newest) / 1e6)

    def _take(self, stream: Stream, reading: ReadBatch, seen: int, held: frozenset[int], work: Work) -> int:
        """Encode, send and fold the events of a batch after the first ``seen``; returns the newest event's time.

        Args:
            held: indices of events whose rows stand in an earlier stream.
        """
        gateway = reading.gateway
        place_id, devices, stream_id = gateway.place, gateway.devices, stream.id
        encode = Encoder(received_at=work.now, tx=work.tx, stream=stream_id, place=place_id).row
        place = work.places.setdefault(place_id, self._folds[place_id])
        rows: list[bytes] = []
        apply, add, entail = place.apply, rows.append, work.entailed.take
        received = reading.message.received_at
        shift, wrong = self._shift(reading)
        low, high = received - clock.OLDEST - shift, received + clock.TOLERANCE - shift
        seq = reading.first + seen - 1
        newest = 0
        earliest, latest = received + clock.TOLERANCE, received - clock.OLDEST
        for event in reading.events[seen:] if seen else reading.events:
            seq += 1
            if wrong:
                shift = wrong[seq - reading.first]
            if held and seq - reading.first in held:
                continue
            if event.__class__ is Unreadable:
                work.unread(letters.of_event(event, stream.id, seq, reading))
                continue
            name = event["device"]  # type: ignore[index]
            device = devices.get(name)
            if device is None and name != "gateway":
                work.unread(letters.of_event(letters.stranger(event, gateway), stream.id, seq, reading))  # type: ignore[arg-type]
                continue
            at = event["at"]  # type: ignore[index]
            if shift or not low <= at <= high:
                at = clock.correct(at, shift, received)
                work.tally.corrected += at != event["at"]  # type: ignore[index]
            add(encode(event, at, seq, None if device is None else device.id))  # type: ignore[arg-type]
            if device is None:
                work.said(letters.of_driver(event, stream.id, seq, reading))  # type: ignore[arg-type]
            else:
                apply(event, device, at)  # type: ignore[arg-type]
            if event["kind"] in TELLING:  # type: ignore[index]
                entail(event, gateway, device, at)  # type: ignore[arg-type]
            newest = at
            if at < earliest:  # noqa: PLR1730  (a call for each event costs the ingest a percent)
                earliest = at
            if at > latest:  # noqa: PLR1730
                latest = at
        work.rows.send(rows)
        if rows:
            part = Stored(
                stream=stream_id, place=place_id, first=reading.first + seen, last=seq, low=earliest, high=latest
            )
            work.parts.append(part)
        if work.quota.exceeded(gateway.id):
            work.alarms.append(alarms.rubbish(gateway))
        worst = max(wrong, key=abs) if wrong else shift
        if worst:
            work.alarms.append(alarms.clock_wrong(gateway, worst))
        return newest

    @staticmethod
    def _shift(reading: ReadBatch) -> tuple[int, list[int]]:
        """Return what to add to the times of a batch; or, where its clock jumped within, to each event's."""
        received = reading.message.received_at
        shift = clock.offset(reading.sent_at, received)
        if reading.boots:
            shift = clock.of_run(shift, received, reading.boots)
        shift += reading.stepped
        if _CLOCK_STEP not in reading.message.payload:
            return clock.beyond_tolerance(shift), []
        return 0, clock.corrections(reading.events, shift)
