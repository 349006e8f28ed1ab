"""The worker: waits for the lead, keeps the lists new, sends them, carries orders. One thread, one connection."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import psycopg
from pydantic import ValidationError

from access.tokens import token_key
from database.leases import LEASE_LOST, Fenced, Keeper, connect
from database.pace import Pace
from database.reasons import reason_of
from gateway.contract.wire import Reply, State
from process.pulse import Pulse
from rights import reminders, store
from rights.certificates import Certificates
from rights.configurations import Configurations
from rights.draft import Change
from rights.guest_qrs import GuestQrs
from rights.hearing import Hearing
from rights.metrics import Metrics
from rights.orders import Orders
from rights.place_secrets import secrets_of
from rights.refresh import Refresher
from rights.renewals import Renewals
from rights.sending import Publish, Sender
from rights.settings import RightsSettings
from rights.store import Connection

log = logging.getLogger(__name__)

_TICK_S: Final = 0.25
"""Time-outs are looked at this often."""
_POLL_S: Final = 1.0
"""Seconds between two looks for changes that no notification announced."""
_RENEW_S: Final = 300.0
_FORGO_S: Final = 86_400.0
_LOOK_FIRST_S: Final = 30.0
"""After the start, when the broker has shown its certificate."""
_LOOK_S: Final = 86_400.0
_LEAD_S: Final = 0.5
"""One that stands by asks this often whether it may lead."""
_STUCK_S: Final = 60.0
"""A worker that doesn't turn for so long, while the process runs, lets the lead go."""
_MOST_NEWS: Final = 2000

_REPLIES_A_TURN: Final = 200
_SHARDS_A_TICK: Final = 16
"""Of 64: with 3,000 gateways some 750 states; our brokers queue 1,000."""

What = Literal["heard", "lost", "found", "access", "command", "network", "enrolment", "configuration"]


@dataclass(frozen=True, slots=True)
class News:
    """Something happened: at the broker (``heard``: there is something in ``Hearing``), or in the database."""

    what: What
    connection: int = 0
    """Of ``heard``: on which connection to the broker."""


