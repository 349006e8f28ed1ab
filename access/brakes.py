"""Pauses after wrong PINs, wrong codes and unknown cards. Pure.

A member's wrong PINs count until the right one. What is tried at a door counts for some time, and a success doesn't
end that: a right code must not buy more guesses. A pause for codes refuses codes alone: cards open. A pause for unknown
cards refuses every card on the way in, since a card that is guessed right must not open; so it takes many different
cards, and is short.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from access.model import By
from access.rules import PlaceRules
from access.state import State, Tries

CODES_WITHIN_S: Final = 3600
"""How long a wrong code counts at its door."""
CARDS_WITHIN_S: Final = 600
"""An unknown card likewise; the same one again doesn't count again."""
CARDS: Final = PlaceRules(tries=20, pause_s=10, longest_pause_s=60)
"""Unknown cards before a pause, and how long one lasts."""
_MOST: Final = 64
"""Tries that are remembered of a door: the longest pause comes before."""


def member_key(ref: str) -> str:
    """Return the key of a member's wrong PINs in ``State.tries``."""
    return f"member:{ref}"


def door_key(door: str, by: By) -> str:
    """Return the key of a door's wrong codes or unknown cards."""
    return f"door:{door}" if by == "code" else f"cards:{door}"


def pins_paused(state: State, member: str, rules: PlaceRules, at: datetime) -> bool:
    """Return whether ``member``'s wrong PINs have earned a pause that isn't over at ``at``."""
    return _paused(state.tries.get(member_key(member)), rules, at)


def door_paused(state: State, door: str, by: By, rules: PlaceRules, at: datetime) -> bool:
    """Return whether ``door`` takes no codes, or no cards, at ``at``."""
    return _paused(state.tries.get(door_key(door, by)), rules if by == "code" else CARDS, at)


def wrong_pin(state: State, member: str, at: datetime) -> State:
    """Return the state after one more wrong PIN of ``member``."""
    known = state.tries.get(member_key(member))
    tries = Tries(count=known.count + 1 if known is not None else 1, last_at=at)
    return replace(state, tries={**state.tries, member_key(member): tries})


def unknown(state: State, door: str, by: By, token: str | None, at: datetime) -> State:
    """Return the state after an unknown code or card was tried at ``door``."""
    key = door_key(door, by)
    mark = token[:8] if by == "card" and token is not None else None
    within_s = CODES_WITHIN_S if by == "code" else CARDS_WITHIN_S
    known = state.tries.get(key)
    # A state written by an earlier version holds only how many there were, and when the last was.
    before = () if known is None else known.recent or ((known.last_at, None),) * known.count
    recent = [one for one in before if near(at, one[0], within_s)]
    if mark is not None and any(mark == seen for _, seen in recent):
        return state
    recent = [*recent, (at, mark)][-_MOST:]
    return replace(state, tries={**state.tries, key: Tries(count=len(recent), last_at=at, recent=tuple(recent))})


def right_pin(state: State, member: str) -> State:
    """Return the state after the right PIN of ``member``."""
    key = member_key(member)
    if key not in state.tries:
        return state
    return replace(state, tries={other: one for other, one in state.tries.items() if other != key})


def braked(before: State, after: State, rules: PlaceRules) -> int | None:
    """Return how many tries have earned the pause that begins with the state ``after``; None: none begins."""
    for key, tries in after.tries.items():
        if tries is not before.tries.get(key) and tries.count >= (CARDS if key.startswith("cards:") else rules).tries:
            return tries.count
    return None


def near(at: datetime, then: datetime, within_s: float) -> bool:
    """Less than ``within_s`` lie between them, in either direction: a clock set back is no way around."""
    return abs((at - then).total_seconds()) < within_s


def _paused(tries: Tries | None, rules: PlaceRules, at: datetime) -> bool:
    if tries is None or tries.count < rules.tries:
        return False
    doublings = min(tries.count - rules.tries, 32)
    return near(at, tries.last_at, min(rules.pause_s << doublings, rules.longest_pause_s))
