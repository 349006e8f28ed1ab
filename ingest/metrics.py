"""The metrics of the ingest, for Prometheus; listed in docs/metrics.md."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


class _Lag(Collector):
    """Quantiles of the lag from ``at`` to committed, over the newest 4,096 batches."""

    def __init__(self) -> None:
        self.recent: deque[float] = deque(maxlen=4096)
        self._fresh: deque[float] = deque(maxlen=4096)

    def extend(self, lags: Iterable[float]) -> None:
        """Take the lags of a transaction's batches."""
        lags = list(lags)
        self.recent.extend(lags)
        self._fresh.extend(lags)

    def take(self) -> tuple[float | None, float | None]:
        """Return the median and the 99th percentile since the last call; None: nothing was committed."""
        fresh, self._fresh = self._fresh, deque(maxlen=4096)
        values = sorted(fresh)
        if not values:
            return None, None
        return values[len(values) // 2], values[min(len(values) - 1, int(0.99 * len(values)))]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "maillage_ingest_lag_seconds",
            "From an event's time to its commit, over the newest 4,096 batches",
            labels=["quantile"],
        )
        values = sorted(self.recent)
        for quantile in (0.5, 0.9, 0.99, 1.0) if values else ():
            family.add_metric([str(quantile)], values[min(len(values) - 1, int(quantile * len(values)))])
        yield family


class Metrics:
    """The ingest's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.received = Counter("maillage_ingest_events_received", "Events in the batches received", registry=registry)
        self.committed = Counter("maillage_ingest_events_committed", "Events stored", registry=registry)
        self.duplicate = Counter(
            "maillage_ingest_events_duplicate", "Events received again after they were stored", registry=registry
        )
        self.beyond_gap = Counter(
            "maillage_ingest_events_beyond_gap",
            "Events ignored because earlier ones are missing; gateways resend them",
            registry=registry,
        )
        self.dead = Counter(
            "maillage_ingest_dead_letters", "Messages and events that could not be read", ["reason"], registry=registry
        )
        self.head_counts = Counter(
            "maillage_ingest_head_counts",
            "Head counts of managers: stored as events, or refused (see the log)",
            ["outcome"],
            registry=registry,
        )
        self.refused = Counter(
            "maillage_ingest_messages_refused",
            "Messages from senders that are not allowed to send them",
            ["reason"],
            registry=registry,
        )
        self.shed = Counter(
            "maillage_ingest_messages_shed",
            "Messages dropped because the database is behind; gateways resend them",
            registry=registry,
        )
        self.corrected = Counter(
            "maillage_ingest_events_time_corrected",
            "Events whose time was corrected because the gateway's clock was wrong",
            registry=registry,
        )
        self.conflicts = Counter(
            "maillage_ingest_identity_conflicts",
            "Times that two machines were seen sending as one gateway",
            registry=registry,
        )
        self.failures = Counter("maillage_ingest_transaction_failures", "Transactions rolled back", registry=registry)
        self.storing = Gauge(
            "maillage_ingest_storing",
            "1 while incoming events can be stored; 0: nothing is acknowledged and the gateways keep their events",
            registry=registry,
        )
        self.held = Counter(
            "maillage_ingest_batches_held",
            "Batches that the database refused although no single event in them is at fault; gateways resend them",
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "maillage_ingest_transaction_seconds",
            "Duration of a transaction, from reading its messages to its commit",
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
            registry=registry,
        )
        self.batch_events = Histogram(
            "maillage_ingest_transaction_events",
            "Number of events in a transaction",
            buckets=(1, 10, 100, 500, 1000, 2500, 5000, 10000),
            registry=registry,
        )
        self.queued = Gauge(
            "maillage_ingest_queue_bytes", "Size of the messages that wait to be stored, bytes", registry=registry
        )
        self.shards = Gauge("maillage_ingest_shards", "Shards this worker owns", registry=registry)
        self.connected = Gauge("maillage_ingest_connected", "1 while the peer answers", ["peer"], registry=registry)
        self.certificate = Gauge(
            "maillage_ingest_certificate_until_seconds",
            "Unix time at which its certificate ends",
            ["whose"],
            registry=registry,
        )
        self.spool_depth = Gauge(
            "maillage_ingest_gateway_spool_depth",
            "Events that the gateway says are not yet stored centrally",
            ["gateway"],
            registry=registry,
        )
        self.clock_offset = Gauge(
            "maillage_ingest_gateway_clock_offset_seconds",
            "The gateway's clock minus the centre's",
            ["gateway"],
            registry=registry,
        )
        self.online = Gauge(
            "maillage_ingest_gateway_online", "1 while the gateway is connected", ["gateway"], registry=registry
        )
        self.unwell = Gauge(
            "maillage_ingest_devices_unwell",
            "Devices that are silent, or have a low battery, a bad link or a value that can't be true any more",
            ["trouble"],
            registry=registry,
        )
        self.lag = _Lag()
        registry.register(self.lag)
