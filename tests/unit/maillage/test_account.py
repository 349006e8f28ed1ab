"""When the account of a run is made: not while the gateway has to come back."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from maillage.stack import account
from maillage.stack.figures import access_p99_ms
from maillage.stack.up import report


def test_a_gateway_that_is_just_being_started_again_has_no_figures_and_ends_no_run() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert access_p99_ms(f"http://127.0.0.1:{port}/metrics") is None


def test_the_account_waits_for_the_gateway_and_as_long_as_spools_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    waits = iter([3, 2, 1, 0, 0, 0])
    well = iter([True, True, True, False, False, True])
    seen: list[tuple[int, float]] = []

    def positions(_spool: Path) -> list[account.Position]:
        waiting = next(waits, 0)
        return [("gare-1", "e", 10, 10 - waiting)]

    def balance(positions: list[account.Position], _url: str, _spool: Path) -> str:
        seen.append((positions[0][3], now))
        return "made"

    def sleep(_seconds: float) -> None:
        nonlocal now
        now += 7.0

    monkeypatch.setattr(account, "_positions", positions)
    monkeypatch.setattr(account, "balance", balance)
    monkeypatch.setattr("maillage.stack.account.time.monotonic", lambda: now)
    monkeypatch.setattr("maillage.stack.account.time.sleep", sleep)
    made = account.settled_balance(Path("s"), "url", deadline_s=20.0, all_well=lambda: next(well))
    assert made == "made"  # type: ignore[comparison-overlap]
    assert seen == [(10, 35.0)], "everything is committed, and the gateway is back"


def test_a_failing_job_is_named_with_its_error_and_the_run_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    well = account.Account(
        places=1, devices=1, sent=5, committed=5, lost=0, aside={}, duplicated=0, dead_letters=0, failing_jobs=[]
    )
    assert report(well) == 0
    assert report(replace(well, failing_jobs=["worth: permission denied"])) == 1
    assert "a job failed: worth: permission denied" in capsys.readouterr().err
