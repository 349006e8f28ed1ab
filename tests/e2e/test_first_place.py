"""docs/first-place.md, followed: from an empty database to a member who badges in, by the page's own commands.

Nothing is made up: the place is an example file's, the gateway joins by code over TLS, the boards log in with what
`maillage gateway field` printed, the member comes by the API. What the page does outside of Maillage (packages, users,
systemd) is done here in its own way, and each such line of the page is known by name.
"""

from __future__ import annotations

import csv
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, expect
from psycopg import sql

from gateway.mqtt.loop import Broker, MqttLoop
from maillage.embedded.bundle import Bundle
from maillage.embedded.process import ServerProcess, free_port, give_to_server
from maillage.field.source import configured
from maillage.network.founding import read_environment
from maillage.stack.ports import choose_row
from simulator.air import Air
from simulator.clock import Clock, Scheduler
from simulator.devices.esp_rfid import VirtualEspRfid
from simulator.faults import Faults
from simulator.wires import Wires, read_logins
from tests.waiting import until

PAGE: Final = Path(__file__).parents[2] / "docs/first-place.md"
VILLAGE: Final = PAGE.parent / "places/village.yaml"
_BLOCK: Final = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_CSV: Final = re.compile(r"^```csv\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MACHINE: Final = re.compile(
    r"apt-get |git clone |cd |python3 -m venv |/opt/maillage/bin/pip |ln -s |export |for one in |echo |runuser |read "
    r"|install |systemctl restart postgresql|systemctl disable "
)
"""What the page does to the machines before anything of Maillage runs on them."""
_ANY_DAY: Final = datetime(2026, 3, 3)  # noqa: DTZ001  (by the clock on the wall)


def commands() -> list[str]:
    """Return the page's commands in their order, without comments."""
    lines = "".join(_BLOCK.findall(PAGE.read_text(encoding="utf-8"))).splitlines()
    return [found for line in lines if (found := re.sub(r"\s{2,}#.*", "", line).strip())]


