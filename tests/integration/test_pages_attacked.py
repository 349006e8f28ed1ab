"""Pages that get what no form of ours sends: odd headers, odd addresses, a form changed after it was sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import httpx
import pytest

from tests.managed import Managed, managed
from tests.page_routes import filled, page_routes, parameters

ROUTES: Final = page_routes()
PAGES: Final = [path for method, path in ROUTES if method == "GET"]
FORMS: Final = [path for method, path in ROUTES if method == "POST"]
ODD: Final = ("%00", "%0A", "%3Fa", "9" * 40, "a" * 3000)
"""What a parameter of a path is never."""


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


@pytest.fixture
def manager(network: Managed) -> Iterator[httpx.Client]:
    with _browser(network, "admin") as one:
        yield one


def _browser(network: Managed, who: str) -> httpx.Client:
    headers = {"sec-fetch-site": "same-origin", "cookie": f"__Host-maillage={network.keys[who]}"}
    return httpx.Client(base_url=network.api.base_url, timeout=60, headers=headers)


def _odd(path: str, value: str) -> str:
    return filled(path, dict.fromkeys(parameters(path), value) | {"place": "limoges"})


@pytest.mark.parametrize("who", ["admin", "member"])
def test_an_odd_address_is_a_page_that_is_missing(network: Managed, who: str) -> None:
    failed = []
    with _browser(network, who) as browser:
        for path in PAGES:
            if set(parameters(path)) - {"place"}:
                failed += [
                    (path, odd[:20], answer.status_code)
                    for odd in ODD
                    if (answer := browser.get(_odd(path, odd))).status_code >= 500
                ]
    assert not failed


def test_a_form_with_odd_fields_or_an_odd_address_is_no_fault_of_ours(manager: httpx.Client) -> None:
    failed = []
    for path in FORMS:
        if path == "/sign-out":
            continue
        for odd in ("999999", "%0A"):  # nothing that is there: it would end the key of who asks
            answer = manager.post(_odd(path, odd), data={"etag": 'é"\r\nx: y', "once": "é", "name": "\0\ud7ff"})
            if answer.status_code >= 500:
                failed.append((path, odd, answer.status_code))
    assert not failed


def test_a_form_that_was_changed_and_sent_again_is_not_taken_for_a_double_click(
    network: Managed, manager: httpx.Client
) -> None:
    member = network.someone("Avant")
    shown = network.get("admin", f"/v1/members/{member}").headers["etag"]
    path = f"/manage/limoges/members/{member}/edit"
    form = {"once": "abcdef0123", "etag": shown, "home": "limoges"}
    first = manager.post(path, data={**form, "name": "Premier"})
    assert first.status_code == 303, first.text
    assert manager.post(path, data={**form, "name": "Premier"}).headers["location"] == first.headers["location"]
    # back, another name, sent with what the form held: the page must not say that it was saved
    second = manager.post(path, data={**form, "name": "Second"})
    assert second.status_code == 412, second.headers
    assert "Second" in second.text
    assert network.get("admin", f"/v1/members/{member}").json()["name"] == "Premier"


def test_a_form_sent_again_after_its_session_has_ended_is_answered_as_nobodys(network: Managed) -> None:
    key = network.key("ends", role="network_administrator")
    headers = {"sec-fetch-site": "same-origin", "cookie": f"__Host-maillage={key}"}
    form = {"once": "abcdef0125", "name": "Nina", "home": "limoges"}
    with httpx.Client(base_url=network.api.base_url, timeout=60, headers=headers) as browser:
        first = browser.post("/manage/limoges/members/new", data=form)
        assert first.status_code == 303, first.text
        again = browser.post("/manage/limoges/members/new", data=form)
        assert again.headers["location"] == first.headers["location"]
        network.sql("UPDATE api_key SET revoked_at = now() WHERE name = 'ends' RETURNING 1")
        assert browser.post("/manage/limoges/members/new", data=form).status_code == 401


@pytest.mark.parametrize(
    ("path", "field"), [("/me/sign-in/password", "password"), ("/manage/limoges/members/m-own1/pin", "pin")]
)
def test_a_secret_does_not_wait_in_the_page_of_a_session_that_has_ended(
    network: Managed, path: str, field: str
) -> None:
    with httpx.Client(base_url=network.api.base_url, timeout=60, headers={"sec-fetch-site": "same-origin"}) as nobody:
        answer = nobody.post(path, data={field: "1234 quatre mots", "note": "stays"})
    assert answer.status_code == 401
    assert "stays" in answer.text
    assert "quatre mots" not in answer.text


def test_a_double_click_on_a_form_that_may_have_a_file_is_one_click(network: Managed, manager: httpx.Client) -> None:
    member = network.someone("Avant")
    shown = network.get("admin", f"/v1/members/{member}").headers["etag"]
    form = {"once": "abcdef0124", "etag": shown, "home": "limoges", "name": "Une fois"}
    for boundary in ("first", "second"):  # as browsers do: another one with each click
        answer = manager.post(
            f"/manage/limoges/members/{member}/edit",
            content="".join(
                f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                for name, value in form.items()
            )
            + f"--{boundary}--\r\n",
            headers={"content-type": f"multipart/form-data; boundary={boundary}"},
        )
        assert answer.status_code == 303, answer.text
