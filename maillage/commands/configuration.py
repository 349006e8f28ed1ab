"""``maillage gateway configuration``: shows over the API what a gateway should use, or sets it back."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from maillage.commands.ask import ask
from maillage.complaint import Complaint


def configuration(
    gateway: Annotated[str, typer.Argument(help="The gateway's code.")],
    *,
    version: Annotated[int | None, typer.Option(help="Show this version; else the newest.")] = None,
    back_to: Annotated[int | None, typer.Option(help="Go back to this version's doors and devices.")] = None,
    newest: Annotated[bool, typer.Option("--newest", help="Follow the place again, with a new version.")] = False,
    url: Annotated[
        str | None, typer.Option(envvar="MAILLAGE_API_URL", help="The API; else that of the running stack.")
    ] = None,
) -> None:
    """Show which doors and devices a gateway should use, and whether it does; or set it back. Key: MAILLAGE_API_KEY.

    A gateway that was set back stays there, whatever changes at its place, until --newest.

    Example: maillage gateway configuration citels-1 --back-to 12
    """
    at = f"/v1/gateways/{quote(gateway)}/configuration"
    if newest and back_to is not None:
        raise Complaint("--newest or --back-to, not both.")
    if newest or back_to is not None:
        found = ask("POST", at, {"back_to": back_to}, url=url)
        goal = "follows its place again" if back_to is None else f"goes back to version {back_to}"
        print(f"{found['gateway']} of {found['place']} {goal}, with a version above {found['newest']}.")
    else:
        _print(ask("GET", at if version is None else f"{at}?version={version}", url=url))


def _print(found: dict[str, Any]) -> None:
    print(f"{found['gateway']} of {found['place']}: version {found['version']} of {found['newest']}")
    if found["held_at"] is not None:
        print(f"  set back to version {found['held_at']} by an operator (--newest ends that)")
    state = "the newest" if found["current"] else f"version {found['used']}" if found["used"] else "none"
    print(f"  the gateway uses {state}")
    if found["refused"] is not None:
        print(f"  it refused the last one: {found['refused']}")
    kept = ", ".join(str(one["version"]) for one in found["versions"])
    print(f"  kept: {kept or 'none'}")
    if found["configuration"] is not None:
        print(json.dumps(found["configuration"], ensure_ascii=False, indent=2))
