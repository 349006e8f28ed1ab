"""A database that holds no network: each command that opens it says which command founds one."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from database.pool import connect
from database.reasons import reason_of
from maillage.central.watch import read
from maillage.cli import app
from maillage.complaint import sentence
from maillage.doctor.database import look_at_database
from tests.tables import ROOT

COMMANDS = (
    ["place", "plan", str(ROOT / "docs/places/village.yaml")],
    ["place", "apply", str(ROOT / "docs/places/village.yaml"), "--yes"],
    ["place", "export", "gare"],
    ["key", "list"],
    ["network", "show"],
    ["dead-letters", "count"],
    ["audit", "verify"],
    ["authority", "show", "--authority", "/nonexistent"],
    ["broker", "files", "/nonexistent"],
)


def test_each_command_names_what_founds_a_network(empty: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAILLAGE_DATABASE_URL", empty)
    monkeypatch.setenv("MAILLAGE_RUNTIME", str(tmp_path))
    for words in COMMANDS:
        done = CliRunner().invoke(app, words)
        assert done.exception is not None, words
        said = sentence(done.exception)
        assert "`maillage init` founds" in said, (words, said)
        assert "`maillage migrate`" in said, (words, said)
        assert "bug" not in said


def test_the_processes_log_and_the_doctor_says_the_same(empty: str) -> None:
    with connect(empty, application_name="maillage test") as connection, pytest.raises(Exception) as refused:
        read(connection)
    assert "`maillage init` founds" in reason_of(refused.value)
    (schema,) = (one for one in look_at_database(empty) if one.what == "schema")
    assert schema.mend.startswith("maillage init founds a network")
