"""The lists' file on a real disk: what is kept, what a crash leaves, what a disk that refuses costs."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.contract.list_messages import ListDelta
from gateway.contract.list_parts import Whole
from gateway.lists.store import KeptDelta, ListStore
from tests.waiting import until


def whole(name: str, size: int = 10) -> Whole:
    return Whole(head=name, signature="s", data=bytes(size))


def step(base: int, version: int, body: str = "") -> KeptDelta:
    return KeptDelta(base=base, version=version, signed=ListDelta(body=body or f"{base}-{version}", signature="s"))


class Stores:
    """Opens stores, and notes what they tell."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.lost = threading.Event()
        self.opened: list[ListStore] = []

    def open(self, path: Path) -> ListStore:
        self.opened.append(ListStore(path, on_kept=self.kept.extend, on_lost=self.lost.set))
        return self.opened[-1]


@pytest.fixture
def stores() -> Iterator[Stores]:
    made = Stores()
    yield made
    for one in made.opened:
        if one.alive:
            one.close()


def bodies(store: ListStore, gateway: str = "g") -> tuple[str | None, list[str]]:
    held, deltas = store.kept(gateway)
    return None if held is None else held.head, [delta.body for delta in deltas]


def test_what_was_told_to_be_kept_is_there_after_a_crash(tmp_path: Path, stores: Stores) -> None:
    store = stores.open(tmp_path / "s.lists")
    store.put("g", whole("one", 3_000_000))
    store.put("g", step(1, 2))
    store.put("other", whole("of another"))
    store.put("g", step(2, 3))
    until(lambda: bodies(store) == ("one", ["1-2", "2-3"]) and "g" in stores.kept)
    image = tmp_path / "image"
    image.mkdir()
    for part in tmp_path.glob("s.lists*"):
        shutil.copy(part, image / part.name)
    again = stores.open(image / "s.lists")
    assert bodies(again) == ("one", ["1-2", "2-3"])
    assert bodies(again, "other") == ("of another", [])
    assert bodies(again, "nobody") == (None, [])
    held, _ = again.kept("g")
    assert held is not None
    assert held.data == bytes(3_000_000)
    assert {part.stat().st_mode & 0o077 for part in tmp_path.glob("s.lists*")} == {0}


def test_a_whole_list_ends_its_deltas_and_a_delta_what_lies_beyond_its_base(tmp_path: Path, stores: Stores) -> None:
    store = stores.open(tmp_path / "s.lists")
    for kept in (whole("one"), step(1, 2), step(2, 3), step(3, 4), step(2, 6)):
        store.put("g", kept)
    store.close()
    store = stores.open(tmp_path / "s.lists")
    assert bodies(store) == ("one", ["1-2", "2-6"])
    store.put("g", whole("six"))
    store.close()
    assert bodies(stores.open(tmp_path / "s.lists")) == ("six", [])


def test_a_disk_that_refuses_gets_it_later(tmp_path: Path, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.lists.store._RETRY_S", 0.02)
    store = stores.open(tmp_path / "s.lists")
    with sqlite3.connect(tmp_path / "s.lists", isolation_level=None) as other:
        other.execute("PRAGMA busy_timeout = 0")
        assert store._file is not None
        store._file.execute("PRAGMA busy_timeout = 0")
        other.execute("BEGIN IMMEDIATE")  # as a full disk would: nothing can be written
        store.put("g", whole("one"))
        store.put("g", step(1, 2))
        assert until(lambda: store.trouble)
        store.put("g", step(2, 3))
        assert stores.kept == []
        other.execute("ROLLBACK")
        until(lambda: "g" in stores.kept and store.trouble is None)
    other.close()
    assert bodies(store) == ("one", ["1-2", "2-3"])


def test_a_file_that_cannot_be_read_is_set_aside(tmp_path: Path, stores: Stores) -> None:
    (tmp_path / "s.lists").write_bytes(b"no database at all" * 1000)
    store = stores.open(tmp_path / "s.lists")
    assert bodies(store) == (None, [])
    assert len(list(tmp_path.glob("s.lists.unreadable-*"))) == 1


def test_a_file_that_breaks_while_in_use_is_said_to_be_lost(
    tmp_path: Path, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.lists.store._RETRY_S", 0.02)
    store = stores.open(tmp_path / "s.lists")
    store.put("g", whole("one"))
    until(lambda: stores.kept == ["g"])
    write: Callable[..., None] = ListStore._write

    def breaking(self: ListStore, taken: Any) -> None:
        if not stores.lost.is_set():
            error = sqlite3.DatabaseError("database disk image is malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error
        write(self, taken)

    monkeypatch.setattr(ListStore, "_write", breaking)
    store.put("g", step(1, 2))
    until(lambda: stores.kept == ["g", "g"])
    assert stores.lost.is_set()
    assert bodies(store) == (None, ["1-2"]), "a chain that hangs in the air; the whole list is asked for"
    store.put("g", whole("two"))
    until(lambda: bodies(store) == ("two", []))
