"""Plans an import line by line, for a dry run and for a real one. Pure.

A line names its member by reference, e-mail address, card or card reference; several lines of a member add up. A second
import of the same file changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from access.cards import BEFORE
from api.transfer.entitle import PassPlanner
from api.transfer.known import CardRow, Known, MemberRow, PassRow, organisation_key
from api.transfer.lines import CLEAR, Line, LineProblem
from api.transfer.moments import instant, zone_of
from api.transfer.report import LineRefused, LineReport, ValueChange

_STEPS: Final = frozenset((was, becomes) for becomes, before in BEFORE.items() for was in before)
_FIELDS: Final = ("name", "email", "organisation", "home", "home_commune", "work_commune", "status")


@dataclass(slots=True, kw_only=True)
class Plan:
    """The rows to write, without refused lines, and the report."""

    reports: list[LineReport] = field(default_factory=list)
    pass_notes: list[str] = field(default_factory=list)
    """Notes on the schedules of new passes."""
    organisations: dict[str, str] = field(default_factory=dict)
    """New organisations: name by ``organisation_key``; their ids in the rows below are negative, from -1."""
    new_members: dict[str, MemberRow] = field(default_factory=dict)
    changed_members: dict[str, MemberRow] = field(default_factory=dict)
    new_cards: dict[bytes, CardRow] = field(default_factory=dict)
    changed_cards: dict[bytes, CardRow] = field(default_factory=dict)
    new_passes: dict[str, PassRow] = field(default_factory=dict)
    changed_passes: dict[str, PassRow] = field(default_factory=dict)

    @property
    def refused(self) -> int:
        """The number of refused lines."""
        return sum(one.outcome == "refused" for one in self.reports)


def make_plan(lines: Iterable[Line], known: Known, *, new_ref: Callable[[str], str]) -> Plan:
    """Plan all lines in order; ``new_ref`` creates a reference of a kind (``m``, ``p``)."""
    return _Planner(known, new_ref).plan(lines)


class _Planner:
    def __init__(self, known: Known, new_ref: Callable[[str], str]) -> None:
        self._known = known
        self._new_ref = new_ref
        self._plan = Plan()
        self._members = dict(known.members)
        self._cards = dict(known.cards)
        self._by_email = {one.email.lower(): ref for ref, one in known.members.items() if one.email}
        self._by_card_ref = {one.ref: lookup for lookup, one in known.cards.items()}
        self._told_by: dict[tuple[str, str], tuple[int, Any]] = {}
        self._carded: dict[bytes, int] = {}
        self._passes = PassPlanner(known)

    def plan(self, lines: Iterable[Line]) -> Plan:
        for line in lines:
            report = LineReport(number=line.number, wrong=list(line.wrong))
            self._plan.reports.append(report)
            if not report.wrong:
                try:
                    self._line(line, report)
                except (LineRefused, ValueError) as error:
                    wrong = error.wrong if isinstance(error, LineRefused) else LineProblem(column=None, what=str(error))
                    report.wrong.append(wrong)
            if report.wrong:
                report.outcome, report.changes = "refused", []
        self._plan.pass_notes = list(self._passes.notes.values())
        return self._plan

    def _line(self, line: Line, report: LineReport) -> None:
        """Plan one line: first all checks, then its changes."""
        ref = self._whose(line)
        old = self._members.get(ref) if ref is not None else None
        member, organisation = self._member(line, old)
        card_old, card = self._card(line, member)
        pass_old, one = self._passes.planned(line, member, self._new_ref)
        self._agree(line, member)
        self._within_reach(old, changes=member != old or card != card_old)

        report.member = member.ref
        report.pass_ref = None if one is None else one.ref
        if organisation is not None:
            self._plan.organisations.setdefault(*organisation)
        changes = self._member_changes(old, member)
        changes += _card_changes(card_old, card)
        changes += self._passes.changes(pass_old, one)
        if old is None or member != old:
            self._keep_member(member)
        if card is not None:
            self._carded[card.lookup] = line.number
            if card != card_old:
                self._keep_card(card)
        if one is not None and one != pass_old:
            self._keep_pass(one)
        report.changes = changes
        report.outcome = "created" if old is None else "changed" if changes else "unchanged"

    # The member

    def _whose(self, line: Line) -> str | None:
        """Return the member that a line means; None: a new one."""
        by_email = self._by_email.get(line.email.lower()) if line.email and line.email != CLEAR else None
        card = self._named_card(line)
        by_card = card.member if card is not None else None
        if line.member is not None:
            if line.member not in self._members:
                raise LineRefused(
                    "member", f"there is no member {line.member!r} that this key sees; without one a new one is made"
                )
            if by_email not in (None, line.member):
                raise LineRefused("email", f"{by_email} has this address")
            if by_card not in (None, line.member):
                raise LineRefused("card", self._taken(card, line))
            return line.member
        if by_card is not None and by_email != by_card:
            if by_email is not None:
                raise LineRefused("card", self._taken(card, line))
            if line.email and line.email != CLEAR and self._members[by_card].email:
                raise LineRefused(
                    "card",
                    f"{self._taken(card, line)}, whose address is another; to change the address, name the member",
                )
        if by_card is None and by_email is not None:
            self._same_person(line, self._members[by_email])
        return by_card or by_email

    def _same_person(self, line: Line, member: MemberRow) -> None:
        """Refuse a line that matches ``member`` only by its address but has another name."""
        if line.name is None or member.name is None:
            return
        given, known = (set(organisation_key(name.replace("-", " ")).split()) for name in (line.name, member.name))
        if given <= known or known <= given:
            return
        earlier = self._told_by.get((member.ref, "name"))
        who = f"of line {earlier[0]}" if earlier is not None else member.ref
        raise LineRefused(
            "email",
            f"another person has this address already ({who}): leave the cell empty for one of them, with a card to "
            "tell them by, or give each an address. To change a name, name the member in a column member",
        )

    def _named_card(self, line: Line) -> CardRow | None:
        if line.lookup is not None and line.card_kind == "code" and self._known.reach is not None:
            # the same refusal whether it exists or not
            raise LineRefused("card", "the server chooses keypad codes: POST /v1/members/…/cards with code_digits")
        if line.card_ref is not None:
            lookup = self._by_card_ref.get(line.card_ref)
            if lookup is None:
                raise LineRefused("card_ref", f"there is no card {line.card_ref!r} that this key sees")
            if line.lookup not in (None, lookup):
                raise LineRefused("card", f"card {line.card_ref!r} has another number")
            return self._cards[lookup]
        return self._cards.get(line.lookup) if line.lookup is not None else None

    def _taken(self, card: CardRow | None, line: Line) -> str:
        assert card is not None
        earlier = self._carded.get(card.lookup)
        if earlier is not None and earlier != line.number:
            return f"line {earlier} names the same card for another member"
        return f"the card is {card.member}'s"

    # Its changes

    def _member(self, line: Line, old: MemberRow | None) -> tuple[MemberRow, tuple[str, str] | None]:
        if old is None and not line.name:
            raise LineRefused("name", "a new member needs a name")
        if old is None and not (line.email and line.email != CLEAR) and line.lookup is None:
            raise LineRefused(
                None, "a new member needs an e-mail address or a card: else a second import would double it"
            )
        was = old or MemberRow(ref=self._new_ref("m"))
        organisation, new = self._organisation(line, was.organisation)
        return replace(
            was,
            name=line.name or was.name,
            email=_value(line.email, was.email),
            organisation=organisation,
            home=self._home(line, old),
            home_commune=_value(self._commune(line, "home_commune"), was.home_commune),
            work_commune=_value(self._commune(line, "work_commune"), was.work_commune),
            status=line.status or was.status,
        ), new

    def _organisation(self, line: Line, was: int | None) -> tuple[int | None, tuple[str, str] | None]:
        if line.organisation is None or line.organisation == CLEAR:
            return (was, None) if line.organisation is None else (None, None)
        key = organisation_key(line.organisation)
        found = self._known.organisations.get(line.organisation) or self._known.organisations.get(key)
        if found is not None:
            return found, None
        new = self._plan.organisations
        number = list(new).index(key) if key in new else len(new)
        return -1 - number, (key, line.organisation)

    def _home(self, line: Line, old: MemberRow | None) -> int | None:
        if line.home == CLEAR:
            return None
        code = line.home
        if code is None:
            if old is not None:
                return old.home
            if line.places:
                code = line.places[0].place
            else:
                return self._only_place()
        place = self._known.places.get(code)
        if place is None:
            raise LineRefused(
                "home" if line.home else "places", f"there is no place {code!r}; /v1/places?q=… finds them"
            )
        if (
            self._known.reach is not None
            and place.id not in self._known.reach
            and (old is None or place.id != old.home)
        ):
            raise LineRefused("home" if line.home else "places", f"this key may not change {code!r}")
        return place.id

    def _commune(self, line: Line, field: Literal["home_commune", "work_commune"]) -> str | None:
        code: str | None = getattr(line, field)
        if code not in (None, CLEAR) and code not in self._known.communes:
            raise LineRefused(field, f"there is no commune {code!r}: expected an INSEE code, not a postcode")
        return code

    def _only_place(self) -> int | None:
        """Return the home of a new member without a place."""
        reach = self._known.reach
        if reach is not None and len(reach) != 1:
            raise LineRefused("home", "a new member needs a home: the code of one of this key's places")
        return None if reach is None else min(reach)

    def _card(self, line: Line, member: MemberRow) -> tuple[CardRow | None, CardRow | None]:
        old = self._named_card(line)
        if old is None and line.lookup is None:
            if line.has_card:
                raise LineRefused("card", "a change of a card needs its number or its reference")
            return None, None
        zone = zone_of(self._known, (), member.home)
        if old is None:
            assert line.lookup is not None
            was = CardRow(
                lookup=line.lookup,
                sealed=line.sealed,
                member=member.ref,
                kind=line.card_kind,
                format=line.card_format,
                last4=line.last4,
            )
        else:
            was = old
        card = replace(
            was,
            status=line.card_status or was.status,
            valid_from=instant(line.card_from, was.valid_from, zone, end=False),
            valid_until=instant(line.card_until, was.valid_until, zone, end=True),
        )
        if old is not None and card.status != old.status and (old.status, card.status) not in _STEPS:
            raise LineRefused(
                "card_status", f"a card that is {old.status} doesn't become {card.status}: issue a new one"
            )
        if card.valid_from and card.valid_until and card.valid_from >= card.valid_until:
            raise LineRefused("card_until", "it must be after card_from")
        return old, card

    def _agree(self, line: Line, member: MemberRow) -> None:
        """Refuse a line that contradicts another line of the same member."""
        values = {name: getattr(line, name) for name in _FIELDS if getattr(line, name) is not None}
        for name, value in values.items():
            number, other = self._told_by.setdefault((member.ref, name), (line.number, value))
            if other != value:
                raise LineRefused(name, f"line {number} has another value for the same member")

    def _within_reach(self, old: MemberRow | None, *, changes: bool) -> None:
        """Refuse a change of a member with another home."""
        reach = self._known.reach
        if (
            reach is not None
            and changes
            and old is not None
            and old.ref in self._known.members
            and old.home not in reach
        ):
            raise LineRefused("member", "this member is at home elsewhere: a key of that place may change them")

    def _keep_member(self, member: MemberRow) -> None:
        self._members[member.ref] = member
        if member.email:
            self._by_email[member.email.lower()] = member.ref
        rows = self._plan.changed_members if member.ref in self._known.members else self._plan.new_members
        rows[member.ref] = member

    def _keep_card(self, card: CardRow) -> None:
        self._cards[card.lookup] = card
        rows = self._plan.changed_cards if card.lookup in self._known.cards else self._plan.new_cards
        rows[card.lookup] = card

    def _keep_pass(self, one: PassRow) -> None:
        self._passes.keep(one)
        rows = self._plan.changed_passes if one.ref in self._known.passes else self._plan.new_passes
        rows[one.ref] = one

    def _member_changes(self, old: MemberRow | None, member: MemberRow) -> list[ValueChange]:
        def shown(name: str, row: MemberRow | None) -> Any:
            value = getattr(row, name) if row is not None else None
            if value is None or name not in ("home", "organisation"):
                return value
            return self._known.place_of[value].code if name == "home" else self._organisation_name(value)

        return [
            ValueChange(what=f"member.{name}", was=shown(name, old), becomes=shown(name, member))
            for name in _FIELDS
            if (getattr(old, name) if old is not None else None) != getattr(member, name)
        ]

    def _organisation_name(self, number: int) -> str:
        if number < 0:
            return list(self._plan.organisations.values())[-1 - number]
        return self._known.organisation_of.get(number, str(number))


def _card_changes(old: CardRow | None, card: CardRow | None) -> list[ValueChange]:
    if card is None:
        return []
    changes = [] if old is not None else [ValueChange(what="card", was=None, becomes=card.last4 and f"…{card.last4}")]
    for name in ("status", "valid_from", "valid_until"):
        was = getattr(old, name) if old is not None else None
        if was != getattr(card, name):
            changes.append(ValueChange(what=f"card.{name}", was=was, becomes=getattr(card, name)))
    return changes


def _value(given: str | None, was: str | None) -> str | None:
    return was if given is None else None if given == CLEAR else given
