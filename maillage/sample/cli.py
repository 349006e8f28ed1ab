"""``maillage sample``: the sample network, for trying Maillage out with the simulator."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

app = typer.Typer(help="A made-up network to try Maillage out with.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep ``create`` a subcommand though it is the only one."""


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
            log=lambda line: print(line, file=sys.stderr, flush=True),
        )
    if not made.places:
        print(f"nothing to make: the {made.selected} places have their equipment already.")
        return
    print(
        f"sample of seed {seed}: {made.places} places with {made.spaces} spaces, {made.desks} desks, "
        f"{made.devices} devices, {made.members} members, {made.cards} cards."
    )
    print("next: `maillage network gateways` writes the gateways' file, `maillage simulate` moves the people.")
