"""People sign in at a real OpenID Connect provider (tests/data/oidc), in Chromium."""

from __future__ import annotations

import gzip
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import playwright
import pytest
from playwright.sync_api import Browser, Page, expect

from maillage.embedded.process import free_port
from tests.api_server import Centre, api_process
from tests.cards import API_KEYS
from tests.conftest import Database
from tests.e2e.signed_in import look, nothing_found
from tests.waiting import until

DATA = Path(__file__).parents[1] / "data" / "oidc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A network with one member, whose API knows the provider."""

    base: str
    centre: Centre


Start = Callable[..., Stage]


@contextmanager
def provider(folder: Path, port: int, redirect: str, environment: dict[str, str]) -> Iterator[str]:
    program = folder / "provider.mjs"
    program.write_bytes(gzip.decompress((DATA / "provider.mjs.gz").read_bytes()))
    node = Path(playwright.__file__).parent / "driver" / "node"
    command = [str(node), str(program), str(port), "maillage", "a secret", redirect]
    issuer = f"http://127.0.0.1:{port}"
    with (folder / "provider.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={"PATH": "", **environment})

        def answers() -> bool:
            assert process.poll() is None, (folder / "provider.log").read_text()
            with suppress(httpx.TransportError):
                return httpx.get(f"{issuer}/.well-known/openid-configuration").is_success
            return False

        try:
            until(answers, deadline_s=60, what="the provider answers")
            yield issuer
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def start(database: Database, tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def started(*, signed_userinfo: bool = False, **more: str) -> Stage:
            port = free_port()
            base = f"http://127.0.0.1:{port}"
            environment = {"SIGNED_USERINFO": "1"} if signed_userinfo else {}
            redirect = f"{base}/sign-in/provider/back"
            issuer = stack.enter_context(provider(tmp_path, free_port(), redirect, environment))
            centre = stack.enter_context(closing(Centre(database.url)))
            centre.place("limoges", name="Limoges")
            for ref, address in (("m-own1", "jeanne@example.org"), ("m-plain", "plain@example.org")):
                centre.conn.execute("INSERT INTO member (ref, name, email) VALUES (%s, 'Jeanne', %s)", (ref, address))
            settings: dict[str, Any] = {
                **API_KEYS,
                "MAILLAGE_PUBLIC_URL": base,
                "MAILLAGE_OIDC_ISSUER": issuer,
                "MAILLAGE_OIDC_CLIENT_ID": "maillage",
                "MAILLAGE_OIDC_CLIENT_SECRET": "a secret",
                "MAILLAGE_OIDC_NAME": "ProConnect",
                **more,
            }
            stack.enter_context(api_process(database.as_login("api_1"), port=port, **settings))
            return Stage(base=base, centre=centre)

        yield started


def at_provider(page: Page, base: str, address: str) -> None:
    """Go to the provider, and sign in there on its own pages."""
    page.goto(f"{base}/sign-in?next=/me/sign-in")
    page.get_by_role("link", name="Se connecter avec ProConnect").click()
    page.locator("input[name=login]").fill(address)
    page.locator("input[name=password]").fill("anything")
    page.locator("button[type=submit]").click()
    page.get_by_role("button", name="Continue").click()


def test_who_the_provider_knows_is_signed_in_and_signs_out_there_too(start: Start, browser: Browser) -> None:
    stage = start()
    with browser.new_context(locale="fr-FR") as context:
        page = context.new_page()
        page.goto(f"{stage.base}/sign-in")
        nothing_found(page)
        look(page, "sign-in-provider")
        at_provider(page, stage.base, "Jeanne@example.org")
        page.get_by_role("button", name="Continuer").click()
        page.goto(f"{stage.base}/me")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Jeanne")
        assert stage.centre.conn.execute("SELECT count(*) FROM sign_in_session").fetchone() == (1,)
        page.get_by_role("button", name="Se déconnecter", exact=True).click()
        page.get_by_role("link", name="Se déconnecter aussi de ProConnect").click()
        expect(page).to_have_url(re.compile("/session/end"))


@pytest.mark.parametrize(
    ("address", "shown"), [("paul@example.org", "Personne n'a ici"), ("plain@example.org", "n'a pas abouti")]
)
def test_nobody_of_an_unknown_address_or_of_one_that_is_not_vouched_for(
    start: Start, browser: Browser, address: str, shown: str
) -> None:
    stage = start()
    with browser.new_context(locale="fr-FR") as context:
        page = context.new_page()
        at_provider(page, stage.base, address)
        expect(page.get_by_role("alert")).to_contain_text(shown)
    assert stage.centre.conn.execute("SELECT count(*) FROM sign_in_link").fetchone() == (0,)


def test_an_answer_belongs_to_the_browser_that_asked_and_is_of_use_once(start: Start, browser: Browser) -> None:
    stage = start()
    with browser.new_context(locale="fr-FR") as mine, browser.new_context(locale="fr-FR") as theirs:
        page = mine.new_page()
        answers: list[str] = []
        page.on("request", lambda one: answers.append(one.url) if "/sign-in/provider/back" in one.url else None)
        at_provider(page, stage.base, "jeanne@example.org")
        expect(page.get_by_role("button", name="Continuer")).to_be_visible()
        for other in (theirs.new_page(), page):  # in another browser, and once more in this one
            other.goto(answers[0])
            expect(other.get_by_role("alert")).to_contain_text("dans un autre navigateur")


@pytest.mark.parametrize(("acr", "good"), [("", True), ("stronger", False)])
def test_a_signed_userinfo_is_read_and_the_strength_is_checked(
    start: Start, browser: Browser, acr: str, *, good: bool
) -> None:
    stage = start(signed_userinfo=True, MAILLAGE_OIDC_ACR=acr)
    with browser.new_context(locale="fr-FR") as context:
        page = context.new_page()
        at_provider(page, stage.base, "jeanne@example.org")
        if good:
            expect(page.get_by_role("button", name="Continuer")).to_be_visible()
        else:
            expect(page.get_by_role("alert")).to_contain_text("n'a pas abouti")
