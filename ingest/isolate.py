"""Store a batch that was refused: find the events that are at fault, keep those as dead letters, store the others.

An event becomes a letter only where its guilt is proven. Most refusals aren't an event's fault: a missing right, a
missing table, a full or read-only disk, a restore. Then nothing is stored, the mark stays, and the gateway keeps its
events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from psycopg import DataError, Error, IntegrityError, errors

from database.leases import Fenced
from database.reasons import reason_of
from gateway.contract.wire import Event
from ingest import letters
from ingest.commit import Books
from ingest.messages import ReadBatch, Unreadable
from ingest.store import DatabaseReplaced
from ingest.transaction import Tally

_AT_ONCE: Final = 16
"""Refused events looked for in one transaction; what comes after them is stored in a further one."""
_NEVER: Final = (DatabaseReplaced, errors.ForeignKeyViolation, OSError, MemoryError)
"""A foreign key refers to what this process has cached: the cache is out of date, the event is not at fault."""


def may_be_an_events_fault(failure: Exception) -> bool:
    """Whether the contents of one event could have caused ``failure``.

    Of the database's refusals these are data errors (SQLSTATE classes 22 and 23, and 54, a limit); any other exception
    is a fault of our own code, which one event may have laid bare.
    """
    if isinstance(failure, _NEVER):
        return False
    if isinstance(failure, Error):
        return isinstance(failure, DataError | IntegrityError | errors.ProgramLimitExceeded)
    return True


def commit(books: Books, connection: Fenced, reading: ReadBatch, *, turn: Callable[[], None]) -> Iterator[Tally]:
    """Store ``reading``, each event that is proven to be at fault as a dead letter in its place.

    The events that were not refused prove it, where there are at least as many; else, for a data error, a plain
    event that the database takes in the same moment.

    Args:
        books: what is known of marks and folds.
        connection: the worker's.
        reading: one batch.
        turn: called before each trial: it is work, not a standstill.

    Raises:
        Exception: the refusal, where nothing is proven; nothing of this part was stored.
    """
    trials = _Trials(books=books, connection=connection, turn=turn)
    rest: ReadBatch | None = reading
    while rest is not None:
        part, rest, refused = _search(trials, rest)
        if not refused:
            yield books.commit(connection, [part], [])
            continue
        told = _told(part, refused)
        turn()
        stored = books.commit(connection, [told], [], keep=False).stored
        last = next(reversed(refused.values()))
        of_data = all(isinstance(failure, Error) for failure in refused.values())
        proven = stored >= len(refused) or (of_data and books.takes_events(connection, part.gateway))
        if not proven:
            raise last
        yield books.commit(connection, [told], [])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trials:
    """Stores batches and takes them back."""

    books: Books
    connection: Fenced
    turn: Callable[[], None]

    def refusal(self, reading: ReadBatch) -> Exception | None:
        """Return why ``reading`` can't be stored, where that may be an event's fault; any other refusal is raised."""
        self.turn()
        try:
            self.books.commit(self.connection, [reading], [], keep=False)
        except Exception as failure:
            self.books.forget()
            if not may_be_an_events_fault(failure):
                raise
            return failure
        return None


def _search(trials: _Trials, reading: ReadBatch) -> tuple[ReadBatch, ReadBatch | None, dict[int, Exception]]:
    """Return a part that can be stored, what comes after it, and which events of the part were refused, by index."""
    refused: dict[int, Exception] = {}
    while (failure := trials.refusal(_told(reading, refused))) is not None:
        index, failure = _first_refused(trials, reading, refused, failure)
        if len(refused) == _AT_ONCE:
            after = replace(reading, first=reading.first + index, events=reading.events[index:])
            return replace(reading, events=reading.events[:index]), after, refused
        refused[index] = failure
    return reading, None, refused


def _first_refused(
    trials: _Trials, reading: ReadBatch, refused: Mapping[int, Exception], failure: Exception
) -> tuple[int, Exception]:
    """Return the first event after those in ``refused`` with which the batch can't be stored, and why.

    Steps that double, then halves: each trial is a longer or shorter beginning, since nothing may be left out between.
    """
    good = max(refused, default=-1) + 1  # a beginning of this length can be stored…
    bad = len(reading.events)  # …of this length it can't
    step = 1
    while bad - good > 1:
        length = min(good + step, (good + bad) // 2)
        found = trials.refusal(_told(replace(reading, events=reading.events[:length]), refused))
        if found is None:
            good, step = length, step * 2
        else:
            bad, failure = length, found
    index = bad - 1
    if index in refused or isinstance(reading.events[index], Unreadable):
        raise failure  # it is a letter already, and that is what is refused
    return index, failure


def _told(reading: ReadBatch, refused: Mapping[int, Exception]) -> ReadBatch:
    """Return the batch with its refused events unreadable."""
    if not refused:
        return reading
    events: list[Event | Unreadable] = list(reading.events)
    for index, failure in refused.items():
        event = events[index] if index < len(events) else None
        if event is not None and not isinstance(event, Unreadable):
            events[index] = letters.not_storable(event, reason_of(failure))
    return replace(reading, events=events)
