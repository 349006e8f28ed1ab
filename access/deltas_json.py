"""A delta between two access lists as text: what the centre signs and sends for a change, some hundred bytes.

JSON; where that is long it is compressed (zlib, then base 85, whose alphabet JSON needn't escape once more).
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any, Final, get_args

from access import fields
from access.compare import Delta
from access.errors import ListError
from access.listing import from_body, to_body
from access.model import CardStatus, Entry, Member

_STATUSES: Final[dict[str, CardStatus]] = {status: status for status in get_args(CardStatus)}
_MAY_LACK: Final[dict[str, Any]] = {"members": {}, "entries": [], "rights": [], "schedules": []}
"""Left out where empty. Nothing else is: hours without any period are closed, not unsaid."""
_LONG: Final = 500
"""Characters. A card's change is shorter, and can be read as it is."""
_LONGEST: Final = 256 * 1024 * 1024
"""Bytes of JSON."""
_HEX: Final = re.compile("[0-9a-f]{64}")


def delta_to_json(delta: Delta) -> str:
    """Write ``delta``: a list of its own (``access.listing``) with the members that changed, and what is beside it."""
    part = to_body(delta.part)
    body: dict[str, Any] = {
        "base": delta.base,
        "part": {key: value for key, value in part.items() if key not in _MAY_LACK or value},
        "settings": delta.settings,
        "fingerprint": delta.fingerprint,
    }
    if delta.removed:
        body["removed"] = delta.removed
    if delta.cards:
        body["cards"] = [
            [one.token, one.member.ref, one.status, fields.micros(one.valid_from), fields.micros(one.valid_until)]
            for one in delta.cards
        ]
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) < _LONG else base64.b85encode(zlib.compress(text.encode(), 9)).decode()


def delta_from_json(text: str) -> Delta:
    """Read what ``delta_to_json`` writes.

    Raises:
        ListError: it isn't one. Nothing of it may be used.
    """
    try:
        body = json.loads(text if text.startswith("{") else _decompressed(text))
    except (ValueError, RecursionError) as error:
        raise ListError("the delta isn't JSON") from error
    part = _MAY_LACK | dict(fields.mapping(fields.mapping(body, "the delta").get("part"), "the part of a delta"))
    body.setdefault("cards", [])
    removed = body.get("removed", [])
    if not isinstance(removed, list):
        raise ListError("removed isn't a list")
    return Delta(
        base=fields.count(body.get("base"), "base"),
        part=from_body(part),
        cards=tuple(_card(row) for row in fields.rows(body, "cards", 5)),
        removed=tuple(_hex(token, "a token") for token in removed),
        settings=fields.truth(body.get("settings"), "settings"),
        fingerprint=_hex(body.get("fingerprint"), "the fingerprint"),
    )


def _decompressed(text: str) -> bytes:
    inflate = zlib.decompressobj()
    try:
        data = inflate.decompress(base64.b85decode(text), _LONGEST)
    except zlib.error as error:
        raise ValueError("it isn't compressed") from error
    if not inflate.eof or inflate.unused_data:
        raise ValueError("it is cut, or too long")
    return data


def _card(row: list[Any]) -> Entry:
    token, ref, status, valid_from, valid_until = row
    return Entry(
        token=_hex(token, "a token"),
        member=Member(ref=fields.text(ref, "a member"), status="suspended"),  # its real self is in the list
        status=fields.one_of(status, _STATUSES, "status of a card"),
        valid_from=fields.instant(valid_from),
        valid_until=fields.instant(valid_until),
    )


def _hex(value: Any, what: str) -> str:
    if not isinstance(value, str) or _HEX.fullmatch(value) is None:
        raise ListError(f"{what} isn't 64 hexadecimal digits")
    return value
