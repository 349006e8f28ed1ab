"""The ingest's SQL: one transaction a batch, and what is read before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

from gateway.wire import SignedList, State
from ingest.occupancy import Change, PlaceFold
from ingest.rows import COPY_EVENT, HEADER, TRAILER
from ingest.space import Estimate, SpaceFold
from ingest.topology import Topology

Connection = psycopg.Connection[Any]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LETTER_BYTES: Final = 65_536
MARK_MOVED: Final = "MA001"
"""SQLSTATE of a mark that another worker moved."""
_SHARD_LOCKS: Final = 1_296_124_769
"""First key of the advisory locks (the second is the shard): one worker owns a shard at a time."""


def when(micros: int) -> datetime:
    """Microseconds since the Unix epoch as an aware time; what no calendar holds becomes its nearest end."""
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if micros > 0 else datetime.min.replace(tzinfo=UTC)


def micros(moment: datetime) -> int:
    """An aware time as microseconds since the Unix epoch."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


_LOCK = """
-- take those of the shards that nobody else has
SELECT shard FROM unnest(%b::int[]) AS shard WHERE pg_try_advisory_lock(%b::int, shard)
"""

_BEGIN = """
-- the transaction's number, which orders the feed, and the centre's time
SELECT pg_current_xact_id()::text::bigint, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
"""

_STREAMS = """
-- how far each gateway's events are stored, newest life of its spool last
SELECT id, gateway, epoch, last_seq, last_received_at FROM stream WHERE gateway = ANY(%b::int[]) ORDER BY started_at, id
"""

_NEW_STREAM = """
-- a gateway's spool begins a new life
INSERT INTO stream (gateway, epoch) VALUES (%b, %b) RETURNING id
"""

_MOVE_MARKS = """
-- move the marks, each from where this worker knew it to be; refuses where one was moved by somebody else
SELECT move_marks(%b::int[], %b::bigint[], %b::bigint[])
"""

_SPACE_STATES = """
-- the folds of some places as last stored
SELECT space, place, revision, present, low, high, quality, fold FROM space_state WHERE place = ANY(%b::int[])
"""

_STORE_SPACES = """
-- the new present state of spaces
INSERT INTO space_state (space, place, revision, present, low, high, capacity, quality, at, ttl_s, changed_at, fold)
SELECT * FROM unnest(%b::int[], %b::int[], %b::bigint[], %b::int[], %b::int[], %b::int[], %b::int[], %b::text[],
                     %b::timestamptz[], %b::int[], %b::timestamptz[], %b::jsonb[])
ON CONFLICT (space) DO UPDATE SET
  revision = excluded.revision, present = excluded.present, low = excluded.low, high = excluded.high,
  capacity = excluded.capacity, quality = excluded.quality, at = excluded.at, ttl_s = excluded.ttl_s,
  changed_at = excluded.changed_at, fold = excluded.fold
"""

_STORE_CHANGES = """
-- the history of estimates
INSERT INTO occupancy_change (at, place, space, present, low, high, capacity, quality)
SELECT * FROM unnest(%b::timestamptz[], %b::int[], %b::int[], %b::int[], %b::int[], %b::int[], %b::int[], %b::text[])
"""

_STORE_LETTER = """
-- keep what could not be read; the same again counts up
INSERT INTO dead_letter
  (origin, reason, error, topic, gateway, stream, seq, received_at, sent_at, payload, length, digest)
VALUES (%b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b)
ON CONFLICT (digest) DO UPDATE SET times = dead_letter.times + 1, last_at = now()
"""

_STORE_STATE = """
-- what a gateway says of itself; an older word (a retained one) never replaces a newer one
INSERT INTO gateway_state AS old (gateway, place, online, heard_at, changed_at, version, boot, epoch, list_version,
                                  spool_depth, clock_offset_ms, devices, unwell)
VALUES (%b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b::jsonb)
ON CONFLICT (gateway) DO UPDATE SET
  online = excluded.online,
  heard_at = CASE WHEN excluded.online THEN greatest(old.heard_at, excluded.heard_at) ELSE old.heard_at END,
  changed_at = CASE WHEN old.online = excluded.online THEN old.changed_at ELSE excluded.changed_at END,
  version = coalesce(excluded.version, old.version), boot = coalesce(excluded.boot, old.boot),
  epoch = coalesce(excluded.epoch, old.epoch),
  list_version = CASE WHEN excluded.online THEN excluded.list_version ELSE old.list_version END,
  spool_depth = CASE WHEN excluded.online THEN excluded.spool_depth ELSE old.spool_depth END,
  clock_offset_ms = coalesce(excluded.clock_offset_ms, old.clock_offset_ms),
  devices = coalesce(excluded.devices, old.devices),
  unwell = CASE WHEN excluded.online THEN excluded.unwell ELSE old.unwell END
RETURNING place, online, heard_at, spool_depth
"""

