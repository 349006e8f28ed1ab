"""What the forms of cards share: a card as the API takes it, the readers of a place, why a card is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request

from api.page import language_for
from api.pages.asking import Answer, ask
from api.pages.manage.members.fields import member_path
from api.pages.refusals import refusal
from api.pages.rendering import say, text
from api.present.network import Place
from api.transfer.french import french

CODE_DIGITS: Final = 6
ENROL_S: Final = 60
"""How long a reader waits for the card."""
WRONG: Final[Mapping[str, str]] = {
    "conflict number": text("This card is in use already. Look it up, or take another card."),
    "conflict status": text("The card has another state by now. Look at it again."),
    "bad-field enrolment": text("No card was read, or it is one whose number changes each time, such as a phone."),
    "format-needed": text("Is this number decimal or hexadecimal? Choose below what the card says, or use a reader."),
    "not-yours": text("This member belongs to another place as well: only its team, or an administrator, may do this."),
}
_BELONGS: Final = text("This card belongs to %(name)s.")


def card_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the card that a form names by its number (with its format) or as a new keypad code."""
    if fields.get("how") == "code":
        return {"code_digits": CODE_DIGITS}
    made: dict[str, Any] = {"number": fields.get("number", "").strip()}
    if fields.get("format"):
        made["format"] = fields["format"]
    return made


def formats_of(answer: Answer) -> list[tuple[str, str]]:
    """Return how a number may be read, where the API asks: each format with what a reader would send."""
    if answer.problem != "format-needed":
        return []
    return [(one["format"], f"{one['format']}: {one['reader_sends']}") for one in answer.body["choices"]]


async def card_refusal(request: Request, answer: Answer, card: Mapping[str, Any]) -> str:
    """Return why a card is refused, with the name of who carries it, if they may see that."""
    sentence = refusal(request, answer, WRONG)
    what = next((one["what"] for one in answer.body.get("errors", ())), "") if isinstance(answer.body, dict) else ""
    if answer.problem == "conflict" and ("number" in card or "enrolment" in card):
        sought = {name: card[name] for name in ("number", "format", "enrolment") if name in card}
        found = await ask(request, "POST", "/v1/cards/find", sought, idempotency_key="-")
        if found.good:
            return f"{await holder_of(request, found.body['member'])} {sentence}"
    if answer.problem == "bad-field" and what and language_for(request) == "fr":
        translated = french(what)
        if translated != what:
            return f"{translated[:1].upper()}{translated[1:]}."
    return sentence


async def holder_of(request: Request, ref: str) -> str:
    """Return the sentence that says whose card it is; the reference where the name can't be seen."""
    found = await ask(request, "GET", member_path(ref))
    name = found.body["name"] if found.good and found.body["name"] else ref
    return say(request, _BELONGS) % {"name": name}


async def readers_of(request: Request, place: Place) -> list[tuple[str, str]]:
    """Return the readers of a place: code, and code with the door's name."""
    doors = {door.code: door.name for door in place.doors}
    answer = await ask(request, "GET", f"/v1/places/{place.code}/devices")
    rows = answer.body["devices"] if answer.good else []
    return [
        (row["code"], " · ".join(filter(None, (doors.get(row["door"] or ""), row["code"]))))
        for row in rows
        if row["kind"] in ("reader", "keypad")
    ]
