"""A place's file on a real database: applied, exported, applied again; conflicts, retirement, rollback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from maillage.cli import app
from maillage.place.applying import apply_plan
from maillage.place.drivers import device_fault, unlocks
from maillage.place.model import Fitting
from maillage.place.plan import Plan, make_plan
from maillage.place.reading import read_place
from maillage.place.sections import SPACE_KINDS
from maillage.place.stored import read_stored
from maillage.place.writing import write_place
from tests.tables import ROOT

EXAMPLES = sorted((ROOT / "docs" / "places").glob("*.yaml"))
VILLAGE = (ROOT / "docs" / "places" / "village.yaml").read_text(encoding="utf-8")
CODE = "gare-de-felletin"
Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    monkeypatch.setenv("MAILLAGE_DATABASE_URL", database_url)
    with psycopg.connect(database_url, autocommit=True) as one:
        yield one


def _read(path: Path) -> Fitting:
    text = path.read_text(encoding="utf-8")
    return read_place(
        text, path.name, beside=lambda name: (path.parent / name).read_bytes(), address_fault=device_fault
    )


def _village(*changes: tuple[str, str]) -> Fitting:
    text = VILLAGE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return read_place(text, "village.yaml", address_fault=device_fault)


def _plan(connection: Connection, wanted: Fitting) -> Plan:
    return make_plan(wanted, read_stored(connection, wanted.place.code), unlocks=unlocks)


def _apply(connection: Connection, wanted: Fitting) -> Plan:
    plan = _plan(connection, wanted)
    with connection.transaction():
        apply_plan(connection, plan)
    return plan


def _run(*words: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["place", *words], input=answer, catch_exceptions=False)


def _actions(plan: Plan) -> list[tuple[str, str, str]]:
    return [(one.action, one.what, one.key) for one in plan.changes]


def test_each_example_is_applied_and_exported_to_the_letter(connection: Connection, tmp_path: Path) -> None:
    for example in EXAMPLES:
        wanted = _read(example)
        code = wanted.place.code
        assert "applied" in _run("apply", str(example), "--yes").stdout
        assert "nothing to do" in _run("plan", str(example)).stdout
        exported = tmp_path / f"{code}.yaml"
        _run("export", code, "--out", str(exported))
        assert _read(exported) == wanted
        assert write_place(_read(exported)) == exported.read_text(encoding="utf-8") == _run("export", code).stdout
        assert "nothing to do" in _run("apply", str(exported)).stdout  # asks nothing, does nothing
    kinds = {kind for (kind,) in connection.execute("SELECT kind FROM space_kind")}
    assert kinds == set(SPACE_KINDS)
    shards = connection.execute("SELECT count(*), min(source), bool_or(generated) FROM place").fetchone()
    assert shards == (len(EXAMPLES), "maillage", False)
    who = connection.execute("SELECT actor FROM audit WHERE action = 'place applied'").fetchall()
    assert len(who) == len(EXAMPLES)
    assert all(actor.startswith("db:") for (actor,) in who)
