"""Who may open what, and when. Pure rules: no I/O, no clock, no randomness; standard library only."""

from __future__ import annotations

from access.decision import decide
from access.errors import AccessError, CardError, ListError
from access.listing import from_json, to_json
from access.model import AccessList, Decision, Entry, Member, Reason, Right, State
from access.schedules import Period, Schedule
from access.tokens import card_token, normalise, token_key

__all__ = [
    "AccessError",
    "AccessList",
    "CardError",
    "Decision",
    "Entry",
    "ListError",
    "Member",
    "Period",
    "Reason",
    "Right",
    "Schedule",
    "State",
    "card_token",
    "decide",
    "from_json",
    "normalise",
    "to_json",
    "token_key",
]
