"""Answers an invitation by mail: what is booked, what is refused and why, with times that are free instead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from psycopg.rows import DictRow

from api.appointments import appointments as rows
from api.appointments.appointments import Outcome
from api.appointments.replying import reply_of
from api.appointments.words import reason
from api.bookings.free_slots import next_free
from api.bookings.targets import Target
from api.http.session import Session
from database.mail import LANGUAGES, QUEUE, Language, mail, time_in_mail

_SHOWN: Final = 10
"""Times that a mail lists."""
_MORE: Final[dict[Language, str]] = {"fr": "et {} autres", "en": "and {} more"}
_NONE: Final[dict[Language, str]] = {
    "fr": "aucun dans les sept jours",
    "en": "none within seven days",
}


async def answer(s: Session, invitation: DictRow, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Queue the mails that answer an invitation, one for each address; for a calendar only what is refused."""
    for target in sorted({outcome.step.key[2] for outcome in outcomes}):
        mine = [outcome for outcome in outcomes if outcome.step.key[2] == target]
        await _answer(s, invitation, mine, now)


async def _answer(s: Session, invitation: DictRow, outcomes: Sequence[Outcome], now: datetime) -> None:
    asked = [one for one in outcomes if one.step.act != "cancel"]
    kept = [one for one in outcomes if one.step.act == "cancel" and one.refused is not None]
    booked = [one for one in asked if one.refused is None]
    refused = [one for one in asked if one.refused is not None]
    if kept:
        await _mail(s, invitation, "appointment_kept", kept, now)
    if not asked or (invitation["calendar"] is not None and not refused):
        return
    kind = "appointment_declined" if not booked else "appointment_partly" if refused else "appointment_accepted"
    await _mail(s, invitation, kind, asked, now)


async def _mail(s: Session, invitation: DictRow, kind: str, outcomes: Sequence[Outcome], now: datetime) -> None:
    target = next((one.target for one in outcomes if one.target is not None), None)
    place = None
    if target is not None:
        resource = None if target.resource is None else target.resource["code"]
        space = None if target.resource is not None else outcomes[0].step.key[2].removeprefix(f"{target.place}.")
        place = await s.row(rows.PLACE, {"place": target.place, "resource": resource, "space": space})
    zone = ZoneInfo("Europe/Paris") if target is None else target.zone
    refused = [one for one in outcomes if one.refused is not None]
    values = {
        "what": outcomes[0].step.key[2] if place is None else place["resource"] or place["space"] or place["name"],
        "place": "" if place is None else place["name"],
        "contact": "" if place is None else place["contact"],
        "booked": _times((one for one in outcomes if one.refused is None), zone),
        "refused": _times(refused, zone),
        "why": {language: " ".join(dict.fromkeys(_why(one, language) for one in refused)) for language in LANGUAGES},
        "alternatives": await _alternatives(s, target, refused, zone, now),
    }
    last = max(_starts(one) for one in outcomes)
    calendar = None
    if invitation["calendar"] is None and kind != "appointment_kept":
        holder = await s.row(rows.HOLDER, {"member": invitation["member"]})
        answered = [
            (one.appointment, None if one.refused is None else {word: _why(one, word) for word in LANGUAGES})
            for one in outcomes
            if one.appointment is not None
        ]
        if holder is not None and holder["email"] is not None:
            calendar = reply_of(answered, organizer=holder["email"], whole=invitation["whole"], now=now)
    once = None
    if invitation["calendar"] is not None:  # a calendar that is read again asks again for what was refused
        once = f"{kind} {outcomes[0].step.key[0][:200]} {' '.join(_starts(one).isoformat() for one in refused)[:500]}"
    queued = mail(
        kind=kind,
        values=values,
        to_member=invitation["member"],
        calendar=calendar,
        once=once,
        not_after=last,
    )
    await s.run(QUEUE, queued)


async def _alternatives(
    s: Session, target: Target | None, refused: Sequence[Outcome], zone: ZoneInfo, now: datetime
) -> str | dict[Language, str]:
    one = next((outcome.appointment for outcome in refused if outcome.appointment is not None), None)
    if target is None or target.resource is None or target.event or one is None:
        return _NONE
    found = await next_free(s, target, starts=max(one.starts, now), length=one.ends - one.starts, most=3, now=now)
    return "; ".join(time_in_mail(at, zone) for at in found) or _NONE


def _why(outcome: Outcome, language: Language) -> str:
    assert outcome.refused is not None
    return reason(outcome.refused.rule, outcome.refused.why, language)


def _times(outcomes: Iterable[Outcome], zone: ZoneInfo) -> str | dict[Language, str]:
    times = sorted(_starts(one) for one in outcomes)
    shown = "; ".join(time_in_mail(at, zone) for at in times[:_SHOWN])
    if len(times) <= _SHOWN:
        return shown
    return {language: f"{shown}; {more.format(len(times) - _SHOWN)}" for language, more in _MORE.items()}


def _starts(one: Outcome) -> datetime:
    source = one.step.appointment or one.step.kept
    assert source is not None
    return source.starts
