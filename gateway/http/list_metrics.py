"""The metrics of a gateway process's lists, configurations and orders, in Prometheus' text format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from gateway.clock import micros
from gateway.place import Place
from gateway.uplink.downlink import Downlink
from process.exposition import metric, single


def list_metrics(places: Mapping[str, Place], downlink: Downlink) -> str:
    """Return the metrics of ``places``, whose lists, configurations and orders come by ``downlink``."""
    lists = {code: place.lists for code, place in places.items()}
    held = [(code, one.current) for code, one in lists.items()]
    now = {code: place.signed.believed(micros()) / 1e6 for code, place in places.items()}
    outcomes: Counter[tuple[str, str]] = Counter()
    for orders in downlink.orders.values():
        outcomes.update(dict(orders.outcomes))  # a copy: another thread changes it
    return "".join(
        (
            single(
                "maillage_gateway_without_list",
                "gauge",
                "Gateways without a valid access list: their doors stay closed.",
                sum(1 for _, one in held if one is None),
            ),
            metric(
                "maillage_gateway_list_version",
                "gauge",
                "Version of the access list in force.",
                [("", {"gateway": code}, one.version) for code, one in held if one is not None],
            ),
            metric(
                "maillage_gateway_list_age_seconds",
                "gauge",
                "Time since the access list in force was made.",
                [("", {"gateway": code}, now[code] - one.made_at.timestamp()) for code, one in held if one is not None],
            ),
            metric(
                "maillage_gateway_list_entries",
                "gauge",
                "Cards in the access list in force.",
                [("", {"gateway": code}, len(one.entries)) for code, one in held if one is not None],
            ),
            metric(
                "maillage_gateway_list_deltas",
                "gauge",
                "Deltas applied since the last whole list.",
                [("", {"gateway": code}, one.deltas) for code, one in lists.items()],
            ),
            single(
                "maillage_gateway_lists_applied_total",
                "counter",
                "Whole lists and deltas put in force.",
                sum(one.applied for one in lists.values()),
            ),
            single(
                "maillage_gateway_lists_refused_total",
                "counter",
                "Lists, parts and deltas refused.",
                sum(one.refusals for one in lists.values()),
            ),
            metric(
                "maillage_gateway_configuration_version",
                "gauge",
                "Version of the configuration in force; 0: none.",
                [("", {"gateway": code}, one.version or 0) for code, one in downlink.holders.items()],
            ),
            single(
                "maillage_gateway_configurations_refused_total",
                "counter",
                "Configurations refused.",
                sum(one.refusals for one in downlink.holders.values()),
            ),
            metric(
                "maillage_gateway_commands_total",
                "counter",
                "Orders answered, by action and outcome.",
                [("", {"do": do, "outcome": outcome}, number) for (do, outcome), number in sorted(outcomes.items())],
            ),
        )
    )
