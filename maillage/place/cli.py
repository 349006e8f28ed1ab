"""``maillage place``: a place as a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from maillage.commands import owner
from maillage.complaint import Complaint

if TYPE_CHECKING:
    from collections.abc import Callable

    from database.pool import Connection
    from maillage.place.model import Fitting
    from maillage.place.plan import Plan

app = typer.Typer(
    help="A place as a file: its spaces, desks, doors, gateways and devices (docs/places.md).", no_args_is_help=True
)
WITHOUT_LOCK: Final = "door-without-lock"
File = Annotated[Path, typer.Argument(help="A place's file (YAML).")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Confirm = Annotated[
    str | None,
    typer.Option(help=f"{WITHOUT_LOCK}: go on although a door that has a lock would have none."),
]
Seen = Annotated[str | None, typer.Option(help="What `plan` has printed last: refuse if the place has changed since.")]


@app.command()
def check(file: File) -> None:
    """Check a file without a server: every fault with its line.

    Example: maillage place check docs/places/village.yaml
    """
    from maillage.place.drivers import unlocks
    from maillage.place.plan import unopened
    from maillage.place.words import unopened_says

    found = _read(file)
    for door in unopened(found, unlocks):
        print(f"{file}: {unopened_says(door)}")
    parts = (
        (found.spaces, "spaces"), (found.desks, "desks"), (found.doors, "doors"), (found.gateways, "gateways"),
        (found.devices, "devices"),
    )  # fmt: skip
    print(f"{file}: {found.place.code}: {', '.join(f'{len(those)} {name}' for those, name in parts)}: no fault")


@app.command()
def plan(file: File) -> None:
    """Show what applying a file would make, change, move and retire. Changes nothing.

    Example: maillage place plan my-place.yaml
    """
    wanted = _read(file)
    with owner.connect("place plan") as connection:
        _planned(connection, wanted.place.code, lambda stored: wanted)


@app.command()
def apply(file: File, *, yes: Yes = False, confirm: Confirm = None, seen: Seen = None) -> None:
    """Show the plan of a file, ask, and do all of it or nothing.

    What has left the file is retired, never deleted.

    Example: maillage place apply my-place.yaml
    """
    wanted = _read(file)
    _carry_out(lambda stored: wanted, wanted.place.code, "place apply", yes=yes, confirm=confirm, seen=seen)


@app.command()
def devices(
    file: Annotated[Path, typer.Argument(help="A CSV file of devices, as a spreadsheet writes it.")],
    *,
    place: Annotated[str, typer.Option(help="The place's code.")],
    yes: Yes = False,
    confirm: Confirm = None,
) -> None:
    """Add or change devices of a place from a CSV file.

    Those that the file doesn't name stay as they are.

    Example: maillage place devices sensors.csv --place gare-de-felletin
    """
    from gateway.drivers.registry import device_key
    from maillage.place.checks import faults_of
    from maillage.place.drivers import device_fault
    from maillage.place.faults import FileRefused
    from maillage.place.merging import with_devices
    from maillage.place.reading import read_devices

    data = _bytes(file)

    def wanted(stored: Fitting | None) -> Fitting:
        if stored is None:
            raise Complaint(f"there is no place {place}: make it with `maillage place apply FILE`")
        found = with_devices(stored, read_devices(data, file.name, stored))
        if faults := [one for one in faults_of(found, device_fault, device_key) if one.file]:
            raise FileRefused(faults)
        return found

    _carry_out(wanted, place, "place devices", yes=yes, confirm=confirm, seen=None)


@app.command()
def export(
    code: Annotated[str, typer.Argument(help="The place's code.")],
    *,
    out: Annotated[Path | None, typer.Option(help="Where to write it; without it: standard output.")] = None,
) -> None:
    """Write a place's file from the database.

    Comments of a file that was applied are not kept.

    Example: maillage place export gare-de-felletin --out my-place.yaml
    """
    from maillage.place.stored import read_stored
    from maillage.place.writing import write_place

    with owner.connect("place export") as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        stored = read_stored(connection, code)
    if stored is None:
        raise Complaint(f"there is no place {code}: /v1/places?q=… finds the codes of places")
    text = write_place(stored.fitting)
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")


@app.command()
def schema() -> None:
    """Print the JSON Schema of a place's file, for editors.

    Example: maillage place schema > place.schema.json
    """
    from maillage.place.schema import schema_text

    sys.stdout.write(schema_text())


def _read(file: Path) -> Fitting:
    """Read a place's file, and the CSV file beside it that it names."""
    from api.transfer.encodings import NotDecided, NotReadable, decode
    from gateway.drivers.registry import device_key
    from maillage.place.drivers import device_fault
    from maillage.place.reading import read_place

    try:
        text = decode(_bytes(file)).text
    except (NotReadable, NotDecided):
        raise Complaint(f"{file} is no text that can be read: save it as UTF-8") from None
    return read_place(
        text,
        file.name,
        beside=lambda name: (file.parent / name).read_bytes(),
        address_fault=device_fault,
        address_key=device_key,
    )


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Complaint(f"cannot read {file}: {error.strerror}") from None


