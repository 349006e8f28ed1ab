"""The whole stack: brought up in order, watched, measured, stopped in order."""

from __future__ import annotations

import fcntl
import json
import secrets
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from database.pool import connect
from maillage import environment
from maillage.embedded import Secrets, load_secrets
from maillage.paths import runtime_directory
from maillage.sample.joining import dial, join_all
from maillage.sample.operators import demo_paths
from maillage.stack.account import Account, gateways_with_a_list, settled_balance
from maillage.stack.children import Child, answers
from maillage.stack.devices import begin, silence
from maillage.stack.errors import StackError
from maillage.stack.figures import access_p99_ms
from maillage.stack.grafana import push_dashboards
from maillage.stack.parts import Parts, Ports, make_parts, shared_environment
from maillage.stack.ports import choose, choose_row
from maillage.stack.prepare import Prepared, prepare
from maillage.stack.servers import Servers
from maillage.stack.stream_watch import StreamWatch
from maillage.stack.watchdog import Watchdog
from maillage.stack.wishes import Wishes
from process.ending import sets

__all__ = ["Wishes", "run"]

_UP_S: Final = 60.0
_REPORT_S: Final = 10.0
_LOOK_S: Final = 30.0
_SLOW_MS: Final = 1000.0
_DRAIN_S: Final = 60.0
"""How long no spool may grow shorter once the devices are silent."""


def say(line: str) -> None:
    """Print for the operator; stdout is kept for the account."""
    print(f"up: {line}", file=sys.stderr, flush=True)


def run(wishes: Wishes) -> int:
    """Run the stack as wished; return the exit code: 0, or 1 where events were lost or stored twice.

    Raises:
        StackError: a part does not start, or keeps ending.
    """
    runtime = runtime_directory()
    runtime.mkdir(parents=True, exist_ok=True)
    with _alone(runtime), _stopping() as stop:
        stack = Stack(wishes, runtime, stop)
        try:
            stack.bring_up()
            if not stop.is_set():
                stack.watch()
            if wishes.seconds is None or stop.is_set():
                return 0 if wishes.seconds is None else 130
            return stack.close_account()
        finally:
            stack.stop()


