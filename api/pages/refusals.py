"""Why the API refused what a form asked for, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi import Request

from api.page import language_for
from api.pages.asking import Answer
from api.pages.rendering import say, text

_BY_NAME: Final[Mapping[str, str]] = {
    "not-found": text("There is nothing here, or it isn't yours."),
    "conflict": text("This doesn't fit with what is there already."),
    "refused-by-rule": text("The rules of the place don't allow this."),
    "bad-field": text("Something in this form can't be read. Check what is marked."),
    "bad-query": text("Something in this form can't be read. Check what is marked."),
    "changed": text("Somebody else has changed this in the meantime. Look at what is there now, then save again."),
    "scope-missing": text("Your role doesn't allow this."),
    "not-yours": text("Your role doesn't allow this."),
    "too-large": text("This is larger than what can be taken."),
}
_OTHER: Final = text("This was refused.")


def refusal(request: Request, answer: Answer, more: Mapping[str, str] | None = None) -> str:
    """Return the sentence for a refusal.

    Args:
        request: of the page.
        answer: what the API answered.
        more: sentences of this page, marked by ``text``: by ``NAME FIELD`` (``conflict number``), by ``rule RULE``, or
            by ``NAME``; the first that is there counts, then those that all pages share.

    In English the API's own detail is added, which says what to do; it is written in English only.
    """
    body = answer.body if isinstance(answer.body, dict) else {}
    known = {**_BY_NAME, **(more or {})}
    fields = [f"{answer.problem} {one['name']}" for one in body.get("errors", ())]
    names = [*fields, f"rule {body.get('rule')}", answer.problem]
    english = next((known[name] for name in names if name in known), _OTHER)
    detail = str(body.get("detail", ""))
    if language_for(request) == "en" and detail and (more is None or english not in more.values()):
        return f"{english} {detail}"
    return say(request, english)


def wrong_fields(answer: Answer) -> frozenset[str]:
    """Return the names of the fields of the API that were refused, to mark them in the form."""
    body = answer.body if isinstance(answer.body, dict) else {}
    return frozenset(str(one["name"]) for one in body.get("errors", ()))
