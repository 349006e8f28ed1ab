"""``maillage up`` with a large network: it waits for the access lists, and warns where the machine is too slow."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from maillage.stack import up
from maillage.stack.errors import StackError


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(up, "_UP_S", 1.0)
    made: Any = up.Stack(up.Wishes(), tmp_path, threading.Event())
    made._servers = SimpleNamespace(database_url=lambda: "", ended=lambda: ())
    made._parts = SimpleNamespace(in_order=lambda: ())
    return made


def test_progress_prolongs_the_wait(stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = itertools.count(1)  # asked five times a second: done after two seconds at the earliest
    monkeypatch.setattr(up, "gateways_with_a_list", lambda _url: next(ready))
    stack._wait_for_lists(12)
    assert next(ready) == 13


def test_without_progress_it_ends(stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "gateways_with_a_list", lambda _url: 3)
    with pytest.raises(StackError, match="only 3 of 12 gateways have their access list; none more in 1 s"):
        stack._wait_for_lists(12)


@pytest.mark.parametrize(("p99_ms", "warnings"), [(9660.5, 1), (40.0, 0), (None, 0)])
def test_a_machine_that_is_too_slow_is_named_once(
    stack: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    p99_ms: float | None,
    warnings: int,
) -> None:
    looks = itertools.count(1)

    def measure(_url: str) -> float | None:
        if next(looks) == 2 or warnings:
            threading.Timer(1.0, stack._stop.set).start()
        return p99_ms

    monkeypatch.setattr(up, "_LOOK_S", 0.1)
    monkeypatch.setattr(up, "access_p99_ms", measure)
    stack._ports = SimpleNamespace(gateway=0)
    stack.watch()
    assert (
        capsys.readouterr().err.count("this machine is too slow for so many places: one decision in a hundred")
        == warnings
    )
