"""The ingest's SQL: one transaction a batch, and what is read before it."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self

import psycopg
from psycopg.pq import TransactionStatus

from database.arrays import numbers
from database.leases import LEASE_LOST, Fenced
from gateway.contract.stored_events import COPY_EVENT, HEADER, TRAILER
from occupancy.estimate import weighted
from occupancy.fold import PlaceFold
from occupancy.space import Change, Estimate, OlderForm, SpaceFold, UnknownForm
from occupancy.topology import Topology

log = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ENCODE: Final = json.JSONEncoder(separators=(",", ":")).encode
MARK_MOVED: Final = "MA001"
"""SQLSTATE of a mark that another worker moved."""
OVERTAKEN: Final = frozenset((MARK_MOVED, LEASE_LOST))
"""SQLSTATEs that mean: another worker owns a shard of ours."""


def when(micros: int) -> datetime:
    """Microseconds since the Unix epoch as an aware time; what no calendar holds becomes its nearest end."""
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if micros > 0 else datetime.min.replace(tzinfo=UTC)


def micros(moment: datetime) -> int:
    """An aware time as microseconds since the Unix epoch."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


_BEGIN = """
-- the transaction's own number, the centre's time, and which tables these are
SELECT nextval('event_batch'), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
       coalesce(to_regclass('stream')::oid::bigint, 0)
"""

_STREAMS = """
-- how far each gateway's events are stored, newest life of its spool last
SELECT id, gateway, epoch, last_seq, last_received_at, digest FROM stream WHERE gateway = ANY(%b::int[])
ORDER BY started_at, id
"""

_NEW_STREAM = """
-- a gateway's spool begins a new life
INSERT INTO stream (gateway, epoch) VALUES (%b, %b) RETURNING id
"""

_MOVE_MARKS = """
-- move the marks, each from where this worker knew it to be; refuses where another worker has moved one
SELECT set_marks(%s::int[], %s::bigint[], %s::bigint[], %b::text[], %s::bigint[])
"""

_APPEND_FEED = """
-- note in the feed's ledger what was stored; from here to the commit one worker waits for the other
SELECT append_feed(%b::bigint, %s::int[], %s::int[], %s::bigint[], %s::bigint[], %b::timestamptz[], %b::timestamptz[])
"""

_SPACE_STATES = """
-- the folds of some places as last stored
SELECT space, place, revision, present, low, high, quality, at, fold, due_at FROM space_state
WHERE place = ANY(%b::int[])
"""

_STORE_SPACES = """
-- the new present state of spaces
INSERT INTO space_state AS old (space, place, revision, present, low, high, capacity, quality, at, ttl_s, changed_at,
                                fold, due_at, why)
SELECT * FROM unnest(%s::int[], %s::int[], %s::bigint[], %s::int[], %s::int[], %s::int[], %s::int[], %b::text[],
                     %b::timestamptz[], %s::int[], %b::timestamptz[], %b::jsonb[], %b::timestamptz[], %b::jsonb[])
ON CONFLICT (space) DO UPDATE SET
  revision = excluded.revision, present = excluded.present, low = excluded.low, high = excluded.high,
  capacity = excluded.capacity, quality = excluded.quality, at = excluded.at, ttl_s = excluded.ttl_s,
  changed_at = excluded.changed_at, fold = excluded.fold, due_at = excluded.due_at,
  why = coalesce(excluded.why, old.why)
"""
_SPACE_NUMBERS: Final = (0, 1, 2, 3, 4, 5, 6, 9)
"""Which of its columns hold numbers."""

_STORE_CHANGES = """
-- the history of estimates
INSERT INTO occupancy_change (at, place, space, present, low, high, capacity, quality, stored_at)
SELECT u.*, %b::timestamptz
FROM unnest(%b::timestamptz[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[], %b::text[]) u
"""
_CHANGE_NUMBERS: Final = (1, 2, 3, 4, 5, 6)
"""Which of its columns hold numbers."""


class DatabaseReplaced(Exception):
    """The database's tables are not those that the topology was read from: something was restored over them."""


@dataclass(slots=True)
class Stream:
    """One life of a gateway's spool: its row's id and the last sequence number stored."""

    id: int
    gateway: int
    epoch: str
    last_seq: int
    last_received_at: datetime | None = None
    digest: str | None = None
    """Digest of all its events up to ``last_seq``, from its gateway; None: an older gateway, which sends none."""


