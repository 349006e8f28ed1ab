"""Certificates in the database: what a revocation or a wrong clock at the same moment may not leave behind."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from database.pool import connect
from jobs.catalogue import JOBS
from jobs.maintain import maintain
from jobs.revocations import not_shut_out
from maillage.authority import create
from maillage.central.admin import BrokerAway
from maillage.central.watch import Watcher
from rights.certificates import Certificates
from tests.api_server import Centre
from tests.conftest import Database
from tests.waiting import until


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    create(tmp_path / "authority", datetime.now(UTC))
    return Certificates(tmp_path / "authority", list_keys=["key"])


def _request() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    return request.public_bytes(Encoding.PEM).decode()


@pytest.fixture
def gateway(database: Database) -> int:
    """A gateway ``gare-1`` that has joined."""
    with contextlib.closing(Centre(database.url)) as centre:
        centre.place("gare")
        centre.conn.execute("UPDATE gateway SET joined_at = now()")
        return int(centre.conn.execute("SELECT id FROM gateway").fetchall()[0][0])


def _waiting(database: Database, login: str) -> int:
    """Return how many sessions of a login wait for a lock."""
    with psycopg.connect(database.url, autocommit=True) as watching:
        found = watching.execute(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND usename = %s "
            "AND wait_event_type = 'Lock'",
            (login,),
        ).fetchall()
    return len(found)


def _waits(database: Database) -> None:
    """Wait until the rights process waits for a lock."""
    until(lambda: _waiting(database, "rights_1"), what="the rights process waits for the revocation")


def test_a_gateway_that_is_revoked_meanwhile_gets_no_new_certificate(
    database: Database, certificates: Certificates, gateway: int
) -> None:
    with (
        psycopg.connect(database.url) as owner,
        connect(database.as_login("rights_1"), application_name="tests", autocommit=True) as rights,
    ):
        owner.execute("SELECT revoke_gateway(%s)", (gateway,))
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(certificates.renew, rights, "gare-1", _request(), datetime.now(UTC))
            _waits(database)
            owner.commit()
            assert asked.result(30) is None
        assert owner.execute("SELECT FROM certificate WHERE revoked_at IS NULL").fetchall() == []


def test_a_revocation_and_the_answer_to_a_request_do_not_block_each_other(
    database: Database, certificates: Certificates, gateway: int
) -> None:
    with (
        psycopg.connect(database.url) as owner,
        connect(database.as_login("rights_1"), application_name="tests", autocommit=True) as rights,
    ):
        owner.execute("INSERT INTO certificate_request (gateway, request) VALUES (%s, %s)", (gateway, _request()))
        owner.commit()
        owner.execute("SELECT FROM gateway FOR UPDATE")  # as a revocation begins
        with ThreadPoolExecutor(1) as pool:
            turn = pool.submit(certificates.turn, rights, datetime.now(UTC))
            _waits(database)
            owner.execute("SELECT revoke_gateway(%s)", (gateway,))
            owner.commit()
            turn.result(30)
        assert owner.execute("SELECT certificate, refused FROM certificate_request").fetchall() == [
            (None, "the gateway is revoked")
        ]


def test_revocations_that_a_wrong_clock_dated_ahead_are_made_again(
    database: Database, certificates: Certificates
) -> None:
    now = datetime.now(UTC)
    with connect(database.as_login("rights_1"), application_name="tests", autocommit=True) as rights:
        certificates.turn(rights, now + timedelta(days=400))
        certificates.turn(rights, now)
        certificates.turn(rights, now)
        ((made_at, number, lists),) = rights.execute("SELECT made_at, number, revocations FROM authority").fetchall()
    assert number == 2
    assert made_at <= now
    assert x509.load_pem_x509_crl(lists.encode()).last_update_utc <= now


def test_the_api_s_login_shuts_nobody_out_without_a_key(database: Database, gateway: int) -> None:
    with psycopg.connect(database.as_login("api_1"), autocommit=True) as api:
        for call in ("revoke_gateway(%s)", "hold_configuration(%s, NULL)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not yours"):
                api.execute(f"SELECT {call}".encode(), (gateway,))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            api.execute(
                "INSERT INTO enrolment_code (digest, place, gateway, made_by, made_at) SELECT NULL, 1, 1, '', now()"
            )
    with psycopg.connect(database.url) as owner:
        assert owner.execute("SELECT revoke_gateway(%s)", (gateway,)).fetchone() == (True,)


def _code(owner: psycopg.Connection[Any], gateway: int, code: bytes) -> None:
    owner.execute(
        "INSERT INTO enrolment_code (digest, place, gateway, made_by)"
        " SELECT %s, place, id, 'x' FROM gateway WHERE id = %s",
        (code, gateway),
    )


def _join(url: str, code: bytes, request: str) -> tuple[str, str | None]:
    with psycopg.connect(url, autocommit=True) as api:
        row = api.execute(
            "SELECT outcome, id FROM enrol_gateway(%s, %s, %s, '192.0.2.1')", (code, request, code)
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def test_of_two_machines_that_join_with_one_code_at_once_one_is_refused(database: Database, gateway: int) -> None:
    api, code = database.as_login("api_1"), bytes(range(32))
    with psycopg.connect(database.url) as owner:
        _code(owner, gateway, code)
        owner.commit()
        owner.execute("LOCK TABLE enrolment_try IN EXCLUSIVE MODE")  # both wait at the same line
        with ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(_join, api, code, request) for request in ("one", "two")]
            until(lambda: _waiting(database, "api_1") == 2, what="both machines ask")
            owner.rollback()
            outcomes = sorted(one.result(30)[0] for one in asked)
        assert outcomes == ["asked", "refused"]


def test_a_code_that_is_sent_while_its_gateway_is_revoked_is_void(
    database: Database, certificates: Certificates, gateway: int
) -> None:
    api, code = database.as_login("api_1"), bytes(range(32))
    with (
        psycopg.connect(database.url) as owner,
        connect(database.as_login("rights_1"), application_name="tests", autocommit=True) as rights,
        ThreadPoolExecutor(2) as pool,
    ):
        _code(owner, gateway, code)
        owner.commit()
        owner.execute("SELECT FROM gateway FOR UPDATE")  # as a revocation begins
        joining = pool.submit(_join, api, code, _request())
        until(lambda: _waiting(database, "api_1") == 1, what="the machine asks")
        owner.execute("SELECT revoke_gateway(%s)", (gateway,))
        owner.commit()
        assert joining.result(30) == ("refused", None)
        certificates.turn(rights, datetime.now(UTC))
        assert owner.execute("SELECT revoked_at IS NULL FROM gateway").fetchall() == [(False,)]
        assert owner.execute("SELECT FROM certificate").fetchall() == []


class _Broker:
    """Stands in for the broker at the watcher's side."""

    def __init__(self) -> None:
        self.away = False
        self.cuts: list[str] = []

    def may_publish(self, topic: str) -> bool:
        if self.away:
            raise BrokerAway("the broker is away")
        return not topic.endswith("/refused")

    def cut(self, gateways: Sequence[str]) -> None:
        self.cuts += gateways


