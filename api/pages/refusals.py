"""Forms that were not saved: why the API refused, in the reader's language, and what was typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsaved:
    """A form that was not saved, to be shown again with what was typed."""

    typed: Mapping[str, str] | None
    """None: the page shows what is saved; something else on it was refused."""
    error: str
    """Why, as a sentence of the page."""
    wrong: frozenset[str] = frozenset()
    """Names of the fields to mark."""
    status: int = 422
    changed: bool = False
    """Whether somebody else has saved a change since the form was shown."""


def unsaved(
    request: Request, answer: Answer, typed: Mapping[str, str] | None, more: Mapping[str, str] | None = None
) -> Unsaved:
    """Return the form that the API refused; ``more`` as of ``refusal``."""
    return Unsaved(
        typed=typed,
        error=refusal(request, answer, more),
        wrong=wrong_fields(answer),
        status=answer.status,
        changed=answer.problem == "changed",
    )


def filled(saved: Mapping[str, str], form: Unsaved | None) -> dict[str, Any]:
    """Return what the page of a form shows of its fields, for ``page``.

    Args:
        saved: every field of the form as it is saved, or as it is offered first.
        form: what was typed instead.

    Returns:
        ``fields``, ``error``, ``wrong``, ``status``, and ``theirs``: the values that somebody else has saved, where the
        form has others.
    """
    if form is None:
        return {"fields": dict(saved), "theirs": {}, "error": None, "wrong": frozenset(), "status": 200}
    fields = {name: value if form.typed is None else form.typed.get(name, "") for name, value in saved.items()}
    theirs = {name: value or "–" for name, value in saved.items() if form.changed and fields[name] != value}
    return {"fields": fields, "theirs": theirs, "error": form.error, "wrong": form.wrong, "status": form.status}


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
