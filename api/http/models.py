"""Base models of queries, request bodies and answers, and the types of their fields with their error texts."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from api.http.timestamps import rfc3339_of

_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_CODE: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_REF: Final = re.compile(r"[a-z]-[0-9a-z]{1,62}")
_NAMED_SCHEDULE: Final = re.compile(rf"(?:{_CODE.pattern}/)?{_CODE.pattern}")
_COMMUNE: Final = re.compile("[0-9]{5}|2[AB][0-9]{3}")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Question(BaseModel):
    """The query parameters of a request; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Body(BaseModel):
    """The body of a request; unknown fields and values of another JSON type are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Answer(BaseModel):
    """The shape of an answer, for OpenAPI; tests check the answers against it."""

    model_config = ConfigDict(extra="forbid")


def commune_code(text: str) -> str:
    """Return an INSEE code of a commune.

    Raises:
        ValueError: it is none.
    """
    if _COMMUNE.fullmatch(text) is None:
        raise ValueError("expected a commune's INSEE code, for example 87085: five characters, not a postcode")
    return text


def _plain(text: str) -> str:
    text = " ".join(text.split())  # also removes the special blanks of copied text
    if not text or not text.isprintable():
        raise ValueError("expected 1 to 200 printable characters")
    return text


def _code(text: str) -> str:
    if _CODE.fullmatch(text) is None:
        raise ValueError("a code is lower-case letters, digits, . _ - ; 1 to 64 of them, for example open-space")
    return text


def _ref(text: str) -> str:
    if _REF.fullmatch(text) is None:
        raise ValueError("expected a reference from this API, for example m-0a1b2c3d4e5f6789")
    return text


def _schedule(text: str) -> str:
    if _NAMED_SCHEDULE.fullmatch(text) is None:
        raise ValueError("expected the code of a schedule of the network (weekdays) or of a place (limoges/evenings)")
    return text


def _email(text: str) -> str:
    text = _plain(text)
    if _EMAIL.fullmatch(text) is None:
        raise ValueError("this is not an e-mail address")
    return text


def _time_text(given: object) -> object:
    """Refuse numbers, also as text: pydantic would read them as seconds since 1970."""
    if not isinstance(given, datetime) and (not isinstance(given, str) or _TIME.match(given) is None):
        raise ValueError("expected a time with its zone (RFC 3339), for example 2026-11-23T08:00:00+01:00")
    return given


def _day_text(given: object) -> object:
    """Refuse numbers, also as text, and times."""
    if not isinstance(given, date) and (not isinstance(given, str) or _DATE.fullmatch(given) is None):
        raise ValueError("expected a day, for example 2026-12-24")
    return given


def _moment(at: datetime) -> datetime:
    if not _EARLIEST <= at <= _LATEST:
        raise ValueError("expected a time between the years 2000 and 2200")
    return at.astimezone(UTC)


def _day(day: date) -> date:
    if not 2000 <= day.year <= 2199:
        raise ValueError("expected a day between the years 2000 and 2199")
    return day


Name = Annotated[str, Field(max_length=200, examples=["Médiathèque"]), AfterValidator(_plain)]
Code = Annotated[str, Field(max_length=64, examples=["open-space"]), AfterValidator(_code)]
Ref = Annotated[str, Field(max_length=64, examples=["m-0a1b2c3d4e5f6789"]), AfterValidator(_ref)]
ScheduleName = Annotated[
    str,
    Field(
        max_length=129,
        description="`code` of the network's, `place/code` of a place's schedule.",
        examples=["weekdays"],
    ),
    AfterValidator(_schedule),
]
CommuneCode = Annotated[str, Field(max_length=5, examples=["87085"]), AfterValidator(commune_code)]
Email = Annotated[str, Field(max_length=254, examples=["claire@example.org"]), AfterValidator(_email)]
Moment = Annotated[
    AwareDatetime,
    Field(description="RFC 3339, with its zone.", examples=["2026-11-23T08:00:00+01:00"], strict=False),
    BeforeValidator(_time_text),
    AfterValidator(_moment),
]
Day = Annotated[
    date,
    Field(description="A local day of the place.", examples=["2026-12-24"], strict=False),
    BeforeValidator(_day_text),
    AfterValidator(_day),
]


def time_of(at: datetime | None) -> str | None:
    """Format a time for an answer: RFC 3339 in UTC."""
    return None if at is None else rfc3339_of(at)


def day_of(day: date | None) -> str | None:
    """Format a day for an answer."""
    return None if day is None else day.isoformat()


def sent(body: BaseModel) -> dict[str, Any]:
    """Return the fields of a partial change that were sent."""
    return {name: getattr(body, name) for name in body.model_fields_set}


def whole(body: BaseModel) -> dict[str, Any]:
    """Return all fields of a body, with nested models; fields that weren't sent have their default."""
    return {name: getattr(body, name) for name in type(body).model_fields}
