"""Plans the passes of an import: which pass a line means, and its changes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from api.transfer.known import Known, MemberRow, PassRow, PlaceLimits, PlaceParts, organisation_key
from api.transfer.lines import CLEAR, Line, OpenedPlace
from api.transfer.moments import instant, zone_of
from api.transfer.report import LineRefused, ValueChange

_SHOWN: Final = (
    "label", "everywhere", "places", "schedule", "valid_from", "valid_until", "unit", "allowance", "each_month",
    "booked", "outside_hours", "supervises",
)  # fmt: skip
_LISTED: Final = 30
"""How many schedules a text lists at most."""


class PassPlanner:
    """Plans the passes of one import."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._passes = dict(known.passes)
        self._of: dict[str, list[str]] = {}
        self.notes: dict[str, str] = {}
        """Notes on the schedules of new passes, by the name of the pass."""
        for one in known.passes.values():
            self._of.setdefault(one.member, []).append(one.ref)

    def planned(
        self, line: Line, member: MemberRow, new_ref: Callable[[str], str]
    ) -> tuple[PassRow | None, PassRow | None]:
        """Return the pass that ``line`` means, as it is (None: new) and as it will be (None: no pass)."""
        if not line.has_pass:
            return None, None
        old = self._meant(line, member)
        if old is None and line.places is None and not line.everywhere:
            raise LineRefused("places", "a new pass needs its places: their codes, or * for everywhere")
        was = old or PassRow(ref=new_ref("p"), member=member.ref)
        places = was.places if line.places is None else tuple(self._limits(place) for place in line.places)
        if line.everywhere:
            places = ()
        everywhere = was.everywhere if line.everywhere is None else line.everywhere
        self._within_reach(places, everywhere=everywhere, changes=old is None or places != old.places)
        zone = zone_of(self._known, [one.place for one in places], member.home)
        allowance = _number(line.allowance, was.allowance)
        unit = was.unit if line.unit is None else None if line.unit == CLEAR else line.unit
        if allowance is None and unit is not None and line.allowance == CLEAR:
            unit = None
        if (allowance is None) != (unit is None):
            raise LineRefused("allowance" if allowance is None else "unit", "unit and allowance go together")
        made = replace(
            was,
            label=line.label or was.label,
            everywhere=everywhere,
            places=tuple(sorted(places, key=lambda one: one.place)),
            schedule=self._schedule(line, was, places) if line.schedule or old else self._named_like(line, places),
            valid_from=instant(line.valid_from, was.valid_from, zone, end=False),
            valid_until=instant(line.valid_until, was.valid_until, zone, end=True),
            unit=unit,
            allowance=allowance,
            each_month=_flag(line.each_month, was.each_month),
            booked=_flag(line.booked, was.booked),
            outside_hours=_flag(line.outside_hours, was.outside_hours),
            supervises=_flag(line.host, was.supervises),
        )
        if made.valid_from and made.valid_until and made.valid_from >= made.valid_until:
            raise LineRefused("valid_until", "it must be after valid_from")
        if made != old and not self._known.gives_passes:
            raise LineRefused("pass", "this key gives no passes: ask for one of a place's manager")
        return old, made

    def keep(self, one: PassRow) -> None:
        """Record a planned pass for the following lines."""
        if one.ref not in self._passes and one.label is not None:
            self.notes.setdefault(one.label, self._gives(one))
        if one.ref not in self._passes:
            self._of.setdefault(one.member, []).append(one.ref)
        self._passes[one.ref] = one

    def changes(self, old: PassRow | None, one: PassRow | None) -> list[ValueChange]:
        """Return the reported changes of a pass."""
        if one is None:
            return []
        empty = PassRow(ref=one.ref, member=one.member)
        changes = [] if old is not None else [ValueChange(what="pass", was=None, becomes=one.label or "")]
        for name in _SHOWN:
            was, becomes = getattr(old or empty, name), getattr(one, name)
            if was != becomes:
                changes.append(
                    ValueChange(what=f"pass.{name}", was=self._shown(name, was), becomes=self._shown(name, becomes))
                )
        return changes

    def written(self, places: tuple[PlaceLimits, ...]) -> str:
        """Return a pass's places as ``read_line`` parses them."""
        return " ".join(word for one in places for word in self._words(one))

    def schedule_name(self, number: int | None) -> str:
        """Return a schedule's name, ``code`` or ``place/code``; empty: none."""
        return "" if number is None else self._known.schedule_of.get(number, "")

    def _meant(self, line: Line, member: MemberRow) -> PassRow | None:
        if line.pass_ref is not None:
            found = self._passes.get(line.pass_ref)
            if found is None or found.member != member.ref:
                raise LineRefused("pass_ref", f"this member has no pass {line.pass_ref!r} in force")
            return found
        label = organisation_key(line.label or "")
        same = [
            one
            for ref in self._of.get(member.ref, ())
            if organisation_key((one := self._passes[ref]).label or "") == label
        ]
        if len(same) > 1:
            raise LineRefused("pass", "the member has several passes of this name: say which by pass_ref")
        return same[0] if same else None

    def _limits(self, named: OpenedPlace) -> PlaceLimits:
        place = self._known.places.get(named.place)
        if place is None:
            raise LineRefused("places", f"there is no place {named.place!r}; /v1/places?q=… finds them")

        def ids(codes: frozenset[str], known: Mapping[str, int], what: str) -> tuple[int, ...] | None:
            unknown = sorted(codes - known.keys())
            if unknown:
                raise LineRefused("places", f"{named.place!r} has no {what} {unknown[0]!r}")
            return tuple(sorted(known[code] for code in codes)) or None

        return PlaceLimits(
            place=place.id,
            spaces=ids(named.spaces, place.spaces, "space"),
            doors=ids(named.doors, place.doors, "door"),
            groups=ids(named.groups, place.groups, "group of doors"),
        )

    def _within_reach(self, places: tuple[PlaceLimits, ...], *, everywhere: bool, changes: bool) -> None:
        reach = self._known.reach
        if reach is None or not changes:
            return
        if everywhere:
            raise LineRefused("places", "this key may not give a pass for the whole network")
        for one in places:
            if one.place not in reach:
                raise LineRefused("places", f"this key may not change {self._place(one.place).code!r}")

    def _schedule(self, line: Line, was: PassRow, places: tuple[PlaceLimits, ...]) -> int | None:
        if line.schedule is None or line.schedule == CLEAR:
            return was.schedule if line.schedule is None else None
        known = self._known.schedules
        named, slash, code = line.schedule.rpartition("/")
        if slash:
            place = self._known.places.get(named)
            found = known.get((place.id, code)) if place is not None else None
        else:
            own = [key for one in places if (key := (one.place, code)) in known]
            found = known.get(own[0] if own else (None, code)) or self._named(line.schedule, places)
        if found is None:
            names = sorted(self._known.schedule_of.values())
            raise LineRefused(
                "schedule",
                f"there is no schedule {line.schedule!r}, neither of the place nor of the network; there are: "
                f"{', '.join(names[:_LISTED]) or '-'}",
            )
        return found

    def _named_like(self, line: Line, places: tuple[PlaceLimits, ...]) -> int | None:
        """Return the schedule of a new pass whose line has none: the schedule with the pass's name, if it exists."""
        return None if line.label is None or line.schedule == CLEAR else self._named(line.label, places)

    def _named(self, name: str, places: tuple[PlaceLimits, ...]) -> int | None:
        """Return the schedule named ``name`` of the pass's only place, else of the network."""
        key = organisation_key(name)
        where = (places[0].place, None) if len(places) == 1 else (None,)
        for place in where:
            found = self._known.schedules.get((place, key)) or self._known.schedule_names.get((place, key))
            if found is not None:
                return found
        return None

    def _gives(self, one: PassRow) -> str:
        if one.schedule is not None:
            return f"The new passes {one.label!r} follow the schedule {self.schedule_name(one.schedule)!r}."
        names = sorted(self._known.schedule_of.values())
        return (
            f"The new passes {one.label!r} have no schedule: they open their places whenever these are open. A column "
            f"schedule gives them one; there are: {', '.join(names[:_LISTED]) or '-'}{' …' if names[_LISTED:] else ''}."
        )

    def _place(self, number: int) -> PlaceParts:
        return self._known.place_of[number]

    def _words(self, one: PlaceLimits) -> list[str]:
        place = self._place(one.place)
        found = [
            f"{place.code}/{mark}{code}"
            for mark, known, wanted in (
                ("", place.spaces, one.spaces),
                ("door:", place.doors, one.doors),
                ("group:", place.groups, one.groups),
            )
            for code, number in sorted(known.items())
            if number in (wanted or ())
        ]
        return found or [place.code]

    def _shown(self, name: str, value: Any) -> Any:
        if name == "places":
            return self.written(value)
        if name == "schedule":
            return self.schedule_name(value) or None
        return value


def _flag(given: bool | None, was: bool) -> bool:
    return was if given is None else given


def _number(given: int | str | None, was: int | None) -> int | None:
    return was if given is None else None if isinstance(given, str) else given
