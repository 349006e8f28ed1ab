"""The worker: owns shards, takes messages from the inbox, commits them, publishes the marks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

import psycopg

from database.pool import connect
from gateway.wire import Mark
from ingest import due, letters, replay, store, topology
from ingest.commit import Books, Tally
from ingest.inbox import Inbox
from ingest.messages import Letter, Message, Reading, Refusal, read, sender
from ingest.metrics import Metrics
from ingest.settings import IngestSettings
from ingest.states import Said, States, read_state
from ingest.topology import Gateway

log = logging.getLogger(__name__)

Publish = Callable[[str, bytes, bool], None]
"""Send a message with QoS 1; the last argument: retained."""

_MOST_BYTES: Final = 1_500_000
"""Of messages in one transaction: about 10,000 events."""
_PASSING: Final = (psycopg.OperationalError, psycopg.InterfaceError)
"""The database is away or in trouble: nothing is wrong with what was to be stored."""
_TOPOLOGY_EVERY_S: Final = 600.0
"""The database says when the network changes; this is for a word that got lost."""
_LOCKS_EVERY_S: Final = 2.0
_LOOK_EVERY_S: Final = 5.0
"""Time alone changes an estimate this much late at most, beside the gateway's own pace of reporting."""

_REFUSED_LOG_EVERY_S: Final = 60.0
"""Of each reason: one who must not send may send a lot."""


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
        """Set while the database answers and the shards that are free are ours."""
        self.topology_stale = threading.Event()
        """Set by whoever hears that the network changed."""
        self.replay_requested = threading.Event()
        self.beat = time.monotonic()
        """When the worker last turned."""
        self._states = States(metrics)
        self._refused_log_at: dict[str, float] = {}

    def admits(self, topic: str) -> bool:
        """Whether a message is kept at all: its topic is that of a gateway in service. From the broker's thread."""
        if not self.ready.is_set() or self.topology_stale.is_set():
            return True  # nobody can say yet; it is looked at again when it is read
        found = sender(self._books.topology, topic)
        if isinstance(found, Refusal):
            self._refuse(found)
        return not isinstance(found, Refusal)

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop``; a lost database is waited for."""
        pause_s = 0.2
        while not stop.is_set():
            self.beat = time.monotonic()
            try:
                with connect(
                    self._settings.database_url.get_secret_value(), application_name="maillage ingest"
                ) as connection:
                    connection.autocommit = True
                    self._metrics.connected.labels("database").set(1)
                    self._own(connection, stop)
                    pause_s = 0.2
            except psycopg.Error as error:
                name = "shard_lost" if error.sqlstate == store.MARK_MOVED else "database_failed"
                log.error(name, extra={"reason": _one_line(error), "retry_s": pause_s})
                self._metrics.failures.inc()
            finally:
                self.ready.clear()
                self.owned = frozenset()
                self._metrics.connected.labels("database").set(0)
                self._metrics.shards.set(0)
            stop.wait(pause_s)
            pause_s = min(pause_s * 2, 2.0)

    def _own(self, connection: store.Connection, stop: threading.Event) -> None:
        """Hold this connection's shards and work for them."""
        self._books = Books(topology.load(connection))
        wanted = self._settings.shard_set
        self.owned = frozenset()
        locks_at = topology_at = look_at = 0.0
        replay_due = True
        while not stop.is_set():
            now = self.beat = time.monotonic()
            if self.owned != wanted and now >= locks_at:
                taken = store.lock_shards(connection, wanted - self.owned)
                if taken:
                    self.owned |= taken
                    self._metrics.shards.set(len(self.owned))
                    log.info("shards_owned", extra={"shards": len(self.owned), "of": len(wanted)})
                elif not self.owned:
                    log.info("standby", extra={"reason": "other workers own all of these shards"})
                locks_at = now + _LOCKS_EVERY_S
                self.ready.set()
            if self.topology_stale.is_set() or now >= topology_at:
                self.topology_stale.clear()
                self._books.use(topology.load(connection)) if topology_at else None
                topology_at = now + _TOPOLOGY_EVERY_S
            if replay_due or self.replay_requested.is_set():
                replay_due = False
                self.replay_requested.clear()
                replay.answer_requests(connection, self._books, self.owned)
            if now >= look_at:
                due.settle(connection, self._books, self.owned)
                look_at = now + _LOOK_EVERY_S
            messages = self._inbox.take(_MOST_BYTES, wait_s=0.25)
            if messages:
                self._work(connection, messages)

    def _work(self, connection: store.Connection, messages: list[Message]) -> None:
        """Commit some messages and publish the marks that they lead to."""
        started = time.perf_counter()
        readings: list[Reading] = []
        unreadable: list[Letter] = []
        states: list[Said] = []
        for message in messages:
            found = sender(self._books.topology, message.topic)
            if isinstance(found, Refusal):
                self._refuse(found)
                continue
            gateway, leaf = found
            if gateway.shard not in self.owned:
                continue
            if leaf == "events":
                one = read(gateway, message)
                (readings if isinstance(one, Reading) else unreadable).append(one)  # type: ignore[arg-type]
            elif leaf == "state":
                said = read_state(gateway, message)
                if isinstance(said, Letter):
                    unreadable.append(said)
                elif said is not None:
                    states.append(said)
            else:
                self._refuse(Refusal(topic=message.topic, reason="forged_topic", error=f"nothing is heard on {leaf!r}"))
        if readings or unreadable:
            for tally in self._commit(connection, readings, unreadable):
                for (_, epoch), (gateway, seq) in tally.marks.items():
                    self._mark(gateway, epoch, seq)
                self._count(tally, time.perf_counter() - started)
        if states:
            self._states.store(connection, states)

    def _commit(
        self, connection: store.Connection, readings: list[Reading], unreadable: list[Letter]
    ) -> Iterator[Tally]:
        """Commit all in one transaction; where something in it can't be stored, batch by batch, so that only it stops.

        A batch that can't be stored even alone is kept event by event as dead letters, and its mark moves on: its
        gateway would send the same for ever.
        """
        try:
            yield self._books.commit(connection, readings, unreadable)
        except _PASSING:
            raise
        except Exception as failure:
            if getattr(failure, "sqlstate", None) == store.MARK_MOVED:
                raise
            log.exception("transaction_refused", extra={"batches": len(readings), "letters": len(unreadable)})
            self._metrics.failures.inc()
        else:
            return
        for reading in readings:
            self._books = Books(self._books.topology)
            try:
                yield self._books.commit(connection, [reading], [])
            except _PASSING:
                raise
            except Exception as failure:
                log.exception("batch_refused", extra={"gateway": reading.gateway.code, "first": reading.first})
                self._books = Books(self._books.topology)
                yield self._books.commit(connection, [letters.not_storable(reading, failure)], [])
        for letter in unreadable:
            yield self._books.commit(connection, [], [letter])

    def _mark(self, gateway: Gateway, epoch: str, seq: int) -> None:
        topic = f"maillage/v1/{gateway.shard:02d}/{gateway.place_code}/{gateway.code}/committed"
        self._publish(topic, Mark(epoch=epoch, seq=seq).model_dump_json().encode(), True)

    def _refuse(self, refusal: Refusal) -> None:
        self._metrics.refused.labels(refusal.reason).inc()
        now = time.monotonic()
        if now >= self._refused_log_at.get(refusal.reason, 0.0):
            self._refused_log_at[refusal.reason] = now + _REFUSED_LOG_EVERY_S
            log.warning(
                "message_refused",
                extra={"topic": refusal.topic[:300], "reason": refusal.reason, "error": refusal.error[:300]},
            )

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
        m.lag.recent.extend(tally.lags)
        m.batch_seconds.observe(seconds)
        m.batch_events.observe(tally.committed)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
