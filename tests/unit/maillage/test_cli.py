from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from maillage import environment
from maillage.cli import app
from maillage.complaint import sentence

COMMANDS = [
    "up",
    "migrate",
    "ingest",
    "api",
    "gateway",
    "simulate",
    "jobs",
    "maintain",
    "replay",
    "dashboards",
    "network",
    "sample",
    "key",
    "doctor",
    "login",
    "init",
    "broker",
    "dead-letters",
]
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _no_stack_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever runs on this machine, these tests see an empty runtime directory and no settings."""
    for name in list(os.environ):
        if name.startswith("MAILLAGE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MAILLAGE_RUNTIME", str(tmp_path))


def test_every_command_is_listed() -> None:
    told = CliRunner().invoke(app, ["--help"]).output
    assert [name for name in COMMANDS if not re.search(rf"^  {name} +\S", told, re.MULTILINE)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert len(done.output) > 100


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["migrate"], "MAILLAGE_DATABASE_URL is not set"),
        (["jobs"], "MAILLAGE_DATABASE_URL is not set"),
        (["maintain"], "MAILLAGE_DATABASE_URL is not set"),
        (["ingest"], "MAILLAGE_DATABASE_URL is not set; MAILLAGE_MQTT_URL is not set"),
        (["ingest", "--shards", "70"], "shards are numbers from 0 to 63"),
        (["api"], "MAILLAGE_DATABASE_URL is not set"),
        (["key", "list"], "MAILLAGE_DATABASE_URL is not set"),
        (["dead-letters", "count"], "MAILLAGE_DATABASE_URL is not set"),
        (["simulate", "--speed", "5000"], "MAILLAGE_SPEED: Input should be less than or equal to 1000"),
        (["dashboards", "push", "http://127.0.0.1:1"], "MAILLAGE_GRAFANA_TOKEN"),
        (["login", "nonsense", "n"], "MAILLAGE_DATABASE_URL is not set"),
        (["sample", "join", "x"], "MAILLAGE_API_KEY is not set"),
        (["replay", "nothing.jsonl"], "MAILLAGE_FIELD_MQTT_URL is not set"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_no_traceback(words: list[str], told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "maillage", *words], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 1, done
    assert told in done.stderr
    assert done.stderr.startswith("maillage: ")
    assert done.stderr.count("\n") == 1


def test_debug_shows_the_traceback_wherever_it_stands() -> None:
    for words in (["--debug", "migrate"], ["migrate", "--debug"]):
        done = subprocess.run(
            [sys.executable, "-m", "maillage", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 1
        assert "Traceback" in done.stderr


def test_a_database_that_is_away_is_one_sentence_without_the_password() -> None:
    url = "postgresql://somebody:hush-hush@127.0.0.1:1/maillage"
    for command in (["migrate"], ["key", "list"]):
        done = subprocess.run(
            [sys.executable, "-m", "maillage", *command],
            cwd=ROOT,
            env={**os.environ, "MAILLAGE_DATABASE_URL": url},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 1
        assert "MAILLAGE_DATABASE_URL" in done.stderr
        assert "hush" not in done.stderr
        assert "Traceback" not in done.stderr


def test_what_nobody_foresaw_is_said_to_be_a_bug() -> None:
    assert "--debug" in sentence(TypeError("x"))


def test_the_running_stack_s_settings_are_found_and_do_not_override(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILLAGE_MQTT_URL", "mqtt://mine")
    path = environment.write({"MAILLAGE_DATABASE_URL": "postgresql://stack", "MAILLAGE_MQTT_URL": "mqtt://stack"})
    assert path.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("MAILLAGE_DATABASE_URL", "to be removed after the test")
    monkeypatch.delenv("MAILLAGE_DATABASE_URL")
    assert environment.load()
    assert (os.environ["MAILLAGE_DATABASE_URL"], os.environ["MAILLAGE_MQTT_URL"]) == (
        "postgresql://stack",
        "mqtt://mine",
    )


def test_a_dead_stack_s_settings_are_not_believed(tmp_path: Path) -> None:
    assert not environment.load()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / "environment.json").write_text(
        json.dumps({"pid": dead.pid, "MAILLAGE_DATABASE_URL": "postgresql://old"})
    )
    assert not environment.load()
    assert "MAILLAGE_DATABASE_URL" not in os.environ


def test_another_database_takes_nothing_of_the_stack_that_runs_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.write({"MAILLAGE_DATABASE_URL": "postgresql://stack", "MAILLAGE_CARD_SECRET": "of the stack"})
    monkeypatch.setenv("MAILLAGE_DATABASE_URL", "postgresql://another")
    assert not environment.load()
    assert "MAILLAGE_CARD_SECRET" not in os.environ
    assert "MAILLAGE_DATABASE_URL is set: nothing of the stack" in capsys.readouterr().err


def test_another_broker_is_used_and_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    environment.write({"MAILLAGE_FIELD_MQTT_URL": "mqtt://stack"})
    monkeypatch.setenv("MAILLAGE_FIELD_MQTT_URL", "mqtt://another")
    assert environment.load()
    assert "MAILLAGE_FIELD_MQTT_URL is set: it is used" in capsys.readouterr().err


def test_a_process_that_got_a_dead_stack_s_number_is_not_believed(tmp_path: Path) -> None:
    path = environment.write({"MAILLAGE_DATABASE_URL": "postgresql://old"})
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({**kept, "started": kept["started"] - 1}))
    assert environment.running() is None
    assert not environment.load()


def test_without_a_stack_nothing_is_sent_anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAILLAGE_API_KEY", "mk_secret")
    (tmp_path / "members.csv").write_text("name\nClaire Martin\n")
    for words in (["import", str(tmp_path / "members.csv")], ["export"]):
        done = CliRunner().invoke(app, ["members", *words])
        assert done.exit_code == 1
        assert "no stack runs in" in str(done.exception)
        assert "MAILLAGE_API_URL" in str(done.exception)


def test_doctor_says_what_is_wrong_and_how_to_mend_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAILLAGE_DATABASE_URL", "postgresql://x@127.0.0.1:1/x")
    monkeypatch.setenv("MAILLAGE_MQTT_URL", "http://127.0.0.1")
    monkeypatch.setenv("MAILLAGE_CARD_SECRET", "short")
    (tmp_path / "gateways.json").write_text("[]")
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    bad = [line.split()[1] for line in done.output.splitlines() if line.startswith("BAD")]
    assert bad == ["database", "central", "card"]
    assert done.output.count("→") >= 3


def test_a_part_of_the_stack_sees_only_what_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    environment.write({"MAILLAGE_LIST_SIGNING_KEY": "secret"})
    monkeypatch.setenv(environment.PART, "api")
    assert not environment.load()
    assert "MAILLAGE_LIST_SIGNING_KEY" not in os.environ
