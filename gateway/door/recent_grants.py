"""Grants that counted at once, whether the door was passed or not, and that may be repeated.

A person who finds the lock closed again presents the card once more: another grant, but not another entry. Times
in µs since 1970 by the gateway's clock.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from access import ListError, State
from access.aftermath import undone
from access.rules import PlaceRules
from access.state_json import state_from_json, state_to_json
from gateway.spool.values import Keep

log = logging.getLogger(__name__)

PREFIX: Final = "grant:"
ONE_ENTRY_US: Final = 60_000_000
"""The same member at the same door within this enters once, if nothing else is known of the member since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grant:
    at: int
    """Of the first of them."""
    until: int
    """The lock's time is over: who is refused for being inside (anti-passback, a full space) is so from then on."""
    pass_ref: str | None
    before: State
    """Where the member was and what the pass had used, before."""


class RecentGrants:
    """One gateway's recent grants, by door and member."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._of: dict[tuple[str, str], _Grant] = {}

    def restore(self, kept: Mapping[str, str]) -> None:
        """Restore what was kept before a restart; what cannot be read is forgotten."""
        for name, text in kept.items():
            if name.startswith(PREFIX) and text:
                try:
                    door, member, at, until, pass_ref, before = json.loads(text)
                    grant = _Grant(at=int(at), until=int(until), pass_ref=pass_ref, before=state_from_json(before))
                except (ListError, ValueError, TypeError) as error:
                    log.error("grant_unreadable", extra={"reason": type(error).__name__})
                else:
                    self._of[str(door), str(member)] = grant

    def counted(self, door: str, member: str, pass_ref: str | None, before: State, *, at: int, until: int) -> None:
        """Remember a grant that has counted at once, in a place whose state was ``before``."""
        self._forget(at)
        there = before.movements.get(member)
        used = None if pass_ref is None else before.used.get(pass_ref)
        small = State(
            movements={} if there is None else {member: there},
            used={} if used is None or pass_ref is None else {pass_ref: used},
        )
        self._of[door, member] = _Grant(at=at, until=until, pass_ref=pass_ref, before=small)
        text = json.dumps([door, member, at, until, pass_ref, state_to_json(small)])
        self._keep(f"{PREFIX}{door}:{member}", text, until=at + ONE_ENTRY_US)

    def repeated(self, state: State, door: str, member: str, at: int) -> bool:
        """Return whether a grant at ``at`` repeats one that has counted."""
        grant = self._of.get((door, member))
        if grant is None or not 0 <= at - grant.at <= ONE_ENTRY_US:
            return False
        there = state.movements.get(member)
        return there is None or (there.door == door and there.space is not None)

    def before(self, state: State, door: str, member: str, at: int, rules: PlaceRules) -> State:
        """Return the state to decide by: without the grant that is being repeated, if there is one."""
        if not self.repeated(state, door, member, at):
            return state
        grant = self._of[door, member]
        return undone(state, grant.before, member, grant.pass_ref, rules, moved=at <= grant.until)

    def taken(self, door: str, member: str) -> None:
        """The door's contact reported the passage: the member's next grant there is no repetition."""
        if self._of.pop((door, member), None) is not None:
            self._keep(f"{PREFIX}{door}:{member}", "", until=0)

    def _forget(self, at: int) -> None:
        for key, grant in list(self._of.items()):
            if 0 <= at - grant.at <= ONE_ENTRY_US:
                return  # in the order of their coming: the rest is younger
            del self._of[key]