@dataclass(slots=True, kw_only=True)
class Hands:
    """Who types the commands, with two machines in one folder."""

    folder: Path
    bundle: Bundle
    owner_url: str
    stack: ExitStack
    ports: dict[str, int]
    code: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    logins: Path = Path()
    gateway: subprocess.Popen[bytes] | None = None
    field_broker: ServerProcess | None = None
    typed: list[str] = field(default_factory=list)
    invitations: list[str] = field(default_factory=list)
    """The links that were printed, for who administers the network."""

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.ports['api']}"

    def do(self, line: str) -> None:
        """Follow one line of the page."""
        if _MACHINE.match(line):
            return
        if line.startswith("set -a; . /etc/maillage/owner.env"):
            self.environment.update(read_environment(self.etc / "owner.env"))
        elif line.startswith("systemctl "):
            self.systemctl(line.split()[1:])
        elif line.startswith("maillage "):
            self.maillage(line)
        else:
            pytest.fail(f"docs/first-place.md has a line that this test doesn't know: {line}")

    @property
    def etc(self) -> Path:
        return self.folder / "etc-maillage"

    @property
    def var(self) -> Path:
        return self.folder / "var-maillage"

    def here(self, line: str) -> list[str]:
        """Return the words of a command with the paths and addresses of the test."""
        line = line.replace("docs/places/village.yaml", str(self.folder / "village.yaml"))
        line = line.replace("/etc/maillage", str(self.etc)).replace("/var/lib/maillage", str(self.var))
        line = line.replace("/etc/mosquitto", str(self.folder / "field")).replace("/var/lib/mosquitto", ".")
        line = line.replace("https://maillage.example.org", self.api).replace("broker.example.org", "localhost")
        words = [self.code if word == "CODE" else word for word in line.split()]
        if words[1] == "init":
            words += ["--broker-port", str(self.ports["broker"]), "--api-port", str(self.ports["api"])]
            words += ["--broker-user", "nobody"]
        if words[1:3] == ["place", "apply"]:
            words += ["--yes"]
        if words[1:3] == ["gateway", "field"]:
            words += ["--port", str(self.ports["field"]), "--tls-port", "0"]
            words += ["--seen", ".", "--json"]
        return words

    def maillage(self, line: str) -> None:
        """Run a command of Maillage; it must succeed, and print no secret."""
        words = self.here(line)
        environment = {"MAILLAGE_DATABASE_URL": self.owner_url} | self.environment
        if words[1:3] == ["gateway", "doctor"]:
            return  # what it finds here is about a machine that isn't set up by the page

        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", *words],
                env={**_clean(), **environment},
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )

        if words[1:] == ["doctor"]:  # the processes have just been started
            told = ""

            def well() -> bool:
                nonlocal told
                done = run()
                told = done.stdout + done.stderr
                return done.returncode == 0

            try:
                until(well, every_s=1)
            except AssertionError as error:
                pytest.fail(f"the doctor finds something wrong ({error}):\n{told}")
            for what in ("api", "API key", "broker, rights", "broker, ingest", "broker watch", "gateways' broker"):
                assert f"ok    {what:15} " in told, told
            return
        done = run()
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        self.typed.append(line)
        self.invitations += re.findall(r"https?://\S+/sign-in/\S+", done.stdout)
        if words[1:3] == ["gateway", "enrol"]:
            self.code = done.stdout.split()[0]
        if words[1:3] == ["gateway", "field"]:
            self.logins = self.folder / "logins-printed.json"
            self.logins.write_text(done.stdout, encoding="utf-8")
        if words[1] == "init":
            told = done.stdout + done.stderr
            for path in self.etc.glob("*.env"):
                for name, value in read_environment(path).items():
                    if "URL" not in name and len(value) > 20 and "/" not in value:
                        assert value not in told, name

    def systemctl(self, words: list[str]) -> None:
        """Start what systemd would."""
        for unit in words:
            if unit == "maillage-broker":
                self.start_broker()
            elif unit.startswith("maillage@"):
                self.run_process(unit.removeprefix("maillage@"), [unit.removeprefix("maillage@")])
            elif unit == "maillage-broker-watch":
                port = str(self.ports["broker"] + 2)
                self.run_process("broker", ["broker", "watch", str(self.etc / "broker"), "--watcher-port", port])
            elif unit == "maillage-gateway":
                self.start_gateway()
            elif unit == "mosquitto":
                self.start_field()
            else:
                known = ("enable", "--now", "restart", "maillage-field.path", "maillage-certificates.timer")
                assert unit in known, unit

    def start_broker(self) -> None:
        broker = ServerProcess(
            name="Mosquitto",
            directory=self.etc / "broker",
            command=lambda _seen: [self.bundle.mosquitto, "-c", "mosquitto.conf"],
            log=self.folder / "mosquitto.log",
            stop_signal=signal.SIGTERM,
        )
        # the bundle's Mosquitto works in its folder, whose parents may be closed to its user
        conf = self.etc / "broker/mosquitto.conf"
        conf.write_text(conf.read_text().replace(str(self.etc / "broker"), "."))
        broker.start(ready=lambda: _listens(self.ports["broker"]))
        self.stack.callback(broker.stop)

    def start_field(self) -> None:
        directory = self.folder / "field"
        for path in (directory, *directory.iterdir()):
            give_to_server(path)
        self.field_broker = ServerProcess(
            name="field Mosquitto",
            directory=directory,
            command=lambda _seen: [self.bundle.mosquitto, "-c", "mosquitto.conf"],
            log=self.folder / "field.log",
            stop_signal=signal.SIGTERM,
        )
        self.field_broker.start(ready=lambda: _listens(self.ports["field"]))
        self.stack.callback(self.field_broker.stop)

    def start_gateway(self) -> None:
        if self.gateway is not None:
            _end(self.gateway)
        environment = {
            "MAILLAGE_IDENTITY": str(self.var / "identity"),
            "MAILLAGE_SPOOL": str(self.var / "spool.sqlite"),
            "MAILLAGE_FIELD_LOGINS": str(self.var / "field-logins.json"),
            "MAILLAGE_FIELD_MQTT_URL": f"mqtt://127.0.0.1:{self.ports['field']}",
            "MAILLAGE_METRICS_PORT": "0",
        }
        self.gateway = self._process("gateway", ["gateway"], environment)
        configurations = self.var / "spool.sqlite.configurations"
        until(
            lambda: configurations.exists() and any(configurations.iterdir()), what="the gateway has its configuration"
        )

    def run_process(self, name: str, words: list[str]) -> None:
        self._process(name, words, {**read_environment(self.etc / f"{name}.env"), "MAILLAGE_METRICS_PORT": "0"})
        if name == "api":
            until(lambda: _listens(self.ports["api"]), what="the API answers")

    def _process(self, name: str, words: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "maillage", *words],
                env={**_clean(), **environment},
                stdout=log,
                stderr=log,
            )
        self.stack.callback(_end, process)
        return process


