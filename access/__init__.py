"""Who may open what, and when. Pure rules: no I/O, no clock, no randomness; standard library only."""

from __future__ import annotations

from access.aftermath import Attempt, after, passed, seen, slots_used
from access.brakes import braked
from access.decision import decide
from access.errors import AccessError, CardError, ListError
from access.explanation import Step, explain
from access.inside import Present, muster
from access.listing import from_json, to_json
from access.model import AccessList, Decision, Entry, Member, Reason, Right, State
from access.schedules import Period, Schedule
from access.tokens import card_token, code_token, normalise, pin_hash, token_key

__all__ = [
    "AccessError",
    "AccessList",
    "Attempt",
    "CardError",
    "Decision",
    "Entry",
    "ListError",
    "Member",
    "Period",
    "Present",
    "Reason",
    "Right",
    "Schedule",
    "State",
    "Step",
    "after",
    "braked",
    "card_token",
    "code_token",
    "decide",
    "explain",
    "from_json",
    "muster",
    "normalise",
    "passed",
    "pin_hash",
    "seen",
    "slots_used",
    "to_json",
    "token_key",
]
