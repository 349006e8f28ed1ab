"""Devices: how those of a place are, and those that are heard and nobody has assigned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
from typer.core import TyperGroup

from maillage.commands.address import api_address
from maillage.commands.ask import ask

Url = Annotated[str | None, typer.Option(envvar="MAILLAGE_API_URL", help="The API; else that of the running stack.")]
Place = Annotated[str, typer.Argument(help="The place's code.")]
Number = Annotated[int, typer.Argument(help="The device's number, as `maillage devices` shows it.")]
_OF_DEVICES: Final = ("devices_silent", "battery_low", "link_bad", "device_stuck", "counter_stuck")


class _ListFirst(TyperGroup):
    """Takes what isn't a command for the place to list."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            args = ["list", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(cls=_ListFirst)


@app.callback(invoke_without_command=True)
def list_without_command(context: typer.Context, url: Url = None) -> None:
    """Devices: how they are, and those that gateways hear and nobody has assigned. Key: MAILLAGE_API_KEY."""
    if context.invoked_subcommand is None:
        show(url=url)


@app.command("list", short_help="List a place's devices, and those that nobody has assigned.")
def show(
    place: Annotated[str | None, typer.Argument(help="The place's code; none: what is unassigned anywhere.")] = None,
    *,
    dismissed: Annotated[bool, typer.Option(help="Also unassigned ones that were dismissed.")] = False,
    url: Url = None,
) -> None:
    """List the devices of a place with when they were heard and what is wrong, and those that nobody has assigned.

    Without a place: the unassigned devices and the alarms about devices, of all places. Key: MAILLAGE_API_KEY.

    Example: maillage devices list citels, or just: maillage devices citels
    """
    url = api_address(url)
    at = "/v1" if place is None else f"/v1/places/{quote(place)}"
    if place is None:
        for kind in _OF_DEVICES:
            for alarm in ask("GET", f"/v1/alarms?kind={kind}", url=url)["alarms"]:
                if alarm["until"] is None:
                    print(f"{alarm['place']}: {alarm['text']}")
    else:
        for one in ask("GET", f"{at}/devices", url=url)["devices"]:
            print(_device_line(one))
    unassigned = ask("GET", f"{at}/unassigned-devices{'?dismissed=true' if dismissed else ''}", url=url)
    for one in unassigned["unassigned_devices"]:
        print(_unassigned_line(one))
    if not unassigned["unassigned_devices"]:
        print("Every device that is heard is assigned.")


@app.command(short_help="Assign a device to a desk, a space or a door.")
def assign(
    place: Place,
    number: Number,
    *,
    desk: Annotated[str | None, typer.Option(help="The desk that it watches.")] = None,
    space: Annotated[str | None, typer.Option(help="The space that it watches.")] = None,
    door: Annotated[str | None, typer.Option(help="The door that it is at.")] = None,
    side: Annotated[str, typer.Option(help="Of a reader: in, or out for those who leave.")] = "in",
    kind: Annotated[str | None, typer.Option(help="What it is; else what it seems to be.")] = None,
    model: Annotated[str | None, typer.Option(help="The maker's model; else as its messages name it.")] = None,
    code: Annotated[str | None, typer.Option(help="Its code; else made of what it is and where.")] = None,
    address: Annotated[str | None, typer.Option(help="Its address; else as it was heard.")] = None,
    url: Url = None,
) -> None:
    """Make a device of what a gateway hears. It counts from its next message on. Key: MAILLAGE_API_KEY.

    Example: maillage devices assign citels 7 --desk desk-12
    """
    body = {"desk": desk, "space": space, "door": door, "kind": kind, "model": model, "code": code, "address": address}
    given: dict[str, Any] = {name: value for name, value in body.items() if value is not None}
    path = f"/v1/places/{quote(place)}/unassigned-devices/{number}/assign"
    made = ask("POST", path, {**given, "side": side}, url=url)
    where = next(f"{part} {made[part]}" for part in ("desk", "door", "space") if made[part] is not None)
    print(f"{made['code']} of gateway {made['gateway']} is a {made['kind']} at {where}.")


@app.command(short_help="Hide a device that isn't yours.")
def dismiss(place: Place, number: Number, *, url: Url = None) -> None:
    """Hide a device that is heard and isn't yours, a neighbour's for example. Key: MAILLAGE_API_KEY.

    Example: maillage devices dismiss citels 7
    """
    ask("DELETE", f"/v1/places/{quote(place)}/unassigned-devices/{number}", url=url)
    print(f"Device {number} is hidden. `maillage devices {place} --dismissed` shows it.")


def _device_line(one: Mapping[str, Any]) -> str:
    state = one.get("state") or {}
    wrong = [word.replace("_", " ") for word in state.get("troubles", ())]
    if state.get("silent_since"):
        wrong.insert(0, f"silent since {_moment(state['silent_since'])}")
    battery = f", battery {state['battery']:.0f} %" if state.get("battery") is not None else ""
    heard = f"heard {_moment(state['heard_at'])}" if state.get("heard_at") else "not heard yet"
    where = one["desk"] or one["door"] or one["space"] or ""
    return f"{one['code']:24} {one['kind']:16} {where:20} {heard}{battery}{': ' if wrong else ''}{', '.join(wrong)}"


def _unassigned_line(one: Mapping[str, Any]) -> str:
    what = " ".join(word for word in (one["driver"], one["model"], one["kind"]) if word)
    hidden = " (dismissed)" if one["dismissed"] else ""
    return (
        f"unassigned {one['id']:>5}  {one['place']}  {what}  {one['address']}"
        f"  {_moment(one['last_at'])}: {one['said']}{hidden}"
    )


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M}Z"
