"""The dashboards of a running stack in a Grafana on this machine: `scripts/demo --grafana URL`."""

from __future__ import annotations

import os
from collections.abc import Callable

from dashboards.errors import DashboardsError
from dashboards.settings import DashboardsSettings
from maillage.stack.servers import Servers


def push_dashboards(url: str, servers: Servers, say: Callable[[str], None]) -> None:
    """Push the dashboards in both languages; what goes wrong is said, and the stack goes on.

    A given database (MAILLAGE_DATABASE_URL) has no reader of ours: MAILLAGE_GRAFANA_DATABASE_URL names one then.
    """
    from dashboards.provisioning.push import push

    source = os.environ.get("MAILLAGE_GRAFANA_DATABASE_URL")
    if servers.postgres is not None:
        source = servers.database_url("grafana_1")
    settings = DashboardsSettings.model_validate(
        {**DashboardsSettings().model_dump(), "grafana_database_url": source, "database_url": servers.database_url()}
    )
    try:
        report = push(url, settings=settings, languages=("fr", "en"), say=lambda line: say(f"grafana: {line}"))
    except DashboardsError as error:
        say(f"NO DASHBOARDS in Grafana: {error}")
        return
    for line in report.lines():
        say(f"grafana: {line}")
    say(f"dashboards: {url.rstrip('/')}/dashboards/f/maillage")
