"""The audit's chain without a database: what a hash covers, and which details may be gone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

import pytest

from database.chain import START, Checked, Line, check, line_hash
from database.erasures import ERASED, KEPT_US, LISTED, REMOVED

PERSON: Final = "m-0a1b2c3d4e5f6789"
SALT: Final = sha256(b"salt").digest()


def _field(text: str | None) -> bytes:
    return b"\xff" * 4 if text is None else len(text.encode()).to_bytes(4, "big") + text.encode()


@dataclass(slots=True)
class Audit:
    """A chain that is written line by line as the database does, or as it did before migration 0036."""

    lines: list[Line] = field(default_factory=list)

    def write(
        self,
        action: str = "member changed",
        *,
        at_us: int = 0,
        person: str | None = None,
        detail: dict[str, Any] | None = None,
        old: bool = False,
        actor: str = "key:1",
        request: str | None = None,
    ) -> int:
        """Append a line and return its number; ``old``: in the format before migration 0036."""
        body = json.dumps({"x": 1} if detail is None else detail)
        previous = self.lines[-1].hash if self.lines else START
        covered = SALT + (b"" if old else _field(person)) + body.encode()
        line = Line(
            id=len(self.lines) + 1,
            at_us=at_us,
            actor=actor,
            role=None,
            action=action,
            subject="x",
            place=None,
            from_addr=None,
            request=request,
            detail_digest=sha256(covered).digest(),
            about=None if old else "nobody" if person is None else "person",
            previous=previous,
            hash=b"",
            salt=SALT,
            person=person,
            body=body,
        )
        self.lines.append(line._replace(hash=line_hash(line)))
        return line.id

    def lose(self, number: int) -> None:
        """Remove a line's detail."""
        self.lines[number - 1] = self.lines[number - 1]._replace(salt=None, person=None, body=None)

    def change(self, number: int, **fields: Any) -> None:
        """Change a line without hashing it anew."""
        self.lines[number - 1] = self.lines[number - 1]._replace(**fields)

    def checked(self, **options: Any) -> Checked:
        """Follow the chain to its end."""
        first = options.get("first", 1)
        return [Checked(), *check(self.lines[first - 1 :], **options)][-1]


def _fields(**more: Any) -> Line:
    values = dict.fromkeys(Line._fields) | {"id": 1, "at_us": 1, "actor": "a", "action": "b", "subject": "c"}
    return Line(**(values | {"place": 2, "request": "", "previous": START, "hash": b""} | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (_fields(), ["1", "1", "a", None, "b", "c", "2", None, "", None]),
        (_fields(about="nobody"), ["1", "1", "a", None, "b", "c", "2", None, "", None, "nobody"]),
        (_fields(about="person", detail_digest=b"\1"), ["1", "1", "a", None, "b", "c", "2", None, "", "01", "person"]),
    ],
)
def test_the_hash_is_what_the_text_says(line: Line, fields: list[str | None]) -> None:
    assert line_hash(line) == sha256(bytes(32) + b"".join(map(_field, fields))).digest()


def test_a_detail_about_nobody_may_not_go() -> None:
    audit = Audit()
    audit.write()
    number = audit.write()
    audit.write()
    audit.lose(number)
    state = audit.checked()
    assert state.broken == (2, "detail removed: it is about nobody, so it must not be erased")
    assert state.lines == 1


def test_not_even_where_a_line_says_that_it_went_with_a_person() -> None:
    audit = Audit()
    audit.lose(audit.write())
    audit.write(REMOVED, detail={"lines": "{[1,2)}"})
    audit.write(ERASED)
    assert audit.checked().broken == (1, "detail removed: it is about nobody, so it must not be erased")


@pytest.mark.parametrize("about", ["person", None])
def test_a_line_that_is_made_erasable_afterwards_is_altered(about: str | None) -> None:
    audit = Audit()
    audit.lose(audit.write())
    audit.change(1, about=about)
    broken = audit.checked().broken
    assert broken is not None and broken[1].startswith("altered")


@pytest.mark.parametrize("person", [None, "m-other"])
def test_a_detail_that_is_given_another_person_is_altered(person: str | None) -> None:
    audit = Audit()
    audit.write(person=PERSON)
    assert audit.checked().broken is None
    audit.change(1, person=person)
    broken = audit.checked().broken
    assert broken is not None and broken[1].startswith("detail altered")


