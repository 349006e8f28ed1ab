"""Dead letters read again: by a command that waits for it, into history at their own time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from ingest import refold
from maillage.cli import app
from tests.integration.ingest.conftest import Bench
from tests.integration.ingest.test_bad_input import desk, now
from tests.waiting import until

MINUTE = 60_000_000


def command(bench: Bench, monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    monkeypatch.setenv("MAILLAGE_DATABASE_URL", bench.url)
    return CliRunner().invoke(app, ["dead-letters", *words])


def rename(bench: Bench, old: str, new: str) -> None:
    """The device ``old`` of the first place is known by ``new`` from now on, which nobody could do in life (0043)."""
    with psycopg.connect(bench.url) as connection:
        connection.execute("ALTER TABLE device DISABLE TRIGGER code_stays")
        connection.execute(
            "UPDATE device SET code = %s WHERE code = %s AND place = (SELECT id FROM place WHERE code = 'p0001')",
            (new, old),
        )
        connection.execute("ALTER TABLE device ENABLE TRIGGER code_stays")


def present(bench: Bench, kind: str) -> list[Any]:
    return bench.rows(
        "SELECT s.present, s.low, s.high, s.fold FROM space_state s JOIN space p ON p.id = s.space"
        " JOIN place o ON o.id = p.place WHERE o.code = 'p0001' AND p.kind = %s",
        kind,
    )


def test_the_command_replays_while_the_ingest_runs_and_says_what_came_of_it(
    bench: Bench, start_ingest: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    start_ingest()
    gateway = bench.gateways[0]
    gateway.batch(1, [desk(device="desk-new"), {"kind": "teapot", "at": now(), "device": "desk-1"}], sent_at=now())
    gateway.until_mark(2)
    rename(bench, "desk-5", "desk-new")
    done = command(bench, monkeypatch, "replay")
    assert "1 of 2 letters were read" in done.stdout
    assert "1 still can't be read: invalid_event" in done.stdout
    assert done.exit_code == 1
    assert bench.rows("SELECT seq FROM event") == [(1,)]
    again = command(bench, monkeypatch, "replay", "1")
    assert again.exit_code == 1
    assert "can be read again" in str(again.exception)
    assert bench.rows("SELECT seq FROM event") == [(1,)]
    assert command(bench, monkeypatch, "replay").stdout.startswith("0 of 1 letters")


def test_the_command_says_that_no_ingest_answers_and_the_next_one_reads(
    bench: Bench, start_ingest: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = start_ingest()
    gateway = bench.gateways[0]
    gateway.batch(1, [desk(device="desk-new")], sent_at=now())
    gateway.until_mark(1)
    stop.set()
    until(lambda: not bench.rows("SELECT FROM pg_stat_activity WHERE application_name = 'maillage ingest'"))
    rename(bench, "desk-5", "desk-new")
    done = command(bench, monkeypatch, "replay", "--wait", "1")
    assert done.exit_code == 1
    assert "1 letters were not read within 1 s" in str(done.exception)
    start_ingest(metrics_port=0)
    until(lambda: bench.rows("SELECT seq FROM event") == [(1,)], what="the letter is read")


def test_a_request_whose_word_got_lost_is_found(bench: Bench, start_ingest: Callable[..., Any]) -> None:
    start_ingest()
    gateway = bench.gateways[0]
    gateway.batch(1, [desk(device="desk-new")], sent_at=now())
    gateway.until_mark(1)
    rename(bench, "desk-5", "desk-new")
    with psycopg.connect(bench.url) as connection:  # and nobody is notified
        connection.execute("UPDATE dead_letter SET replay_requested_at = now()")
    until(lambda: bench.rows("SELECT seq FROM event") == [(1,)], what="the letter is read")


def test_old_letters_are_history_and_not_the_newest_news(
    bench: Bench, start_ingest: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = bench.gateways[0]
    at = now()
    codes = ("desk-0", "desk-1", "counter", "reader-in")
    for code in codes:
        rename(bench, code, code + "-known")
    start_ingest()

    def access(device: str, moment: int, member: str) -> dict[str, Any]:
        return {"kind": "access", "at": moment, "device": device, "decision": "granted", "reason": "granted"} | {
            "side": "in",
            "member": member,
        }

    hour = 60 * MINUTE
    old = [
        desk(at - 3 * hour, device="desk-0", occupied=True),
        desk(at - 2 * MINUTE, device="desk-0", occupied=True),
        {"kind": "count", "at": at - 3 * hour, "device": "counter", "entered": 5, "left": 0},
        access("reader-in", at - 3 * hour, "m-0001"),
        desk(at - MINUTE, device="desk-1", occupied=True),
    ]
    gateway.batch(1, old, sent_at=at)
    gateway.until_mark(5)
    assert bench.one("SELECT count(*) FROM dead_letter") == 5
    new = [
        desk(at, device="desk-0-known", occupied=False),
        {"kind": "count", "at": at, "device": "counter-known", "entered": 1, "left": 0},
        access("reader-in-known", at, "m-0002"),
    ]
    gateway.batch(6, new, sent_at=at)
    gateway.until_mark(8)
    before = {kind: present(bench, kind) for kind in ("place", "open_space")}
    for code in codes:
        rename(bench, code + "-known", code)
    assert command(bench, monkeypatch, "replay").exit_code == 0
    rows = bench.rows("SELECT seq, extract(epoch FROM at) * 1000000 FROM event ORDER BY seq")
    assert [seq for seq, _ in rows] == list(range(1, 9))
    assert [int(moment) for _, moment in rows[:5]] == [event["at"] for event in old], "each at its own time"
    ids = dict(bench.rows("SELECT d.code, d.id FROM device d JOIN place p ON p.id = d.place WHERE p.code = 'p0001'"))
    folds = [fold for kind in ("place", "open_space") for *_, fold in present(bench, kind)]
    states = {device: state[0] for fold in folds for device, state in fold["desks"].items()}
    assert states[str(ids["desk-0"])] is False, "the old state doesn't replace the newer one"
    assert states[str(ids["desk-1"])] is True, "of this desk nothing newer was heard"
    inside = {member for fold in folds if fold["stays"] for member in fold["stays"]["inside"]}
    assert inside == {"m-0002"}, "who went in three hours ago doesn't go in now"
    assert [fold["flow"] for fold in folds] == [fold["flow"] for kind in before for *_, fold in before[kind]]
    with psycopg.connect(bench.url) as connection:
        assert refold.differences(connection) == []


def test_a_letter_that_does_not_exist_is_an_error_also_beside_one_that_does(
    bench: Bench, start_ingest: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    start_ingest()
    gateway = bench.gateways[0]
    gateway.batch(1, [desk(device="desk-new")], sent_at=now())
    gateway.until_mark(1)
    rename(bench, "desk-5", "desk-new")
    nobody = command(bench, monkeypatch, "replay", "99999")
    assert nobody.exit_code == 1
    assert "can be read again" in str(nobody.exception)
    done = command(bench, monkeypatch, "replay", "1", "99999")
    assert "1 of 1 letters were read" in done.stdout
    assert done.exit_code == 1
    assert "1 of these letters can't be read again, or don't exist" in str(done.exception)