class Stack:
    """Servers and processes of one run."""

    def __init__(self, wishes: Wishes, runtime: Path, stop: threading.Event) -> None:
        self._wishes = wishes
        self._runtime = runtime
        self._stop = stop
        self._began = time.monotonic()
        self._secrets: Secrets = load_secrets(runtime / "secrets.json")
        self._taken: set[int] = set()
        self._ports: Ports | None = None
        self._servers: Servers | None = None
        self._parts: Parts | None = None
        self._watch: StreamWatch | None = None
        self._watchdog: Watchdog | None = None
        self._instance_key = secrets.token_hex(32)

    def bring_up(self) -> None:
        """Start everything, in order; return when all is well, or at once when the operator stops it.

        Raises:
            StackError: a part does not start.
        """
        wishes, runtime = self._wishes, self._runtime
        (runtime / "logs").mkdir(exist_ok=True)
        if not wishes.keep:  # spool and identities belong to the data: they mean nothing to a new, empty database
            for leftover in (*runtime.glob("spool.sqlite*"), *runtime.glob("gateways")):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        self._servers = servers = Servers(runtime=runtime, secrets=self._secrets, taken_ports=self._taken)
        servers.start(fresh=not wishes.keep)
        say("database and brokers are up")
        prepared = prepare(servers, self._secrets, wishes, gateways_file=runtime / "gateways.json", say=say)
        self._ports = ports = self._choose_ports(len(prepared.gateways))  # late: a free port doesn't stay free for ever
        self._parts = parts = make_parts(
            servers,
            self._secrets,
            wishes,
            ports,
            runtime,
            front_desk=prepared.front_desk,
            instance_key=self._instance_key,
        )
        self._publish()
        *centre, simulator, gateway = parts.in_order()
        self._start(centre)
        self._join(prepared)
        self._watch = StreamWatch(host="127.0.0.1", port=ports.api, key=prepared.front_desk)
        self._watch.start()
        self._start([simulator])  # with the line that the gateway dials
        self._start([gateway])
        self._wait_for_lists(len(prepared.gateways))
        self._watchdog = Watchdog(parts.in_order())
        self._watchdog.start()
        begin(f"http://127.0.0.1:{ports.simulator}")
        if not self._stop.is_set():
            say(
                f"{prepared.places} places with {prepared.devices} devices, all up in "
                f"{time.monotonic() - self._began:.0f} s; logs in {runtime / 'logs'}"
            )
            say(f"live page: http://localhost:{ports.api}/   (Ctrl-C ends it all)")
            self._offer_links(ports.api)
            if wishes.grafana is not None:
                push_dashboards(wishes.grafana, servers, say)

    def _offer_links(self, port: int) -> None:
        """Print how to sign in as somebody of the sample: there is no mail here that would bring a link."""
        assert self._servers is not None
        with connect(self._servers.database_url(), application_name="maillage up") as connection:
            paths = demo_paths(connection)
        for who, path in paths.items():  # by name: passkeys are bound to one
            say(f"sign in as {who}, once: http://localhost:{port}{path}")
        say("used already? `maillage sample sign-in` prints new ones")

    def _start(self, children: Sequence[Child]) -> None:
        """Start processes and wait until they are well."""
        for child in children:
            child.log.unlink(missing_ok=True)
            child.start()
        self._publish()
        for child in children:
            child.wait_until_well(deadline_s=_UP_S, stopped=self._stop.is_set)

    def _join(self, prepared: Prepared) -> None:
        """Let the gateways join, as those of a real place do, and dial by the line."""
        assert self._ports is not None and self._servers is not None
        folder, ports = self._runtime / "gateways", self._ports
        api, key = f"http://127.0.0.1:{ports.api}", prepared.installer.get_secret_value()
        new = join_all(api, key, prepared.gateways, folder, say=say, stopped=self._stop.is_set)
        say(f"{new} gateways have joined, each with a code, keys and a certificate of its own")
        if self._servers.central is not None and not self._stop.is_set():
            dial(folder, {code: ports.line + number for number, code in enumerate(prepared.gateways, start=1)})

    def _wait_for_lists(self, gateways: int) -> None:
        """Wait until every gateway can decide: before, all doors stay shut. A large network may take minutes.

        Raises:
            StackError: no further gateway got its list for a minute.
        """
        assert self._servers is not None
        best, end, report = 0, time.monotonic() + _UP_S, time.monotonic() + _REPORT_S
        while not self._stop.wait(0.2):
            ready = gateways_with_a_list(self._servers.database_url())
            now = time.monotonic()
            if ready >= gateways:
                return
            if ready > best:
                best, end = ready, now + _UP_S
            if now > end:
                raise StackError(
                    f"only {ready} of {gateways} gateways have their access list; none more in {_UP_S:g} s"
                )
            if now > report:
                say(f"access lists: {ready} of {gateways} gateways have theirs")
                report = now + _REPORT_S
            self._revive()

    def watch(self) -> None:
        """Keep the processes running for the wished time, or until the operator stops it.

        Raises:
            StackError: a server ended, or a process keeps ending.
        """
        end = time.monotonic() + self._wishes.seconds if self._wishes.seconds is not None else None
        look: float | None = time.monotonic() + _LOOK_S
        while not self._stop.wait(0.25) and (end is None or time.monotonic() < end):
            self._revive()
            if look is not None and time.monotonic() > look:
                p99_ms = self._p99_ms()
                look = time.monotonic() + _LOOK_S
                if p99_ms is not None and p99_ms > _SLOW_MS:
                    say(too_slow(p99_ms))
                    look = None

    def close_account(self) -> int:
        """Silence the devices, let the spools empty, compare, and print the account as one line of JSON."""
        assert self._ports is not None and self._servers is not None
        say("time is up: the devices fall silent, the spools empty")
        silence(f"http://127.0.0.1:{self._ports.simulator}")
        account = settled_balance(
            self._runtime / "spool.sqlite", self._servers.database_url(), deadline_s=_DRAIN_S, all_well=self._all_well
        )
        print(json.dumps(self._line(account)), flush=True)
        return report(account)

    def stop(self) -> None:
        """End the processes, then the servers."""
        say("stopping")
        environment.remove()
        if self._watchdog:
            self._watchdog.stop()
        if self._watch:
            self._watch.stop()
        if self._parts:
            for child in reversed(self._parts.in_order()):
                child.stop()
        if self._servers:
            self._servers.stop()

    def _line(self, account: Account) -> dict[str, float | Sequence[str] | None]:
        assert self._watch is not None
        return {
            "places": account.places,
            "devices": account.devices,
            "events_sent": account.sent,
            "events_committed": account.committed,
            "lost": None if None in account.aside.values() else account.lost,
            "set_aside": None if None in account.aside.values() else sum(n or 0 for n in account.aside.values()),
            "duplicated": account.duplicated,
            "dead_letters": account.dead_letters,
            "failing_jobs": account.failing_jobs,
            "access_p99_ms": self._p99_ms(),
            "event_to_stream_p99_ms": self._watch.quantile_ms(0.99),
        }

    def _p99_ms(self) -> float | None:
        """Return how long a decision takes; None: none was made, or the gateway doesn't answer."""
        assert self._ports is not None
        return access_p99_ms(f"http://127.0.0.1:{self._ports.gateway}/metrics")

    def _revive(self) -> None:
        assert self._parts is not None and self._servers is not None
        for text in self._servers.ended():
            raise StackError(text)
        for child in self._parts.in_order():
            if child.crashed():
                child.revive(say)
                self._publish()
        for child in self._watchdog.hung() if self._watchdog else ():
            child.replace_hung(say)
            self._publish()

    def _all_well(self) -> bool:
        """Start again what has ended; return whether the gateway answers: one that starts has still to send."""
        self._revive()
        gateway = self._parts.gateway.health if self._parts else None
        return gateway is not None and answers(gateway)

    def _publish(self) -> None:
        """Keep what runs here, and where, for the commands typed beside it."""
        assert self._parts is not None and self._servers is not None and self._ports is not None
        parts = {
            child.name: environment.Part(pid=child.pid, url=child.health.rpartition("/")[0] if child.health else None)
            for child in self._parts.in_order()
            if child.pid is not None
        }
        environment.write(
            shared_environment(self._servers, self._secrets, self._ports, self._runtime),
            parts=parts,
            api=f"http://127.0.0.1:{self._ports.api}",
            instance_key=self._instance_key,
        )

    def _choose_ports(self, gateways: int) -> Ports:
        api = choose(self._wishes.port, self._taken)
        if self._wishes.port not in (0, api):
            say(f"port {self._wishes.port} is taken: the page will be on {api}")
        return Ports(
            api=api,
            ingest=choose(9464, self._taken),
            rights=choose(9467, self._taken),
            jobs=choose(9468, self._taken),
            gateway=choose(9465, self._taken),
            simulator=choose(9466, self._taken),
            line=choose_row(20_000, gateways + 1, self._taken),
        )