def test_a_gateway_that_the_broker_may_still_let_in_is_an_alarm_until_the_watcher_has_caught_up(
    database: Database, certificates: Certificates, gateway: int, tmp_path: Path
) -> None:
    maintainer = database.as_login("maintain_1")

    def alarms() -> list[tuple[str, bool]]:
        maintain(maintainer, jobs=[job for job in JOBS if job.name == "revocations"])
        with connect(maintainer, application_name="tests", autocommit=True) as connection:
            (number,) = connection.execute("SELECT count(*) FROM gateways_not_shut_out()").fetchall()[0]
            assert not_shut_out(connection) == number
        found = owner.execute("SELECT text, until_at IS NOT NULL FROM alarm WHERE kind = 'not_shut_out' ORDER BY id")
        return found.fetchall()

    broker, stop = _Broker(), threading.Event()
    watcher = Watcher(tmp_path / "broker", admin=broker, reload=lambda: None, give=lambda _path: None)  # type: ignore[arg-type]
    watching = threading.Thread(target=watcher.run, args=(database.as_login("broker_1"), stop), daemon=True)
    with (
        psycopg.connect(database.url, autocommit=True) as owner,
        connect(database.as_login("rights_1"), application_name="tests", autocommit=True) as rights,
    ):
        certificates.turn(rights, datetime.now(UTC))
        owner.execute(
            "INSERT INTO certificate (issuer, serial, gateway, not_after)"
            " VALUES ('x', 'ab', %s, now() + interval '1 day')",
            (gateway,),
        )
        assert alarms() == []
        owner.execute("SELECT revoke_gateway(%s)", (gateway,))
        assert alarms() == [], "the watcher has a minute"
        owner.execute("UPDATE gateway SET revoked_at = now() - interval '2 minutes'")
        owner.execute("UPDATE certificate SET revoked_at = now() - interval '2 minutes'")
        assert [(told.split()[1], ended) for told, ended in alarms()] == [("gare-1", False)]
        (tmp_path / "broker").mkdir()
        broker.away = True
        watching.start()
        assert len(alarms()) == 1, "one alarm, not one a minute"
        broker.away = False
        until(lambda: broker.cuts == ["gare-1"], what="the watcher cuts it off")
        until(lambda: owner.execute("SELECT FROM broker_watch").fetchall(), what="the watcher says so")
        assert [ended for _, ended in alarms()] == [True]
        stop.set()
        watching.join(10)
        # a revocation that the watcher, away again, has not seen
        owner.execute("UPDATE broker_watch SET read_at = now() - interval '1 hour'")
        owner.execute("UPDATE certificate SET revoked_at = now() - interval '90 seconds'")
        assert [ended for _, ended in alarms()] == [True, False]
        owner.execute("UPDATE certificate SET not_after = now()")
        assert [ended for _, ended in alarms()] == [True, True], "no certificate of its is valid"
