"""A network with something on every page: what the pages' addresses are filled in with."""

from __future__ import annotations

from typing import Final

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
    return {"/me/cards/{ref}/lost": {"ref": card}, "/me/cards/{ref}/doors": {"ref": card}}
