"""What management does without a database: roles, ETags, card numbers, uses of a pass, what a refusal says."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, get_args

import psycopg
import pytest
from psycopg import errors as pg
from pydantic import SecretStr, ValidationError
from starlette.requests import Request

from access.cards import BEFORE, OVER, CardLife
from access.errors import CardError
from access.formats import read_uid
from access.passes import slot_of
from access.schedules import zone_named
from api.cards.numbers import read_keypad_code, read_number
from api.cards.spread import spread_json
from api.http.database_errors import as_problem
from api.http.errors import BadField, BadQuery, Conflict, NotYours, RevisionMissing, Unavailable
from api.http.models import Body, Code, Moment, Name
from api.http.revisions import etag_of, expected_revisions
from api.http.roles import HELD, PERMISSIONS, ROLES, permissions_of
from api.http.settings import ApiSettings
from api.passes.passes import local_day, uses_json
from api.schedules.schedules import checked_hours
from rights.card_secret import CardKeys

KEYS = CardKeys.of(bytes(32))
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def request(**headers: str) -> Request:
    """A request with these headers."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "PATCH", "path": "/", "headers": raw})


def test_roles_hold_what_they_should() -> None:
    assert set(HELD) == set(ROLES)
    assert HELD["front_desk"] < HELD["place_manager"] < HELD["network_administrator"] == set(PERMISSIONS)
    assert not any(one.endswith(":write") for one in HELD["auditor"])
    assert HELD["availability_reader"] == HELD["gateway"] == frozenset()
    assert permissions_of("king", ["root"], bound=False) == frozenset()
    assert permissions_of(None, ["events:read"], bound=False) == {"events:read"}
    assert permissions_of(None, ["admin"], bound=False) == set(PERMISSIONS)
    assert "privacy" not in permissions_of("network_administrator", [], bound=True)
    assert "keys:write" not in permissions_of(None, ["access:manage"], bound=False)


@pytest.mark.parametrize(
    ("given", "wanted"), [('"3"', [3]), ('W/"3"', [3]), ('"3", "4"', [3, 4]), ("*", None), (' "0" ', [0])]
)
def test_if_match_is_read(given: str, wanted: list[int] | None) -> None:
    assert expected_revisions(request(if_match=given)) == wanted
    assert expected_revisions(request(if_match=etag_of(7))) == [7]


@pytest.mark.parametrize("given", ["3", '"x"', "", '"3" "4"', '"3",', '"99999999999"'])
def test_what_is_no_etag_is_refused(given: str) -> None:
    with pytest.raises(BadQuery):
        expected_revisions(request(if_match=given))
    with pytest.raises(RevisionMissing):
        expected_revisions(request())


@pytest.mark.parametrize(
    "number", ["04a2245ac16d80", "04:A2:24:5A:C1:6D:80", "04-A2-24-5A-C1-6D-80", "04 a2 24 5a c1 6d 80"]
)
def test_a_number_is_found_however_it_is_written(number: str) -> None:
    read = read_number(KEYS, number)
    assert read.lookup == KEYS.found_by("04A2245AC16D80")
    assert (read.last4, read.format, read.kind) == ("6D80", "MIFARE7", "card")
    as_a_reader_does = read_uid(bytes.fromhex("04A2245AC16D80"))
    assert read.lookup == KEYS.found_by(getattr(as_a_reader_does, "number"))  # noqa: B009
    assert number not in repr(read)


@pytest.mark.parametrize(
    ("number", "format_"),
    [
        ("", None),
        ("0", None),
        ("ABC", None),
        ("XY", None),
        ("00" * 33, None),
        ("0102", "H10301"),
        ("01020304", "nonsense"),
    ],
)
def test_what_is_no_number_is_refused_without_quoting_it(number: str, format_: str | None) -> None:
    with pytest.raises(CardError) as refused:
        read_number(KEYS, number, format_)
    assert not number or len(number) < 2 or number not in str(refused.value)


def test_short_numbers_and_codes_are_not_shown() -> None:
    assert read_number(KEYS, "010203", "H10301-hex").last4 == "0203"
    code = read_keypad_code(KEYS, "1234")
    assert (code.last4, code.kind, code.format) == (None, "code", "code")
    assert code.lookup != read_number(KEYS, "04A21234").lookup


def test_no_card_comes_back_from_the_end_but_by_reissue() -> None:
    assert set(BEFORE) == set(get_args(CardLife))
    for status, before in BEFORE.items():
        assert "lost" not in before
        assert "returned" not in before
        assert status not in before
    assert set(OVER) == {"lost", "returned", "expired"}


def _pass(unit: str | None, limit: int | None, slots: list[int], *, each_month: bool = False) -> dict[str, Any]:
    counted = {"unit": unit, "allowance": limit, "each_month": each_month, "slots": slots}
    return {**counted, "time_zone": "Europe/Paris"}


