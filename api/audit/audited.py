"""Readings of personal logs leave a line in the audit, in the transaction that reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from api.http.session import Session

_WRITE: Final = "SELECT audit_write(%s, %s, %s, %s::jsonb)"


async def note_reading(
    s: Session, action: str, subject: str, *, place: int | None = None, detail: Mapping[str, Any] | None = None
) -> None:
    """Write that the caller did ``action`` (``read muster`` …) to ``subject`` (``place limoges``, ``member m-…``)."""
    await s.row(_WRITE, (action, subject, place, None if detail is None else json.dumps(detail)))
