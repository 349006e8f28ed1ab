"""The metrics of the jobs process, for Prometheus; listed in docs/metrics.md."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

from jobs.job import Job, Outcome
from jobs.trust import Score


class Metrics:
    """The metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.connected = Gauge("maillage_jobs_connected", "1 while the peer answers", ["peer"], registry=registry)
        self._succeeded = Gauge(
            "maillage_jobs_last_success_timestamp_seconds",
            "When a job last succeeded, in any process, as Unix time; 0: never",
            ["job"],
            registry=registry,
        )
        self._failing = Gauge(
            "maillage_jobs_failures_in_a_row", "Failures of a job since it last succeeded", ["job"], registry=registry
        )
        self.seconds = Gauge(
            "maillage_jobs_last_run_seconds",
            "How long a job's last run in this process took",
            ["job"],
            registry=registry,
        )
        self.runs = Counter("maillage_jobs_runs", "Runs of a job in this process", ["job"], registry=registry)
        self.failures = Counter(
            "maillage_jobs_failures", "Runs of a job in this process that failed", ["job"], registry=registry
        )
        self.not_shut_out = Gauge(
            "maillage_jobs_gateways_not_shut_out",
            "Gateways that were shut out over a minute ago and that the broker may still let in",
            registry=registry,
        )
        self.readers_ended = Counter(
            "maillage_jobs_readers_ended",
            "Transactions of Grafana's readers that took longer than 30 s and were ended",
            registry=registry,
        )
        self._mail_waiting = Gauge("maillage_mail_waiting", "Mails that are not sent yet", registry=registry)
        self._mail_given_up = Gauge(
            "maillage_mail_given_up",
            "Mails of the last seven days that could not be sent and are not tried again",
            registry=registry,
        )
        self._compared = Gauge(
            "maillage_trust_head_counts",
            "Head counts of the last 90 days that a place's published numbers were compared with; from five on",
            ["place"],
            registry=registry,
        )
        self._error = Gauge(
            "maillage_trust_error_people",
            "How far published numbers were from these head counts, on average",
            ["place"],
            registry=registry,
        )
        self._error_percent = Gauge(
            "maillage_trust_error_percent", "The same, in percent of the capacity", ["place"], registry=registry
        )
        self._within = Gauge(
            "maillage_trust_within_ratio",
            "The share of these head counts inside the published interval",
            ["place"],
            registry=registry,
        )
        self._flips = Gauge(
            "maillage_trust_false_flips_ratio",
            "The share of these head counts with nobody published and somebody there, or the reverse",
            ["place"],
            registry=registry,
        )

    def note_trust(self, scores: Iterable[Score]) -> None:
        """Set the scores of all places; a place without one has no metric."""
        for gauge in (self._compared, self._error, self._error_percent, self._within, self._flips):
            gauge.clear()
        for one in scores:
            self._compared.labels(one.place).set(one.compared)
            self._error.labels(one.place).set(one.error)
            self._within.labels(one.place).set(one.within)
            self._flips.labels(one.place).set(one.flips)
            if one.error_percent is not None:
                self._error_percent.labels(one.place).set(one.error_percent)

    def note_mail(self, waiting: int, given_up: int) -> None:
        """Set how many mails wait, and how many were given up."""
        self._mail_waiting.set(waiting)
        self._mail_given_up.set(given_up)

    def note(self, job: Job, last: Outcome) -> None:
        """Set a job's metrics from its stored outcome."""
        succeeded = last.succeeded_at.timestamp() if last.succeeded_at else 0.0
        self._succeeded.labels(job.name).set(succeeded)
        self._failing.labels(job.name).set(last.failures)
