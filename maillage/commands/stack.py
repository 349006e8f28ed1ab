"""The whole stack on this machine, and what it lacks."""

from __future__ import annotations

from typing import Annotated

import typer

from maillage import environment


def add_to(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    app.command(short_help="Run the whole stack on this machine, with simulated devices.")(up)
    app.command(short_help="Say what is wrong here, and how to mend it.")(doctor)


def up(
    *,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Run that long once all is up, then stop and print the account.")
    ] = None,
    places: Annotated[int | None, typer.Option(min=1, help="How many places of the region; else all.")] = None,
    region: Annotated[str, typer.Option(help="Region of the inventory; all: every place.")] = "Nouvelle-Aquitaine",
    speed: Annotated[float, typer.Option(min=1, max=1000, help="Virtual seconds in a real one.")] = 60.0,
    seed: Annotated[int, typer.Option(help="The same seed makes the same sample network.")] = 1,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the page and the API; another where taken; 0: any.")
    ] = 8080,
    past_days: Annotated[int, typer.Option(min=0, max=80, help="Days of history to make up; 0: none.")] = 15,
    grafana: Annotated[
        str | None, typer.Option(help="A Grafana here that gets the dashboards: set MAILLAGE_GRAFANA_TOKEN too.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Go on with the data of the last run.")] = False,
) -> None:
    """Run everything here with the sample network: servers, gateways, simulated devices, ingest, API, page.

    Ctrl-C ends it.
    With MAILLAGE_DATABASE_URL, MAILLAGE_MQTT_URL or MAILLAGE_FIELD_MQTT_URL set, those servers; else embedded ones.

    Example: maillage up --places 20 --seconds 60
    """
    from maillage.stack.up import Wishes, run

    wishes = Wishes(
        seconds=seconds,
        places=places,
        region=region,
        speed=speed,
        seed=seed,
        port=port,
        past_days=past_days,
        grafana=grafana,
        keep=keep,
    )
    raise typer.Exit(run(wishes))


def doctor() -> None:
    """Look at this machine, the stack that runs here and these settings; say what is wrong and how to mend it.

    Of the stack: whether each process is alive, ours, answers and is ready; whether events are stored and access lists
    are new. Exit code 1 where something fails or will.

    Example: maillage doctor
    """
    from maillage.doctor import examine
    from maillage.doctor.finding import report

    if report(examine(environment.running() if environment.load() else None)):
        raise typer.Exit(1)
