"""A list's tables, read some rows at a time: the same values, the same refusals, wherever the cuts fall."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access import AccessList, Entry, ListError, Member, Right, from_json, tables, to_json
from tests.unit.access.test_compare import lists


@pytest.fixture(autouse=True)
def _few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_ROWS", 2)


@given(lists())
def test_what_is_read_is_what_was_written(held: AccessList) -> None:
    again = from_json(to_json(held))
    assert again == held
    assert {hash(one) for one in again.entries.values()} == {hash(one) for one in held.entries.values()}
    members = {entry.member.ref: entry.member for entry in again.entries.values()}
    assert all(entry.member is members[entry.member.ref] for entry in again.entries.values())


@pytest.mark.parametrize("kind", [Right, Member, Entry])
def test_what_is_made_without_its_constructor_has_nothing_that_it_would_check(kind: type) -> None:
    assert not hasattr(kind, "__post_init__")


@given(lists(), st.data())
def test_a_wrong_value_in_any_row_is_found(held: AccessList, data: st.DataObject) -> None:
    body = json.loads(to_json(held))
    widths = {"entries": 5, "rights": 5, "passes": 8, "bookings": 4}
    full = [name for name in widths if body.get(name)]
    if not full:
        return
    name = data.draw(st.sampled_from(full))
    rows: list[Any] = body[name]
    row = rows[data.draw(st.integers(0, len(rows) - 1))]
    how = data.draw(st.sampled_from(["cut", "value", "row", "stranger"]))
    if how == "cut":
        del row[widths[name] - 1 :]
    elif how == "value":
        row[data.draw(st.integers(0, widths[name] - 1))] = data.draw(st.sampled_from([1.5, True, {"a": 1}, [[]]]))
    elif how == "row":
        rows[data.draw(st.integers(0, len(rows) - 1))] = data.draw(st.sampled_from([None, "row", {}, 7]))
    else:
        row[1 if name == "entries" else 0] = "m-nobody"
    with pytest.raises(ListError):
        from_json(json.dumps(body))


def test_what_a_later_version_adds_to_a_row_is_cut_off() -> None:
    body = {
        "place": "gare", "version": 1, "made_at": 0, "time_zone": "Europe/Paris", "lockdown": False,
        "members": {"m-1": "active"}, "schedules": [], "rights": [["m-1", None, None, None, None, "more"]],
        "entries": [["a" * 64, "m-1", "active", None, None], ["b" * 64, "m-1", "active", None, None, "more", 1]],
    }  # fmt: skip
    assert len(from_json(json.dumps(body)).entries) == 2
    with pytest.raises(ListError, match="twice"):
        from_json(json.dumps({**body, "entries": [*body["entries"], body["entries"][0]]}))  # type: ignore[misc,index]