def test_a_person_s_detail_goes_with_the_person() -> None:
    audit = Audit()
    numbers = [audit.write(person=PERSON) for _ in range(3)]
    kept = audit.write()
    numbers.append(audit.write(person=PERSON))
    audit.write(REMOVED, detail={"lines": "{[1,4),[5,6)}"}, request="r")
    audit.write("booking removed", request="r")
    audit.write(ERASED, request="r")
    for number in numbers:
        audit.lose(number)
    state = audit.checked()
    assert (state.broken, state.lines, state.erased, state.unknown) == (None, 8, 4, 0)
    assert audit.checked(first=kept).erased == 1


@pytest.mark.parametrize(
    ("lines", "erased"),
    [
        ({}, {}),  # no line says that it went
        ({"detail": {"lines": "{[2,9)}"}}, {}),  # another one did
        ({"detail": {"lines": "{[1,2)}"}}, None),  # nobody was erased
        ({"detail": {"lines": "{[1,2)}"}}, {"request": "another"}),  # somebody else was
        ({"detail": {"lines": "{[1,2)}"}}, {"actor": "key:2"}),
        ({"detail": {"lines": 1}}, {}),
        ({"detail": {"lines": "{[1,"}}, {}),
        ({"detail": {}}, {}),
        ({"detail": {"lines": "{[1,2)}"}, "at_us": KEPT_US - 1}, None),  # before its time
    ],
)
def test_a_person_s_detail_that_nothing_accounts_for(lines: dict[str, Any], erased: dict[str, Any] | None) -> None:
    audit = Audit()
    audit.write(person=PERSON)
    if lines:
        audit.write(REMOVED, **lines)
    if erased is not None:
        audit.write(ERASED, **erased)
    audit.lose(1)
    state = audit.checked()
    assert state.broken is not None
    assert state.broken[0] == 1 and state.broken[1].startswith("detail removed: no later line says")
    assert state.lines == 0 and state.head is not None


def test_lines_of_the_old_format_account_for_nothing() -> None:
    audit = Audit()
    audit.lose(audit.write(person=PERSON, old=True))
    audit.write(REMOVED, detail={"lines": "{[1,2)}"}, old=True)
    audit.write(ERASED, old=True)
    state = audit.checked()
    assert (state.broken, state.erased, state.unknown) == (None, 0, 1)


def test_a_line_accounts_for_none_that_comes_after_it() -> None:
    audit = Audit()
    audit.write(REMOVED, detail={"lines": "{[1,100)}"})
    audit.write(ERASED)
    audit.lose(audit.write(person=PERSON))
    broken = audit.checked().broken
    assert broken is not None and broken[0] == 3


def test_a_person_s_detail_goes_after_its_time() -> None:
    audit = Audit()
    audit.lose(audit.write(person=PERSON, at_us=5))
    audit.write(REMOVED, detail={"lines": "{[1,2)}"}, at_us=5 + KEPT_US)
    state = audit.checked()
    assert (state.broken, state.erased) == (None, 1)


def _upgraded() -> Audit:
    """Return a chain of two old lines about a person, two about nobody, and what the migration listed of them."""
    audit = Audit()
    for person in (PERSON, PERSON, None, None):
        audit.write(person=person, old=True)
    audit.write(LISTED, detail={"person": "{[2,3)}", "nobody": "{[4,5)}"})  # 1 and 3 were gone by then
    audit.write()
    return audit


def test_old_lines_stay_right_and_what_they_cannot_say_is_counted() -> None:
    audit = _upgraded()
    assert (audit.checked().broken, audit.checked().lines) == (None, 6)
    audit.lose(1)
    audit.lose(3)
    state = audit.checked()
    assert (state.broken, state.erased, state.unknown) == (None, 0, 2)


def test_what_was_there_at_the_migration_is_watched_from_then_on() -> None:
    audit = _upgraded()
    audit.lose(4)
    assert audit.checked().broken == (4, "detail removed: it was about nobody, so it must not be erased")
    audit = _upgraded()
    audit.lose(2)
    broken = audit.checked().broken
    assert broken is not None and broken[0] == 2 and broken[1].startswith("detail removed: no later line says")
    audit.write(REMOVED, detail={"lines": "{[2,3)}"})
    audit.write(ERASED)
    assert (audit.checked().broken, audit.checked().erased, audit.checked().unknown) == (None, 1, 0)


def test_only_the_migration_s_own_line_lists_the_old_ones() -> None:
    audit = _upgraded()
    audit.write(LISTED, detail={"person": "{[1,4)}", "nobody": "{[1,5)}"})
    audit.lose(1)
    assert (audit.checked().broken, audit.checked().unknown) == (None, 1)


def test_no_line_of_the_old_format_follows_a_new_one() -> None:
    audit = Audit()
    audit.write()
    audit.write(old=True)
    broken = audit.checked().broken
    assert broken is not None and broken[0] == 2 and "from before migration 0036" in broken[1]
