"""Holds the access list that a gateway decides by: accepts a new one only if it is complete, signed and newer.

A whole list comes in parts (``gateway.contract.list_parts``), a change as a delta to the version that is held.
A failure changes nothing: the last good list stays in force, within its age.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from access import AccessList, ListError, from_json
from access.compare import apply, fingerprint
from access.deltas_json import delta_from_json
from gateway.config import GatewayConfig
from gateway.contract.instants import micros_of
from gateway.contract.list_messages import LIST_MESSAGE, ListDelta, ListHead, ListPart
from gateway.contract.list_parts import Assembly, ListRefused, Whole, WholeNeeded, read_head, unpack
from gateway.contract.signing import SignatureError, verify
from gateway.lists.signed_time import SignedTime
from gateway.lists.store import KeptDelta

__all__ = ["AppliedList", "ListHolder", "ListRefused", "WholeNeeded"]

log = logging.getLogger(__name__)

MANY_DELTAS: Final = 1000
MANY_BYTES: Final = 4_000_000
"""After this many deltas since the last whole list, or this many bytes, the gateway asks for the whole list: a restart
applies deltas one by one."""
_LET_GO: Final = 250
"""Entries of an old list that are freed at once, some 0.3 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedList:
    """What a message changed, to be kept on the disk."""

    keep: Whole | KeptDelta
    version: int
    news: bool
    """False: the list is the same, but needs fewer deltas."""


