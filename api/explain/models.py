"""The request for an explanation, and its shape."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, model_validator

from api.cards.cards import CardFormat
from api.http.models import Answer, Body, Code, Moment, Ref


class EventNamed(Body):
    """A stored card read, as in `/v1/events`."""

    stream: int = Field(ge=1, le=2**31 - 1)
    seq: int = Field(ge=1, le=2**62)
    at: Moment | None = Field(default=None, description="Its time, which saves a search through three months.")


class ExplainQuestion(Body):
    """What to explain: an `event`, or a card at a door."""

    event: EventNamed | None = None
    place: Code | None = None
    door: Code | None = None
    side: Literal["in", "out"] = "in"
    at: Moment | None = Field(default=None, description="Default: now.")
    card: Ref | None = Field(default=None, examples=["c-0a1b2c3d4e5f6789"])
    number: str | None = Field(default=None, max_length=100, repr=False, description="The card's number; not stored.")
    format: CardFormat | None = None
    member: Ref | None = Field(default=None, description="The card that this member most likely carries.")

    @model_validator(mode="after")
    def _one_question(self) -> ExplainQuestion:
        named = [name for name in ("card", "number", "member") if getattr(self, name) is not None]
        if self.event is not None:
            if named or self.model_fields_set - {"event"}:
                raise ValueError("an event is sent without other fields")
        elif self.place is None or self.door is None or len(named) != 1:
            raise ValueError("send an event, or place, door and one of card, number and member")
        return self


class Sentence(Answer):
    """A sentence in both languages."""

    en: str
    fr: str


class ExplainedStep(Answer):
    """A check and its result."""

    check: str
    answer: Literal["passed", "denied", "granted"]
    rights: int = Field(description="How many of the member's passes remained after it.")
    words: Sentence


class ExplainedEvent(Answer):
    """The gateway's decision at the time."""

    stream: int
    seq: int
    decision: Literal["granted", "denied"]
    reason: str | None
    rule: str | None
    list_version: int | None
    list_age_s: int | None
    agrees: bool
    only_the_gateway_knew: Sentence | None


class Explanation(Answer):
    """A decision, step by step."""

    place: str
    door: str
    side: Literal["in", "out"]
    at: datetime
    card: dict[str, Any] | None
    decision: Literal["granted", "denied"]
    reason: str
    rule: str
    member: str | None
    pass_: str | None = Field(alias="pass")
    words: Sentence
    onvif: dict[str, Any]
    bacnet: dict[str, Any]
    list_: dict[str, Any] = Field(alias="list")
    steps: list[ExplainedStep]
    event: ExplainedEvent | None
    hints: list[Sentence]
