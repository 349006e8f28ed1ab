"""Links that the owner of the database prints: for the first administrator, and for the demo's people."""

from __future__ import annotations

import re
from hashlib import sha256

import psycopg
import pytest
from typer.testing import CliRunner

from api.sign_in import owner
from maillage.cli import app
from maillage.network.errors import SampleRefusedError
from maillage.sample.creating import create_sample
from maillage.sample.operators import demo_paths
from tests.conftest import Database

ADDRESS = "ada@example.org"
URL = "https://maillage.example.org"


def choices(conn: psycopg.Connection, path: str) -> list[tuple[str, list[str] | None]]:
    """Return the roles that a link signs in as, with their places."""
    digest = sha256(path.rpartition("/")[2].encode()).digest()
    return conn.execute("SELECT role, places FROM sign_in_choices(%s)", (digest,)).fetchall()


def test_the_demo_has_a_manager_and_a_member_to_sign_in_as_again_and_again(database: Database) -> None:
    with psycopg.connect(database.url) as conn:
        with pytest.raises(SampleRefusedError):
            demo_paths(conn)
        create_sample(conn, region="Corse", places=4, card_secret=bytes(32), log=lambda _line: None)
        first, second = demo_paths(conn), demo_paths(conn)
        assert first.keys() == second.keys() == {"manager", "member", "administrator"}
        assert not set(first.values()) & set(second.values())
        for paths in (first, second):
            (role, places), *more = choices(conn, paths["manager"])
            assert (role, more) == ("place_manager", [])
            assert places
            assert len(places) == 3
            assert choices(conn, paths["member"]) == [("member", None)]
            assert choices(conn, paths["administrator"]) == [("network_administrator", None)]
        (row,) = conn.execute("SELECT count(*) FROM operator").fetchall()
        assert row == (2,)
        homes = "SELECT m.home FROM member m JOIN sign_in_link l ON l.member = m.ref WHERE l.member IS NOT NULL"
        by_phone = conn.execute(f"{homes} EXCEPT SELECT place FROM place_policy WHERE members_open").fetchall()
        assert by_phone == [], "the member opens doors by phone at home"


def test_an_invitation_is_printed_for_a_new_address_and_a_link_for_an_operators(database: Database) -> None:
    def invited(address: str) -> str:
        words = ["operator", "invite", address, "--public-url", f"{URL}/"]
        done = CliRunner().invoke(app, words, env={"MAILLAGE_DATABASE_URL": database.url})
        assert done.exit_code == 0, done.output
        return done.stdout.strip()

    assert re.fullmatch(rf"{URL}/sign-in/invitation/[\w-]{{43}}", invited(ADDRESS))
    with psycopg.connect(database.url) as conn:
        assert not owner.is_administered(conn)
        conn.execute("INSERT INTO operator (ref, name, email) VALUES ('u-ada1', 'Ada', %s)", (ADDRESS,))
        conn.execute("INSERT INTO operator_role (operator, role) VALUES ('u-ada1', 'network_administrator')")
        assert owner.is_administered(conn)
    link = invited(ADDRESS.upper())
    assert "invitation" not in link
    with psycopg.connect(database.url) as conn:
        assert choices(conn, link) == [("network_administrator", None)]
        conn.execute("UPDATE operator SET ended_at = now()")
        assert choices(conn, link) == []
        assert not owner.is_administered(conn)
    wrong = CliRunner().invoke(app, ["operator", "invite", "Ada"], env={"MAILLAGE_DATABASE_URL": database.url})
    assert wrong.exit_code != 0
