"""``maillage up``, as a newcomer runs it: real servers, real processes, an account at the end, nothing left running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from maillage.embedded.bundle import Bundle
from tests.waiting import until

ROOT = Path(__file__).parents[2]


class Up:
    """One run of the command, with a runtime directory of its own."""

    def __init__(self, runtime: Path, *options: str) -> None:
        self._runtime = runtime
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")}
        self._log = runtime / "up.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "maillage", "up", "--port", "0", *options],
                env={**kept, "MAILLAGE_RUNTIME": str(runtime)},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    @property
    def told(self) -> str:
        return self._log.read_text(encoding="utf-8")

    @property
    def revived(self) -> int:
        """How often a process was started again."""
        return self.told.count("starting it again")

    @property
    def is_closing(self) -> bool:
        """Whether the account is made: what is killed now stays away."""
        return "up: stopping" in self.told

    def page(self) -> str:
        """Wait until all is up and return the page's address."""
        until(lambda: "live page: " in self.told or self.process.poll() is not None, deadline_s=300, what=self.told)
        assert self.process.poll() is None, self.told
        return self.told.partition("live page: ")[2].split()[0]

    def family(self) -> dict[int, str]:
        """Return every process that runs with this runtime directory: pid and command line."""
        mine = f"MAILLAGE_RUNTIME={self._runtime}".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    if mine in (entry / "environ").read_bytes().split(b"\0"):
                        found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                except OSError:
                    continue
        return found

    def kill9(self, words: str) -> None:
        """Kill the one process whose command line ends with ``words``."""
        os.kill(self.pid(words), signal.SIGKILL)

    def doctor(self) -> tuple[int, str]:
        """Return the exit code of ``maillage doctor``, typed beside this stack, and what it says."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")}
        done = subprocess.run(
            [sys.executable, "-m", "maillage", "doctor"],
            env={**kept, "MAILLAGE_RUNTIME": str(self._runtime)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout

    def pids(self, words: str) -> list[int]:
        """The processes whose command ends with ``words``."""
        return [pid for pid, line in self.family().items() if line.strip().endswith(words)]

    def pid(self, words: str) -> int:
        """Return the one process whose command line ends with ``words``."""
        (pid,) = self.pids(words)
        return pid


@pytest.fixture
def runtime(tmp_path: Path, bundle: Bundle) -> Path:
    (tmp_path / "servers").symlink_to(bundle.directory)
    return tmp_path


def test_the_account_is_right_though_processes_are_killed(runtime: Path) -> None:
    up = Up(runtime, "--places", "4", "--seconds", "12", "--speed", "120")
    up.page()
    for words in ("maillage ingest", "maillage gateway", "maillage ingest", "maillage gateway"):
        if words.endswith("gateway") and "gateway ended" in up.told:  # once more, as the account is about to be made
            until(lambda: "time is up" in up.told, what=up.told)
        before = up.revived
        up.kill9(words)
        until(lambda count=before: up.revived > count or up.is_closing, what="the revival")  # type: ignore[misc]
    assert up.revived >= 3
    out, _ = up.process.communicate(timeout=300)
    assert up.process.returncode == 0, up.told
    account = json.loads(out)
    assert out.count("\n") == 1
    assert (account["places"], account["lost"], account["duplicated"], account["dead_letters"]) == (4, 0, 0, 0)
    assert account["events_sent"] == account["events_committed"] > 20
    assert account["devices"] > 20
    assert account["event_to_stream_p99_ms"] is not None
    assert set(account) >= {"access_p99_ms"}
    until(lambda: not up.family(), what="nothing left running")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_running(runtime: Path, number: signal.Signals) -> None:
    up = Up(runtime, "--places", "1")
    page = up.page()
    with urllib.request.urlopen(page) as response:
        assert response.status == 200
    assert len(up.family()) >= 8
    up.process.send_signal(number)
    out, _ = up.process.communicate(timeout=300)
    assert out == ""
    assert up.process.returncode == (0 if number is not signal.SIGKILL else -signal.SIGKILL)
    until(lambda: not up.family(), what=str(up.family()))


def test_a_process_that_hangs_is_seen_by_the_doctor_and_replaced(runtime: Path) -> None:
    up = Up(runtime, "--places", "1")
    up.page()
    until(lambda: up.doctor()[0] == 0, deadline_s=90, what=f"the doctor finds all well: {up.doctor()}")
    hung = up.pid("maillage ingest")
    os.kill(hung, signal.SIGSTOP)
    code, told = up.doctor()
    assert code == 1, told
    assert f"process {hung} is stopped" in told
    until(lambda: "ingest doesn't answer any more" in up.told, deadline_s=240, what=up.told)
    until(lambda: up.doctor()[0] == 0, deadline_s=120, what=f"all is well again: {up.doctor()}")
    until(lambda: up.pids("maillage ingest") not in ([], [hung]), what="another ingest runs")
    up.process.send_signal(signal.SIGINT)
    up.process.communicate(timeout=60)
    assert up.process.returncode == 0
    until(lambda: not up.family(), what=str(up.family()))
