"""What the centre sends to a process' gateways: orders, executed in the uplink's thread; the rest in another.

Reading a large list takes seconds; no order, batch or mark waits for it. A list is in force as soon as it is verified,
and acknowledged (by the gateway's state) when it is on the disk, so that it survives a kill -9. On a disk that refuses
it is in force all the same, and the next state acknowledges it. A configuration is written before it is in force, and
acknowledged once it is on the disk.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

from gateway.clock import micros
from gateway.configuration.accepting import ConfigurationRefused
from gateway.configuration.holder import ConfigurationHolder
from gateway.contract.list_report import list_report
from gateway.contract.wire import GatewayEvent, Reply
from gateway.door.orders import OrderRefused, Orders
from gateway.equipment import Equipment
from gateway.identity import IdentityError
from gateway.lists.access_lists import ListRefused, WholeNeeded
from gateway.lists.store import ListStore
from gateway.place import Place
from gateway.spool.spool import Spool
from gateway.spool.sqlite_file import SpoolError
from gateway.uplink.renewal import RenewalRefused
from gateway.uplink.uplink import Leaf

log = logging.getLogger(__name__)

NEWEST: Final = "newest_list"
"""The newest version that was ever in force; kept in the spool, apart from the lists themselves."""
NEWEST_CONFIGURATION: Final = "newest_configuration"
"""The newest configuration that was ever held, likewise."""
_OLD_LIST: Final = "access_list"
"""Where earlier versions kept the list; it is deleted."""
_REFUSALS_EVERY_S: Final = 60.0
"""What is refused is logged each time, but reported to the centre at most once in this time."""

_REFUSED: Final[Mapping[Leaf, str]] = {
    "list": "list_refused",
    "command": "command_refused",
    "config": "configuration_refused",
    "certificate": "certificate_refused",
}
_FAILED: Final[Mapping[Leaf, str]] = {
    "list": "list_failed",
    "config": "configuration_failed",
    "certificate": "certificate_failed",
}


class Up(Protocol):
    """The way back to the centre (``gateway.uplink.uplink.Uplink``); from any thread."""

    def state_changed(self, gateway: str) -> None:
        """Publish the gateway's state."""

    def state_again(self, gateway: str) -> None:
        """Publish the gateway's state, also where it is the same as before."""

    def reply(self, gateway: str, reply: Reply) -> None:
        """Answer an order."""


