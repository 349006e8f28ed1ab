"""``maillage network``: places, and the settings of their gateways."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from maillage.network.inventory import SOURCE

if TYPE_CHECKING:
    from database.pool import Connection
    from maillage.network.settings import NetworkSettings

app = typer.Typer(help="Places, gateways and their keys.", no_args_is_help=True)

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


@app.command("import", short_help="Import real places.")
def import_places(
    file: Annotated[
        Path | None, typer.Argument(help="CSV with the inventory's columns; default: the bundled inventory of 2019.")
    ] = None,
    *,
    region: Annotated[
        str, typer.Option(help="Only this region, for example 'Nouvelle-Aquitaine'; all: every place.")
    ] = "all",
    source: Annotated[
        str, typer.Option(help="Name of the list that the file's IDs belong to; a list of your own needs its own.")
    ] = SOURCE,
    report: Annotated[Path | None, typer.Option(help="Write the result of each row into this file, as JSON.")] = None,
) -> None:
    """Import real places: name, address, position, time zone. It makes up no equipment and no people.

    It can be repeated: a changed row is updated, nothing is deleted. A row that can't be used is reported with its line
    and the reason, and the others are imported.

    Example: maillage network import my-places.csv --source my-network
    """
    from maillage.network.importing import import_file
    from maillage.network.inventory import BUNDLED

    path = file or BUNDLED
    with _connect(_settings()) as connection:
        done = import_file(connection, path, region=region, source=source, log=_say)
    if report is not None:
        report.write_text(json.dumps(done.as_json(path), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for one in done.inventory.refused:
        print(f"line {one.line}: {one.name or '(no name)'}: refused, {one.reason}: {one.text}")
    mended = len({one.line for one in done.inventory.remarks if one.outcome == "mended"})
    if mended:
        print(f"{mended} rows were mended (postcodes, departments, …): --report FILE lists them.")
    if done.stored.gone:
        print(
            f"{len(done.stored.gone)} places of this list are no longer in the file; they are kept: "
            f"{', '.join(done.stored.gone[:10])}{' …' if len(done.stored.gone) > 10 else ''}"
        )
    if not done.changed:
        print(f"nothing changed: all {done.selected} places are there already.")
        return
    print(f"{done.stored.added} places added, {done.stored.updated} updated, {done.stored.unchanged} unchanged.")
    print(
        "next: fit your places out: `maillage place export CODE` begins a place's file, `maillage place apply FILE` "
        "stores it (docs/places.md). To try Maillage out without hardware: `maillage sample create`."
    )


@app.command(short_help="Write what stands in the places, for the simulator.")
def gateways(
    *,
    out: Annotated[
        Path | None, typer.Option(help="Where to; default MAILLAGE_GATEWAYS_FILE or .runtime/gateways.json.")
    ] = None,
    place: Annotated[list[str] | None, typer.Option(help="Only this place's gateways; may be repeated.")] = None,
) -> None:
    """Write the gateways with their devices and doors, for the simulator. There is no secret in it.

    Gateways themselves join (`maillage gateway join`) and get their configuration from the centre.

    Example: maillage network gateways
    """
    from gateway.config import write_gateways
    from maillage.network.errors import SelectionError
    from maillage.network.gateways import export_gateways

    settings = _settings()
    with _connect(settings) as connection:
        found = export_gateways(connection, password=None, list_key=None, card_secret=None, places=place or None)
    missing = sorted(set(place or ()) - {one.place for one in found})
    if missing:
        raise SelectionError(f"no gateway in service in {', '.join(missing)}")
    if not found:
        raise SelectionError(
            "no place has a gateway: `maillage place apply FILE` makes them (docs/places.md); "
            "to try Maillage out, run `maillage sample create`"
        )
    path = out or settings.gateways_file
    write_gateways(path, found)
    devices = sum(len(one.devices) for one in found)
    print(f"{len(found)} gateways with {devices} devices written to {path}")


@app.command("card-keys", short_help="Show the API's keys for cards.")
def show_card_keys() -> None:
    """Show the two keys that the API stores cards with, derived from MAILLAGE_CARD_SECRET, as lines of its environment.

    Example: maillage network card-keys
    """
    from maillage.network.settings import CardSettings
    from rights.card_secret import CardKeys

    keys = CardKeys.of(CardSettings().require_card_secret())
    print(f"MAILLAGE_CARD_SEALING_KEY={keys.sealing_text}")
    print(f"MAILLAGE_CARD_LOOKUP_KEY={keys.lookup.hex()}")


@app.command("muster-key", short_help="Show the key of a place's evacuation list.")
def show_muster_key(places: Annotated[list[str], typer.Argument(help="Codes of places.")]) -> None:
    """Show the key of a place's evacuation list at its gateway, to be printed on the evacuation plan.

    Example: maillage network muster-key citels
    """
    from maillage.network.errors import SelectionError
    from rights.place_secrets import muster_key

    settings = _settings()
    secret = settings.require_card_secret()
    with _connect(settings) as connection:
        known = {code for (code,) in connection.execute(_KNOWN, (places,))}
    unknown = sorted(set(places) - known)
    if unknown:
        raise SelectionError(f"there is no place {', '.join(unknown)}: /v1/places?q=… finds the codes of places")
    for place in places:
        print(f"{place}\t{muster_key(secret, place)}")


@app.command()
def show(*, as_json: Annotated[bool, typer.Option("--json", help="As JSON, one object a region.")] = False) -> None:
    """Show how large the network is, by region.

    Example: maillage network show
    """
    from maillage.network.summary import as_table, summarise

    with _connect(_settings()) as connection:
        rows = summarise(connection)
    print(json.dumps(rows, ensure_ascii=False) if as_json else as_table(rows))
