"""A gateway on a full or read-only disk, as after a bad reboot: a real one, mounted in a namespace of its own."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.contract.list_parts import Whole
from gateway.lists.store import ListStore
from gateway.settings import GatewaySettings
from gateway.spool import sqlite_file
from gateway.spool.spool import Spool
from gateway.spool.sqlite_file import broken, read_only
from tests.integration.gateway.stage import Centre, Field, process_of_its_own, until_heard
from tests.integration.gateway.test_spool import desk, everything, fill
from tests.spooled import read_spool
from tests.unit.gateway.place_parts import S, access_list, badge, signed
from tests.waiting import until

OPEN = ("gare/in/cmd", b'{"cmd": "opendoor", "doorip": "in"}')
_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
_SCRIPT = """
set -e
mount -t tmpfs -o size=3m tmpfs "$DISK"
cp -a "$BEFORE"/. "$DISK"/
case "$HOW" in
  full) rm -f "$DISK"/*-shm; dd if=/dev/zero of="$DISK/filler" bs=4k 2>/dev/null || true ;;
  no-shm) rm -f "$DISK"/*-shm; mount -o remount,ro "$DISK" ;;
  *) mount -o remount,ro "$DISK" ;;
esac
"$PYTHON" -m maillage gateway & gateway=$!
read -r _
mount -o remount,rw "$DISK"
rm -f "$DISK/filler"
read -r _ || true
kill -9 $gateway
"""


def namespaces() -> bool:
    try:
        return subprocess.run([*_NAMESPACE, "true"], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


@contextmanager
def on_a_bad_disk(told: GatewaySettings, how: str, before: Path) -> Iterator[Callable[[], None]]:
    """Run a gateway whose spool lies on a disk that takes nothing; gives what mends the disk."""
    disk = before.parent / "disk"
    disk.mkdir()
    environment = {
        **os.environ,
        "MAILLAGE_MQTT_URL": told.mqtt_url.get_secret_value(),
        "MAILLAGE_FIELD_MQTT_URL": told.field_mqtt_url.get_secret_value(),
        "MAILLAGE_GATEWAYS_FILE": str(told.gateways_file),
        "MAILLAGE_SPOOL": str(disk / told.spool.name),
        "MAILLAGE_METRICS_PORT": "0",
        "MAILLAGE_LOG_LEVEL": "CRITICAL",
        "PYTHON": sys.executable,
        "DISK": str(disk),
        "BEFORE": str(before),
        "HOW": how,
    }
    process = subprocess.Popen([*_NAMESPACE, "sh", "-c", _SCRIPT], env=environment, stdin=subprocess.PIPE, text=True)
    assert process.stdin is not None
    stdin = process.stdin

    def mend() -> None:
        stdin.write("\n")
        stdin.flush()

    try:
        yield mend
    finally:
        stdin.write("\n\n")
        stdin.close()
        process.wait(20)


@pytest.mark.skipif(not namespaces(), reason="no right to mount a file system in a namespace of one's own")
@pytest.mark.parametrize("how", ["read-only", "no-shm", "full"])
def test_doors_open_by_the_kept_list_and_events_come_when_the_disk_is_back(
    tmp_path: Path, told: GatewaySettings, centre: Centre, field: Field, how: str
) -> None:
    before = tmp_path / "before"
    told = told.model_copy(update={"spool": before / "spool.sqlite"})
    with process_of_its_own(told):
        until(lambda: centre.states and centre.states[-1]["online"])
        centre.send("list", signed(access_list(1, made_at=int(time.time()) * S)))
        until(lambda: centre.states[-1].get("list_version") == 1)
        until_heard(field.broker, "z/desk")
        field.desk(0)
        until(lambda: centre.of_kind("desk"))
    (epoch,) = centre.stored
    field.commands.clear()
    begin = len(centre.states)
    with on_a_bad_disk(told, how, before) as mend:
        until(lambda: any(state["online"] and state.get("disk") for state in centre.states[begin:]), deadline_s=40)
        assert centre.states[-1]["list_version"] == 1

        def opened() -> bool:
            field.say("gare/in/send", badge("in"))
            return OPEN in field.commands

        until(opened, every_s=1.5, what="the door opens")
        field.desk(1)
        mend()
        until(lambda: len(centre.of_kind("desk")) == 2, deadline_s=40, what="what was in memory arrives")
        until(lambda: centre.states[-1].get("disk") is None, deadline_s=40)
        until(lambda: centre.of_kind("access"))
    assert list(centre.stored) == [epoch], "no spool was set aside, no epoch ended"
    assert [event["what"] for event in centre.of_kind("gateway")].count("start") == 2, "it started once, and went on"
    assert not list(tmp_path.rglob("*unreadable*"))


def limited(most: int, path: Path, code: str) -> None:
    """Run ``code`` in a process that may write no file beyond ``most`` bytes: SQLite gets I/O errors."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    subprocess.run([sys.executable, "-c", code, str(path)], check=True, preexec_fn=limit, timeout=60)


_ERRING = """
import sys, time
from pathlib import Path
from gateway.lists.store import ListStore
from gateway.spool.spool import Spool
path = Path(sys.argv[1])
spool = Spool(path)
epoch = spool.open("g").epoch
for n in range(300, 340):
    spool.append("g", {"kind": "audit", "at": n, "device": "gateway", "by": "x", "text": "x" * 1900})
end = time.monotonic() + 30
while spool.trouble is None and time.monotonic() < end:
    time.sleep(0.02)
lists = ListStore(path.with_name("s.lists"), on_kept=lambda _: None, on_lost=lambda: None)
whole, _ = lists.kept("g")
position = spool.position("g")
print(epoch, spool.trouble, position.last, whole and whole.head, sep="|")
assert spool.trouble, "the disk refuses"
assert (position.epoch, position.last) == (epoch, 300), "all that lies there is known"
assert whole is not None and whole.head == "one"
"""


@pytest.mark.parametrize("most", [4096, 40_000])
def test_an_erring_disk_throws_nothing_away(tmp_path: Path, most: int) -> None:
    path = tmp_path / "s.sqlite"
    spool = Spool(path)
    epoch = spool.open("g").epoch
    fill(spool, 300)
    kept: list[str] = []
    lists = ListStore(tmp_path / "s.lists", on_kept=kept.extend, on_lost=lambda: None)
    lists.put("g", Whole(head="one", signature="s", data=bytes(10)))
    until(lambda: kept)
    spool.close()
    lists.close()
    limited(most, path, _ERRING)
    assert not list(tmp_path.glob("*unreadable*"))
    spool = Spool(path)
    try:
        assert spool.open("g").epoch == epoch
        assert [event["at"] for _, event in everything(spool)][:300] == list(range(300))
    finally:
        spool.close()


@pytest.mark.parametrize(
    "code",
    [
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
    ],
)
def test_only_what_proves_a_file_broken_sets_it_aside(code: int) -> None:
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code
    assert not broken(error)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT_INDEX])
def test_what_proves_it(code: int) -> None:
    error = sqlite3.DatabaseError("x")
    error.sqlite_errorcode = code
    assert broken(error)


def test_a_page_that_the_disk_does_not_give_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Answers:
        def execute(self, _query: str) -> Any:
            return self

        def fetchone(self) -> tuple[str]:
            return ("Tree 3 page 7: unable to get the page. error code=10",)

    with pytest.raises(sqlite3.DatabaseError) as caught:
        sqlite_file._check(Answers())  # type: ignore[arg-type]
    assert not broken(caught.value)


def test_a_crash_image_is_read_with_its_wal(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.sqlite")
    spool.open("g")
    fill(spool, 20)
    image = tmp_path / "image"
    image.mkdir()
    for name in ("s.sqlite", "s.sqlite-wal"):
        shutil.copy(tmp_path / name, image / name)
    spool.close()
    found = read_only(image / "s.sqlite")
    assert found is not None
    connection, whole = found
    assert whole
    assert connection.execute("SELECT count(*) FROM event").fetchone() == (20,)
    connection.close()


def test_a_disk_that_comes_back_takes_all_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file cannot be opened at the start; the events of meanwhile follow those that it holds."""
    path = tmp_path / "s.sqlite"
    first = Spool(path)
    epoch = first.open("g").epoch
    fill(first, 10)
    first.keep_now("g", "state", "x", within_s=10)
    first.close()
    refusing = True

    def prepare(*arguments: Any, **named: Any) -> sqlite3.Connection:
        if refusing:
            error = sqlite3.OperationalError("unable to open database file")
            error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
            raise error
        return really(*arguments, **named)

    really = sqlite_file.prepare
    monkeypatch.setattr("gateway.spool.spool._RETRY_S", 0.02)
    monkeypatch.setattr("gateway.spool.file.prepare", prepare)
    monkeypatch.setattr("gateway.spool.file.read_only", lambda _path: None)
    spool = Spool(path)
    try:
        assert spool.open("g").epoch == "", "nobody knows as yet"
        for n in range(10, 30):
            spool.append("g", desk(n))
        assert spool.trouble
        assert read_spool(spool, "g", "", 0, limit_events=9, limit_bytes=999) == []
        refusing = False
        until(lambda: spool.position("g").epoch == epoch and spool.position("g").last >= 30)
        assert [event["at"] for _, event in everything(spool) if event["kind"] == "desk"] == list(range(30))
        until(lambda: spool.trouble is None)
        assert spool.kept("g") == {"state": "x"}
    finally:
        spool.close()
