"""Commands typed beside a stack: they talk to that stack, and the doctor looks at its processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from api.http.instance import proof
from benchmarks.stand import make_network
from maillage import environment
from maillage.cli import app
from maillage.doctor.processes import look_at_processes
from maillage.doctor.work import look_at_work
from maillage.embedded.process import free_port
from maillage.stack.account import balance
from maillage.stack.children import Child
from maillage.stack.watchdog import Patience, Watchdog
from tests.api_server import api_process
from tests.conftest import Database
from tests.waiting import until

KEY = "c0ffee" * 8


class Stranger:
    """Another program on a port: it notes what it is sent, and answers as its ``relay`` would."""

    def __init__(self, relay: str | None = None) -> None:
        heard = self.heard = []  # type: list[tuple[str, str | None]]

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                heard.append((self.path, self.headers.get("Authorization")))
                body = b"{}"
                if relay is not None and self.path.startswith("/instance"):
                    with urllib.request.urlopen(relay + self.path, timeout=10) as answer:
                        body = answer.read()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(autouse=True)
def _own_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("MAILLAGE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MAILLAGE_RUNTIME", str(tmp_path))
    monkeypatch.setenv("MAILLAGE_API_KEY", "mk_secret")
    (tmp_path / "logs").mkdir()


@pytest.fixture
def members(tmp_path: Path) -> Path:
    path = tmp_path / "members.csv"
    path.write_text("name,email\nClaire Martin,claire@example.org\n", encoding="utf-8")
    return path


def test_members_go_to_the_own_stack_wherever_it_listens(database: Database, members: Path) -> None:
    with api_process(database.as_login("api_1"), MAILLAGE_INSTANCE_KEY=KEY) as api:
        environment.write({}, api=str(api.base_url).rstrip("/"), instance_key=KEY)
        done = CliRunner().invoke(app, ["members", "import", str(members)])
        assert "of the stack that runs here" in done.stderr
        assert "the import was refused (401)" in str(done.exception), "the API got the key, and doesn't know it"


@pytest.mark.parametrize("relays", [False, True])
def test_a_stranger_on_the_stack_s_port_gets_neither_key_nor_names(
    database: Database, members: Path, relays: bool
) -> None:
    with api_process(database.as_login("api_1"), MAILLAGE_INSTANCE_KEY=KEY) as api:
        stranger = Stranger(str(api.base_url).rstrip("/") if relays else None)
        environment.write({}, api=stranger.url, instance_key=KEY)
        for words in (["import", str(members)], ["export"]):
            done = CliRunner().invoke(app, ["members", *words])
            assert done.exit_code == 1
            assert "another program answers" in str(done.exception)
        stranger.close()
    assert stranger.heard
    assert all(path.startswith("/instance?") and key is None for path, key in stranger.heard)


def test_an_address_that_was_given_is_used_and_said(
    members: Path, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    with api_process(database.as_login("api_1")) as api:
        environment.write({}, api="http://127.0.0.1:1", instance_key=KEY)
        monkeypatch.setenv("MAILLAGE_API_URL", str(api.base_url))
        done = CliRunner().invoke(app, ["members", "import", str(members)])
        assert f"the API at {str(api.base_url).rstrip('/')}, as given" in done.stderr
        assert "refused (401)" in str(done.exception)
        assert api.get("/instance?challenge=00").status_code == 404, "it was given no key to prove itself with"


def test_an_api_proves_itself_for_its_own_port_only(database: Database) -> None:
    with api_process(database.as_login("api_1"), MAILLAGE_INSTANCE_KEY=KEY) as api:
        told = api.get("/instance?challenge=abc", headers={"Host": "127.0.0.1:8080"}).json()["proof"]
        assert told == proof(KEY, port=api.base_url.port or 0, challenge="abc")
        assert told != proof(KEY, port=8080, challenge="abc")


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    """An ingest without database and broker: alive, and not ready."""
    port = free_port()
    one = Child(
        name="ingest",
        arguments=["ingest"],
        environment={
            "MAILLAGE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "MAILLAGE_MQTT_URL": "mqtt://127.0.0.1:1",
            "MAILLAGE_METRICS_PORT": str(port),
        },
        log=tmp_path / "logs" / "ingest.log",
        health=f"http://127.0.0.1:{port}/readyz",
    )
    one.start()
    until(lambda: _alive(one), what="the ingest answers", deadline_s=60)
    yield one
    one.stop()


def _alive(child: Child) -> bool:
    from maillage.stack.children import answers

    assert child.liveness is not None
    return answers(child.liveness)


def running(child: Child, url: str | None = None) -> environment.Running:
    assert child.pid is not None
    assert child.health is not None
    part = environment.Part(pid=child.pid, url=url or child.health.rpartition("/")[0])
    return environment.Running(pid=os.getpid(), settings={}, parts={"ingest": part})


def finding(stack: environment.Running) -> tuple[str, str, str]:
    _, one = look_at_processes(stack)
    return one.state, one.text, one.mend


def test_the_doctor_sees_what_a_process_is_doing(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maillage.doctor.processes._ANSWER_S", 2.0)
    state, text, mend = finding(running(child))
    assert (state, "not ready" in text) == ("bad", True), text
    assert "ingest.log" in mend
    assert child.pid is not None
    os.kill(child.pid, signal.SIGSTOP)
    until(lambda: "is stopped" in finding(running(child))[1])
    assert f"kill -CONT {child.pid}" in finding(running(child))[2]
    monkeypatch.setattr("maillage.proc.state", lambda _pid: None)  # where no /proc says so
    assert "no answer" in finding(running(child))[1]
    monkeypatch.undo()
    os.kill(child.pid, signal.SIGKILL)
    until(child.crashed)
    assert "has ended" in finding(running(child))[1]


def test_the_doctor_takes_no_stranger_s_port_for_the_stack_s(child: Child) -> None:
    stranger = Stranger()
    state, text, mend = finding(running(child, stranger.url))
    stranger.close()
    assert state == "bad"
    assert f"doesn't listen on port {stranger.port}" in text
    assert "Wait half a minute" in mend, "a process that has just started isn't there yet"
    assert stranger.heard == []


def test_a_hung_process_is_noticed_and_replaced(child: Child) -> None:
    watchdog = Watchdog([child], Patience(every_s=0.2, answer_s=0.5, failures=3, over_s=1.0, start_s=5.0, gap_s=30.0))
    watchdog.start()
    said: list[str] = []
    hung = child.pid
    assert hung is not None
    until(lambda: _alive(child))
    os.kill(hung, signal.SIGSTOP)
    until(lambda: watchdog.hung() == [child], what="it is noticed", deadline_s=60)
    child.replace_hung(said.append)
    assert "doesn't answer any more" in said[0]
    assert watchdog.hung() == []
    until(lambda: _alive(child), what="the new one answers", deadline_s=60)
    assert child.pid != hung
    with pytest.raises(ProcessLookupError):
        os.kill(hung, 0)
    watchdog.stop()


def test_the_doctor_counts_what_is_behind_and_how_old_lists_are(database: Database) -> None:
    make_network(database.url, 3)

    def told(*statements: str) -> list[tuple[str, str]]:
        with psycopg.connect(database.url) as connection:
            for statement in statements:
                connection.execute(statement.encode())
            return [(one.what, one.text) for one in look_at_work(connection) if one.state == "bad"]

    well = (
        """INSERT INTO gateway_state (gateway, place, online, heard_at, changed_at, spool_depth, list_version)
           SELECT id, place, true, now(), now() - interval '1 day', 0, 2 FROM gateway""",
        """INSERT INTO access_list (place, version, made_at, fingerprint)
           SELECT id, 2, now() - interval '1 hour', repeat('a', 64) FROM place ON CONFLICT (place) DO UPDATE
           SET version = 2, made_at = excluded.made_at""",
        """INSERT INTO list_version (place, version, made_at) SELECT id, 2, now() - interval '1 hour' FROM place
           ON CONFLICT DO NOTHING""",
        "DELETE FROM access_dirty",
    )
    assert told(*well) == []
    assert "were not heard" in told("UPDATE gateway_state SET heard_at = now() - interval '5 minutes'")[0][1]
    late = told(
        "ALTER TABLE gateway_state DISABLE TRIGGER note_complete",
        "UPDATE gateway_state SET heard_at = now(), spool_depth = 7, complete_at = now() - interval '10 minutes'",
    )
    assert late == [("events stored", "of 3 online gateways not everything is stored for 120 s; 21 events wait in all")]
    refused = told(
        "UPDATE gateway_state SET complete_at = now()",
        "INSERT INTO alarm (kind, text) VALUES ('storing_refused', 'permission denied')",
    )
    assert refused == [("events stored", "permission denied")]
    old = told("DELETE FROM alarm", "UPDATE access_list SET version = 3")
    assert old == [("access lists", "3 online gateways have an older one than was made 120 s ago")]
    ending = told("UPDATE access_list SET version = 2", "UPDATE list_version SET made_at = now() - interval '25 days'")
    assert ending == [("access lists", "3 online gateways have one that is soon too old: doors will shut")]
    waits = told(
        "UPDATE list_version SET made_at = now()", "INSERT INTO access_dirty (at) VALUES (now() - interval '1 hour')"
    )
    assert "a change waits since 3600 s" in waits[0][1]
    failing = told(
        "DELETE FROM access_dirty",
        """INSERT INTO job (name, succeeded_at, failed_at, failures, error)
           VALUES ('rollup', now(), NULL, 0, NULL), ('worth', now(), now(), 3, 'permission denied for table space')""",
    )
    assert failing == [("jobs", "worth failed 3 times in a row: permission denied for table space")]
    assert balance([], database.url).failing_jobs == ["worth: permission denied for table space"]
    told("UPDATE gateway_state SET online = false", "DELETE FROM job")
    with psycopg.connect(database.url) as connection:
        unseen = [one.what for one in look_at_work(connection) if one.state == "good"]
    assert not {"events stored", "access lists"} & set(unseen), "nothing is known of gateways that are all offline"


def test_the_doctor_of_a_stack_whose_process_stands_still_ends_with_1(child: Child, tmp_path: Path) -> None:
    assert child.pid is not None
    environment.write({}, parts=running(child).parts)
    os.kill(child.pid, signal.SIGSTOP)
    done = subprocess.run(
        [sys.executable, "-m", "maillage", "doctor"],
        env={**os.environ, "MAILLAGE_RUNTIME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert f"process {child.pid} is stopped" in done.stdout
    kept = json.loads((tmp_path / "environment.json").read_text(encoding="utf-8"))
    assert kept["parts"]["ingest"][0] == child.pid
