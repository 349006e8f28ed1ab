"""The metrics of the rights process, for Prometheus; listed in docs/metrics.md."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)


class Metrics:
    """The rights process' metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.leads = Gauge(
            "maillage_rights_leads", "1 while this process leads, 0 while it stands by", registry=registry
        )
        self.connected = Gauge("maillage_rights_connected", "1 while the peer answers", ["peer"], registry=registry)
        self.certificate = Gauge(
            "maillage_rights_certificate_until_seconds",
            "Unix time at which a certificate ends: its own, or the one that the broker shows (looked at once a day)",
            ["whose"],
            registry=registry,
        )
        self.versions = Counter("maillage_rights_versions", "Versions of access lists made", registry=registry)
        self.refresh_seconds = Histogram(
            "maillage_rights_refresh_seconds",
            "Duration of a transaction that brings lists up to date",
            buckets=_SECONDS,
            registry=registry,
        )
        self.sent_seconds = Histogram(
            "maillage_rights_sent_seconds",
            "Time from a change in the database until its list is sent to a gateway",
            buckets=_SECONDS,
            registry=registry,
        )
        self.messages = Counter(
            "maillage_rights_messages_sent",
            "Messages sent to gateways: delta, part, config, command, certificate",
            ["kind"],
            registry=registry,
        )
        self.bytes = Counter(
            "maillage_rights_bytes_sent", "Size of the messages sent to gateways, bytes", ["kind"], registry=registry
        )
        self.again = Counter(
            "maillage_rights_lists_sent_again",
            "Lists sent again because the gateway did not acknowledge them in time",
            registry=registry,
        )
        self.refused = Counter(
            "maillage_rights_lists_refused", "Lists that a gateway reported it could not use", registry=registry
        )
        self.drift = Counter(
            "maillage_rights_lists_drifted",
            "Times that a gateway's list differed from the centre's list of the same version",
            registry=registry,
        )
        self.behind = Gauge(
            "maillage_rights_gateways_behind", "Online gateways whose list is not the newest", registry=registry
        )
        self.online = Gauge("maillage_rights_gateways_online", "Gateways that are online", registry=registry)
        self.configurations = Counter(
            "maillage_rights_configurations", "Versions of gateways' configurations made", registry=registry
        )
        self.unconfigured = Gauge(
            "maillage_rights_gateways_unconfigured",
            "Online gateways that don't use their newest configuration",
            registry=registry,
        )
        self.commands = Counter("maillage_rights_commands", "Orders answered", ["outcome"], registry=registry)
        self.dropped = Counter(
            "maillage_rights_messages_dropped",
            "Incoming messages dropped: from a gateway not in service, too large, too many, unreadable or unexpected",
            ["reason"],
            registry=registry,
        )
        self.failures = Counter("maillage_rights_failures", "Transactions rolled back", registry=registry)
