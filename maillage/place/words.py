"""A plan in words, for a terminal. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from maillage.place.forms import Form
from maillage.place.model import Device
from maillage.place.plan import Action, Change, Difference, Plan
from maillage.place.sections import SECTIONS

_SIGNS: Final = {"make": "+", "change": "~", "move": ">", "retire": "-", "return": "+"}
_DONE: Final[dict[Action, str]] = {
    "make": "made",
    "change": "changed",
    "move": "moved",
    "retire": "retired",
    "return": "back in service",
}
_FORMS: Final = {section.one: {one.attribute: one.form for one in section.fields} for section in SECTIONS}


def plan_lines(plan: Plan, warnings: Sequence[str] = ()) -> list[str]:
    """Return a line for each change, then the warnings, then the sums."""
    place = plan.wanted.place
    lines = [f"{place.code} ({place.name}): {'a new place' if plan.stored is None else 'in the database already'}"]
    lines += [f"{_SIGNS[one.action]} {one.what:8}{one.key}  {_says(one)}".rstrip() for one in plan.changes]
    if plan.stored is None and place.status != "open":
        lines.append("! until its status is open it offers no seat, and its doors open to hosts only")
    lines += [f"! {one}" for one in warnings]
    lines += [f"! the door {door} would have no lock: nobody could open it from outside" for door in plan.unlocked]
    lines += [f"! {unopened_says(door)}" for door in plan.unopened]
    counts = Counter(one.action for one in plan.changes)
    if counts:
        sums = ", ".join(f"{counts[action]} {_DONE[action]}" for action in _DONE if counts[action])
        lines.append(f"{sums} (seen {plan.seen})")
    else:
        lines.append("nothing to do: the database holds what the file says")
    return lines


def unopened_says(door: str) -> str:
    """Say that a door's readers can open nothing."""
    return (
        f"the door {door} has a reader or keypad and no lock: a reader that drives it is on the side in, or add a lock"
    )


def _says(change: Change) -> str:
    if change.action in ("change", "move"):
        forms = _FORMS[change.what]
        return "; ".join(_changes(forms[one.attribute], one) for one in change.differences)
    if change.action in ("retire", "return"):
        return _DONE[change.action]
    if isinstance(change.part, Device):
        where = next((f"at {at}" for at in (change.part.desk, change.part.door, change.part.space) if at), "")
        return f"{change.part.kind} {where}"
    return "" if change.what == "gateway" else change.part.name


def _changes(form: Form, one: Difference) -> str:
    if form.parts is None:
        return f"{one.name}: {_value(form, one.was)} → {_value(form, one.becomes)}"
    was, becomes = ({} if value is None else form.parts(value) for value in (one.was, one.becomes))
    alike: dict[str, list[str]] = {}
    for part in (*becomes, *(part for part in was if part not in becomes)):
        if was.get(part) != becomes.get(part):
            change = f"{was.get(part, 'not there')} → {becomes.get(part, 'not there')}"
            alike.setdefault(change, []).append(part)
    changed = "; ".join(f"{', '.join(parts)} {change}" for change, parts in alike.items())
    return f"{one.name}: {changed or 'the order'}"


def _value(form: Form, value: Any) -> str:
    return "nothing" if value is None else form.write(value)
