"""A whole access list as it arrives: compressed, in parts; only the head, which describes the whole, is signed.

Parts come in any order, any number of times, mixed with those of another version; nothing is used until all of them
are there and match the head. ``rights.packing`` makes them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from gateway.contract.list_messages import MAX_PART_BYTES, ListHead, ListPart
from gateway.contract.signing import SignatureError, verify
from gateway.errors import GatewayError

LARGEST_LIST: Final = 64 * 1024 * 1024
"""Bytes of JSON that a gateway accepts: a quarter of a million entries."""
_LONGEST_DATA: Final = (MAX_PART_BYTES + 2) // 3 * 4


class ListRefused(GatewayError):
    """A list, a part or a delta that must not be used; the text says why."""


class WholeNeeded(ListRefused):
    """It is the centre's, but it can't be applied here: the whole list is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A whole list as the centre signed it, kept across restarts."""

    head: str
    signature: str
    data: bytes
    """The list's JSON, compressed."""


def read_head(keys: Sequence[str], place: str, text: str, signature: str) -> ListHead:
    """Return the head in ``text`` if it is signed with one of ``keys`` and for this place.

    Raises:
        ListRefused: it isn't, or the list is larger than a gateway accepts.
    """
    try:
        verify(keys, "list", text, signature)
        head = ListHead.model_validate_json(text)
    except SignatureError as error:
        raise ListRefused(str(error)) from error
    except ValidationError as error:
        raise ListRefused("its head can't be read") from error
    if head.place != place:
        raise ListRefused("it is another place's")
    if head.bytes > LARGEST_LIST:
        raise ListRefused(f"a list of {head.bytes} bytes: {LARGEST_LIST} at most")
    return head


def unpack(head: ListHead, data: bytes) -> str:
    """Return the list's JSON.

    Raises:
        WholeNeeded: ``data`` doesn't match the head. It is never unpacked beyond the signed length.
    """
    if hashlib.sha256(data).hexdigest() != head.digest:
        raise WholeNeeded("its parts don't make what was signed")
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(data, head.bytes + 1)
        if len(raw) != head.bytes or not unpacker.eof or unpacker.unused_data:
            raise WholeNeeded("it unpacks to another length than was signed")
        return raw.decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise WholeNeeded("it can't be unpacked") from error


class Assembly:
    """The newest whole list that is arriving at a gateway; never more than one, never more than its head allows."""

    def __init__(self, keys: Sequence[str], place: str) -> None:
        self._keys = keys
        self._place = place
        self._signed = ("", "")
        self._head: ListHead | None = None
        self._pieces: dict[int, bytes] = {}
        self._bytes = 0

    @property
    def arriving(self) -> ListHead | None:
        """The head of what is arriving."""
        return self._head

    def head_of(self, part: ListPart) -> ListHead:
        """Return the part's head; the head of the part before isn't checked again.

        Raises:
            ListRefused: see ``read_head``.
        """
        if self._head is not None and self._signed == (part.head, part.signature):
            return self._head
        return read_head(self._keys, self._place, part.head, part.signature)

    def add(self, part: ListPart, head: ListHead) -> Whole | None:
        """Add a part whose ``head`` was checked; return the list if it is complete.

        A part of an older list than the one arriving is ignored; a part of a newer list, or of the same version made
        again, starts over.

        Raises:
            ListRefused: it isn't a part of its list, or contradicts an earlier one. Everything else stays as it was.
            WholeNeeded: the parts hold more than the head allows. They are dropped.
        """
        if self._head is not None and head.version < self._head.version:
            return None
        piece = _piece(part, head)
        if self._signed != (part.head, part.signature):
            self.forget()
            self._head, self._signed = head, (part.head, part.signature)
        known = self._pieces.get(part.index)
        if known is not None:
            if known != piece:
                raise ListRefused("a part contradicts another")
            return None
        self._pieces[part.index] = piece
        self._bytes += len(piece)
        if self._bytes > _most(head):
            self.forget()
            raise WholeNeeded("its parts hold more than was signed")
        if len(self._pieces) < head.parts:
            return None
        whole = Whole(
            head=part.head,
            signature=part.signature,
            data=b"".join(self._pieces[index] for index in range(head.parts)),
        )
        self.forget()
        return whole

    def forget(self) -> None:
        """Drop what has arrived."""
        self._head, self._signed, self._pieces, self._bytes = None, ("", ""), {}, 0


def _piece(part: ListPart, head: ListHead) -> bytes:
    if part.index >= head.parts:
        raise ListRefused("a part beyond the last one")
    try:
        piece = base64.b64decode(part.data, validate=True) if len(part.data) <= _LONGEST_DATA else b""
    except (binascii.Error, ValueError) as error:
        raise ListRefused("a part isn't base64") from error
    if not piece:
        raise ListRefused("a part without data, or with too much")
    return piece


def _most(head: ListHead) -> int:
    """Return how long the compressed text can be: zlib adds little to what it can't compress."""
    return head.bytes + head.bytes // 1000 + 64
