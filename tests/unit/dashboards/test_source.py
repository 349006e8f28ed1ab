"""The data source made from a reader's connection URL, and the comparison with what Grafana has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.errors import GrafanaError
from dashboards.provisioning.comparison import covers
from dashboards.source import data_source
from dashboards.versions import Version, parse, plugin


def test_every_part_has_its_place() -> None:
    source = data_source("postgresql://reader_33:p%40ss%2Fword@db.example.org:6432/maillage?sslmode=verify-full")
    assert source["uid"] == "maillage-report"
    assert source["url"] == "db.example.org:6432"
    assert source["user"] == "reader_33"
    assert source["secureJsonData"] == {"password": "p@ss/word"}
    assert "database" not in source
    assert source["jsonData"]["database"] == "maillage"
    assert source["jsonData"]["sslmode"] == "verify-full"
    assert source["jsonData"]["timescaledb"] is True
    assert "p@ss" not in repr(source["jsonData"])


@pytest.mark.parametrize(
    ("host", "mode", "address"),
    [
        ("127.0.0.1", "disable", "127.0.0.1:5432"),
        ("localhost", "disable", "localhost:5432"),
        ("[::1]", "disable", "[::1]:5432"),
        ("timescaledb", "require", "timescaledb:5432"),
        ("10.0.0.5", "require", "10.0.0.5:5432"),
    ],
)
def test_lines_are_encrypted_unless_they_stay_in_the_machine(host: str, mode: str, address: str) -> None:
    source = data_source(f"postgresql://u:p@{host}/d")
    assert (source["jsonData"]["sslmode"], source["url"]) == (mode, address)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "db:5432/maillage",
        "mysql://u:p@h/d",
        "postgresql://h/d",
        "postgresql://u:p@/d",
        "postgresql://u:p@h",
        "postgresql://u:secret@h:port/d",
        "postgresql://u:secret@h/d?sslmode=prefer",
    ],
)
def test_a_wrong_url_is_told_without_its_password(url: str) -> None:
    with pytest.raises(GrafanaError) as told:
        data_source(url)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("version", "old"),
    [
        ("9.2.2", True),
        ("10.2.2", True),
        ("10.2.3", False),
        ("10.3.0-64167", False),
        ("12.1.0", False),
        ("13.0", False),
    ],
)
def test_the_plugin_has_its_older_name_before_10_2_3(version: str, old: bool) -> None:
    found = parse(version)
    assert found is not None
    assert plugin(found) == ("postgres" if old else "grafana-postgresql-datasource")


def test_a_version_that_says_nothing_is_none() -> None:
    assert parse("of unknown version") is None


def test_what_an_old_grafana_gets() -> None:
    source = data_source("postgresql://u:p@h/maillage", Version(9, 2, 2))
    assert (source["type"], source["database"]) == ("postgres", "maillage")
    assert source["jsonData"]["database"] == "maillage"


@pytest.mark.parametrize(
    ("found", "wanted", "expected"),
    [
        ({"a": 1, "id": 7}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ({"a": {"b": [1, {"c": 2, "d": 3}]}}, {"a": {"b": [1, {"c": 2}]}}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": [2, 1]}, {"a": [1, 2]}, False),
        ({"a": "1"}, {"a": 1}, False),
        ([], {}, False),
        (None, [], False),
    ],
)
def test_covers(found: Any, wanted: Any, expected: bool) -> None:
    assert covers(found, wanted) is expected


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(value=_JSON)
def test_everything_covers_itself(value: Any) -> None:
    assert covers(value, value)
