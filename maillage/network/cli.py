"""``maillage network``: places, what stands in them and who lives there, their gateways' settings."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from database.pool import Connection
    from maillage.network.settings import NetworkSettings

app = typer.Typer(help="Places, their equipment and people, their gateways.", no_args_is_help=True)

_KNOWN: Final = """
-- which of these places exist
SELECT code::text FROM place WHERE code = ANY(%s)
"""


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _settings() -> NetworkSettings:
    from maillage.network.settings import NetworkSettings

    return NetworkSettings()  # type: ignore[call-arg]  # pydantic-settings reads the environment


def _connect(settings: NetworkSettings) -> Connection:
    from database.pool import connect

    return connect(
        settings.database_url.get_secret_value(), application_name="maillage network", statement_timeout_s=300
    )


@app.command("import", short_help="Import real places, and generate what is in them.")
def import_places(
    file: Annotated[
        Path | None, typer.Argument(help="The inventory as CSV; default: the CGET's of 2019, which comes along.")
    ] = None,
    *,
    region: Annotated[str | None, typer.Option(help="Only this region, for example 'Nouvelle-Aquitaine'.")] = None,
    places: Annotated[int | None, typer.Option(min=1, help="At most so many places, spread by the seed.")] = None,
    seed: Annotated[int, typer.Option(envvar="MAILLAGE_SEED", help="Of all that is generated.")] = 1,
    generate: Annotated[
        bool, typer.Option(help="Generate spaces, desks, doors, devices, members, cards, passes and rules.")
    ] = True,
    report: Annotated[Path | None, typer.Option(help="Write what became of each row into this file, as JSON.")] = None,
) -> None:
    """Import real places, and generate what the inventory doesn't say of them.

    Again and again without harm: what is there stays, what changed is updated, nothing is deleted. A row that can't be
    used is reported with its line and why, and the rest goes in.
    """
    from maillage.network.importing import import_file
    from maillage.network.inventory import BUNDLED

    settings = _settings()
    path = file or BUNDLED
    with _connect(settings) as connection:
        done = import_file(
            connection,
            path,
            region=region,
            places=places,
            seed=seed,
            card_key=settings.require_card_key if generate else None,
            log=_say,
        )
    if report is not None:
        report.write_text(json.dumps(done.as_json(path), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for one in done.inventory.refused:
        print(f"line {one.line}: {one.name or '(no name)'}: refused, {one.reason}: {one.text}")
    mended = len({one.line for one in done.inventory.remarks if one.outcome == "mended"})
    if mended:
        print(f"{mended} rows were mended (postcodes, departments, …): --report FILE tells each.")
    if done.stored.gone:
        print(
            f"{len(done.stored.gone)} places of this inventory are no longer in the file; they are kept: "
            f"{', '.join(done.stored.gone[:10])}{' …' if len(done.stored.gone) > 10 else ''}"
        )
    if not done.changed:
        print(f"nothing changed: all {done.selected} places are there already.")
        return
    print(f"{done.stored.added} places added, {done.stored.updated} updated, {done.stored.unchanged} unchanged.")
    made = done.generated
    if made.places:
        print(
            f"generated for {made.places} of them: {made.spaces} spaces, {made.desks} desks, {made.devices} devices, "
            f"{made.members} members, {made.cards} cards."
        )


@app.command(short_help="Write the gateways' file: devices, doors, keys.")
def gateways(
    *,
    out: Annotated[
        Path | None, typer.Option(help="Where to; default MAILLAGE_GATEWAYS_FILE or .runtime/gateways.json.")
    ] = None,
    place: Annotated[list[str] | None, typer.Option(help="Only this place's gateways; may be repeated.")] = None,
) -> None:
    """Write what the gateways must know: their devices, doors, passwords and keys. The file is secret."""
    from gateway.config import write_gateways
    from gateway.contract.signing import public_key
    from maillage.network.errors import SelectionError
    from maillage.network.gateways import export_gateways
    from maillage.network.passwords import gateway_password, muster_key

    settings = _settings()
    mqtt_secret = settings.mqtt_secret.get_secret_value() if settings.mqtt_secret else None
    with _connect(settings) as connection:
        found = export_gateways(
            connection,
            password=(lambda code: gateway_password(mqtt_secret, code)) if mqtt_secret else None,
            list_key=public_key(settings.require_signing_key()),
            card_key=settings.require_card_key().hex(),
            muster_key=(lambda code: muster_key(mqtt_secret, code)) if mqtt_secret else None,
            places=place or None,
        )
    missing = sorted(set(place or ()) - {one.place for one in found})
    if missing:
        raise SelectionError(f"no gateway in service in {', '.join(missing)}")
    if not found:
        raise SelectionError("there is no gateway to write: run `maillage network import` first")
    path = out or settings.gateways_file
    write_gateways(path, found)
    devices = sum(len(one.devices) for one in found)
    print(f"{len(found)} gateways with {devices} devices written to {path}")
    if mqtt_secret is None:
        print("without broker passwords: MAILLAGE_MQTT_SECRET is not set", file=sys.stderr)


@app.command("muster-key", short_help="Show the key of a place's evacuation list.")
def show_muster_key(places: Annotated[list[str], typer.Argument(help="Codes of places.")]) -> None:
    """Show what opens the muster of a place at its gateway, to be printed on its evacuation plan."""
    from maillage.network.errors import KeyMissingError, SelectionError
    from maillage.network.passwords import muster_key

    settings = _settings()
    secret = settings.mqtt_secret
    if secret is None:
        raise KeyMissingError("MAILLAGE_MQTT_SECRET is not set: the keys are derived from it")
    with _connect(settings) as connection:
        known = {code for (code,) in connection.execute(_KNOWN, (places,))}
    unknown = sorted(set(places) - known)
    if unknown:
        raise SelectionError(f"there is no place {', '.join(unknown)}: /v1/places?q=… finds the codes of places")
    for place in places:
        print(f"{place}\t{muster_key(secret.get_secret_value(), place)}")


@app.command()
def show(*, as_json: Annotated[bool, typer.Option("--json", help="As JSON, one object a region.")] = False) -> None:
    """Show how large the network is, by region."""
    from maillage.network.summary import as_table, summarise

    with _connect(_settings()) as connection:
        rows = summarise(connection)
    print(json.dumps(rows, ensure_ascii=False) if as_json else as_table(rows))
