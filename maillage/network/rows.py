"""Validates one row of the inventory: a place with notes on what was mended, or the reason to refuse it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from maillage.network import territory

LONGEST_NAME: Final = 200
_TYPOLOGIES: Final = {"coworking": "coworking", "fablab": "fab_lab"}
_WEBSITE: Final = re.compile(
    r"https?://[\w-]+(\.[\w-]+)*\.[a-z]{2,24}(:\d{1,5})?([/?#][^\s<>\"'|\\^`\[\]{}]*)?", re.IGNORECASE
)
_MOJIBAKE: Final = re.compile(r"[ÂÃ][\u0080-\u00bf]|â€[\u0080-\u00bf\u2013-\u2122]")
"""UTF-8 that was read as Latin-1 or Windows-1252: ``Ã©`` for é, ``â€™`` for ’."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff]")

Note = tuple[str, str]
"""A reason (a closed word) and a sentence."""


class RowError(Exception):
    """A row that can't be used; ``reason`` is one closed word."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One place of the inventory."""

    source_id: str
    name: str
    latitude: float
    longitude: float
    time_zone: str
    address: str | None
    postcode: str | None
    commune: str | None
    commune_code: str | None
    department: str
    region: str
    website: str | None
    typology: str | None
    population: int | None
    """Of the commune; not stored, only the sample's sizes depend on it."""


def read_row(row: Mapping[str, str]) -> tuple[Place, tuple[Note, ...]]:
    """Read one row, column by name.

    Raises:
        RowError: it can't be used.
    """
    if "columns" in row:
        raise RowError("shifted_columns", row["columns"])
    notes: list[Note] = []
    cells = {name: _clean(value, name, notes) for name, value in row.items()}
    source_id, name = cells["ID"], cells["NOM_TL"]
    if not source_id or len(source_id) > 64:
        raise RowError("bad_id", "the ID is empty" if not source_id else "the ID is longer than 64 characters")
    if not any(letter.isalnum() for letter in name):
        raise RowError("no_name", f"the name {name!r} has neither letter nor digit" if name else "the name is empty")
    if len(name) > LONGEST_NAME:
        raise RowError("name_too_long", f"the name has {len(name)} characters (at most {LONGEST_NAME}): shifted cells?")
    latitude, longitude, where = _position(cells, notes)
    department = _department(cells, where, notes)
    commune, commune_code = _commune(cells, department)
    return Place(
        source_id=source_id,
        name=name,
        latitude=latitude,
        longitude=longitude,
        time_zone=territory.time_zone(department),
        address=cells.get("ADRESSE", "")[:300] or None,
        postcode=_postcode(cells, department, notes),
        commune=commune,
        commune_code=commune_code,
        department=department,
        region=territory.REGION_OF[department],
        website=_website(cells.get("WEB", ""), notes),
        typology=next((ours for word, ours in _TYPOLOGIES.items() if word in cells.get("TYPO", "").lower()), None),
        population=_population(cells.get("POPCOM", "")),
    ), tuple(notes)


def _clean(value: str, column: str, notes: list[Note]) -> str:
    """Take out control characters and doubled spaces, and undo UTF-8 that was once read as Latin-1."""
    undone = _MOJIBAKE.sub(_undo, value)
    if undone != value:
        notes.append(("encoding", f"{column}: UTF-8 that had been read as another encoding, undone"))
    return " ".join(_CONTROL.sub(" ", undone).split())


def _undo(match: re.Match[str]) -> str:
    for encoding in ("latin-1", "cp1252"):
        try:
            return match[0].encode(encoding).decode()
        except UnicodeError:
            continue
    return match[0]


