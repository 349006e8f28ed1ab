"""Gateways: run one, bring a new one in, shut one out. ``maillage gateway`` alone runs the gateway."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from maillage.commands import field
from maillage.commands.begin import begin, given
from maillage.commands.configuration import configuration
from maillage.complaint import Complaint

app = typer.Typer()
REPLACE: Final = "replace"

Places = Annotated[list[str] | None, typer.Option("--place", help="Run only this place's gateways; may be repeated.")]
GatewaysFile = Annotated[Path | None, typer.Option(help="What `maillage network gateways` wrote.")]
Url = Annotated[str | None, typer.Option(envvar="MAILLAGE_API_URL", help="The API; else that of the running stack.")]
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


@app.command("enrol", short_help="Make a one-time code for a new gateway.")
def enrol(
    place: Annotated[str, typer.Argument(help="The place's code.")],
    *,
    gateway: Annotated[str | None, typer.Option(help="Which of its gateways, where it has several.")] = None,
    confirm: Annotated[
        str | None,
        typer.Option(help=f"{REPLACE}: go on although a machine in service is shut out when another joins."),
    ] = None,
    url: Url = None,
) -> None:
    """Make a code that one machine joins with, within an hour; it is shown once. Key: MAILLAGE_API_KEY.

    For a gateway in service it asks for a word more: the machine before is shut out as soon as another joins.

    Example: maillage gateway enrol citels
    """
    from urllib.parse import quote

    from maillage.commands.ask import Refused, ask

    if confirm not in (None, REPLACE):
        raise Complaint(f"--confirm {confirm}: there is only {REPLACE}")
    at = f"/v1/places/{quote(place)}" + (f"/gateways/{quote(gateway)}" if gateway else "")
    try:
        made = ask("POST", f"{at}/enrolment-code", {"confirm_replace": confirm == REPLACE}, url=url)
    except Refused as refused:
        wrong = {one["name"]: str(one["what"]) for one in refused.problem.get("errors") or ()}
        if "confirm_replace" not in wrong:
            raise
        what = wrong["confirm_replace"].partition(" Send confirm_replace")[0]
        if not sys.stdin.isatty():
            raise Complaint(f"{what} No code was made. If that is meant, add --confirm {REPLACE}.") from None
        print(what, file=sys.stderr)
        if typer.prompt(f"Type {REPLACE} to make the code", err=True) != REPLACE:
            raise Complaint("that is another word: no code was made") from None
        made = ask("POST", f"{at}/enrolment-code", {"confirm_replace": True}, url=url)
    print(made["code"])
    if made.get("replaces"):
        print(f"The machine that is {made['gateway']} now is shut out when another joins.", file=sys.stderr)
    print(
        f"For the gateway {made['gateway']} of {made['place']}, until {made['expires_at']}. Type on the new machine:\n"
        f"  maillage gateway join API_URL {made['code']} --identity /var/lib/maillage/identity",
        file=sys.stderr,
    )


@app.command("join", short_help="Join the network with a code.")
def join(
    url: Annotated[str, typer.Argument(help="The network's API, like https://maillage.example.org.")],
    code: Annotated[str, typer.Argument(help="What `maillage gateway enrol` printed.")],
    *,
    identity: Annotated[
        Path, typer.Option(envvar="MAILLAGE_IDENTITY", help="The folder to write the identity into.")
    ] = Path(".runtime/identity"),
    ca_file: Annotated[
        Path | None, typer.Option(help="Believe the certificates of this file as the API's authority.")
    ] = None,
    fingerprint: Annotated[
        str | None, typer.Option(help="Believe the API's server with the certificate of this SHA-256, and no other.")
    ] = None,
) -> None:
    """Make this machine a gateway: its keys are made here and never leave it; it gets a certificate and its place.

    Where the centre doesn't answer in time, type the same again: the code is still good with the same keys.

    Example: maillage gateway join https://maillage.example.org 7KQF-2M9X-ZT4C --identity /var/lib/maillage/identity
    """
    from maillage.join import Trust
    from maillage.join import join as join_network

    made = join_network(url, code, identity, Trust(ca_file=ca_file, fingerprint=fingerprint))
    print(f"This machine is the gateway {made.gateway} of {made.place}. Its identity is in {identity}.")
    print(f"Start it: MAILLAGE_IDENTITY={identity.absolute()} maillage gateway")


@app.command("doctor", short_help="Say what is wrong with this gateway, and how to mend it.")
def doctor() -> None:
    """Look at this gateway: identity, certificate, clock, disk, spool, connections, lists, devices.

    It works whether the gateway runs or not: run it on the gateway's machine, with the gateway's settings. Exit code 1
    where something fails or will.

    Example: maillage gateway doctor
    """
    from gateway.settings import GatewaySettings
    from maillage.doctor.finding import report
    from maillage.doctor.gateway import examine_gateway

    if report(examine_gateway(GatewaySettings())):
        raise typer.Exit(1)


@app.command("revoke", short_help="Shut a gateway out, at once.")
def revoke(
    gateway: Annotated[str, typer.Argument(help="The gateway's code.")],
    *,
    url: Url = None,
) -> None:
    """Shut out a gateway that was stolen, also while it is connected: its certificates, API keys and codes are void.

    The machine that replaces it joins with a new code (`maillage gateway enrol`). Key: MAILLAGE_API_KEY.

    Example: maillage gateway revoke citels-1
    """
    from urllib.parse import quote

    from maillage.commands.ask import ask

    done = ask("POST", f"/v1/gateways/{quote(gateway)}/revoke", url=url)
    print(f"{done['gateway']} of {done['place']} is shut out since {done['revoked_at']}.")


@app.command("seal", short_help="Seal the gateway's key on its disk.")
def seal(
    by: Annotated[
        str, typer.Argument(help="passphrase: asked at each start; tpm: only this machine opens it; nothing: plain.")
    ],
) -> None:
    """Seal the key that opens the place's keys, so that a stolen disk alone opens none of them.

    The passphrase comes from the file MAILLAGE_PASSPHRASE_FILE, from systemd's credential maillage-passphrase, or from
    the terminal. The TPM is used through systemd-creds. Settings: MAILLAGE_IDENTITY.

    Example: maillage gateway seal tpm
    """
    from gateway.identity import read_identities, seal_identity
    from gateway.sealing import PassphraseSeal, Seal, SealingError, TpmSeal, passphrase_from
    from gateway.settings import GatewaySettings

    settings = GatewaySettings()
    if settings.identity is None:
        raise Complaint("MAILLAGE_IDENTITY is not set: the folder that `maillage gateway join` made.")
    chosen: dict[str, Seal | None] = {
        "passphrase": PassphraseSeal(lambda: passphrase_from(settings.passphrase_file)),
        "tpm": TpmSeal(),
        "nothing": None,
    }
    if by not in chosen:
        raise Complaint(f"{by!r}: seal by {', '.join(chosen)}.")
    for identity in read_identities(settings.identity):
        try:
            seal_identity(identity, chosen[by], settings.passphrase_file)
        except SealingError as error:
            raise Complaint(f"{identity.gateway}: {error}.") from error
        print(f"{identity.gateway}: {'plain' if by == 'nothing' else f'sealed by {by}'}")


app.command("configuration", short_help="Show a gateway's configuration, or set it back.")(configuration)
app.add_typer(field.app)
