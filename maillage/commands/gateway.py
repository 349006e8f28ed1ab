"""Gateways: run one. A group that runs the gateway where no command follows it (``maillage gateway``)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maillage.commands.begin import begin, given
from maillage.complaint import Complaint

app = typer.Typer()

Places = Annotated[list[str] | None, typer.Option("--place", help="Run only this place's gateways; may be repeated.")]
GatewaysFile = Annotated[Path | None, typer.Option(help="What `maillage network gateways` wrote.")]
MetricsPort = Annotated[int | None, typer.Option(help="Port of /metrics and /healthz; 0: none.")]


@app.callback(invoke_without_command=True)
def run_without_command(
    context: typer.Context,
    place: Places = None,
    gateways_file: GatewaysFile = None,
    metrics_port: MetricsPort = None,
) -> None:
    """Gateways. Without a command, `maillage gateway` runs the gateway, as `maillage gateway run` does."""
    if context.invoked_subcommand is None:
        run(place=place, gateways_file=gateways_file, metrics_port=metrics_port)
    elif place or gateways_file is not None or metrics_port is not None:
        raise Complaint(f"options of `maillage gateway {context.invoked_subcommand}` follow its name.")


@app.command("run", short_help="Run the gateways of one place, or of many.")
def run(place: Places = None, gateways_file: GatewaysFile = None, metrics_port: MetricsPort = None) -> None:
    """Run the gateway of one place, or of many: hear devices, decide at doors, keep every event until it is stored.

    Settings: MAILLAGE_GATEWAYS_FILE, MAILLAGE_MQTT_URL, MAILLAGE_FIELD_MQTT_URL, MAILLAGE_SPOOL, MAILLAGE_METRICS_PORT,
    MAILLAGE_LOG_LEVEL.

    Example: maillage gateway run --gateways-file gateways.json --place citels
    """
    from gateway.run import run as run_gateway
    from gateway.settings import GatewaySettings

    options = given(places=tuple(place) if place else None, gateways_file=gateways_file, metrics_port=metrics_port)
    settings = GatewaySettings(**options)
    raise typer.Exit(run_gateway(settings, begin(settings.log_level)))