def _position(cells: Mapping[str, str], notes: list[Note]) -> tuple[float, float, str]:
    """Return latitude, longitude and the territory that they lie in."""
    try:
        latitude, longitude = (float(cells[name].replace(",", ".")) for name in ("LAT", "LONG"))
    except ValueError:
        raise RowError("bad_coordinates", f"LAT {cells['LAT']!r}, LONG {cells['LONG']!r}: no numbers") from None
    if not (math.isfinite(latitude) and math.isfinite(longitude)) or abs(latitude) > 180 or abs(longitude) > 180:
        raise RowError("bad_coordinates", f"LAT {cells['LAT']}, LONG {cells['LONG']}: not on Earth")
    if where := territory.territory_at(latitude, longitude):
        return latitude, longitude, where
    if where := territory.territory_at(longitude, latitude):
        notes.append(("coordinates_swapped", "LAT and LONG were exchanged"))
        return longitude, latitude, where
    raise RowError("not_in_france", f"LAT {latitude}, LONG {longitude} lie outside France and its overseas departments")


def _department(cells: Mapping[str, str], where: str, notes: list[Note]) -> str:
    """Return the department that most of the row agrees on, among those that its coordinates allow.

    The row holds it up to three times: by the commune's code (the geocoder's), by the postcode (the author's) and in a
    column of its own (joined from the coordinates), which wins a tie.
    """
    by_commune = territory.department_of_commune(cells["INSEECOM"])
    by_postcode = territory.department_of_postcode(cells["CP"])
    by_position = cells.get("INSEEDEP") if cells.get("INSEEDEP") in territory.REGION_OF else None
    votes = [one for one in (by_position, by_commune, by_postcode) if one is not None]
    if not votes and where not in territory.REGION_OF:
        raise RowError("no_department", "neither commune code nor postcode nor department can be used")
    allowed = [one for one in votes or [where] if territory.territory_of(one) == where]
    if not allowed:
        raise RowError("contradiction", f"department {votes[0]}, but the coordinates lie in {where}")
    name, there = cells["NOMCOM"], cells.get("NOMCOMMETRO", "")
    if by_commune is None and by_postcode is None and name and there and territory.fold(name) != territory.fold(there):
        raise RowError("unconfirmed", f"no postcode, no commune code, and in {name} by name but in {there} by position")
    department = max(allowed, key=votes.count)
    if len(set(votes)) > 1:
        notes.append(("department", f"given as {', '.join(dict.fromkeys(votes))}; taken as {department}"))
    return department


def _commune(cells: Mapping[str, str], department: str) -> tuple[str | None, str | None]:
    """Return the commune's name and code: the geocoder's, or else those joined from the coordinates."""
    named = cells["NOMCOM"] or cells["COMINIT"]
    there, code = cells.get("NOMCOMMETRO", ""), cells.get("INSEEMETRO", "")
    if territory.department_of_commune(cells["INSEECOM"]) == department:
        return (cells["NOMCOM"] or there or named)[:100] or None, cells["INSEECOM"]
    if there and territory.department_of_commune(code) == department:
        return there[:100], code
    return named[:100] or None, None


def _postcode(cells: Mapping[str, str], department: str, notes: list[Note]) -> str | None:
    """Return the postcode, mended from a lost leading zero or from the geocoder's address; None where there is none."""
    given, address = cells["CP"], cells.get("GEOCOD", "")
    padded = f"0{given}" if re.fullmatch(r"[1-9][0-9]{3}", given) else given
    geocoded = re.search(r"\b[0-9]{5}\b", address)
    ways = ((given, None), (padded, "its leading zero"), (geocoded and geocoded[0], "the geocoder's address"))
    for code, how in ways:
        if not code or (serves := territory.department_of_postcode(code)) is None:
            continue
        # A post office may serve a commune across the border: believed where the geocoder wrote the same.
        if serves == department or (code == given and code in address):
            if how:
                notes.append(("postcode", f"{given!r} became {code}, by {how}"))
            return code
    if given not in ("", "0"):
        notes.append(("postcode", f"{given!r} left out: none of department {department}"))
    return None


def _website(text: str, notes: list[Note]) -> str | None:
    if not text:
        return None
    address = text if re.match(r"https?://", text, re.IGNORECASE) else f"http://{text}"
    if len(address) <= 500 and _WEBSITE.fullmatch(address):
        return address
    notes.append(("website", "left out: no web address"))
    return None


def _population(text: str) -> int | None:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return int(value) if 0 < value < 1e8 else None