def _planned(connection: Connection, code: str, wanted: Callable[[Fitting | None], Fitting]) -> Plan:
    """Return the plan, having printed it.

    Raises:
        FileRefused: the file does not fit what the database holds.
    """
    from maillage.place.drivers import unlocks
    from maillage.place.faults import FileRefused
    from maillage.place.ground import consequences, faults_in_the_database
    from maillage.place.plan import make_plan, root_fault
    from maillage.place.stored import read_stored
    from maillage.place.words import plan_lines

    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        stored = read_stored(connection, code)
        found = wanted(None if stored is None else stored.fitting)
        faults = faults_in_the_database(connection, found)
        if (wrong := root_fault(found, stored)) is not None:
            faults.append(wrong)
        if faults:
            raise FileRefused(faults)
        made = make_plan(found, stored, unlocks=unlocks)
        print("\n".join(plan_lines(made, consequences(connection, made))))
    return made


def _carry_out(
    wanted: Callable[[Fitting | None], Fitting],
    code: str,
    command: str,
    *,
    yes: bool,
    confirm: str | None,
    seen: str | None,
) -> None:
    import psycopg

    from maillage.place.applying import PlaceMoved, apply_plan

    if confirm not in (None, WITHOUT_LOCK):
        raise Complaint(f"--confirm {confirm}: there is only {WITHOUT_LOCK}")
    with owner.connect(command) as connection:
        made = _planned(connection, code, wanted)
        if seen is not None and seen != made.seen:
            raise PlaceMoved(
                f"{code} has changed since the plan that you saw ({seen}): nothing was applied. Look at the new one."
            )
        if not made.changes:
            return
        _ask(made, yes=yes, confirmed=confirm is not None)
        try:
            with connection.transaction():
                apply_plan(connection, made)
        except psycopg.IntegrityError as error:
            raise Complaint(f"{error.diag.message_primary}. Nothing was applied.") from None
    print("applied")


def _ask(made: Plan, *, yes: bool, confirmed: bool) -> None:
    """Ask whether to go on, and for each door that would lose its lock the door's code.

    Raises:
        Complaint: nobody is there to ask, or the answer is another one.
    """
    silent = yes or not sys.stdin.isatty()
    if made.unlocked and not confirmed:
        if silent:
            raise Complaint(
                f"{', '.join(made.unlocked)}: a door would have no lock. Nothing was applied. If that is meant, add "
                f"--confirm {WITHOUT_LOCK}."
            )
        for door in made.unlocked:
            if typer.prompt(f"Type {door} if that door is to have no lock") != door:
                raise Complaint("that is another word: nothing was applied")
    if yes:
        return
    if silent:
        raise Complaint("this is no terminal to ask at: nothing was applied. Add --yes.")
    if not typer.confirm("Apply this plan?"):
        raise Complaint("nothing was applied")
