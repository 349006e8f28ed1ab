"""The command ``maillage``: it reads the command line and calls the package whose work it is."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from maillage import environment
from maillage.commands import (
    audit,
    authority,
    backup,
    boards,
    central,
    devices,
    gateway,
    keys,
    letters,
    members,
    operator,
    processes,
    report,
    servers,
    spool,
    stack,
)
from maillage.commands import init as founding
from maillage.complaint import sentence
from maillage.network import cli as network
from maillage.place import cli as place
from maillage.sample import cli as sample

app = typer.Typer(
    help="Occupancy and access control for networks of third places.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


@app.callback(invoke_without_command=True)
def _options(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of what goes wrong.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as version_of

        print(version_of("maillage"))
        raise typer.Exit
    environment.load()


for module in (founding, stack, processes, servers, backup, report):
    module.add_to(app)
app.add_typer(gateway.app, name="gateway", short_help="Gateways: run one, bring a new one in, shut one out.")
app.add_typer(devices.app, name="devices", short_help="Devices, and those that nobody has assigned yet.")
app.add_typer(authority.app, name="authority", help="The network's certificate authority.")
app.add_typer(central.app, name="broker", help="The central broker with mutual TLS.")
app.add_typer(keys.app, name="key")
app.add_typer(operator.app, name="operator")
app.add_typer(members.app, name="members")
app.add_typer(boards.app, name="dashboards")
app.add_typer(letters.app, name="dead-letters")
app.add_typer(spool.app, name="spool")
app.add_typer(audit.app, name="audit", short_help="Who did what, when and from where.")
app.add_typer(network.app, name="network", help="Places, gateways and their keys.")
app.add_typer(place.app, name="place", help="A place as a file: check, plan, apply, export.")
app.add_typer(sample.app, name="sample", help="A made-up network to try Maillage out with.")


def main() -> None:
    """Run the command line; what goes wrong is one sentence on stderr and exit code 1, unless ``--debug`` is given."""
    debug = "--debug" in sys.argv[1:]
    if debug:  # wherever it stands: before or after the command
        sys.argv[1:] = ["--debug", *(word for word in sys.argv[1:] if word != "--debug")]
    try:
        app(prog_name="maillage")
    except Exception as error:
        if debug:
            raise
        print(f"maillage: {sentence(error)}", file=sys.stderr)
        sys.exit(1)
