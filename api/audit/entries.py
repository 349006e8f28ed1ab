"""Writes audit entries of reads, at most one a minute for each key and subject where a feed is polled."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final, cast

from fastapi import Request

from api.http.session import Session

_ONCE_S: Final = 60.0
_KEPT: Final = 10_000
_WRITE: Final = "SELECT audit_write(%s, %s, %s, %s::jsonb)"


async def note_reading(
    s: Session, action: str, subject: str, *, place: int | None = None, detail: Mapping[str, Any] | None = None
) -> None:
    """Record that the caller did ``action`` (``read muster``) to ``subject`` (``place limoges``)."""
    await s.row(_WRITE, (action, subject, place, None if detail is None else json.dumps(detail)))


class RecentEntries:
    """Rate-limits repeated audit entries: one a minute for each key and subject, in the memory of this process."""

    def __init__(self) -> None:
        self._at: OrderedDict[tuple[object, ...], float] = OrderedDict()

    def due(self, *what: object) -> bool:
        """Return whether an entry of ``what`` (key, action, subject …) has to be written."""
        return self._at.get(what, -_ONCE_S) + _ONCE_S <= monotonic()

    def written(self, *what: object) -> None:
        """Note that the entry was committed; one that was rolled back has to be written again."""
        self._at[what] = monotonic()
        self._at.move_to_end(what)
        while len(self._at) > _KEPT:
            self._at.popitem(last=False)


def recent_entries(request: Request) -> RecentEntries:
    """Return the entries that this process wrote within the last minute."""
    return cast("RecentEntries", request.app.state.recent_entries)
