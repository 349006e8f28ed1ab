"""What a gateway process serves over HTTP: ``/metrics``, ``/healthz``, ``/readyz``, and its places' ``/muster``."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from gateway.door.hashing import Hasher
from gateway.field.listening import Listening
from gateway.field.runtime import Runtime
from gateway.http.list_metrics import list_metrics
from gateway.http.muster import LONGEST_BODY, MusterService, Request
from gateway.http.status import Status, is_here
from gateway.mqtt.loop import MqttLoop
from gateway.place import Place
from gateway.spool.spool import Spool
from gateway.uplink.downlink import Downlink
from gateway.uplink.uplink import Uplink
from process.exposition import CONTENT_TYPE, metric, single
from process.small_http import SmallHandler, SmallServer

_MUSTER = ("/muster", "/muster.json")


class ProcessMetrics:
    """Reads the state of a process's parts."""

    def __init__(
        self,
        *,
        places: Mapping[str, Place],
        spool: Spool,
        uplink: Uplink,
        downlink: Downlink,
        runtime: Runtime,
        hasher: Hasher,
        loops: Mapping[str, MqttLoop],
        listening: Listening,
    ) -> None:
        self._places = places
        self._spool = spool
        self._uplink = uplink
        self._downlink = downlink
        self._runtime = runtime
        self._hasher = hasher
        self._loops = loops
        self._listening = listening

    def health(self) -> dict[str, bool]:
        """Return for each part whether it is alive; if one isn't, the process must be restarted."""
        return {
            "spool": self._spool.alive,
            "downlink": self._downlink.alive,
            "uplink": self._uplink.alive,
            "runtime": self._runtime.alive,
            "hasher": self._hasher.alive,
            **{f"loop_{name}": loop.alive for name, loop in self._loops.items()},
        }

    def readiness(self) -> dict[str, bool]:
        """Return for each connection and the disk whether it works; doors need only the field broker."""
        return {
            "field": self._runtime.connected,
            "centre": self._uplink.connected() == len(self._places),
            "disk": self._spool.trouble is None and self._downlink.store.trouble is None,
        }

    def disk(self) -> dict[str, Any]:
        """Return what is wrong with the disk, and the broken files beside the spool. A restart changes none of it."""
        found: dict[str, Any] = {"disk": self._spool.trouble or self._downlink.store.trouble or "ok"}
        aside = self._spool.set_aside()
        return {**found, "set_aside": aside} if aside else found

    def _troubles(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for place in self._places.values():
            for name, count in place.health.counts().items():
                found[name] = found.get(name, 0) + count
        return found

    def text(self) -> str:
        """Return all metrics in Prometheus' text format."""
        positions = {code: self._spool.position(code) for code in self._places}
        p50, p99 = self._runtime.latency.quantiles(0.5, 0.99)
        return "".join(
            (
                metric(
                    "maillage_gateway_access_seconds",
                    "summary",
                    "Time from receiving a card read to sending the unlock command, over the last 10,000.",
                    [
                        ("", {"quantile": "0.5"}, p50),
                        ("", {"quantile": "0.99"}, p99),
                        ("_sum", {}, self._runtime.latency.sum_s),
                        ("_count", {}, self._runtime.latency.count),
                    ],
                ),
                single(
                    "maillage_gateway_events_spooled_total",
                    "gauge",
                    "Last sequence numbers on the disk, summed over the gateways' current epochs.",
                    sum(position.last for position in positions.values()),
                ),
                single(
                    "maillage_gateway_events_appended_total",
                    "counter",
                    "Events written to the spool since the start.",
                    self._spool.appended,
                ),
                single(
                    "maillage_gateway_events_committed_total",
                    "gauge",
                    "Last sequence numbers acknowledged as stored centrally, summed over the gateways' current epochs.",
                    sum(position.committed for position in positions.values()),
                ),
                single(
                    "maillage_gateway_events_lost_total",
                    "counter",
                    "Events lost because they could not be written to the disk.",
                    self._spool.lost,
                ),
                metric(
                    "maillage_gateway_spool_depth",
                    "gauge",
                    "Events not yet acknowledged as stored centrally.",
                    [("", {"gateway": code}, position.depth) for code, position in positions.items()],
                ),
                single(
                    "maillage_gateway_spool_trouble",
                    "gauge",
                    "1 while the disk refuses events.",
                    self._spool.trouble is not None,
                ),
                single(
                    "maillage_gateway_spool_damaged_total",
                    "counter",
                    "Reads of damaged events from the spool; such events are sent marked as damaged.",
                    self._spool.damaged,
                ),
                single(
                    "maillage_gateway_spool_set_aside",
                    "gauge",
                    "Damaged spool files that were set aside; `maillage spool recover` reads them back.",
                    len(self._spool.set_aside()),
                ),
                single("maillage_gateway_gateways", "gauge", "Gateways in this process.", len(self._places)),
                single(
                    "maillage_gateway_uplink_connected",
                    "gauge",
                    "Gateways connected to the central broker.",
                    self._uplink.connected(),
                ),
                single(
                    "maillage_gateway_batches_total",
                    "counter",
                    "Batches sent, including those sent again.",
                    self._uplink.batches,
                ),
                single(
                    "maillage_gateway_resends_total",
                    "counter",
                    "Times that a gateway sent everything after its last acknowledged event again.",
                    self._uplink.resends,
                ),
                single(
                    "maillage_gateway_field_connected",
                    "gauge",
                    "1 while the place's broker is connected.",
                    self._runtime.connected,
                ),
                single(
                    "maillage_gateway_device_messages_total",
                    "counter",
                    "Messages received from the place's broker.",
                    self._runtime.messages,
                ),
                single(
                    "maillage_gateway_device_messages_unclaimed_total",
                    "counter",
                    "Messages received that belong to no configured device.",
                    self._runtime.unclaimed,
                ),
                single(
                    "maillage_gateway_driver_faults_total",
                    "counter",
                    "Messages that no driver could read.",
                    sum(place.faults for place in self._places.values()),
                ),
                single(
                    "maillage_gateway_repeats_total",
                    "counter",
                    "Measures and card reads dropped as repeats.",
                    sum(place.repeats.dropped for place in self._places.values()),
                ),
                single(
                    "maillage_gateway_devices_silent",
                    "gauge",
                    "Devices that have not reported for longer than expected.",
                    sum(len(place.devices.silent) for place in self._places.values()),
                ),
                metric(
                    "maillage_gateway_devices_unwell",
                    "gauge",
                    "Devices with a low battery, a bad link or a value that can't be true any more.",
                    [("", {"trouble": name}, count) for name, count in self._troubles().items()],
                ),
                single(
                    "maillage_gateway_devices_unassigned",
                    "gauge",
                    "Devices that are heard and in no gateway's configuration.",
                    sum(len(self._listening.all(code)) for code in self._places),
                ),
                single(
                    "maillage_gateway_clocks_wrong",
                    "gauge",
                    "Gateways whose clock is behind the time that the centre has signed.",
                    sum(place.clock_complaint is not None for place in self._places.values()),
                ),
                list_metrics(self._places, self._downlink),
            )
        )


class MetricsServer:
    """Serves the metrics over HTTP."""

    def __init__(
        self,
        metrics: ProcessMetrics,
        *,
        host: str,
        port: int,
        muster: MusterService | None = None,
        status: Status | None = None,
    ) -> None:
        """Listen.

        Args:
            muster: answers ``/muster``; None: 404.
            status: answers ``/status`` to this machine; None: 404.

        Raises:
            OSError: the address is taken.
        """
        answers: dict[str, Callable[[], tuple[int, str, str]]] = {
            "/metrics": lambda: (200, CONTENT_TYPE, metrics.text()),
            "/healthz": lambda: _parts(metrics.health(), metrics.disk()),
            "/readyz": lambda: _parts(metrics.readiness()),
        }

        if status is not None:
            answers["/status"] = lambda: (200, "application/json", status.text() + "\n")

        class Handler(SmallHandler):
            def do_GET(self) -> None:  # noqa: N802  (the base class's name)
                path = self.path.partition("?")[0]
                if muster is not None and path in _MUSTER:
                    self._muster(muster, b"")
                    return
                answer = answers.get(path)
                if path == "/status" and not is_here(self.client_address[0], self.headers):
                    answer = None
                code, kind, text = answer() if answer is not None else (404, "text/plain", "nothing here\n")
                body = text.encode()
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:  # noqa: N802  (the base class's name)
                length = self.headers.get("Content-Length", "")
                if muster is None or self.path.partition("?")[0] not in _MUSTER:
                    self.send_error(404)
                elif not (length.isdecimal() and int(length) <= LONGEST_BODY):
                    self.send_error(413)
                else:
                    self._muster(muster, self.rfile.read(int(length)))

            def _muster(self, service: MusterService, body: bytes) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = service.answer(
                    Request(path=self.path, headers=headers, body=body, client=self.client_address[0])
                )
                text = answer.text.encode()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.kind)
                self.send_header("Content-Length", str(len(text)))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

        self._server = SmallServer((host, port), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def _parts(parts: Mapping[str, bool], more: Mapping[str, Any] | None = None) -> tuple[int, str, str]:
    return 200 if all(parts.values()) else 503, "application/json", json.dumps({**parts, **(more or {})}) + "\n"
