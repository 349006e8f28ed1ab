"""The processes: ingest, rights, jobs, api, simulate; and migrate, maintain and replay, which end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from maillage.commands.begin import begin, given
from maillage.commands.owner import database_url
from maillage.complaint import Complaint


def add_to(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    for command, summary in (
        (migrate, "Bring the database's schema up to date."),
        (ingest, "Store the gateways' events in the database."),
        (rights, "Send access lists and orders to the gateways."),
        (api, "Answer over HTTP, and show the live page."),
        (simulate, "Simulate the hardware and the people."),
        (jobs, "Run the scheduled jobs for ever: summaries, deletions."),
        (maintain, "Run each scheduled job once, and end."),
        (replay, "Feed recorded device messages into drivers."),
    ):
        app.command(short_help=summary)(command)


def migrate() -> None:
    """Bring the database's schema up to date. Runs again without harm.

    Settings: MAILLAGE_DATABASE_URL (as the owner of the database).

    Example: MAILLAGE_DATABASE_URL=postgresql://owner@localhost/maillage maillage migrate
    """
    url = database_url()
    from database.migrate import migrate as run

    applied = run(url)
    print(f"{len(applied)} migrations applied." if applied else "The database is up to date.")


def ingest(
    shards: Annotated[str | None, typer.Option(help="Which shards this worker may take, like 0-31.")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Port of /metrics, /healthz, /readyz; 0: none.")] = None,
) -> None:
    """Take events from the broker into the database, exactly once in effect, and fold them into occupancy.

    Settings: MAILLAGE_DATABASE_URL, MAILLAGE_MQTT_URL, MAILLAGE_SHARDS, MAILLAGE_METRICS_PORT, MAILLAGE_LOG_LEVEL.

    Example: maillage ingest --shards 0-31 --metrics-port 9464
    """
    from ingest.run import run
    from ingest.settings import IngestSettings

    settings = IngestSettings(**given(shards=shards, metrics_port=metrics_port))
    raise typer.Exit(run(settings, begin(settings.log_level)))


def rights(
    metrics_port: Annotated[int | None, typer.Option(help="Port of /metrics, /healthz, /readyz; 0: none.")] = None,
) -> None:
    """Keep the places' access lists new, send them to the gateways, carry orders. One leads, others stand by.

    Settings: MAILLAGE_DATABASE_URL, MAILLAGE_MQTT_URL, MAILLAGE_LIST_SIGNING_KEY, MAILLAGE_METRICS_PORT,
    MAILLAGE_LOG_LEVEL.

    Example: maillage rights --metrics-port 9467
    """
    from rights.run import run
    from rights.settings import RightsSettings

    settings = RightsSettings(**given(metrics_port=metrics_port))
    raise typer.Exit(run(settings, begin(settings.log_level)))


def api(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Answer over HTTP: places, occupancy, availability, the live stream and the page.

    Settings: MAILLAGE_DATABASE_URL, MAILLAGE_HTTP_HOST, MAILLAGE_HTTP_PORT, MAILLAGE_LOG_LEVEL.

    Example: maillage api --host 127.0.0.1 --port 8080
    """
    from api.http.settings import ApiSettings
    from api.run import run
    from process.logging import configure

    settings = ApiSettings(**given(http_host=host, http_port=port))
    configure(settings.log_level)
    raise typer.Exit(run(settings))


