"""A network with something on every page: what the pages' addresses are filled in with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from tests.integration.test_guest_qr import READER
from tests.managed import Managed

VALUES: Final[dict[str, frozenset[str]]] = {
    # they answer with a redirect, a file or a piece of a page
    "not a page": frozenset(("/sign-in/{token}",)),
    # with one place only its manager is sent on
    "administrator": frozenset(("/manage",)),
}


def furnished(network: Managed) -> dict[str, dict[str, str]]:
    """Fill the network; return the values of the parameters by the path of a page."""
    card = network.card("m-own1", "04112233445566", status="active")
    visit = {"ref": _visit(network)}
    visits = {f"/manage/{{place}}/visitors/{{ref}}/{what}": visit for what in ("cancel", "qr")}
    return {"/me/cards/{ref}/lost": {"ref": card}, "/me/cards/{ref}/doors": {"ref": card}, **visits}


def _visit(network: Managed) -> str:
    """A visitor with a QR is expected in Limoges."""
    network.sql(READER)
    now = datetime.now(UTC)
    times = {"from": now.isoformat(), "until": (now + timedelta(hours=3)).isoformat()}
    body = {"name": "Ada Visite", "place": "limoges", "credential": "qr", **times}
    answer = network.post("desk", "/v1/visitors", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["ref"])
