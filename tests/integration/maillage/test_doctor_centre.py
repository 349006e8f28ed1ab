"""``maillage doctor`` at the centre of a network that `maillage init` founded, with the settings of its owner.env.

A whole centre that runs is looked at in tests/e2e/test_first_place.py; here is what is wrong before and beside that.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from database.pool import connect
from maillage.authority import issue_process
from maillage.doctor import Finding, examine
from maillage.network.founding import Founding, found, read_environment


class _Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"ready": self.path == "/readyz"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def ready() -> Iterator[int]:
    """Yield the port of a process that is ready."""
    with HTTPServer(("127.0.0.1", 0), _Ready) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def _with(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    for name in list(os.environ):
        if name.startswith("MAILLAGE_"):
            monkeypatch.delenv(name)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


def _told() -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for one in examine(None):
        assert one.mend or one.state == "good", one
        found.setdefault(one.what, []).append(one)
    return found


def test_a_real_centre_is_looked_at_with_its_owner_s_settings(
    empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ready: int
) -> None:
    network = tmp_path / "network"
    wish = Founding(folder=network, database_url=empty, broker_host="localhost", broker_ports=(1, 1, 1), api_port=1)
    found(wish, say=lambda _line: None)
    for name in ("ingest", "rights", "jobs"):  # no process of another test answers
        with (network / f"{name}.env").open("a") as file:
            file.write(f"MAILLAGE_METRICS_PORT='{ready if name == 'ingest' else 1}'\n")
    _with(monkeypatch, read_environment(network / "owner.env"))

    told = _told()
    assert [told[name][0].state for name in ("ingest", "rights", "jobs", "api")] == ["bad"] * 4
    assert f"what answers on port {ready} isn't connected to this database" in told["ingest"][0].text
    assert "journalctl -u maillage@rights" in told["rights"][0].mend
    for name in ("broker, rights", "broker, ingest", "broker watch", "broker files"):
        assert [one.state for one in told[name]] == ["bad"], told[name]
    assert [one.state for one in told["gateways' broker"]] == ["note"]
    assert "doesn't run: no gateway that joins is let in" in told["broker watch"][0].text
    assert "no authority is published yet" in told["broker files"][0].text
    assert [one.state for one in told["certificates"]] == ["good"] * 3
    assert [one.state for one in told["API key"]] == ["note"]
    # nothing of the demo
    assert not {"servers", "browser", "field broker", "central broker", "port 8080"} & told.keys()

    soon = datetime.now(UTC) + timedelta(days=20)
    issue_process(network / "authority", "ingest", network / "ingest", now=datetime.now(UTC), life=timedelta(days=20))
    with connect(empty, application_name="maillage test") as owner:
        owner.execute("INSERT INTO job (name, succeeded_at) VALUES ('rollup', now() - interval '10 minutes')")
    with (
        connect(empty, application_name="maillage broker"),
        connect(empty, application_name="maillage rights lease"),
        connect(empty, application_name="maillage ingest"),
    ):
        told = _told()
    assert told["broker watch"][0].state == "good"
    assert told["ingest"] == [Finding(state="good", what="ingest", text=f"answers on port {ready} and is ready")]
    for name in ("rights", "jobs"):
        assert (told[name][0].state, "runs elsewhere" in told[name][0].text) == ("note", True)
    (bad,) = (one for one in told["certificates"] if one.state == "bad")
    assert bad.text == f"the certificate of ingest ends on {soon:%Y-%m-%d}"
    assert "maillage authority reissue" in bad.mend


def test_what_can_t_be_read_or_isn_t_named_is_said(empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _with(monkeypatch, {"MAILLAGE_DATABASE_URL": empty, "MAILLAGE_RUNTIME": str(tmp_path)})
    (centre,) = _told()["centre"]
    assert centre.state == "note"
    assert "MAILLAGE_AUTHORITY" in centre.text

    (tmp_path / "authority").mkdir()
    (tmp_path / "owner.env").touch()
    (tmp_path / "rights.env").mkdir()  # as good as unreadable, also for root
    monkeypatch.setenv("MAILLAGE_AUTHORITY", str(tmp_path / "authority"))
    told = _told()
    assert {one.state for one in told["settings"]} == {"note"}
    assert "rights.env can't be read" in told["settings"][0].text
    assert "not looked at" in told["broker, rights"][0].text
    assert "not looked at" in told["certificates"][0].text