class Worker:
    """Runs in a thread of its own; what it knows beside gateways' states is read again after any failure."""

    def __init__(
        self,
        settings: RightsSettings,
        publish: Publish,
        metrics: Metrics,
        *,
        hearing: Hearing,
        ask_again: Callable[[Sequence[int]], None],
        ends: Callable[[], Mapping[str, datetime | None]] = dict,
    ) -> None:
        """Prepare.

        Args:
            settings: of the process.
            publish: sends a message.
            metrics: counted here.
            hearing: what gateways say.
            ask_again: for the states that the broker has retained of some shards.
            ends: when the certificates of the connection to the broker end, by whose they are.
        """
        seed = settings.list_signing_key.get_secret_value()
        card_secret = token_key(settings.card_secret.get_secret_value())
        self._url = settings.database_url.get_secret_value()
        self._metrics = metrics
        self._news: queue.Queue[News] = queue.Queue()
        self._sender = Sender(publish, seed, metrics)
        self._orders = Orders(publish, seed, metrics, card_secret=card_secret)
        self._certificates = Certificates(settings.authority, list_keys=settings.list_keys)
        self._configurations = Configurations(
            publish, seed, metrics, list_keys=settings.list_keys, secrets=secrets_of(settings)
        )
        self._renewals = Renewals(publish, seed, self._certificates, metrics)
        self._refresher = Refresher(lambda: datetime.now(UTC), card_secret=card_secret)
        self._guest_qrs = GuestQrs(seed, card_secret=card_secret)
        self._pending: set[What] = set()
        self._hearing = hearing
        self._ask_again = ask_again
        self._ends = ends
        self._unasked: set[int] = set()
        self._network_pace = Pace(share=0.1, least_s=0.1)
        self._reachable = False
        """Whether the broker is there."""
        self.ready = threading.Event()
        """Set while the database answers, whether this process leads or stands by."""
        self.leads = False
        self.pulse = Pulse(_STUCK_S)

    def tell(self, news: News) -> None:
        """Take note of ``news``. From any thread."""
        self._news.put(news)

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop``; a lost database is waited for."""
        with Keeper(self._url, [store.LEASE], application_name="maillage rights lease", alive=self._turns) as keeper:
            self._stay_connected(keeper, stop)

    def _turns(self) -> bool:
        return not self.pulse.is_stuck()

    def _stay_connected(self, keeper: Keeper, stop: threading.Event) -> None:
        pause_s = 0.2
        while not stop.is_set():
            self.pulse.beat()
            try:
                with connect(self._url, application_name="maillage rights") as connection:
                    self._metrics.connected.labels("database").set(1)
                    pause_s = 0.2
                    self._stand_by(connection, keeper, stop)
                    self._lead(connection, keeper, stop)
            except psycopg.Error as error:
                name = "lead_lost" if error.sqlstate == LEASE_LOST else "database_failed"
                log.error(name, extra={"reason": reason_of(error), "retry_s": pause_s})
                self._metrics.failures.inc()
            finally:
                self.ready.clear()
                self.leads = False
                self._metrics.leads.set(0)
                self._metrics.connected.labels("database").set(0)
            stop.wait(pause_s)
            pause_s = min(pause_s * 2, 2.0)

    def _stand_by(self, connection: Fenced, keeper: Keeper, stop: threading.Event) -> None:
        """Wait for the lead; what gateways say meanwhile is remembered."""
        told = False
        keeper.asked.wait(_LEAD_S)
        while not stop.is_set() and not keeper.held:
            if not told or "network" in self._pending:
                self._load(connection)
            if keeper.asked.is_set():
                if not told:
                    log.info("standby", extra={"reason": "another rights process leads"})
                    told = True
                connection.execute("SELECT 1")  # whether the database still answers
                self.ready.set()
            self._pending.clear()
            self._listen(_LEAD_S)
            self._ask()
        self._pending.clear()
        connection.fences = keeper.held

    def _lead(self, connection: Fenced, keeper: Keeper, stop: threading.Event) -> None:
        """Work as the only one, until ``stop`` or until another has taken the lead."""
        if stop.is_set():
            return
        missing = self._refresher.begin(connection)
        self._configurations.begin(connection)
        self._load(connection)
        self.leads = True
        self._metrics.leads.set(1)
        self.ready.set()
        log.info("leads", extra={"places_without_list": missing, "gateways": len(self._sender.sides)})
        self._pending |= {"access", "command", "enrolment", "configuration"}
        tick = poll = renew = forgo = 0.0
        look = time.monotonic() + _LOOK_FIRST_S
        while not stop.is_set():
            if keeper.held != connection.fences:
                log.error("lead_lost", extra={"reason": "another rights process leads"})
                return
            self._listen(
                0.0 if self._refresher.waits or self._configurations.waits or self._guest_qrs.waits else _TICK_S
            )
            now = time.monotonic()
            if now >= poll:
                self._pending |= {"access", "command", "enrolment", "configuration"}
                with connection.transaction():
                    self._orders.expire(connection)
                poll = now + _POLL_S
            if now >= renew:
                self._refresher.renew(connection)
                renew = now + _RENEW_S
            if now >= forgo:
                self._refresher.forgo(connection)
                self._certificates.forget(connection)
                forgo = now + _FORGO_S
            if now >= look:
                self._look_ahead(connection)
                look = now + _LOOK_S
            self._work(connection, everyone=now >= tick)
            if now >= tick:
                self._ask()
                tick = time.monotonic() + _TICK_S

    def _work(self, connection: Fenced, *, everyone: bool) -> None:
        """Do what the news ask for."""
        pending, self._pending = self._pending, set()
        if "access" in pending or self._refresher.waits:
            started = time.monotonic()
            failures = self._refresher.failures
            self._made(self._refresher.turn(connection), started)
            self._metrics.failures.inc(self._refresher.failures - failures)
        if "access" in pending or self._guest_qrs.waits:
            self._guest_qrs.turn(connection)
        if (
            "network" in pending and not self._network_pace.wait_s(time.monotonic())
        ) or self._refresher.network_changed:
            self._refresher.network_changed = False
            began = time.monotonic()
            self._load(connection)
            self._network_pace.done(began, time.monotonic())
        elif "network" in pending:
            self._pending.add("network")
        if "enrolment" in pending:
            self._certificates.turn(connection, datetime.now(UTC))
        if "configuration" in pending or self._configurations.waits:
            self._configurations.turn(connection)
        if not self._reachable:
            return
        for place, version in self._sender.pump(connection, time.monotonic(), everyone=everyone).items():
            self._refresher.force(place, version)
        self._configurations.pump(connection, time.monotonic(), everyone=everyone)
        if "command" in pending:
            if not connection.still_ours():
                return  # nothing is sent by one that was frozen
            self._orders.send(connection, self._sender.sides)
        self._renewals.turn(connection, self._hearing.requests(), self._sender.sides, datetime.now(UTC))
        self._replies(connection)
        if everyone:  # a commit for each gateway's word would cost more than the lists themselves
            with connection.transaction():
                self._sender.keep_held(connection)

    def _look_ahead(self, connection: Connection) -> None:
        """Raise alarms for what people forget."""
        now = datetime.now(UTC)
        alarms = reminders.certificates_that_end(self._ends(), now)
        alarms += reminders.authorities_that_end(self._certificates.ends(), now)
        reminders.remind(connection, alarms)

    def _load(self, connection: Connection) -> None:
        """Read the gateways in service; ask the broker for the retained states of new ones."""
        self._sender.load(connection)
        self._configurations.load(self._sender.known(), self._sender.said)
        self._unasked |= {address.shard for address in self._hearing.know(self._sender.addresses())}

    def _ask(self) -> None:
        """Ask for the retained states of a few shards: a broker drops what is more than it queues for a client."""
        now = sorted(self._unasked)[:_SHARDS_A_TICK] if self._reachable else []
        if now:
            self._unasked.difference_update(now)
            self._ask_again(now)

    def _made(self, changes: list[Change], started: float) -> None:
        if changes:
            self._metrics.refresh_seconds.observe(time.monotonic() - started)
            self._metrics.versions.inc(len(changes))
            log.info("lists_made", extra={"places": len(changes), "seconds": round(time.monotonic() - started, 3)})
            self._sender.changed(changes)

    def _listen(self, wait_s: float) -> None:
        """Take in news; wait up to ``wait_s`` for the first."""
        self.pulse.beat()
        for number in range(_MOST_NEWS):
            try:
                news = self._news.get(block=number == 0 and wait_s > 0, timeout=wait_s)
            except queue.Empty:
                return
            self._take(news)

    def _take(self, news: News) -> None:
        if news.what == "found":
            self._reachable = True
            self._unasked = {address.shard for address in self._sender.addresses()}
            self._pending |= {"access", "command"}
        elif news.what == "lost":
            self._reachable = False
            self._sender.lost()
            self._configurations.lost()
        elif news.what == "heard":
            for address, payload in self._hearing.states(news.connection).items():
                try:
                    state = State.model_validate_json(payload)
                    self._sender.heard(address, state)
                    self._configurations.heard(address, state)
                except ValidationError as error:
                    self._unreadable(address.gateway, error)
        else:
            self._pending.add(news.what)

    def _unreadable(self, gateway: str, error: ValidationError) -> None:
        self._hearing.drop("unreadable", f"{gateway}: {error.error_count()} problems")

    def _replies(self, connection: Connection) -> None:
        """Keep the answers to orders."""
        for _ in range(_REPLIES_A_TURN):
            found = self._hearing.reply()
            if found is None:
                return
            code, payload = found
            try:
                reply = Reply.model_validate_json(payload)
                theirs = self._orders.answered(connection, code, reply)
                if theirs is not None:
                    self._sender.compared(connection, code, theirs)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                raise
            except ValidationError as error:
                self._unreadable(code, error)
            except Exception:
                log.exception("reply_not_stored", extra={"gateway": code})
            self._hearing.done()
