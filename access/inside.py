"""Who is probably inside, for the evacuation list, and how sure that is. Needs the gateway's memory only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from access.state import Movement, State

LONG_AGO: Final = timedelta(hours=14)
"""The longest stay: a member whose last card read is older has probably left without badging out."""
Sure = Literal["badged", "not_seen", "long_ago"]
"""``badged``: read at the door, which was seen opening where it has a contact. ``not_seen``: let in, but the door was
not seen opening: it stood open already, or the person did not go in. ``long_ago``: no card read for over 14 hours."""


def went_through(*, awaits: bool, outcome: bool | None) -> bool | None:
    """Return whether a person who was granted a door went through it; None: not known, so not inside (yet).

    The one rule for the gateway's memory, the centre's muster, explanations and occupancy. The view ``door_event``
    says it in SQL (tests/integration/ingest/test_passages.py holds both to one table).

    Args:
        awaits: the door's contact was heard when access was granted, so it will report. Without one the grant counts
            at once.
        outcome: what the contact reported: the access was taken, or not; None: nothing (yet).
    """
    if outcome is not None:
        return outcome
    return None if awaits else True


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """A member who may be inside."""

    space: str
    """Where the last door led."""
    door: str
    """By which the member came there."""
    at: datetime
    """When: the last reading."""
    since: datetime
    """When the stay in the place began."""
    sure: Sure


def muster(state: State, at: datetime) -> Mapping[str, Present]:
    """Return who may be inside at ``at`` (aware), by member, those who came last first."""
    found: dict[str, Present] = {}
    for ref, one in state.movements.items():
        if one.space:
            let_in = state.unseen.get(ref)
            sure: Sure = "not_seen" if let_in is not None and let_in.at == one.at else "badged"
            found[ref] = _present(one, one.space, sure, at)
    for ref, one in state.unseen.items():
        if ref not in found and one.space:
            found[ref] = _present(one, one.space, "not_seen", at)
    return dict(sorted(found.items(), key=lambda item: (item[1].at, item[0]), reverse=True))


def _present(one: Movement, space: str, sure: Sure, at: datetime) -> Present:
    return Present(
        space=space,
        door=one.door,
        at=one.at,
        since=one.entered_at or one.at,
        sure="long_ago" if at - one.at > LONG_AGO else sure,
    )