@contextmanager
def _alone(runtime: Path) -> Iterator[None]:
    """Hold the runtime directory for this run alone."""
    with (runtime / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StackError(f"a stack runs in {runtime} already; set MAILLAGE_RUNTIME for a second one") from None
        yield


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C, SIGTERM or the terminal's end set."""
    stop = threading.Event()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, sets(stop)) for number in signals]
    try:
        yield stop
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def too_slow(p99_ms: float) -> str:
    """Return what to do where decisions at the doors take this long."""
    return (
        f"this machine is too slow for so many places: one decision in a hundred takes {p99_ms / 1000:.1f} s. Nothing "
        "is lost, but doors open late and people walk away: run fewer places (--places) or a slower day (--speed)"
    )


def report(account: Account) -> int:
    """Say what is wrong with the account, if anything; return the exit code."""
    aside = sum(events or 0 for events in account.aside.values())
    for path, events in account.aside.items():
        many = "an unknown number of events lies" if events is None else f"{events} events lie"
        say(
            f"{many} only in {path}, a spool that broke and was set aside: once this has ended, "
            f"`maillage spool recover {path} --spool {path.with_name(path.name.partition('.unreadable-')[0])}` "
            "reads them back, and the next `maillage up --keep` sends them"
        )
    for failing in account.failing_jobs:
        say(f"NOT ALL IS WELL: the last run of a job failed: {failing}")
    if account.lost or account.duplicated or account.aside:
        say(
            f"NOT ALL IS WELL: {account.lost - aside} events lost, {aside} set aside, {account.duplicated} stored twice"
        )
        return 1
    return 1 if account.failing_jobs else 0
