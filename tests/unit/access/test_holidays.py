"""French public holidays against published dates and a second way to find Easter."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from access.holidays import DEPARTMENTS, easter, holidays, is_holiday

# Published: Institut de mécanique céleste (dates of Easter), service-public.fr F2405 (holidays).
KNOWN_EASTERS = [
    date(1818, 3, 22), date(1886, 4, 25), date(1943, 4, 25), date(1954, 4, 18), date(1981, 4, 19), date(2000, 4, 23),
    date(2008, 3, 23), date(2011, 4, 24), date(2019, 4, 21), date(2024, 3, 31), date(2025, 4, 20), date(2026, 4, 5),
    date(2027, 3, 28), date(2038, 4, 25), date(2049, 4, 18), date(2076, 4, 19),
]  # fmt: skip


@pytest.mark.parametrize("sunday", KNOWN_EASTERS, ids=str)
def test_easter_as_published(sunday: date) -> None:
    assert easter(sunday.year) == sunday


def by_the_moon(year: int) -> date:
    """Easter by Gauss's way with Lilius's corrections: the Sunday after the ecclesiastical full moon."""
    century = year // 100
    solar = century - century // 4
    moon = (15 + solar - (13 + 8 * century) // 25) % 30
    days = (19 * (year % 19) + moon) % 30
    if days == 29 or (days == 28 and year % 19 > 10):
        days -= 1
    full = date(year, 3, 21) + timedelta(days=days)
    return full + timedelta(days=7 - (full.weekday() + 1) % 7)


def test_easter_is_found_the_same_by_the_moon() -> None:
    for year in range(1583, 5000):
        assert easter(year) == by_the_moon(year), year


@pytest.mark.parametrize("year", [0, 1582, 10_000])
def test_no_easter_outside_the_calendar(year: int) -> None:
    with pytest.raises(ValueError, match=str(year)):
        easter(year)


def test_the_eleven_of_2026() -> None:
    assert list(holidays(2026)) == [
        date(2026, 1, 1), date(2026, 4, 6), date(2026, 5, 1), date(2026, 5, 8), date(2026, 5, 14), date(2026, 5, 25),
        date(2026, 7, 14), date(2026, 8, 15), date(2026, 11, 1), date(2026, 11, 11), date(2026, 12, 25),
    ]  # fmt: skip
    assert holidays(2026) == holidays(2026, "38") == holidays(2026, "2A")


@pytest.mark.parametrize("department", ["57", "67", "68"])
def test_two_more_in_alsace_moselle(department: str) -> None:
    assert set(holidays(2026, department)) - set(holidays(2026)) == {date(2026, 4, 3), date(2026, 12, 26)}


@pytest.mark.parametrize(
    ("department", "day"),
    [
        ("971", date(2026, 5, 27)),
        ("972", date(2026, 5, 22)),
        ("973", date(2026, 6, 10)),
        ("974", date(2026, 12, 20)),
        ("976", date(2026, 4, 27)),
        ("977", date(2026, 10, 9)),
        ("978", date(2026, 5, 28)),
    ],
)
def test_the_abolition_is_remembered_overseas(department: str, day: date) -> None:
    assert set(holidays(2026, department)) - set(holidays(2026)) == {day}
    assert is_holiday(day, department)
    assert not is_holiday(day)


def test_two_holidays_on_one_day_are_one_with_both_names() -> None:
    assert holidays(2008)[date(2008, 5, 1)] == "Ascension, Fête du Travail"
    assert len(holidays(2008)) == 10


def test_nobody_can_change_the_table_for_others() -> None:
    with pytest.raises(TypeError):
        holidays(2026)[date(2026, 1, 2)] = "Lendemain de fête"  # type: ignore[index]


@pytest.mark.parametrize(
    ("department", "year", "more"),
    [
        ("986", 2026, {date(2026, 4, 28), date(2026, 7, 29)}),
        ("987", 2026, {date(2026, 3, 5), date(2026, 4, 3), date(2026, 11, 20)}),
        ("987", 2024, {date(2024, 3, 5), date(2024, 3, 29), date(2024, 6, 29)}),
        ("988", 2026, {date(2026, 9, 24)}),
        ("975", 2026, set()),
    ],
)
def test_the_pacific_has_days_of_its_own(department: str, year: int, more: set[date]) -> None:
    assert set(holidays(year, department)) - set(holidays(year)) == more


def test_there_are_101_departments_and_six_collectivities() -> None:
    assert len(DEPARTMENTS) == 96 + 5 + 6
    assert {"01", "2A", "2B", "95", "971", "978", "986", "987", "988"} <= DEPARTMENTS
    assert DEPARTMENTS.isdisjoint({"00", "20", "96", "99", "970", "979", "999", "1", "2a"})
