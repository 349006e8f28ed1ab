"""Each page and each form × who asks: nobody, a member, another place's manager, the front desk, another site."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import httpx
import pytest

from tests.managed import Managed, managed
from tests.page_routes import filled, page_routes

OURS: Final = {"sec-fetch-site": "same-origin"}
ROUTES: Final = page_routes()
PAGES: Final = [path for method, path in ROUTES if method == "GET" and path != "/guest/worker.js"]
FORMS: Final = [path for method, path in ROUTES if method == "POST"]
_MANAGED: Final = "/manage/{place}"
MANAGED: Final = [path for path in PAGES if path.startswith(_MANAGED)]
MANAGED_FORMS: Final = [path for path in FORMS if path.startswith(_MANAGED)]
VALUES: Final = {"place": "limoges", "code": "limoges", "do": "lockdown", "status": "lost"}
WITHOUT_SIGNING_IN: Final = ("/sign-in", "/accessibility", "/guest/", "/me/data/erased", "/me/{rest", "/manage/{rest")
"""Pages that anybody may open; the last two are no page, and say so."""


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


def ask(network: Managed, who: str | None, method: str, path: str, **headers: str) -> httpx.Response:
    given = {**OURS, **({"cookie": f"__Host-maillage={network.keys[who]}"} if who else {}), **headers}
    body = {"data": {"name": "x"}} if method == "POST" else {}
    network.api.cookies.clear()  # a browser that has just been opened; to make a client costs more than to ask
    return network.api.request(method, filled(path, VALUES), headers=given, **body)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", PAGES)
def test_nobody_is_sent_to_sign_in_and_each_page_is_bound_to_us(network: Managed, path: str) -> None:
    answer = ask(network, None, "GET", path)
    if path.startswith(WITHOUT_SIGNING_IN):
        assert answer.status_code < 500
        if answer.status_code == 303:
            return
    else:
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"].startswith("/sign-in")
        return
    _bound(answer)


def _bound(answer: httpx.Response) -> None:
    """Nothing inline, no frame, no copy in a cache, no address for other sites."""
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] in ("strict-origin", "no-referrer")


@pytest.mark.parametrize("path", FORMS)
def test_a_form_of_another_site_does_nothing(network: Managed, path: str) -> None:
    for who in ("admin", "member", None):
        answer = ask(network, who, "POST", path, **{"sec-fetch-site": "cross-site"})
        assert answer.status_code in (303, 401, 404, 422), answer.text
        if answer.status_code == 303:
            assert answer.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("path", [one for one in FORMS if not one.startswith(WITHOUT_SIGNING_IN)])
def test_a_form_of_nobody_is_kept_for_later(network: Managed, path: str) -> None:
    answer = ask(network, None, "POST", path)
    assert answer.status_code == 401, answer.text
    assert 'name="name" value="x"' in answer.text or "/sign-in" in answer.text
    _bound(answer)


@pytest.mark.parametrize("who", ["member", "isle", "reader", "gateway", "feed"])
@pytest.mark.parametrize("path", MANAGED)
def test_a_managers_page_is_not_there_for_others(network: Managed, who: str, path: str) -> None:
    answer = ask(network, who, "GET", path)
    assert answer.status_code == 404, answer.text
    assert "Limoges" not in answer.text
    _bound(answer)


@pytest.mark.parametrize("who", ["member", "isle", "reader", "gateway", "feed"])
@pytest.mark.parametrize("path", MANAGED_FORMS)
def test_a_managers_form_is_not_there_for_others(network: Managed, who: str, path: str) -> None:
    before = network.sql("SELECT count(*) FROM audit")
    answer = ask(network, who, "POST", path)
    assert answer.status_code == 404, answer.text
    assert network.sql("SELECT count(*) FROM audit") == before


@pytest.mark.parametrize("who", ["auditor", "desk"])
@pytest.mark.parametrize("path", MANAGED_FORMS)
def test_a_form_with_nonsense_changes_nothing_and_says_what_is_wrong(network: Managed, who: str, path: str) -> None:
    answer = ask(network, who, "POST", path)
    assert answer.status_code < 500, answer.text
    if answer.is_error:
        assert answer.headers["content-type"].startswith("text/html")


def test_a_stolen_cookie_is_of_no_use_after_signing_out(network: Managed) -> None:
    key = network.key("a browser", role="place_manager", places=["limoges"])
    cookie = {"cookie": f"__Host-maillage={key}"}
    with httpx.Client(base_url=network.api.base_url, timeout=60, headers={**OURS, **cookie}) as browser:
        assert browser.get("/manage/limoges").status_code == 200
        network.sql("UPDATE api_key SET revoked_at = now() WHERE name = 'a browser' RETURNING 1")
        for path in PAGES:
            if not path.startswith(WITHOUT_SIGNING_IN):
                answer = browser.get(filled(path, VALUES))
                assert answer.status_code in (303, 404), (path, answer.status_code)
                assert "Limoges" not in answer.text


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/me//evil",
        "/manage/../..//evil",
        "javascript:x",
        "/me\r\nlocation: x",
    ],
)
def test_signing_in_leads_to_no_other_site(network: Managed, to: str) -> None:
    with httpx.Client(base_url=network.api.base_url, timeout=60) as browser:
        answer = browser.get("/sign-in", params={"next": to})
    assert "evil" not in answer.text
    assert 'name="next" value="/me"' in answer.text