@dataclass(slots=True, kw_only=True)
class Reached:
    """How far a transaction brings a stream."""

    stream: Stream
    seq: int
    digest: str | None
    held_before: int = 0
    """Events that an earlier stream of the gateway holds already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The rows that came of one batch: a line of the feed's ledger. Times in microseconds since the Unix epoch."""

    stream: int
    place: int
    first: int
    last: int
    low: int
    high: int


def lease_of(shard: int) -> str:
    """The name of the lease that a shard's worker holds."""
    return f"shard {shard:02d}"


def shards_of(leases: Mapping[str, int]) -> frozenset[int]:
    """The shards of these leases."""
    return frozenset(int(name.removeprefix("shard ")) for name in leases)


def check_shards(connection: Fenced, shards: Collection[int]) -> None:
    """Refuse to commit unless these shards are still ours.

    Raises:
        psycopg.Error: with SQLSTATE ``LEASE_LOST``, at the end of the pipeline that this is sent in.
    """
    connection.check([lease_of(shard) for shard in shards])


def streams(connection: Connection, gateways: Sequence[int]) -> list[Stream]:
    """The streams of some gateways, each gateway's newest last."""
    return [Stream(*row) for row in connection.execute(_STREAMS, (list(gateways),), binary=True)]


def new_stream(connection: Connection, gateway: int, epoch: str) -> Stream:
    """Begin a stream."""
    row = connection.execute(_NEW_STREAM, (gateway, epoch)).fetchone()
    assert row is not None
    return Stream(row[0], gateway, epoch, 0)


@contextmanager
def transaction(connection: Connection, base: int) -> Iterator[tuple[int, int]]:
    """Run a transaction; gives its number and the centre's time in microseconds.

    BEGIN travels with the question for both. Work that has sent its own COMMIT or ROLLBACK is left as it is.

    Args:
        connection: an open one, in autocommit.
        base: the table ``stream``'s number when the topology was read (``Topology.base``); 0: not checked.

    Raises:
        DatabaseReplaced: the tables were made anew since.
    """
    with connection.pipeline():
        connection.execute("BEGIN")
        row = connection.execute(_BEGIN, binary=True).fetchone()
    assert row is not None
    try:
        if base and row[2] != base:
            raise DatabaseReplaced("the database's tables were made anew, as a restore does: everything is read again")
        yield row[0], row[1]
    except BaseException:
        if not connection.closed:
            connection.execute("ROLLBACK")
        raise
    if connection.info.transaction_status != TransactionStatus.IDLE:
        connection.execute("COMMIT")


def folds(connection: Connection, topology: Topology, places: Sequence[int]) -> tuple[dict[int, PlaceFold], list[int]]:
    """The folds of ``places`` as last stored, and those of them that an earlier release stored: they know nothing."""
    older: set[int] = set()
    spaces: dict[int, dict[int, SpaceFold]] = {place: {} for place in places}
    for space, place, revision, present, low, high, quality, at, value, due_at in connection.execute(
        _SPACE_STATES, (list(places),), binary=True
    ):
        if space in topology.spaces:
            estimate = Estimate(present=present, low=low, high=high, quality=quality)
            try:
                fold = SpaceFold.from_json(value, at=micros(at), estimate=estimate, revision=revision)
            except OlderForm:
                older.add(place)
                fold = SpaceFold.anew(micros(at), estimate, revision)
            except UnknownForm as unknown:
                log.warning("fold_begun_anew", extra={"place": place, "space": space, "reason": str(unknown)})
                fold = SpaceFold.anew(micros(at), estimate, revision)
            spaces[place][space] = fold
            fold.look = None if due_at is None else micros(due_at)
    return {place: PlaceFold(place, topology, rows) for place, rows in spaces.items()}, sorted(older)