def simulate(
    *,
    speed: Annotated[float | None, typer.Option(help="Virtual seconds in a real one, 1 to 1000.")] = None,
    places: Annotated[int | None, typer.Option(help="How many places move; the first of the file.")] = None,
    start: Annotated[str | None, typer.Option(help="When the virtual day starts, like 2026-03-03T07:30.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed moves the same people.")] = None,
    faults: Annotated[str | None, typer.Option(help='As JSON, like {"duplicate_rate": 0.1}.')] = None,
    rates: Annotated[
        str | None, typer.Option(help='How often people and devices fail, as JSON, like {"tailgating": 0.05}.')
    ] = None,
    duplicates: Annotated[float | None, typer.Option(help="Share of messages that come twice, 0 to 1.")] = None,
    reordered: Annotated[float | None, typer.Option(help="Share of messages that others overtake, 0 to 1.")] = None,
    dead: Annotated[list[str] | None, typer.Option(help="A device that is silent, PLACE/DEVICE; repeatable.")] = None,
    frozen: Annotated[list[str] | None, typer.Option(help="A sensor that repeats its last value; repeatable.")] = None,
    swapped: Annotated[list[str] | None, typer.Option(help="A counter mounted the wrong way; repeatable.")] = None,
    garbage: Annotated[list[str] | None, typer.Option(help="A device that sends garbage; repeatable.")] = None,
    clock: Annotated[
        list[str] | None, typer.Option(help="A device's wrong clock, PLACE/DEVICE=SECONDS or *=SECONDS; repeatable.")
    ] = None,
) -> None:
    """Simulate the hardware on the field broker: readers, locks and sensors, used by simulated people.

    It knows the truth: GET /truth?place=CODE&at=INSTANT, /counters, /healthz and GET or POST /faults on its port.
    Settings: MAILLAGE_GATEWAYS_FILE, MAILLAGE_FIELD_MQTT_URL, MAILLAGE_SIMULATOR_PORT, MAILLAGE_FAULTS,
    MAILLAGE_RATES, MAILLAGE_LOG_LEVEL.

    Example: maillage simulate --speed 60 --places 20
    """
    from simulator.faults import given_faults
    from simulator.rates import given_rates
    from simulator.run import run
    from simulator.settings import SimulatorSettings

    settings = SimulatorSettings(**given(speed=speed, simulator_places=places, start=start, seed=seed))
    wanted = given_faults(
        settings.faults,
        text=faults,
        duplicates=duplicates,
        reordered=reordered,
        dead=dead,
        frozen=frozen,
        swapped=swapped,
        garbage=garbage,
        clocks=clock,
    )
    settings = settings.changed(
        faults=wanted, rates=settings.rates if rates is None else given_rates(settings.rates, rates)
    )
    raise typer.Exit(run(settings, begin(settings.log_level)))


def jobs(
    metrics_port: Annotated[int | None, typer.Option(help="Port of /metrics, /healthz, /readyz; 0: none.")] = None,
) -> None:
    """Run the jobs continuously, each every 15 minutes: quarter-hour summaries, and deletion of old personal data.

    Several such processes may run: one works, the others take over. /metrics says when each job last succeeded.

    Settings: MAILLAGE_DATABASE_URL, MAILLAGE_METRICS_PORT, MAILLAGE_LOG_LEVEL.

    Example: maillage jobs --metrics-port 9468
    """
    from jobs.run import run
    from jobs.settings import JobsSettings
    from maillage.all_jobs import ALL_JOBS

    settings = JobsSettings(**given(metrics_port=metrics_port))
    raise typer.Exit(run(settings, begin(settings.log_level), ALL_JOBS))


def maintain(
    *,
    once: Annotated[bool, typer.Option("--once", hidden=True)] = True,
) -> None:
    """Run every job once, as from cron, and end: exit code 1 where one failed. `maillage jobs` runs them continuously.

    Settings: MAILLAGE_DATABASE_URL.

    Example: maillage maintain
    """
    del once  # what it once had to be asked for
    url = database_url()
    from jobs.maintain import maintain as run
    from maillage.all_jobs import ALL_JOBS

    run(url, jobs=ALL_JOBS)


def replay(
    file: Annotated[Path, typer.Argument(help="A recording, one JSON object a line: time, topic, payload.")],
    *,
    speed: Annotated[float, typer.Option(min=0.001, help="Recorded seconds in a real one.")] = 1.0,
    fast: Annotated[bool, typer.Option("--as-fast-as-possible", help="Wait for nothing but the broker.")] = False,
    most_per_s: Annotated[float | None, typer.Option(min=0.1, help="Never more messages a second.")] = None,
    prefix: Annotated[
        list[str] | None,
        typer.Option("--map", help="OLD_PREFIX=NEW_PREFIX of topics; repeatable, the first that fits."),
    ] = None,
) -> None:
    """Feed recorded device messages into a place's drivers, at their pace or faster.

    Settings: MAILLAGE_FIELD_MQTT_URL (the place's own broker). A bad line is reported by its number and left out.

    Example: maillage replay said.jsonl --speed 10
    """
    from maillage.recording import parse_map
    from maillage.replay import replay as play

    url = os.environ.get("MAILLAGE_FIELD_MQTT_URL")
    if not url:
        raise Complaint("MAILLAGE_FIELD_MQTT_URL is not set. Set it to mqtt://host:port, the place's own broker.")
    played = play(
        file,
        mqtt_url=url,
        speed=None if fast else speed,
        most_per_s=most_per_s,
        prefixes=[parse_map(one) for one in prefix or ()],
        stop=begin(os.environ.get("MAILLAGE_LOG_LEVEL", "WARNING")),
    )
    raise typer.Exit(1 if played.bad_lines else 0)
