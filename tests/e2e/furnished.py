"""A network with something on every page: what the pages' addresses are filled in with."""

from __future__ import annotations

from typing import Final

from tests.furnished import furnish
from tests.managed import Managed
from tests.page_routes import page_routes, parameters

VALUES: Final[dict[str, frozenset[str]]] = {
    # they answer with a redirect, a file, a piece of a page, or need what a link in a mail holds
    "not a page": frozenset(
        (
            "/guest/worker.js",
            "/guest/{token}",
            "/manage/clearing/{month}.csv",
            "/manage/network/reports/{month}/{kind}",
            "/manage/{place}/now",
            "/manage/{place}/orders",
            "/manage/{place}/doors/events.csv",
            "/manage/{place}/history/occupancy.csv",
            "/manage/{place}/history/reports/{month}/{kind}",
            "/me/bookings/confirm",
            "/me/data/erased",
            "/me/sign-in/password/remove",
            "/me/sign-in/factor/remove",
            "/sign-in/invitation/{token}",
            "/sign-in/provider",
            "/sign-in/provider/back",
            "/sign-in/provider/out",
            "/sign-in/{token}",
            "/sign-in/{token}/code",
        )
    ),
    # with one place only its manager is sent on
    "administrator": frozenset(("/manage", "/manage/{place}/team/invite")),
}
_MORE: Final = frozenset(("/me/cards/{ref}/lost", "/me/cards/{ref}/doors", "/manage/{place}/members/{ref}"))


def opened_here() -> list[str]:
    """Return the pages that need no more than a place, a card or a member; the tests of each area open the others."""
    pages = [path for method, path in page_routes() if method == "GET" and path not in VALUES["not a page"]]
    plain = [path for path in pages if list(parameters(path)) in ([], ["place"])]
    return sorted({*plain, *_MORE})


def furnished(network: Managed) -> dict[str, dict[str, str]]:
    """Fill the network; return the values of the parameters by the path of a page."""
    furnish(network)
    given = {"ref": network.sql("SELECT ref FROM card WHERE member = 'm-own1' ORDER BY ref LIMIT 1")[0][0]}
    return {
        "/me/cards/{ref}/lost": given,
        "/me/cards/{ref}/doors": given,
        "/manage/{place}/members/{ref}": {"ref": "m-own1"},
    }