class Downlink:
    """The lists and orders of one process's gateways."""

    def __init__(
        self,
        places: Mapping[str, Place],
        spool: Spool,
        file: Path,
        up: Callable[[], Up],
        *,
        holders: Mapping[str, ConfigurationHolder] = MappingProxyType({}),
        reroute: Callable[[], None] = lambda: None,
        take_certificate: Callable[[str, bytes], None] = lambda _gateway, _payload: None,
    ) -> None:
        """Open the lists' ``file`` and restore what is in it.

        Args:
            holders: the configurations, by gateway; one without takes none.
            reroute: called when a place has other devices.
            take_certificate: takes the answer to a gateway's request for a certificate.
            up: returns the way back; called when there is something to send, never before the uplink has started.
        """
        self.store = ListStore(file, on_kept=self._kept, on_lost=self._lost)
        self._places = places
        self._spool = spool
        self._up = up
        self._holders = holders
        self._reroute = reroute
        self._take: Mapping[Leaf, Callable[[str, bytes], None]] = {
            "list": self._take_list,
            "config": self._take_configuration,
            "certificate": take_certificate,
        }
        self._reported_at: dict[str, float] = {}
        self._arrived: queue.SimpleQueue[tuple[str, Leaf, bytes] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="downlink", daemon=True)
        self.orders = {code: self._restored(code, place) for code, place in places.items()}
        self._thread.start()

    @property
    def holders(self) -> Mapping[str, ConfigurationHolder]:
        """The configurations, by gateway; one that runs by the gateways' file has none."""
        return self._holders

    @property
    def alive(self) -> bool:
        """Whether its threads run."""
        return self._thread.is_alive() and self.store.alive

    def take(self, gateway: str, leaf: Leaf, payload: bytes, retained: bool) -> None:
        """Take a list's part, a delta, a configuration, a certificate or an order."""
        if leaf != "command":
            self._arrived.put((gateway, leaf, payload))
            return
        try:
            reply = self.orders[gateway].execute(payload, retained=retained, now=micros())
            if reply is not None:
                self._answer(gateway, reply)
        except OrderRefused as error:
            self._refused(gateway, leaf, str(error))
        self._up().state_changed(gateway)

    def close(self) -> None:
        """Process what has arrived, write what waits and close the file."""
        self._arrived.put(None)
        self._thread.join(5)
        self.store.close()

    def _restored(self, code: str, place: Place) -> Orders:
        try:
            kept = self._spool.kept(code)
        except SpoolError as error:
            # The doors open by the list all the same; who is inside is unknown at first.
            kept = {}
            log.error("kept_state_unreadable", extra={"gateway": code, "reason": str(error)})
        if _OLD_LIST in kept:
            self._spool.keep(code, _OLD_LIST, "", until=0)
        newest = kept.get(NEWEST, "")
        begin = time.perf_counter()
        try:
            whole, deltas = self.store.kept(code)
        except SpoolError as error:
            log.error("kept_list_unreadable", extra={"gateway": code, "reason": str(error)})
        else:
            place.lists.restore(whole, deltas, newest=int(newest) if newest.isdecimal() else 0)
        log.info(
            "list_restored" if place.lists.version is not None else "no_list_kept",
            extra={
                "gateway": code,
                "version": place.lists.version,
                "deltas": place.lists.deltas,
                "seconds": round(time.perf_counter() - begin, 3),
            },
        )
        place.restore(kept)
        return Orders(
            place.config,
            self._spool,
            place,
            answer=partial(self._answer, code),
            report=lambda: list_report(place.lists.current),
            signed=place.signed,
        )

    def _run(self) -> None:
        try:
            while (message := self._arrived.get()) is not None:
                gateway, leaf, payload = message
                try:
                    self._take[leaf](gateway, payload)
                except WholeNeeded as error:  # the state asks for it; nobody needs to be alarmed
                    log.warning("whole_list_needed", extra={"gateway": gateway, "reason": str(error)})
                    self._up().state_changed(gateway)
                except (ListRefused, ConfigurationRefused, RenewalRefused, IdentityError) as error:
                    self._refused(gateway, leaf, str(error))
                    self._up().state_changed(gateway)
                except Exception:
                    log.exception(_FAILED[leaf], extra={"gateway": gateway})
        except Exception:
            log.critical("downlink_died", exc_info=True)
            raise

    def _take_list(self, gateway: str, payload: bytes) -> None:
        lists = self._places[gateway].lists
        complaint, repeats = lists.complaint, lists.repeats
        taken = lists.take(payload)
        if taken is None:
            if lists.repeats != repeats:  # the state that acknowledged it was lost
                self._up().state_again(gateway)
            elif complaint is not None:
                self._up().state_changed(gateway)
            return
        self.store.put(gateway, taken.keep)
        if not taken.news:
            return
        self._spool.keep(gateway, NEWEST, str(taken.version), hurry=False)
        log.info("list_applied", extra={"gateway": gateway, "version": taken.version, "deltas": lists.deltas})
        event = GatewayEvent(kind="gateway", what="list", at=micros(), device="gateway", value=float(taken.version))
        self._spool.append(gateway, event, hurry=False)

    def _take_configuration(self, gateway: str, payload: bytes) -> None:
        holder = self._holders.get(gateway)
        if holder is None:
            raise ConfigurationRefused("this gateway runs by a gateways' file, not by an identity")
        if holder.take(payload, partial(self._put_in_force, gateway)):
            self._spool.keep(gateway, NEWEST_CONFIGURATION, holder.newest)
            log.info("configuration_applied", extra={"gateway": gateway, "version": holder.version})
        self._up().state_changed(gateway)

    def _put_in_force(self, gateway: str, equipment: Equipment) -> None:
        self._places[gateway].become(equipment)
        self.orders[gateway].become(equipment.config)
        self._reroute()

    def _answer(self, gateway: str, reply: Reply) -> None:
        self._up().reply(gateway, reply)

    def _kept(self, gateways: set[str]) -> None:
        for gateway in gateways:
            self._up().state_changed(gateway)

    def _lost(self) -> None:
        for gateway, place in self._places.items():
            place.lists.lost()
            self._up().state_changed(gateway)

    def _refused(self, gateway: str, leaf: Leaf, reason: str) -> None:
        log.error(_REFUSED[leaf], extra={"gateway": gateway, "reason": reason})
        now = time.monotonic()
        if now - self._reported_at.get(gateway, -_REFUSALS_EVERY_S) >= _REFUSALS_EVERY_S:
            self._reported_at[gateway] = now
            text = f"{leaf} refused: {reason}"[:500]
            event = GatewayEvent(kind="gateway", what="list", at=micros(), device="gateway", refused=leaf, text=text)
            self._spool.append(gateway, event)