class ListHolder:
    """The list of one gateway. Changed in one thread, read in others: the attribute is replaced whole."""

    def __init__(self, config: GatewayConfig, signed: SignedTime | None = None) -> None:
        """``signed`` gets the time at which each list was made."""
        self.current: AccessList | None = None
        self.fingerprint: str | None = None
        """Of ``current`` (``access.compare``); ``in_force`` returns both consistently."""
        self.refused: str | None = None
        """Why the centre's last message couldn't be used; None: it could."""
        self.deltas = 0
        """How many deltas were applied since the last whole list that is kept."""
        self.applied = 0
        """Whole lists and deltas accepted since the start."""
        self.refusals = 0
        """Messages refused since the start."""
        self.repeats = 0
        """Messages since the start that lead to the list that is held: the centre doesn't know that it is."""
        self._config = config
        self._signed = signed or SignedTime()
        self._assembly = Assembly(config.believed_keys, config.place)
        self._delta_bytes = 0
        self._unkept: str | None = None
        """Why the disk's list can't be used after a restart, with the deltas that change it; None: it can."""
        self._last_head = ""
        self._newest = 0
        self._both = threading.Lock()
        """Held while ``current`` and ``fingerprint`` change."""

    @property
    def version(self) -> int | None:
        """The version that decisions use."""
        return self.current.version if self.current is not None else None

    @property
    def in_force(self) -> tuple[int | None, str | None]:
        """Version and fingerprint of the list in force; from any thread."""
        with self._both:
            return self.version, self.fingerprint

    @property
    def complaint(self) -> str | None:
        """Why the centre should send the whole list; None: it needn't."""
        if self._unkept is not None:
            return self._unkept
        if self.refused is None and (self.deltas >= MANY_DELTAS or self._delta_bytes >= MANY_BYTES):
            return f"{self.deltas} deltas since the last whole list"
        return self.refused

    def restore(self, whole: Whole | None, deltas: Sequence[ListDelta], *, newest: int = 0) -> None:
        """Restore what was kept across a restart, checked like any message; a broken delta ends the chain there.

        Args:
            newest: the newest version that was ever held: no older list is accepted, even if the kept one is lost.
        """
        self._newest = newest
        if whole is None:
            return
        try:
            head = read_head(self._config.believed_keys, self._config.place, whole.head, whole.signature)
            self._put_in_force(self._read(head, whole), head.fingerprint)  # the fingerprint was checked on arrival
            for delta in deltas:
                self._apply(delta)
                self._count(delta)
        except ListRefused as error:
            self.refused = f"the kept list, after {self.deltas} of {len(deltas)} deltas: {error}"
            log.error("kept_list_refused", extra={"gateway": self._config.gateway, "reason": self.refused})

    def lost(self) -> None:
        """The disk lost the kept list: the whole list is needed, even of the version in force."""
        self._unkept = "the list that was kept is lost"

    def become(self, config: GatewayConfig) -> None:
        """Follow a new configuration: the keys that lists are believed by."""
        before, self._config = self._config.believed_keys, config
        if before == config.believed_keys:
            return
        self._assembly = Assembly(config.believed_keys, config.place)
        if self.current is not None and not set(before) <= set(config.believed_keys):
            self._unkept = "the list that is kept may be signed with a key that is believed no more"

    def take(self, payload: bytes) -> AppliedList | None:
        """Process a part or a delta; None: it changes nothing yet, or isn't new.

        Raises:
            ListRefused: it isn't the centre's, or another place's, or older than what is held.
            WholeNeeded: it is for another list than the one held, or its result is wrong.
        """
        try:
            message = LIST_MESSAGE.validate_json(payload)
        except ValidationError as error:
            self.refusals += 1
            raise ListRefused("neither a part of a list nor a delta") from error
        try:
            taken = self._take_part(message) if isinstance(message, ListPart) else self._take_delta(message)
        except ListRefused as error:
            self.refusals += 1
            if isinstance(error, WholeNeeded):
                self.refused = str(error)
            raise
        if taken is not None:
            self.refused = None
            self.applied += 1
        return taken

    def _take_part(self, part: ListPart) -> AppliedList | None:
        head = self._assembly.head_of(part)
        if not self._wanted(head, part):
            return None
        whole = self._assembly.add(part, head)
        if whole is None:
            return None
        fresh = self._read(head, whole)
        if fingerprint(fresh) != head.fingerprint:
            raise WholeNeeded("it isn't what its fingerprint says")
        before = self.current
        news = before is None or (before.version, self.fingerprint) != (fresh.version, head.fingerprint)
        if news and before is not None and before.version == fresh.version and fresh.made_at < before.made_at:
            raise ListRefused(f"another version {fresh.version}, made before the one that is held")
        self.deltas, self._delta_bytes, self._unkept, self._last_head = 0, 0, None, whole.head
        if news:
            self._put_in_force(fresh, head.fingerprint)
            entries = [] if before is None else list(before.entries.values())
            del before, fresh
            while entries:  # all at once would block every thread: 0.1 s for a hundred thousand
                del entries[-_LET_GO:]
        return AppliedList(keep=whole, version=head.version, news=news)

    def _wanted(self, head: ListHead, part: ListPart) -> bool:
        """Return whether a list with this head would be accepted."""
        held = max(self.version or 0, self._newest)
        if head.version < held:
            if part.head == self._last_head:
                return False  # a copy of the list that deltas have changed since
            raise ListRefused(f"version {head.version} is older than {held}")
        if self.version is None or head.version > self.version:
            return True
        if head.fingerprint != self.fingerprint or self.deltas or self._unkept is not None:
            return True
        self.refused = None
        self.repeats += part.index == head.parts - 1
        return False

    def _take_delta(self, message: ListDelta) -> AppliedList | None:
        base = self.version
        if not self._apply(message):
            self.refused = None
            self.repeats += 1
            return None
        assert base is not None and self.version is not None
        self._count(message)
        arriving = self._assembly.arriving
        if arriving is not None and arriving.version < self.version:
            self._assembly.forget()
        return AppliedList(
            keep=KeptDelta(base=base, version=self.version, signed=message), version=self.version, news=True
        )

    def _count(self, delta: ListDelta) -> None:
        self.deltas += 1
        self._delta_bytes += len(delta.body)

    def _apply(self, message: ListDelta) -> bool:
        """Apply a delta to the list that is held; False: it was applied before."""
        held = self.current
        try:
            verify(self._config.believed_keys, "delta", message.body, message.signature)
            change = delta_from_json(message.body)
        except SignatureError as error:
            raise ListRefused(str(error)) from error
        except ListError as error:
            raise WholeNeeded(str(error)) from error
        if change.part.place != self._config.place:
            raise ListRefused("it is another place's")
        if held is None:
            raise WholeNeeded(f"a delta for version {change.base}, and no list is held")
        if change.part.version < held.version:
            raise ListRefused(f"version {change.part.version} is older than {held.version}")
        if change.part.version == held.version and change.fingerprint == self.fingerprint:
            return False
        if change.base != held.version:
            raise WholeNeeded(f"a delta for version {change.base}, and {held.version} is held")
        try:
            self._put_in_force(apply(held, change, known=self.fingerprint), change.fingerprint)
        except ListError as error:
            raise WholeNeeded(str(error)) from error
        return True

    def _put_in_force(self, fresh: AccessList, fingerprint: str) -> None:
        with self._both:
            self.current, self.fingerprint = fresh, fingerprint
        self._signed.seen(micros_of(fresh.made_at))

    def _read(self, head: ListHead, whole: Whole) -> AccessList:
        text = unpack(head, whole.data)
        try:
            fresh = _read_uncollected(text)
        except ListError as error:
            raise WholeNeeded(str(error)) from error
        if (fresh.place, fresh.version) != (head.place, head.version):
            raise WholeNeeded("it isn't what its head says")
        return fresh


def _read_uncollected(text: str) -> AccessList:
    """Read a list with the garbage collector paused, and exempt it from collection, which would traverse it each time.

    All threads stand still in a collection: for 0.1 s with the lists of a hundred small gateways, or with a long one.
    Lists hold no cycles; they are freed when the last reference is gone.
    """
    collecting = gc.isenabled()
    gc.collect(1)
    gc.disable()
    try:
        return from_json(text)
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
