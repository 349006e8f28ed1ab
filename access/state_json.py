"""The gateway's memory as JSON, so that it outlives a restart: anti-passback, uses of passes, tries, lockdowns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from access import fields
from access.errors import ListError
from access.schedules import Period
from access.state import Movement, State, Tries


def state_to_json(state: State) -> str:
    """Write what ``state_from_json`` reads; equal states give equal texts."""
    body = {
        "lockdown": state.lockdown,
        "locked_doors": sorted(state.locked_doors),
        "evacuation": state.evacuation,
        "evacuated_doors": sorted(state.evacuated_doors),
        "movements": _movements_to_json(state.movements),
        "unseen": _movements_to_json(state.unseen),
        "counts": dict(sorted(state.counts.items())),
        "hosts": state.hosts,
        "used": {ref: sorted(slots) for ref, slots in sorted(state.used.items())},
        "tries": {key: _tries_to_json(one) for key, one in sorted(state.tries.items())},
        "held_open": {
            door: [day.isoformat(), period.start_min, period.end_min]
            for door, (day, period) in sorted(state.held_open.items())
        },
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def state_from_json(text: str) -> State:
    """Read a state.

    Raises:
        ListError: it isn't one. The gateway then begins with none, and says so: lockdowns ordered here are forgotten.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ListError("the state isn't JSON") from error
    body = fields.mapping(body, "the state")
    shared = fields.Shared()
    return State(
        lockdown=fields.truth(body.get("lockdown"), "lockdown"),
        locked_doors=shared.doors(body.get("locked_doors")) or frozenset(),
        evacuation=fields.truth(body.get("evacuation"), "evacuation"),
        evacuated_doors=shared.doors(body.get("evacuated_doors")) or frozenset(),
        movements={ref: _movement(row) for ref, row in _each(body, "movements").items()},
        unseen={ref: _movement(row) for ref, row in fields.mapping(body.get("unseen", {}), "unseen").items()},
        counts={space: fields.count(count, "a count") for space, count in _each(body, "counts").items()},
        hosts=fields.count(body.get("hosts"), "hosts"),
        used={ref: frozenset(fields.slots(slots)) for ref, slots in _each(body, "used").items()},
        tries={key: _tries(row) for key, row in _each(body, "tries").items()},
        held_open={door: _held(row) for door, row in _each(body, "held_open").items()},
    )


def _movements_to_json(movements: Mapping[str, Movement]) -> dict[str, list[Any]]:
    return {
        ref: [one.space, one.door, fields.micros(one.at), fields.micros(one.entered_at), one.host, one.pass_ref]
        for ref, one in sorted(movements.items())
    }


def _each(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return fields.mapping(body.get(name), name)


def _cells(row: Any, width: int) -> list[Any]:
    if not isinstance(row, list) or len(row) != width:
        raise ListError(f"a row of the state has {width} cells")
    return row


def _movement(row: Any) -> Movement:
    space, door, at, entered_at, host, pass_ref = _cells(row, 6)
    return Movement(
        space=fields.text_or_none(space, "a space"),
        door=fields.text(door, "a door"),
        at=fields.instant_given(at, "the time of a movement"),
        entered_at=fields.instant(entered_at),
        host=fields.truth(host, "host"),
        pass_ref=fields.text_or_none(pass_ref, "a pass"),
    )


def _tries_to_json(one: Tries) -> list[Any]:
    row: list[Any] = [one.count, fields.micros(one.last_at)]
    return [*row, [[fields.micros(at), mark] for at, mark in one.recent]] if one.recent else row


def _tries(row: Any) -> Tries:
    wide = isinstance(row, list) and len(row) == 3  # of a member, and of what earlier versions kept, two cells
    count, last_at, recent = _cells(row, 3) if wide else [*_cells(row, 2), []]
    if not isinstance(recent, list):
        raise ListError("recent tries are a list")
    return Tries(
        count=fields.count(count, "tries"),
        last_at=fields.instant_given(last_at, "the time of a try"),
        recent=tuple(
            (fields.instant_given(at, "the time of a try"), fields.text_or_none(mark, "a card"))
            for at, mark in (_cells(one, 2) for one in recent)
        ),
    )


def _held(row: Any) -> tuple[date, Period]:
    day, start_min, end_min = _cells(row, 3)
    try:
        when = date.fromisoformat(fields.text(day, "a day"))
    except ValueError as error:
        raise ListError("a day isn't a date") from error
    return when, Period(start_min=fields.count(start_min, "a minute"), end_min=fields.count(end_min, "a minute"))
