"""``maillage sample``: the sample network, for trying Maillage out with the simulator."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from maillage.complaint import Complaint

app = typer.Typer(help="A made-up network to try Maillage out with.", no_args_is_help=True)


@app.command(short_help="Create the sample network: real places, made-up equipment and people.")
def create(
    *,
    region: Annotated[
        str, typer.Option(help="Region of the inventory, for example Bretagne; all: every place.")
    ] = "all",
    places: Annotated[int | None, typer.Option(min=1, help="At most so many places, chosen by the seed.")] = None,
    seed: Annotated[
        int, typer.Option(envvar="MAILLAGE_SEED", help="The same seed makes the same network; the simulator's too.")
    ] = 1,
    past_days: Annotated[
        int, typer.Option(min=0, max=80, help="Make up so many days of history, so that forecasts show something.")
    ] = 0,
) -> None:
    """Create the sample network: places of the bundled inventory, with made-up equipment, members, cards and passes.

    It can be repeated: only places without spaces get something. It refuses a database that holds a real network.
    Settings: MAILLAGE_DATABASE_URL, MAILLAGE_CARD_SECRET.

    Example: maillage sample create --region Bretagne --places 20 && maillage network gateways && maillage simulate
    """
    from database.pool import connect
    from maillage.network.settings import NetworkSettings
    from maillage.sample.creating import create_sample

    settings = NetworkSettings()  # type: ignore[call-arg]  # pydantic-settings reads the environment
    card_secret = settings.require_card_secret()
    url = settings.database_url.get_secret_value()
    with connect(url, application_name="maillage sample", statement_timeout_s=300) as connection:
        made = create_sample(
            connection,
            region=region,
            places=places,
            seed=seed,
            card_secret=card_secret,
            past_days=past_days,
            log=lambda line: print(line, file=sys.stderr, flush=True),
        )
    if not made.places:
        print(f"nothing to make: the {made.selected} places have their equipment already.")
        return
    print(
        f"sample of seed {seed}: {made.places} places with {made.spaces} spaces, {made.desks} desks, "
        f"{made.devices} devices, {made.members} members, {made.cards} cards."
    )
    print(
        "next: `maillage network gateways` writes the simulator's file, `maillage sample join` lets the gateways join."
    )


@app.command("sign-in", short_help="Print links to sign in to the demo with.")
def sign_in() -> None:
    """Print links for a member, a manager and an administrator of the sample; each works once, within 24 hours.

    Settings: MAILLAGE_DATABASE_URL (as the owner of the database).

    Example: maillage sample sign-in
    """
    from database.pool import connect
    from maillage.network.settings import NetworkSettings
    from maillage.pages_address import pages_address
    from maillage.sample.operators import demo_paths

    url = NetworkSettings().database_url.get_secret_value()  # type: ignore[call-arg]  # pydantic-settings reads the environment
    with connect(url, application_name="maillage sample sign-in") as connection:
        paths = demo_paths(connection)
    for who, path in paths.items():
        print(f"{who}: {pages_address(None)}{path}")


@app.command("join", short_help="Let all gateways of the sample join.")
def join(
    folder: Annotated[Path, typer.Argument(help="Where the identities go, one folder for each gateway.")],
    *,
    gateways_file: Annotated[
        Path, typer.Option(envvar="MAILLAGE_GATEWAYS_FILE", help="What `maillage network gateways` wrote.")
    ] = Path(".runtime/gateways.json"),
    url: Annotated[
        str, typer.Option(envvar="MAILLAGE_API_URL", help="The API, on this machine.")
    ] = "http://127.0.0.1:8080",
) -> None:
    """Let every gateway of the file join that has no identity in FOLDER yet, each with a code of its own.

    It can be repeated. Folders in FOLDER that belong to no gateway of the file are deleted. Key: MAILLAGE_API_KEY, of
    a network administrator.

    Example: maillage sample join gateways/ && MAILLAGE_IDENTITY=gateways maillage gateway
    """
    from gateway.config import read_gateways
    from maillage.sample.joining import join_all

    key = os.environ.get("MAILLAGE_API_KEY")
    if not key:
        raise Complaint("MAILLAGE_API_KEY is not set: `maillage init` wrote one into owner.env.")
    found = {one.gateway: one.place for one in read_gateways(gateways_file)}
    new = join_all(url, key, found, folder, say=lambda line: print(line, file=sys.stderr, flush=True))
    print(f"{new} of {len(found)} gateways have joined; the others had before.")