@pytest.fixture
def hands(postgres_url: str, bundle: Bundle, tmp_path: Path) -> Iterator[Hands]:
    """Yield two empty machines: an empty database, and nothing else."""
    name = f"first_place_{os.getpid()}"
    row = choose_row(21_000, 3, set())
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        with ExitStack() as stack:
            yield Hands(
                folder=tmp_path,
                bundle=bundle,
                owner_url=postgres_url.rpartition("/")[0] + f"/{name}",
                stack=stack,
                ports={"broker": row, "api": free_port(), "field": free_port()},
            )
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_the_page_leads_to_a_member_who_badges_in(hands: Hands, browser: Browser) -> None:
    (people,) = _CSV.findall(PAGE.read_text(encoding="utf-8"))
    (hands.folder / "members.csv").write_text(people, encoding="utf-8")
    (first,) = csv.DictReader(people.splitlines(), delimiter=";")
    card = first["card"]
    place = hands.folder / "village.yaml"
    # at any hour of any day: the example's hours would keep people out at night
    place.write_text(re.sub(r"^  opening_hours:\n(    .*\n)+", "", VILLAGE.read_text("utf-8"), flags=re.MULTILINE))
    for line in commands():
        if "import" in line:  # by then a person has set it open, as the page's last step says
            place.write_text(place.read_text("utf-8").replace("status: preparation", "status: open"))
        hands.do(line.replace("members.csv", str(hands.folder / "members.csv")))
    assert [line.split()[1:3] for line in hands.typed].count(["place", "apply"]) == 2

    key = {"Authorization": f"Bearer {hands.environment['MAILLAGE_API_KEY']}"}
    _administer(hands, browser)
    with httpx.Client(base_url=hands.api, headers=key) as api:
        _badge_in(hands, api, card)
        page = browser.new_page()
        page.goto(hands.api)
        # everybody sees a band; the key showed the number
        expect(page.locator('#list a[data-place="gare-de-felletin"]')).to_contain_text("≤ 12 / 14")
        page.close()
        with psycopg.connect(hands.owner_url) as connection:
            made_up = "SELECT count(*) FROM place WHERE generated UNION ALL SELECT count(*) FROM member WHERE generated"
            assert connection.execute(made_up).fetchall() == [(0,), (0,)]


def _administer(hands: Hands, browser: Browser) -> None:
    """Open the link that `init` printed: it makes the administrator and signs in, once."""
    first, other = hands.invitations
    assert other.startswith(hands.api)  # of `operator invite`
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(first)
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Your e-mail address").fill("ada@example.org")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="How I sign in")).to_be_visible()
    expect(page.get_by_role("link", name="My places")).to_be_visible()
    assert page.goto(first).status == 410  # type: ignore[union-attr]
    context.close()
    with psycopg.connect(hands.owner_url) as connection:
        roles = "SELECT o.email, r.role FROM operator o JOIN operator_role r ON r.operator = o.ref"
        assert connection.execute(roles).fetchall() == [("ada@example.org", "network_administrator")]


def _badge_in(hands: Hands, api: httpx.Client, card: str) -> None:
    """Hold the card to a board that has the login which was printed, until the lock moves and the place counts one."""
    with psycopg.connect(hands.owner_url) as connection:
        (gateway,) = configured(hands.var / "identity", hands.var / "spool.sqlite")
        (device,) = (one for one in gateway.devices if one.code == "lecteur-entree")
        until(
            lambda: connection.execute("SELECT list_version FROM gateway_state WHERE list_version > 0").fetchall(),
            what="the gateway has its access list",
        )
        connection.rollback()
    loop = MqttLoop("board")
    opened: list[None] = []
    board: VirtualEspRfid | None = None

    def hear(message: Any) -> None:
        if board is not None:
            board.command(message.payload)

    def enter() -> None:
        assert board is not None
        opened.append(None)
        board.release()

    wires = Wires(
        loop,
        Broker(host="127.0.0.1", port=hands.ports["field"]),
        hears=[f"{device.address.partition('#')[0]}/cmd"],
        on_message=hear,
        logins=read_logins(hands.logins),
    )
    air = Air(wires.publish, Scheduler(Clock(_ANY_DAY, 1)), faults=Faults(), seed=1)
    board = VirtualEspRfid("board", device, air)
    board.opened = enter
    loop.start()
    try:
        until(lambda: wires.connected, what="the board is at the place's broker")

        def counted() -> bool:
            if not opened:
                board.read_card(card)
            return bool(opened)

        until(counted, what="the door opens", every_s=3.5)
    finally:
        loop.stop()


def _clean() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")}
    return {**kept, "MAILLAGE_RUNTIME": "/nonexistent"}


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
