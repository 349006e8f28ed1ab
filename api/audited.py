"""Readings of personal logs leave a line in the audit, in the transaction that reads."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final

from api.session import Session

_WRITE: Final = "SELECT audit_write(%s, %s, %s, %s::jsonb)"
_ONCE_S: Final = 60.0
_KEPT: Final = 10_000


async def note_reading(
    s: Session, action: str, subject: str, *, place: int | None = None, detail: Mapping[str, Any] | None = None
) -> None:
    """Write that the caller did ``action`` (``read muster`` …) to ``subject`` (``place limoges``, ``member m-…``)."""
    await s.row(_WRITE, (action, subject, place, None if detail is None else json.dumps(detail)))


class Once:
    """Which readings were told within the last minute: a feed that is polled each second is one line a minute."""

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[object, ...], float] = OrderedDict()

    def due(self, *what: object) -> bool:
        """Return whether ``what`` (key, action, subject …) has to be told now; it counts as told from here on."""
        now = monotonic()
        if self._told.get(what, -_ONCE_S) + _ONCE_S > now:
            return False
        self._told[what] = now
        self._told.move_to_end(what)
        while len(self._told) > _KEPT:
            self._told.popitem(last=False)
        return True