def test_uses_are_counted_in_all_or_of_the_month() -> None:
    zone = zone_named("Europe/Paris")
    this = [slot_of("half_day", datetime(2026, 11, day, 9, tzinfo=UTC), zone) for day in (3, 4, 5)]
    before = [slot_of("half_day", datetime(2026, 10, day, 9, tzinfo=UTC), zone) for day in (1, 2)]
    assert uses_json(_pass("half_day", 10, before + this), NOW) == {"used": 5, "left": 5}
    assert uses_json(_pass("half_day", 10, before + this, each_month=True), NOW) == {"used": 3, "left": 7}
    assert uses_json(_pass("half_day", 2, this, each_month=True), NOW) == {"used": 3, "left": 0}
    assert uses_json(_pass(None, None, []), NOW) == {"used": 0, "left": None}


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-07-14", 24)])
def test_a_local_day_knows_the_clocks_changes(day: str, hours: int) -> None:
    begin, end = local_day(date.fromisoformat(day), "Europe/Paris")
    assert (end.astimezone(UTC) - begin.astimezone(UTC)).total_seconds() == hours * 3600


def test_hours_are_kept_as_access_writes_them() -> None:
    given = {"tue": [["14:00", "18:00"], ["08:00", "12:00"]], "mon": [], "closed": [["2026-12-24", "2026-12-26"]]}
    assert checked_hours(given) == {
        "tue": [["08:00", "12:00"], ["14:00", "18:00"]],
        "closed": [["2026-12-24", "2026-12-26"]],
    }
    with pytest.raises(BadField):
        checked_hours({"holidays": {"department": "6é"}})


def test_the_spread_counts_places_and_names_who_waits() -> None:
    def row(
        place: str | None, number: int, has: int | None, needs: int, waits: datetime | None = None
    ) -> dict[str, Any]:
        told = {"place": place, "gateway": place, "place_id": number, "online": has is not None}
        return {**told, "has": has, "needs": needs, "made_at": NOW, "waits": waits}

    rows = [row("a", 1, 5, 5), row("b", 2, None, 5), row("c", 3, 6, 5, NOW), row(None, 4, 4, 5), row("a", 1, 4, 5)]
    told = spread_json(rows, pending=True, card="c-1")
    assert (told["places"], told["knowing"], told["waiting_elsewhere"]) == (4, 0, 1)
    assert [one["place"] for one in told["waiting"]] == ["b", "c", "a"]
    assert spread_json([row("a", 1, 9, 5)], pending=False, card="c-1")["knowing"] == 1


class _Sent(Body):
    name: Name
    code: Code
    at: Moment


def test_fields_are_cleaned_and_bounded() -> None:
    sent = _Sent(name=" Zoé\u00a0 Roux ", code="a-1", at=datetime.fromisoformat("2026-11-22T10:00:00+01:00"))
    assert (sent.name, sent.at) == ("Zoé Roux", datetime(2026, 11, 22, 9, tzinfo=UTC))
    for wrong in (
        {"name": "a\x07"},
        {"name": ""},
        {"code": "A"},
        {"code": "a/b"},
        {"at": "1970-01-01T00:00:00Z"},
        {"at": "9999-12-31T23:59:59-12:00"},
        {"at": "2026-11-22T10:00:00"},
        {"more": 1},
    ):
        with pytest.raises(ValidationError):
            _Sent.model_validate({"name": "a", "code": "a", "at": "2026-11-22T10:00:00Z", **wrong})


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (pg.InsufficientPrivilege("x"), NotYours),
        (pg.UniqueViolation("x"), Conflict),
        (pg.ForeignKeyViolation("x"), BadField),
        (pg.CheckViolation("x"), BadField),
        (pg.SerializationFailure("x"), Unavailable),
        (pg.QueryCanceled("x"), Unavailable),
        (pg.NumericValueOutOfRange("x"), BadField),
        (psycopg.OperationalError("x"), Unavailable),
    ],
)
def test_what_the_database_refuses_is_the_callers_to_mend(error: psycopg.Error, kind: type[Exception]) -> None:
    assert isinstance(as_problem(error), kind)
    assert as_problem(pg.UndefinedColumn("x")) is None


def test_a_card_key_that_is_none_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = SecretStr("postgresql://nowhere/nothing")
    monkeypatch.setenv("MAILLAGE_CARD_SEALING_KEY", KEYS.sealing_text)
    for text in ("5e" * 31, "not hexadecimal"):
        monkeypatch.setenv("MAILLAGE_CARD_LOOKUP_KEY", text)
        with pytest.raises(ValidationError) as refused:
            ApiSettings(database_url=nowhere)
        assert text not in str(refused.value)
    monkeypatch.setenv("MAILLAGE_CARD_LOOKUP_KEY", "")
    assert ApiSettings(database_url=nowhere).card_keys is None
    monkeypatch.setenv("MAILLAGE_CARD_LOOKUP_KEY", KEYS.lookup.hex())
    assert ApiSettings(database_url=nowhere).card_keys == KEYS
    monkeypatch.setenv("MAILLAGE_CARD_SEALING_KEY", "AAAA")
    with pytest.raises(ValidationError):
        ApiSettings(database_url=nowhere)
