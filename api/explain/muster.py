"""The evacuation list: who is inside by their card reads, how certain that is, and what is missing. Pure."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from access.inside import muster
from access.state import State
from api.http.csv_cells import safe
from api.http.models import time_of

WINDOW: Final = timedelta(hours=24)
"""Older card reads don't count."""
_CSV: Final = ("name", "member", "space", "door", "at", "since", "sure")


def muster_json(
    place: str,
    state: State,
    at: datetime,
    *,
    names: Mapping[str, str | None],
    gateways: Sequence[Mapping[str, Any]],
    occupancy: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Format the evacuation list of ``place`` at ``at``; ``occupancy``: the board's, of the whole place."""
    present = muster(state, at)
    sure = Counter(one.sure for one in present.values())
    behind = [one for one in gateways if not one["complete"]]
    unknown = any(one["complete_at"] is None for one in behind)
    since = min((one["complete_at"] for one in behind if one["complete_at"] is not None), default=None)
    return {
        "place": place,
        "at": time_of(at),
        "complete": not behind,
        "unknown_after": None if unknown or not behind else time_of(since),
        "gateways": [
            {
                "gateway": one["gateway"],
                "online": one["online"],
                "since": time_of(one["changed_at"]),
                "told_until": time_of(at if one["complete"] else one["complete_at"]),
            }
            for one in gateways
        ],
        "counts": {"people": len(present), **{word: sure[word] for word in ("badged", "not_seen", "long_ago")}},
        "by_space": dict(sorted(Counter(one.space for one in present.values()).items())),
        "occupancy": occupancy,
        "without_badge": _tailgaters(len(present), sure["badged"], occupancy),
        "people": [
            {
                "member": ref,
                "name": names.get(ref),
                "space": one.space,
                "door": one.door,
                "at": time_of(one.at),
                "since": time_of(one.since),
                "sure": one.sure,
            }
            for ref, one in present.items()
        ],
    }


def _tailgaters(people: int, badged: int, occupancy: Mapping[str, Any] | None) -> dict[str, int] | None:
    """Return how many people may be inside without a card read, by the sensors."""
    if occupancy is None or occupancy["low"] is None or occupancy["high"] is None:
        return None
    return {"low": max(0, occupancy["low"] - people), "high": max(0, occupancy["high"] - badged)}


def muster_csv(body: Mapping[str, Any]) -> bytes:
    """Write the people as CSV: UTF-8 with a byte order mark, so that spreadsheets recognise it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_CSV)
    for person in body["people"]:
        cells = [str(person[name] or "") for name in _CSV]
        writer.writerow([safe(cell) for cell in cells])
    return text.getvalue().encode("utf-8-sig")
