"""Reads the cells of one line of a members' CSV into values and problems. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, Final, Literal, TypeVar

from access.errors import CardError
from api.cards.numbers import credential
from api.http.csv_cells import unquoted
from api.http.models import commune_code
from api.present.network import unaccented
from api.transfer.card_column import CardColumn
from api.transfer.columns import Column
from rights.card_secret import CardKeys

T = TypeVar("T")

CLEAR: Final = "-"
"""A cell that clears the stored value; an empty cell keeps it."""
_YES: Final = frozenset(("yes", "true", "1", "x", "oui", "vrai"))
_NO: Final = frozenset(("no", "false", "0", "non", "faux"))
_STATUSES: Final = {"active": "active", "actif": "active", "suspended": "suspended", "suspendu": "suspended"}
_CARD_STATUSES: Final = {
    "issued": "issued", "emis": "issued", "emise": "issued", "active": "active", "suspended": "suspended",
    "suspendu": "suspended", "suspendue": "suspended", "lost": "lost", "perdu": "lost", "perdue": "lost",
    "expired": "expired", "expire": "expired", "expiree": "expired", "returned": "returned", "rendu": "returned",
    "rendue": "returned",
}  # fmt: skip
_UNITS: Final = {
    "half_day": "half_day", "half day": "half_day", "demi journee": "half_day", "day": "day", "jour": "day",
    "journee": "day", "hour": "hour", "heure": "hour", "entry": "entry", "entree": "entry",
}  # fmt: skip
_REF: Final = re.compile("m-[0-9a-z]{4,32}")
_CARD_REF: Final = re.compile("c-[0-9a-z]{4,32}")
_PASS_REF: Final = re.compile("p-[0-9a-z]{4,32}")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")
_PLACE: Final = re.compile(r"([a-z0-9][a-z0-9._-]*)(?:/(door:|group:|)([a-z0-9][a-z0-9._-]*))?")
_FRENCH_MOMENT: Final = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_NEVER: Final = re.compile(r"(?:9999-\d{2}-\d{2}|\d{1,2}[/.]\d{1,2}[/.]9999)(?:[ T].*)?$")
EVERYWHERE: Final = "*"

Moment = date | datetime
"""A local day, an aware instant, or a naive local time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineProblem:
    """What is wrong with a cell (``column``: None for the line), and what to do."""

    column: str | None
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPlace:
    """A place that a pass opens: all of it (all three empty), or the named parts."""

    place: str
    spaces: frozenset[str] = frozenset()
    doors: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The values of a line. None: empty; ``CLEAR``: to be cleared."""

    number: int
    member: str | None = None
    name: str | None = None
    email: str | None = None
    organisation: str | None = None
    home: str | None = None
    home_commune: str | None = None
    work_commune: str | None = None
    status: str | None = None
    lookup: bytes | None = field(default=None, repr=False)
    sealed: bytes | None = field(default=None, repr=False)
    card_kind: Literal["card", "code"] = "card"
    card_format: str | None = None
    last4: str | None = None
    card_number: str | None = field(default=None, repr=False)
    """As a reader sends it, for the report of a dry run; never stored. None for a keypad code."""
    card_ref: str | None = None
    card_status: str | None = None
    card_from: Moment | str | None = None
    card_until: Moment | str | None = None
    pass_ref: str | None = None
    label: str | None = None
    places: tuple[OpenedPlace, ...] | None = None
    everywhere: bool | None = None
    schedule: str | None = None
    valid_from: Moment | str | None = None
    valid_until: Moment | str | None = None
    unit: str | None = None
    allowance: int | str | None = None
    each_month: bool | None = None
    booked: bool | None = None
    outside_hours: bool | None = None
    host: bool | None = None
    wrong: tuple[LineProblem, ...] = ()

    @property
    def has_pass(self) -> bool:
        """Whether any of its cells is about a pass."""
        return any(
            value is not None
            for value in (
                self.pass_ref, self.label, self.places, self.everywhere, self.schedule, self.valid_from,
                self.valid_until, self.unit, self.allowance, self.each_month, self.booked, self.outside_hours,
                self.host,
            )
        )  # fmt: skip

    @property
    def has_card(self) -> bool:
        """Whether any of its cells is about a card."""
        return any(
            value is not None
            for value in (self.lookup, self.card_ref, self.card_status, self.card_from, self.card_until)
        )


def cell_of(cells: Sequence[str], columns: Mapping[Column, int], column: Column) -> str:
    """Return a line's cell without the ``'`` that an export puts before formulas."""
    index = columns.get(column)
    return "" if index is None else unquoted(cells[index])


def read_line(
    number: int, cells: Sequence[str], columns: Mapping[Column, int], *, keys: CardKeys, cards: CardColumn
) -> Line:
    """Read the cells of one line.

    Args:
        number: of the line in the file.
        cells: as in the file.
        columns: the position of each column.
        keys: what cards are stored with.
        cards: how to read the file's card numbers.
    """
    wrong: list[LineProblem] = []

    def cell(column: Column) -> str:
        return cell_of(cells, columns, column)

    def take(column: Column, read: Callable[[str], T], *, clearable: bool = False) -> Any:
        text = cell(column)
        if not text:
            return None
        if clearable and text == CLEAR:
            return CLEAR
        try:
            return read(text)
        except (ValueError, CardError) as error:
            wrong.append(LineProblem(column=column, what=str(error)))
            return None

    def take_name() -> str | None:
        family = cell("usage_name") or cell("family_name")
        whole = " ".join(part for part in (cell("given_name"), family) if part)
        try:
            return _text(whole) or None
        except ValueError as error:
            wrong.append(LineProblem(column="name", what=str(error)))
            return None

    card = take("card", lambda text: cards.read(text, cell("card_format")))
    kept = credential(keys, card) if card else None
    places = take("places", _places)
    return Line(
        number=number,
        member=take("member", _matching(_REF, "a reference is m- and 4 to 32 lower-case letters or digits")),
        name=take("name", _text) or take_name(),
        email=take("email", _matching(_EMAIL, "this is no e-mail address"), clearable=True),
        organisation=take("organisation", _text, clearable=True),
        home=take("home", _text, clearable=True),
        home_commune=take("home_commune", commune_code, clearable=True),
        work_commune=take("work_commune", commune_code, clearable=True),
        status=take("status", _one_of(_STATUSES)),
        lookup=kept.lookup if kept else None,
        sealed=kept.sealed if kept else None,
        card_kind=kept.kind if kept else "card",
        card_format=card.format if card else None,
        last4=kept.last4 if kept else None,
        card_number=card.number if card and card.format != "code" else None,
        card_ref=take("card_ref", _matching(_CARD_REF, "a card's reference is c- and letters or digits")),
        card_status=take("card_status", _one_of(_CARD_STATUSES)),
        card_from=take("card_from", read_moment, clearable=True),
        card_until=take("card_until", read_end, clearable=True),
        pass_ref=take("pass_ref", _matching(_PASS_REF, "a pass's reference is p- and letters or digits")),
        label=take("pass", _text),
        places=None if places is None or places == EVERYWHERE else places,
        everywhere=None if places is None else places == EVERYWHERE,
        schedule=take("schedule", _text, clearable=True),
        valid_from=take("valid_from", read_moment, clearable=True),
        valid_until=take("valid_until", read_end, clearable=True),
        unit=take("unit", _one_of(_UNITS), clearable=True),
        allowance=take("allowance", _count, clearable=True),
        each_month=take("each_month", _truth),
        booked=take("booked", _truth),
        outside_hours=take("outside_hours", _truth),
        host=take("host", _truth),
        wrong=tuple(wrong),
    )


def read_moment(text: str) -> Moment:
    """Parse a day (``2026-11-21``, ``21/11/2026``) or an instant (``2026-11-21T08:00``, with or without a zone).

    Raises:
        ValueError: it is neither.
    """
    if re.fullmatch("[0-9]{5}([.,][0-9]+)?", text):
        raise ValueError("a spreadsheet has turned this date into a number: format the column as a date first")
    french = _FRENCH_MOMENT.fullmatch(text)
    try:
        if french:
            day, month, year, hour, minute, second = (int(part) if part else 0 for part in french.groups())
            moment: Moment = date(year, month, day)
            if french[4] is not None:
                moment = datetime.combine(moment, time(hour, minute, second))  # local time of the place
        elif re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            moment = date.fromisoformat(text)
        elif re.match(r"\d{4}-\d{2}-\d{2}[T ]", text):
            moment = datetime.fromisoformat(text)
        else:
            raise ValueError
    except ValueError:
        raise ValueError(_no_date(text)) from None
    if not 2000 <= moment.year <= 2199:
        raise ValueError(_no_date(text))
    return moment.astimezone(UTC) if isinstance(moment, datetime) and moment.tzinfo is not None else moment


def read_end(text: str) -> Moment | str:
    """Parse a last day or a last instant; ``CLEAR``: without end.

    Tables often write a day as its first minute (``31/12/2026 00:00``) or its last (23:59): this means the whole day.
    Programs write the year 9999 for "without end".

    Raises:
        ValueError: it is neither.
    """
    if is_never(text):
        return CLEAR
    moment = read_moment(text)
    return moment.date() if isinstance(moment, datetime) and _is_edge_of_day(moment) else moment


def is_never(text: str) -> bool:
    """Whether an end is in the year 9999."""
    return _NEVER.match(text) is not None


def is_day_with_a_time(text: str) -> bool:
    """Whether an end is a day written with its first or last minute."""
    if ":" not in text or is_never(text):
        return False
    try:
        moment = read_moment(text)
    except ValueError:
        return False
    return isinstance(moment, datetime) and _is_edge_of_day(moment)


def _is_edge_of_day(moment: datetime) -> bool:
    clock = moment.time()
    return moment.tzinfo is None and (clock == time() or (clock.hour, clock.minute) == (23, 59))


def _no_date(text: str) -> str:
    return f"{text[:40]!r} is no date: write 2026-11-21, 21/11/2026 or 2026-11-21T08:00+01:00"


def _text(text: str) -> str:
    if len(text) > 200:
        raise ValueError("this is longer than 200 characters")
    if "\ufffd" in text:
        raise ValueError("a letter was lost (\ufffd) when this file was saved: export it again as CSV UTF-8")
    return text


def _matching(pattern: re.Pattern[str], otherwise: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if pattern.fullmatch(text) is None or len(text) > 254:
            raise ValueError(otherwise)
        return text

    return read


def _one_of(words: Mapping[str, str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        found = words.get(" ".join(unaccented(text).replace("_", " ").split())) or words.get(text)
        if found is None:
            raise ValueError(f"there is no {text[:40]!r} here; there are: {', '.join(dict.fromkeys(words.values()))}")
        return found

    return read


def _truth(text: str) -> bool:
    word = unaccented(text)
    if word not in _YES | _NO:
        raise ValueError("write yes or no")
    return word in _YES


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,6}", text):
        raise ValueError("write a whole number from 0 on")
    return int(text)


def _places(text: str) -> str | tuple[OpenedPlace, ...]:
    words = [word for word in re.split(r"[\s|;,]+", text) if word]
    if words == [EVERYWHERE]:
        return EVERYWHERE
    found: dict[str, dict[str, set[str]]] = {}
    whole: set[str] = set()
    for word in words:
        match = _PLACE.fullmatch(word)
        if match is None:
            raise ValueError(
                f"{word[:40]!r} is no place: write codes of places, with blanks between them; * is everywhere; "
                "place/space, place/door:CODE and place/group:CODE limit a pass to these"
            )
        place, what, code = match.groups()
        limits = found.setdefault(place, {"": set(), "door:": set(), "group:": set()})
        if code is None:
            whole.add(place)
        else:
            limits[what].add(code)
    return tuple(
        OpenedPlace(place=place)
        if place in whole
        else OpenedPlace(
            place=place,
            spaces=frozenset(limits[""]),
            doors=frozenset(limits["door:"]),
            groups=frozenset(limits["group:"]),
        )
        for place, limits in sorted(found.items())
    )
