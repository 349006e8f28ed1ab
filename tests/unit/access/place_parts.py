"""A place with two doors and three members, whose readings are decided and remembered one after the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from access import AccessList, Attempt, Decision, Entry, Member, Right, State, after, decide
from access.model import Side
from access.rules import DoorRules, PlaceRules, SpaceRules, Terms
from access.schedules import schedule_from_json

NOON = datetime(2026, 3, 3, 11, 0, tzinfo=UTC)
"""A Tuesday, noon in Paris."""
KEY = bytes(32)
ANNA, BEN, HOST = ("a" * 64, "b" * 64, "c" * 64)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
WORK = schedule_from_json({"tue": [["08:00", "12:30"], ["13:30", "19:00"]]})
PLACE = {"place": SpaceRules(), "lab": SpaceRules(parent="place")}
ENTRY = DoorRules(to_space="place")
LAB = DoorRules(from_space="place", to_space="lab")


class Door:
    """A place whose readings are decided and remembered one after the other."""

    def __init__(self, held: AccessList) -> None:
        self.held = held
        self.state = State()

    def read(
        self, card: str | None, at: datetime = NOON, door: str = "entry", side: Side = "in", **more: Any
    ) -> Decision:
        taken = more.pop("taken", True)
        decision = decide(self.held, card, door, side, at, state=self.state, **more)
        attempt = Attempt(card_token=card, door=door, side=side, at=at, by=more.get("by", "card"))
        self.state = after(decision, attempt, self.held, self.state, taken=taken)
        return decision

    def reason(self, *arguments: Any, **more: Any) -> str:
        decision = self.read(*arguments, **more)
        assert decision.granted == (decision.reason == "granted")
        return decision.reason


def place(anna: Right | Member | None = None, *, entry: DoorRules = ENTRY, lab: DoorRules = LAB, **rules: Any) -> Door:
    usual = Right(doors=None, schedule=None)
    if not isinstance(anna, Member):
        anna = Member(ref="m-anna", status="active", rights=(anna or usual,))
    ben = Member(ref="m-ben", status="active", rights=(usual,))
    host = Member(
        ref="m-host", status="active", rights=(replace(usual, terms=Terms(supervises=True, outside_hours=True)),)
    )
    members = {ANNA: anna, BEN: ben, HOST: host}
    spaces = rules.pop("spaces", PLACE)
    return Door(
        AccessList(
            place="gare",
            version=1,
            made_at=NOON,
            time_zone="Europe/Paris",
            rules=PlaceRules(doors={"entry": entry, "lab": lab}, spaces=spaces, **rules),
            entries={token: Entry(token=token, member=one, status="active") for token, one in members.items()},
        )
    )
