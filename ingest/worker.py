"""The worker: owns shards, takes messages from the inbox, commits them, publishes the marks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import psycopg

from database.alarms import Alarm, raise_alarm
from database.leases import Fenced, Keeper, connect
from database.pace import Pace
from database.reasons import reason_of
from gateway.contract.wire import Mark
from ingest import booking_news, due, head_counts, isolate, records, replay, store, topology
from ingest.commit import Books
from ingest.inbox import Inbox
from ingest.messages import Letter, Message, ReadBatch, Refusal, sender
from ingest.metrics import Metrics
from ingest.reading import Reader, Taken
from ingest.settings import IngestSettings
from ingest.states import Said, States
from ingest.transaction import Tally
from occupancy.topology import Gateway, changed_places
from process import garbage
from process.pulse import Pulse

log = logging.getLogger(__name__)

Publish = Callable[[str, bytes, bool], None]
"""Send a message with QoS 0: whoever misses a mark sends its batch again. The last argument: retained."""

_MOST_BYTES: Final = 1_500_000
"""Of messages in one transaction: about 10,000 events."""
_AHEAD_BYTES: Final = 400_000
"""Of messages read while a transaction is being committed, which takes a few milliseconds."""
_APART_S: Final = 0.01
"""So long after the beginning of a transaction that several batches shared the next one begins: each costs milliseconds
of processor here, in the database and in the API, whatever it holds. Batches that come one by one don't wait…"""
_ENOUGH_BYTES: Final = 32_768
"""…nor does what is worth a transaction of its own."""
_STATES_AT_ONCE: Final = 20
"""Gateways send their states every ten seconds, many of them at the same moment; each takes about 0.3 ms."""
_STATES_EVERY_S: Final = 0.3
"""A transaction of their own costs a disk's commit, for which the events behind it wait."""
_PASSING: Final = (psycopg.OperationalError, psycopg.InterfaceError)
"""The database is away or in trouble; an alarm could not be stored either."""
_IDLE_S: Final = 0.25
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 2.0
"""Between two tries while nothing can be stored."""
_DOUBT_S: Final = 10.0
"""A message of an unknown gateway makes the worker read the network again, at most this often."""
_REPLAY_EVERY_S: Final = 5.0
"""Replays and head counts are notified; this is for a notification that got lost."""
_TOPOLOGY_EVERY_S: Final = 600.0
"""Changes of the network are notified; this is for a notification that got lost."""
_LOOK_EVERY_S: Final = 5.0
"""Time alone changes an estimate this much late at most, beside the gateway's own pace of reporting."""
_STUCK_S: Final = 60.0
"""A worker that doesn't turn for so long, while the process runs, lets its shards go."""
_FIRST_ANSWER_S: Final = 5.0


