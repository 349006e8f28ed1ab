"""What a member can book at a place in a window: resources, rooms, seats, with prices and the next free times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Request

from api.pages.asking import Missing, ask
from api.pages.me.windows import Typed, day_of
from booking.slots import Window

SHORTEST: Final = 5
_LONGEST: Final = 44_640
"""Minutes of a slot that the API looks for."""
_OTHERS: Final = 3
_WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """Something that can be booked."""

    key: str
    """``resource:CODE``, ``space:CODE`` or ``event:CODE``, as forms have it."""
    kind: str
    """``seat``, ``room``, or the kind of the resource."""
    name: str
    price_cents: int | None = None
    allowed: bool = True
    """Whether the member belongs to those who may book it."""
    free: int = 0
    """Units or seats that are free throughout the window, and that the place's rules let one book."""
    rule: str | None = None
    """The rule that refuses the window; None: it is free, or full."""
    since: datetime | None = None
    """When it can first be booked, where it is too early now."""
    until: datetime | None = None
    """Until when it could be booked, where it is too late now."""
    others: tuple[Window, ...] = ()
    """The next times at which one is free for so long."""

    @property
    def full(self) -> bool:
        """Whether others have it: what one can wait for."""
        return not self.free and self.rule is None


def named(key: str) -> dict[str, str | None]:
    """Return the fields of the API that name a thing.

    Raises:
        Missing: it is no key of a thing.
    """
    kind, colon, code = key.partition(":")
    if not colon or kind not in ("resource", "space", "event") or len(code) > 64:
        raise Missing
    return {"space": code or None} if kind == "space" else {"resource": code}


async def free_at(request: Request, place: str, zone: ZoneInfo, when: Typed) -> list[Thing] | None:
    """Return what can be booked at a place that day, and what of it is free; None: the place can't be booked at all."""
    if when.window is None or not SHORTEST <= when.minutes <= _LONGEST:
        return []
    first, last = day_of(when.window, zone)
    return await _asked(request, when.window, {"place": place, "spaces": "true"}, (first, max(last, when.window[1])))


async def next_free(request: Request, place: str, key: str, when: Typed) -> tuple[Window, ...]:
    """Return when a thing is free for as long as a window within a week from its beginning on, a few times."""
    name = named(key)
    if when.window is None or not SHORTEST <= when.minutes <= _LONGEST or None in name.values():
        return ()
    given = {"place": place, **{field: code or "" for field, code in name.items()}}
    found = await _asked(request, when.window, given, (when.window[0], when.window[0] + _WEEK))
    return found[0].others if found else ()


async def _asked(request: Request, window: Window, given: Mapping[str, str], span: Window) -> list[Thing] | None:
    minutes = round((window[1] - window[0]) / timedelta(minutes=1))
    query = {**given, "minutes": minutes, "limit": 100 if "spaces" in given else 500}
    query |= {"from": span[0].isoformat(), "until": span[1].isoformat(), "at": window[0].isoformat()}
    answer = await ask(request, "GET", f"/v1/slots?{urlencode(query)}")
    if not answer.good:
        return None if answer.status == 409 else []
    spaces = [_thing(one, f"space:{one['space']}", window) for one in answer.body["spaces"]]
    return [*spaces, *(_resource(one, window) for one in answer.body["resources"])]


def _resource(row: Mapping[str, Any], window: Window) -> Thing:
    key = f"resource:{row['resource']}"
    return _thing(row, key, window, price=row["price_cents"], allowed=row["bookable"])


def _thing(
    row: Mapping[str, Any], key: str, window: Window, *, price: int | None = None, allowed: bool = True
) -> Thing:
    slots = [(_time(one["from"]), _time(one["until"])) for one in row["slots"]]
    at = row["at"]
    apart = _apart(slots, window)
    name, kind = str(row["name"]), str(row["kind"])
    return Thing(
        key=key,
        kind=kind,
        name=name,
        price_cents=price,
        allowed=allowed,
        free=0 if at["rule"] else int(at["units"]),
        rule=at["rule"],
        since=None if at["since"] is None else _time(at["since"]),
        until=None if at["until"] is None else _time(at["until"]),
        others=apart,
    )


def _apart(slots: Iterable[Window], window: Window) -> tuple[Window, ...]:
    """Return the slots nearest to a window of which none overlaps another, in order."""
    found: list[Window] = []
    for one in sorted(slots, key=lambda slot: (abs(slot[0] - window[0]), slot[0])):
        if one[0] != window[0] and all(one[1] <= other[0] or one[0] >= other[1] for other in found):
            found.append(one)
            if len(found) == _OTHERS:
                break
    return tuple(sorted(found))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