_LISTS_DUE = """
-- the online gateways of some gateways or places that don't hold their place's list
SELECT g.code, l.version, l.body, l.signature
FROM gateway_state s JOIN gateway g ON g.id = s.gateway JOIN access_list l ON l.place = g.place
WHERE s.online AND (g.id = ANY(%b::int[]) OR g.place = ANY(%b::int[])) AND s.list_version IS DISTINCT FROM l.version
"""

_RAISE = """
-- tell the operator, once an hour for the same thing
INSERT INTO alarm (kind, place, gateway, from_at, until_at, text, detail)
SELECT %b::text, %b::int, %b::int, %b::timestamptz, %b::timestamptz, %b::text, %b::jsonb
WHERE NOT EXISTS (
  SELECT FROM alarm
  WHERE gateway IS NOT DISTINCT FROM %b::int AND kind = %b::text AND raised_at > now() - interval '1 hour'
    AND text = %b::text
)
"""

_NOTIFY = """
-- tell the API
SELECT pg_notify(%b, %b)
"""


@dataclass(slots=True)
class Stream:
    """One life of a gateway's spool: its row's id and the last sequence number stored."""

    id: int
    gateway: int
    epoch: str
    last_seq: int
    last_received_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """What could not be read, as stored."""

    origin: str
    reason: str
    error: str
    topic: str
    gateway: int | None
    stream: int | None
    seq: int | None
    received_at: int
    sent_at: int | None
    payload: bytes

    @property
    def digest(self) -> bytes:
        """What makes two letters the same: an event's place in its stream, or the whole message."""
        key = f"{self.origin}|{self.topic}|{self.stream}|{self.seq}|".encode()
        return hashlib.sha256(key + (b"" if self.seq is not None else self.payload)).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """What an operator must look at; times in microseconds since the Unix epoch."""

    kind: str
    place: int
    gateway: int
    text: str
    from_at: datetime | None = None
    until_at: datetime | None = None


def lock_shards(connection: Connection, shards: Iterable[int]) -> frozenset[int]:
    """Take the shards that no other worker holds, for as long as this connection lives."""
    rows = connection.execute(_LOCK, (list(shards), _SHARD_LOCKS), binary=True).fetchall()
    return frozenset(shard for (shard,) in rows)


def streams(connection: Connection, gateways: Sequence[int]) -> list[Stream]:
    """The streams of some gateways, each gateway's newest last."""
    return [Stream(*row) for row in connection.execute(_STREAMS, (list(gateways),), binary=True)]


def new_stream(connection: Connection, gateway: int, epoch: str) -> Stream:
    """Begin a stream."""
    row = connection.execute(_NEW_STREAM, (gateway, epoch)).fetchone()
    assert row is not None
    return Stream(row[0], gateway, epoch, 0)


@contextmanager
def transaction(connection: Connection) -> Iterator[tuple[int, int]]:
    """Run a transaction; gives its number and the centre's time in microseconds.

    BEGIN travels with the question for both. Whoever ends the work by ``finish`` has committed it already.
    """
    with connection.pipeline():
        connection.execute("BEGIN")
        row = connection.execute(_BEGIN, binary=True).fetchone()
    assert row is not None
    try:
        yield row[0], row[1]
    except BaseException:
        if not connection.closed:
            connection.execute("ROLLBACK")
        raise
    if connection.info.transaction_status != TransactionStatus.IDLE:
        connection.execute("COMMIT")


def folds(connection: Connection, topology: Topology, places: Sequence[int]) -> dict[int, PlaceFold]:
    """The folds of ``places`` as last stored."""
    spaces: dict[int, dict[int, SpaceFold]] = {place: {} for place in places}
    for space, place, revision, present, low, high, quality, value in connection.execute(
        _SPACE_STATES, (list(places),), binary=True
    ):
        if space in topology.spaces:
            estimate = Estimate(present=present, low=low, high=high, quality=quality)
            spaces[place][space] = SpaceFold.from_json(value, estimate, revision)
    return {place: PlaceFold(place, topology, rows) for place, rows in spaces.items()}


def copy_events(connection: Connection, rows: Sequence[bytes]) -> None:
    """Store encoded rows (``ingest.rows.row``)."""
    if not rows:
        return
    with connection.cursor() as cursor, cursor.copy(COPY_EVENT) as copy:
        copy.write(HEADER)
        for start in range(0, len(rows), 1000):
            copy.write(b"".join(rows[start : start + 1000]))
        copy.write(TRAILER)