class Rows:
    """Encoded rows of ``event`` on their way to the database, which stores them while the next ones are encoded.

    The COPY begins with the first rows, so nothing else may be asked on this connection until the block's end. An error
    within the block breaks it off, and the transaction with it.
    """

    def __init__(self, connection: Connection) -> None:
        self.count = 0
        """Rows sent."""
        self._cursor = connection.cursor()
        self._open = ExitStack()
        self._copy: psycopg.Copy | None = None

    def __enter__(self) -> Self:
        """Nothing is sent yet."""
        return self

    def send(self, rows: Sequence[bytes]) -> None:
        """Send some rows (``gateway.contract.stored_events.row``); doesn't wait until they are stored."""
        if not rows:
            return
        if self._copy is None:
            self._copy = self._open.enter_context(self._cursor.copy(COPY_EVENT))
            self._copy.write(HEADER)
        self._copy.write(b"".join(rows))
        self.count += len(rows)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait until all of them are stored, or break off.

        Raises:
            psycopg.Error: the database refuses one.
        """
        if kind is None and self._copy is not None:
            self._copy.write(TRAILER)
        self._open.__exit__(kind, error, trace)


def copy_events(connection: Connection, rows: Sequence[bytes]) -> None:
    """Store encoded rows (``gateway.contract.stored_events.row``)."""
    with Rows(connection) as sent:
        sent.send(rows)


def move_marks(connection: Connection, moves: Sequence[Reached]) -> None:
    """Move each stream's mark to where a transaction brought it.

    Raises:
        psycopg.Error: with SQLSTATE ``MARK_MOVED``: the database's mark isn't the one in ``Stream.last_seq``.
    """
    if moves:
        columns = (
            numbers(move.stream.id for move in moves),
            numbers(move.stream.last_seq for move in moves),
            numbers(move.seq for move in moves),
            [move.digest for move in moves],
            numbers(move.held_before for move in moves),
        )
        connection.execute(_MOVE_MARKS, columns)


def append_feed(connection: Connection, tx: int, parts: Sequence[Stored]) -> None:
    """Append to the feed what transaction ``tx`` stored: the last thing that it does before it ends."""
    if parts:
        columns = (
            numbers(part.stream for part in parts),
            numbers(part.place for part in parts),
            numbers(part.first for part in parts),
            numbers(part.last for part in parts),
            [when(part.low) for part in parts],
            [when(part.high) for part in parts],
        )
        connection.execute(_APPEND_FEED, (tx, *columns))


def store_spaces(
    connection: Connection, topology: Topology, places: Iterable[PlaceFold], now: int, ttl_s: int
) -> list[int]:
    """Store the touched spaces and their changes; empties ``touched`` and ``changes``. Return these spaces."""
    rows: list[tuple[Any, ...]] = []
    changes: list[tuple[int, Change]] = []
    changed_at = when(now)
    for place in places:
        for space in sorted(place.touched):
            fold = place.spaces[space]
            fold.revision += 1
            fold.look = fold.looks_at(now)
            e, capacity = fold.estimate, topology.spaces[space].capacity
            why, fold.testimony = _why(fold), None
            rows.append(
                (
                    *(space, place.id, fold.revision, e.present, e.low, e.high, capacity, e.quality),
                    *(when(fold.at), ttl_s, changed_at, fold.to_json()),
                    None if fold.look is None else when(fold.look),
                    why,
                )
            )
        changes.extend((place.id, change) for change in place.changes)
        place.touched.clear()
        place.changes.clear()
    if rows:
        connection.execute(_STORE_SPACES, _columns(rows, _SPACE_NUMBERS))
    if changes:
        history = [
            (
                *(when(c.at), place, c.space, c.estimate.present, c.estimate.low, c.estimate.high),
                *(topology.spaces[c.space].capacity, c.estimate.quality),
            )
            for place, c in changes
        ]
        connection.execute(_STORE_CHANGES, [changed_at, *_columns(history, _CHANGE_NUMBERS)])
    return [row[0] for row in rows]


def _why(fold: SpaceFold) -> str | None:
    """What made the estimate, as the API shows it; None: it is as stored."""
    if fold.testimony is None:
        return None
    bounded = fold.made is not None and fold.made != fold.estimate
    evidence = [one.as_json() for one in weighted(fold.testimony, fold)]
    return _ENCODE({"faults": fold.estimate.faults, "bounded": bounded, "evidence": evidence})


def _columns(rows: Iterable[tuple[Any, ...]], whole: Collection[int]) -> list[Any]:
    """The columns of ``rows``, those with an index in ``whole`` as arrays of numbers."""
    return [numbers(column) if index in whole else list(column) for index, column in enumerate(zip(*rows, strict=True))]