class Worker:
    """Runs in a thread of its own; everything it knows is read again after any failure."""

    def __init__(self, settings: IngestSettings, inbox: Inbox, publish: Publish, metrics: Metrics) -> None:
        self._settings = settings
        self._inbox = inbox
        self._publish = publish
        self._metrics = metrics
        self._books: Books
        self.owned: frozenset[int] = frozenset()
        self.ready = threading.Event()
        """Set while the database answers and takes what arrives, and the shards that are free are ours."""
        self.trouble: str | None = None
        """Why nothing can be stored, until something can be."""
        self.topology_stale = threading.Event()
        """Set by the listener when the network has changed."""
        self.replay_requested = threading.Event()
        self.head_counts_waiting = threading.Event()
        self.bookings_waiting = threading.Event()
        self.pulse = Pulse(_STUCK_S)
        self._states = States(metrics)
        self._reader = Reader(metrics, self._stored)
        self._refused = False
        """The trouble is a refusal by a database that answers: it is an alarm."""
        self._again: list[Message] = []
        """What could not be stored: it is tried first, and until it is stored the worker isn't ready."""
        self._ahead: Taken | None = None
        """What was taken from the inbox and read while the last transaction was being committed."""
        self._began = 0.0
        """When the last transaction that several batches shared did."""
        self._said: dict[int, Said] = {}
        """The newest state of each gateway that is to be stored, oldest first."""
        self._states_at = 0.0
        """When some of them may be stored."""

    def admits(self, topic: str) -> bool:
        """Whether a message is kept at all: its topic is that of a gateway in service. From the broker's thread."""
        if not self.ready.is_set() or self.topology_stale.is_set():
            return True  # nobody can say yet; it is looked at again when it is read
        found = sender(self._books.topology, topic)
        if isinstance(found, Refusal):
            self._reader.refuse(found)
        return not isinstance(found, Refusal)

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop``. A lost database is waited for; while it refuses, nothing is taken and no mark moves."""
        url = self._settings.database_url.get_secret_value()
        wanted = map(store.lease_of, self._settings.shard_set)
        with Keeper(url, wanted, application_name="maillage ingest leases", alive=self._turns) as keeper:
            self._stay_connected(url, keeper, stop)

    def _stored(self, gateway: Gateway, epoch: str) -> int:
        return self._books.stored(gateway, epoch)

    def _turns(self) -> bool:
        return not self.pulse.is_stuck()

    def _stay_connected(self, url: str, keeper: Keeper, stop: threading.Event) -> None:
        pause_s = _FIRST_PAUSE_S
        while not stop.is_set():
            self.pulse.beat()
            try:
                with connect(url, application_name="maillage ingest") as connection:
                    self._metrics.connected.labels("database").set(1)
                    self._own(connection, keeper, stop)
            except Exception as failure:
                if self.trouble is None:
                    pause_s = _FIRST_PAUSE_S
                self._failed(failure, pause_s)
            finally:
                self.ready.clear()
                self.owned = frozenset()
                self._metrics.connected.labels("database").set(0)
                self._metrics.storing.set(0)
                self._metrics.shards.set(0)
            stop.wait(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _failed(self, failure: Exception, pause_s: float) -> None:
        """Note why nothing can be stored; what was to be stored is kept for the next try, as far as there is room."""
        self._metrics.failures.inc()
        self.trouble = reason_of(failure)
        if self._ahead is not None:
            self._again += self._ahead.messages
            self._ahead = None
        self._refused = not isinstance(failure, (*_PASSING, store.DatabaseReplaced)) and (
            getattr(failure, "sqlstate", None) not in store.OVERTAKEN
        )
        size, kept = 0, []
        for message in self._again:
            size += len(message.payload)
            if size > _MOST_BYTES:
                break
            kept.append(message)
        self._again = kept
        extra = {"reason": self.trouble, "retry_s": pause_s}
        if getattr(failure, "sqlstate", None) in store.OVERTAKEN:
            log.error("shard_lost", extra=extra)
        elif isinstance(failure, psycopg.Error | store.DatabaseReplaced):
            log.error("database_failed", extra=extra)
        else:
            log.error("nothing_stored", extra=extra, exc_info=failure)

    def _own(self, connection: Fenced, keeper: Keeper, stop: threading.Event) -> None:
        """Work for the shards whose leases this process holds."""
        if self._refused:
            self._tell(connection, lambda: records.raise_refusal(connection, self.trouble or ""))
        self._books = Books(topology.load(connection))
        garbage.settle()
        keeper.asked.wait(_FIRST_ANSWER_S)
        self._follow(connection, keeper.held)
        topology_at = doubt_at = replay_at = counts_at = bookings_at = look_at = 0.0
        pace = Pace(share=0.1, least_s=0.1)
        while not stop.is_set():
            now = time.monotonic()
            self.pulse.beat()
            if keeper.held != connection.fences:
                self._follow(connection, keeper.held)
                replay_at = counts_at = bookings_at = 0.0
            stale = self.topology_stale.is_set() and not pace.wait_s(now)
            if stale or now >= topology_at or (self._reader.doubtful and now >= doubt_at):
                self.topology_stale.clear()
                self._reader.doubtful = False
                self._renew(connection) if topology_at else None
                topology_at, doubt_at = now + _TOPOLOGY_EVERY_S, now + _DOUBT_S
                pace.done(now, time.monotonic())
            taken = self._take()
            if self._again:
                self._work(connection, taken)
                self._again = []
            self._store_states(connection)
            if not self.ready.is_set():
                self._recovered(connection)
            if self.replay_requested.is_set() or now >= replay_at:
                self.replay_requested.clear()
                replay_at = now + _REPLAY_EVERY_S
                if self._aside("replay_refused", lambda: replay.answer_requests(connection, self._books, self.owned)):
                    replay_at = 0.0  # there may be more of them; what arrived meanwhile comes first
            if self.head_counts_waiting.is_set() or now >= counts_at:
                self.head_counts_waiting.clear()
                counts_at = now + _REPLAY_EVERY_S
                if self._aside("head_counts_refused", lambda: self._take_head_counts(connection)):
                    counts_at = 0.0
            if self.bookings_waiting.is_set() or now >= bookings_at:
                self.bookings_waiting.clear()
                bookings_at = now + _REPLAY_EVERY_S
                if self._aside("bookings_refused", lambda: booking_news.take(connection, self._books, self.owned)):
                    bookings_at = 0.0
            if now >= look_at:
                look_at = now + _LOOK_EVERY_S
                self._aside("look_refused", lambda: bool(due.settle(connection, self._books, self.owned)))

    def _take_head_counts(self, connection: Fenced) -> bool:
        return head_counts.take(connection, self._books, self.owned, self._metrics)

    def _renew(self, connection: Fenced) -> None:
        """Go on with the network as it is now; where a place was fitted out otherwise, estimate it anew (``due``)."""
        before, fresh = self._books.topology, topology.load(connection)
        self._books.use(fresh)
        garbage.settle()
        due.mark(connection, changed_places(before, fresh))

    def _recovered(self, connection: store.Connection) -> None:
        """What waited is stored, or nothing did: say so."""
        if self.trouble is not None:
            log.info("storing_again")
        self.trouble, self._refused = None, False
        if self.owned:
            self._tell(connection, lambda: records.end_refusal(connection))
        self._metrics.storing.set(1)
        self.ready.set()

    @staticmethod
    def _tell(connection: store.Connection, write: Callable[[], None]) -> None:
        """Write an alarm, where the database takes one: it must not keep anything else from being done."""
        try:
            with connection.transaction():
                write()
        except psycopg.Error as failure:
            log.error("alarm_refused", extra={"reason": reason_of(failure)})

    def _follow(self, connection: Fenced, held: Mapping[str, int]) -> None:
        """Own the shards of the leases; forget what is cached of shards that were lost."""
        if not connection.fences.items() <= held.items():
            self._books.forget()
            log.warning("shards_lost", extra={"shards": len(connection.fences.items() - held.items())})
        connection.fences, self.owned = held, store.shards_of(held)
        self._metrics.shards.set(len(self.owned))
        if self.owned:
            log.info("shards_owned", extra={"shards": len(self.owned), "of": len(self._settings.shard_set)})
        else:
            log.info("standby", extra={"reason": "other workers own all of these shards"})

    def _take(self) -> Taken:
        """Take what waits, read: first what was read ahead or could not be stored, then what the inbox holds."""
        ahead, self._ahead = self._ahead, None
        taken = Taken(topology=self._books.topology, owned=self.owned)
        if ahead is not None and ahead.topology is taken.topology and ahead.owned == taken.owned:
            taken = ahead
        elif ahead is not None:
            self._again += ahead.messages
        idle = not (taken.messages or self._again or len(self._said) > _STATES_AT_ONCE)
        wait_s = _IDLE_S if not self._said else min(_IDLE_S, max(0.0, self._states_at - time.monotonic()))
        if not self._again:
            read_bytes = sum(len(message.payload) for message in taken.messages)
            self._inbox.gather(self._began + _APART_S, _ENOUGH_BYTES - read_bytes)
        waiting = self._again + self._inbox.take(_MOST_BYTES, wait_s=wait_s if idle else 0.0)
        self._again = taken.messages + waiting
        self._reader.read(taken, waiting)
        return taken

    def _read_ahead(self) -> None:
        """While the database commits: take and read a part of what comes next."""
        self._ahead = Taken(topology=self._books.topology, owned=self.owned)
        self._reader.read(self._ahead, self._inbox.take(_AHEAD_BYTES, wait_s=0.0))

    def _work(self, connection: Fenced, taken: Taken) -> None:
        """Commit what was taken and publish the marks that it leads to."""
        started = time.perf_counter()
        if taken.readings or taken.unreadable:
            self._began = time.monotonic() if len(taken.readings) > 1 else 0.0
            for tally in self._commit(connection, taken.readings, taken.unreadable):
                for (_, epoch), (gateway, seq, digest) in tally.marks.items():
                    self._mark(gateway, Mark(epoch=epoch, seq=seq, digest=digest))
                self._count(tally, time.perf_counter() - started)
        for said in taken.states:
            self._said.pop(said.gateway.id, None)
            self._said[said.gateway.id] = said

    def _store_states(self, connection: Fenced) -> None:
        """Store some gateways' newest states; the events that arrived meanwhile come before the others."""
        now = time.monotonic()
        if now < self._states_at and len(self._said) <= _STATES_AT_ONCE:
            return
        self._states_at = now + _STATES_EVERY_S
        some = list(self._said)[:_STATES_AT_ONCE]
        ours = [self._said[gateway] for gateway in some if self._said[gateway].gateway.shard in self.owned]
        if ours:
            self._aside("states_refused", lambda: self._states.store(connection, ours))
        for gateway in some:
            del self._said[gateway]

    def _aside(self, name: str, work: Callable[[], bool | None]) -> bool:
        """Do what is done beside the events: where only that is refused, events are stored all the same."""
        try:
            return bool(work())
        except psycopg.Error as failure:
            if isinstance(failure, _PASSING) or failure.sqlstate in store.OVERTAKEN:
                raise
            self._books.forget()
            self._metrics.failures.inc()
            log.error(name, extra={"reason": reason_of(failure)})
            return False

    def _commit(self, connection: Fenced, readings: list[ReadBatch], unreadable: list[Letter]) -> Iterator[Tally]:
        """Commit all in one transaction; where that is refused, batch by batch, so that only what is at fault stops.

        Raises:
            Exception: the refusal, where it lies in no event, or nothing at all could be stored.
        """
        try:
            yield self._books.commit(connection, readings, unreadable, meanwhile=self._read_ahead)
        except Exception as failure:
            if not isolate.may_be_an_events_fault(failure):
                raise
            self._books.forget()
            self._metrics.failures.inc()
            reason = reason_of(failure)
            log.warning("transaction_refused", extra={"batches": len(readings), "reason": reason})
        else:
            return
        held: Exception | None = None
        stored = 0
        for reading in readings:
            if not reading.events:  # it only asks for the mark, and will again
                continue
            try:
                for tally in isolate.commit(self._books, connection, reading, turn=self._turn):
                    stored += 1
                    yield tally
            except Exception as failure:
                if not isolate.may_be_an_events_fault(failure):
                    raise
                self._books.forget()
                self._hold(connection, reading, failure)
                held = failure
        for letter in unreadable:
            try:
                yield self._books.commit(connection, [], [letter])
            except Exception as failure:
                if not isolate.may_be_an_events_fault(failure):
                    raise
                # Its gateway keeps the events themselves.
                log.error("letter_refused", extra={"reason": reason_of(failure)})
        if held is not None and not stored:
            raise held

    def _turn(self) -> None:
        self.pulse.beat()

    def _hold(self, connection: store.Connection, reading: ReadBatch, failure: Exception) -> None:
        """Leave a batch to its gateway, which sends it again: what is refused in it is proven of no event."""
        gateway, reason = reading.gateway, reason_of(failure)
        self._metrics.held.inc()
        extra = {"gateway": gateway.code, "first": reading.first, "reason": reason}
        log.error("batch_held", extra=extra, exc_info=None if isinstance(failure, psycopg.Error) else failure)
        alarm = Alarm(
            kind="storing_refused",
            place=gateway.place,
            gateway=gateway.id,
            text=f"events of gateway {gateway.code} can't be stored; it keeps them. Why: {reason}".replace("\0", ""),
        )
        self._tell(connection, lambda: raise_alarm(connection, alarm))

    def _mark(self, gateway: Gateway, mark: Mark) -> None:
        topic = f"maillage/v1/{gateway.shard:02d}/{gateway.place_code}/{gateway.code}/committed"
        self._publish(topic, mark.model_dump_json(exclude_none=True).encode(), True)

    def _count(self, tally: Tally, seconds: float) -> None:
        m = self._metrics
        m.received.inc(tally.received)
        m.committed.inc(tally.committed)
        m.duplicate.inc(tally.duplicate)
        m.beyond_gap.inc(tally.beyond_gap)
        m.corrected.inc(tally.corrected)
        if tally.conflicts:
            m.conflicts.inc(tally.conflicts)
            log.error("identity_conflict", extra={"batches": tally.conflicts})
        for reason in tally.dead:
            m.dead.labels(reason).inc()
        m.lag.extend(tally.lags)
        m.batch_seconds.observe(seconds)
        m.batch_events.observe(tally.committed)