def move_marks(connection: Connection, moves: Sequence[tuple[Stream, int]]) -> None:
    """Move each stream's mark to the given sequence number.

    Raises:
        psycopg.Error: with SQLSTATE ``MARK_MOVED``: the database's mark isn't the one in ``Stream.last_seq``.
    """
    if moves:
        columns = ([s.id for s, _ in moves], [s.last_seq for s, _ in moves], [seq for _, seq in moves])
        connection.execute(_MOVE_MARKS, columns, binary=True)


def store_spaces(connection: Connection, topology: Topology, places: Iterable[PlaceFold], now: int, ttl_s: int) -> None:
    """Store the touched spaces and their changes, and tell the API; empties ``touched`` and ``changes``."""
    rows: list[tuple[Any, ...]] = []
    told: list[list[Any]] = []
    changes: list[tuple[int, Change]] = []
    changed_at = when(now)
    for place in places:
        for space in sorted(place.touched):
            fold = place.spaces[space]
            fold.revision += 1
            e, capacity = fold.estimate, topology.spaces[space].capacity
            rows.append(
                (
                    *(space, place.id, fold.revision, e.present, e.low, e.high, capacity, e.quality),
                    *(when(fold.at), ttl_s, changed_at, fold.to_json()),
                )
            )
            told.append(
                [space, place.id, fold.revision, e.present, e.low, e.high, capacity, e.quality, fold.at, ttl_s, now]
            )
        changes.extend((place.id, change) for change in place.changes)
        place.touched.clear()
        place.changes.clear()
    if rows:
        connection.execute(_STORE_SPACES, [list(column) for column in zip(*rows, strict=True)])
    if changes:
        columns = zip(
            *(
                (
                    *(when(c.at), place, c.space, c.estimate.present, c.estimate.low, c.estimate.high),
                    *(topology.spaces[c.space].capacity, c.estimate.quality),
                )
                for place, c in changes
            ),
            strict=True,
        )
        connection.execute(_STORE_CHANGES, [list(column) for column in columns])
    notify(connection, "maillage_occupancy", "s", told)


def notify(connection: Connection, channel: str, key: str, rows: Sequence[list[Any]]) -> None:
    """Send ``{key: rows}`` on ``channel``, in as many notifications as their limit of 8,000 bytes asks for."""
    for start in range(0, len(rows), 60):
        text = json.dumps({key: rows[start : start + 60]}, separators=(",", ":"))
        connection.execute(_NOTIFY, (channel, text))


def store_letter(connection: Connection, letter: DeadLetter) -> None:
    """Keep what could not be read."""
    connection.execute(
        _STORE_LETTER,
        (
            letter.origin,
            letter.reason,
            letter.error.replace("\0", ""),
            letter.topic.replace("\0", ""),
            letter.gateway,
            letter.stream,
            letter.seq,
            when(letter.received_at),
            None if letter.sent_at is None else when(letter.sent_at),
            letter.payload[:_LETTER_BYTES],
            len(letter.payload),
            letter.digest,
        ),
    )


def store_state(
    connection: Connection, gateway: int, place: int, state: State, *, heard_at: int, offset_ms: float | None
) -> list[Any]:
    """Store a gateway's account of itself; returns the row to tell the API."""
    row = connection.execute(
        _STORE_STATE,
        (
            gateway,
            place,
            state.online,
            when(heard_at),
            when(heard_at),
            state.version,
            state.boot,
            state.epoch,
            state.list_version,
            state.spool_depth,
            offset_ms,
            state.devices,
            json.dumps([one.model_dump(exclude_none=True) for one in state.unwell]),
        ),
    ).fetchone()
    assert row is not None
    return [gateway, row[0], row[1], micros(row[2]), row[3]]


def lists_due(connection: Connection, gateways: Sequence[int], places: Sequence[int]) -> list[tuple[str, SignedList]]:
    """Which of these gateways (or of these places' gateways) need which list."""
    return [
        (code, SignedList(version=version, body=body, signature=signature))
        for code, version, body, signature in connection.execute(_LISTS_DUE, (list(gateways), list(places)))
    ]


def raise_alarm(connection: Connection, alarm: Alarm) -> None:
    """Tell the operator, once an hour for the same thing."""
    first = (alarm.kind, alarm.place, alarm.gateway, alarm.from_at, alarm.until_at, alarm.text, "{}")
    connection.execute(_RAISE, (*first, alarm.gateway, alarm.kind, alarm.text))
