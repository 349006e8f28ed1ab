"""People sign in with passkeys, passwords and a second factor, in Chromium with its own authenticator, in French."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from api.sign_in import owner, totp
from tests.e2e.signed_in import DESKTOP, PHONE, base, look, nothing_found
from tests.managed import Managed, managed

MEMBER, OPERATOR = "jeanne@example.org", "ada@example.org"
GOOD = "quatre mots au hasard"


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        one.sql("UPDATE member SET email = %s WHERE ref = 'm-own1' RETURNING ref", MEMBER)
        body = {
            "name": "Ada",
            "email": OPERATOR,
            "roles": [{"role": "place_manager", "places": ["limoges"]}, {"role": "auditor"}],
        }
        assert one.post("admin", "/v1/operators", body).status_code == 201
        yield one


def opened(network: Managed, browser: Browser, **options: Any) -> BrowserContext:
    """Return a browser on localhost: passkeys are bound to a name, and an address has none."""
    address = base(network).replace("127.0.0.1", "localhost")
    return browser.new_context(**{"locale": "fr-FR", "viewport": PHONE, "base_url": address, **options})


def with_authenticator(page: Page) -> tuple[Any, str]:
    """Give the page's browser an authenticator of its own that verifies its owner."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return cdp, made["authenticatorId"]


def by_link(network: Managed, page: Page, address: str, role: str | None = None) -> None:
    network.sql("DELETE FROM sign_in_link RETURNING 1")
    page.goto("/sign-in")
    page.get_by_label("Votre adresse e-mail").fill(address)
    page.get_by_role("button", name="Recevoir un lien").click()
    expect(page.get_by_role("heading", name="Consultez vos e-mails")).to_be_visible()
    found = network.sql("SELECT \"values\" ->> 'link' FROM mail WHERE kind = 'sign_in' ORDER BY id DESC LIMIT 1")
    page.goto(httpx.URL(found[0][0]).path)
    line = page.get_by_role("listitem").filter(has_text=role) if role else page.get_by_role("listitem")
    line.get_by_role("button", name="Continuer").click()
    expect(page.get_by_role("button", name="Se déconnecter", exact=True)).to_be_visible()


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Se déconnecter", exact=True).click()
    expect(page.get_by_role("heading", name="Se connecter", exact=True)).to_be_visible()


def add_passkey(page: Page, name: str) -> None:
    page.goto("/me/sign-in")
    page.get_by_label("Nom de la nouvelle clé d'accès").fill(name)
    page.get_by_role("button", name="Ajouter une clé d'accès").click()
    expect(page.get_by_role("status")).to_contain_text("La clé d'accès est ajoutée")


def test_a_member_adds_a_passkey_signs_in_with_it_and_removes_it(network: Managed, browser: Browser) -> None:
    context = opened(network, browser)
    page = context.new_page()
    with_authenticator(page)
    by_link(network, page, MEMBER)
    page.goto("/me/sign-in")
    look(page, "signin-empty-phone")
    add_passkey(page, "Mon téléphone")
    page.get_by_label("Nom de la nouvelle clé d'accès").fill("Le même")
    page.get_by_role("button", name="Ajouter une clé d'accès").click()
    expect(page.get_by_role("alert").filter(visible=True)).to_contain_text("a déjà une clé d'accès")

    page.get_by_text("Renommer").click()
    page.get_by_label("Nom", exact=True).fill("<b>Téléphone</b>")
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_role("status")).to_contain_text("nouveau nom")
    expect(page.get_by_text("<b>Téléphone</b>").first).to_be_visible()
    look(page, "signin-passkey-phone")

    sign_out(page)
    look(page, "signin-ways-phone")
    page.get_by_role("button", name="Se connecter avec une clé d'accès").click()
    expect(page.get_by_role("heading", name="Jeanne Petit")).to_be_visible()  # one role: nothing to choose
    assert network.sql("SELECT count(*) FROM passkey WHERE last_used_at IS NOT NULL AND member = 'm-own1'") == [(1,)]

    page.goto("/me/sign-in")
    page.get_by_role("link", name="Supprimer <b>Téléphone</b>").click()
    look(page, "signin-remove-phone")
    page.get_by_role("button", name="Oui, supprimer").click()
    expect(page.get_by_role("status")).to_contain_text("supprimée")
    assert network.sql("SELECT count(*) FROM passkey") == [(0,)]
    told = network.sql("SELECT action, actor FROM audit WHERE action LIKE 'passkey %%' AND subject = 'member m-own1'")
    assert {"passkey created", "passkey changed", "passkey removed"} == {action for action, _ in told}
    sign_out(page)
    page.get_by_role("button", name="Se connecter avec une clé d'accès").click()
    expect(page.get_by_role("alert").filter(visible=True)).to_contain_text("ne fonctionne pas ici")
    context.close()


def test_an_operators_passkey_offers_their_roles_and_a_cancelled_one_says_so(
    network: Managed, browser: Browser
) -> None:
    context = opened(network, browser, viewport=DESKTOP)
    page = context.new_page()
    cdp, authenticator = with_authenticator(page)
    by_link(network, page, OPERATOR, "Audit")
    add_passkey(page, "Ordinateur")
    look(page, "signin-operator-desktop")
    sign_out(page)
    page.get_by_role("button", name="Se connecter avec une clé d'accès").click()
    expect(page.get_by_role("listitem").filter(has_text="Ada")).to_have_count(2)
    page.get_by_role("listitem").filter(has_text="limoges").get_by_role("button", name="Continuer").click()
    expect(page.get_by_role("link", name="Mes lieux").first).to_be_visible()
    sign_out(page)
    cdp.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": False})
    page.get_by_role("button", name="Se connecter avec une clé d'accès").click()
    expect(page.get_by_role("alert").filter(visible=True)).to_contain_text("n'a pas abouti")
    context.close()


def test_a_manager_sets_a_password_with_a_second_factor_without_javascript(network: Managed, browser: Browser) -> None:
    context = opened(network, browser, java_script_enabled=False)
    page = context.new_page()
    by_link(network, page, OPERATOR, "Audit")
    page.goto("/me/sign-in")
    page.get_by_label("Nouveau mot de passe").fill("motdepasse123456")
    page.get_by_role("button", name="Définir un mot de passe").click()
    expect(page.get_by_label("Nouveau mot de passe")).to_have_attribute("aria-invalid", "true")
    look(page, "signin-password-refused-phone")
    page.get_by_label("Nouveau mot de passe").fill(GOOD)
    page.get_by_role("button", name="Définir un mot de passe").click()
    expect(page.get_by_text("Il ne fonctionne pas encore")).to_be_visible()
    page.get_by_role("button", name="Activer la double authentification").click()
    look(page, "signin-factor-phone")
    secret = page.locator("code.secret").inner_text().replace(" ", "")
    page.get_by_label("Code de votre application").fill("000000")
    page.get_by_role("button", name="Activer", exact=True).click()
    expect(page.get_by_label("Code de votre application")).to_have_attribute("aria-invalid", "true")
    assert page.locator("code.secret").inner_text().replace(" ", "") == secret
    page.get_by_label("Code de votre application").fill(code(secret))
    page.get_by_role("button", name="Activer", exact=True).click()
    look(page, "signin-codes-phone")
    codes = page.locator(".codes code").all_inner_texts()
    assert len(codes) == 10
    page.get_by_role("link", name="Je les ai gardés").click()
    expect(page.get_by_text("Codes de secours restants : 10.")).to_be_visible()
    look(page, "signin-all-phone")
    sign_out(page)

    page.get_by_text("Se connecter avec un mot de passe").click()
    form = page.locator("details")
    form.get_by_label("Adresse e-mail du compte").fill(OPERATOR)
    form.get_by_label("Mot de passe").fill("another one altogether")
    form.get_by_role("button", name="Se connecter").click()
    expect(page.get_by_role("alert")).to_contain_text("inexact")
    expect(page.locator("details").get_by_label("Adresse e-mail du compte")).to_have_value(OPERATOR)
    look(page, "signin-wrong-phone")
    page.locator("details").get_by_label("Mot de passe").fill(GOOD)
    page.locator("details").get_by_role("button", name="Se connecter").click()
    expect(page.get_by_role("heading", name="Double authentification")).to_be_visible()
    look(page, "signin-code-phone")
    page.get_by_label("Code de votre application").fill(codes[0].upper())
    page.get_by_role("button", name="Se connecter").click()
    expect(page.get_by_role("listitem").filter(has_text="Ada")).to_have_count(2)
    page.get_by_role("listitem").filter(has_text="limoges").get_by_role("button", name="Continuer").click()
    page.goto("/me/sign-in")
    expect(page.get_by_text("Codes de secours restants : 9.")).to_be_visible()
    context.close()


def test_by_keyboard_alone_and_a_double_click_does_it_once(network: Managed, browser: Browser) -> None:
    context = opened(network, browser)
    page = context.new_page()
    with_authenticator(page)
    by_link(network, page, MEMBER)
    page.goto("/me/sign-in")
    page.get_by_label("Nom de la nouvelle clé d'accès").focus()
    page.keyboard.type("Au clavier")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("La clé d'accès est ajoutée")
    page.get_by_role("link", name="Supprimer Au clavier").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Non, le garder").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Ma connexion")).to_be_visible()

    page.get_by_label("Nouveau mot de passe").fill(GOOD)
    page.get_by_role("button", name="Définir un mot de passe").dblclick()
    expect(page.get_by_role("status")).to_contain_text("Le mot de passe est enregistré")
    page.go_back()
    page.reload()
    assert network.sql("SELECT count(*) FROM audit WHERE action LIKE 'password %%' AND subject = 'member m-own1'") == [
        (1,)
    ]
    page.get_by_role("button", name="Activer la double authentification").dblclick()
    secret = page.locator("code.secret").inner_text().replace(" ", "")
    page.get_by_label("Code de votre application").fill(code(secret))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Vos codes de secours")).to_be_visible()
    page.goto("/me/sign-in")
    expect(page.get_by_text("Codes de secours restants : 10.")).to_be_visible()
    sign_out(page)

    for _ in range(12):  # the passkey's button comes first, then the address; then the summary of the password
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type(MEMBER)
    page.keyboard.press("Tab")
    page.keyboard.type(GOOD)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Code de votre application")).to_be_focused()
    context.close()
    network.sql("DELETE FROM second_factor WHERE member = 'm-own1' RETURNING 1")
    network.sql("DELETE FROM password WHERE member = 'm-own1' RETURNING 1")


def test_an_invitation_is_accepted_without_javascript(network: Managed, browser: Browser) -> None:
    with psycopg.connect(network.database.url) as conn:
        path = owner.path_to_administer(conn, None)
    context = opened(network, browser, java_script_enabled=False)
    page = context.new_page()
    page.goto(path)
    nothing_wrong = page.get_by_role("heading", name="Vous administrez ce réseau")
    expect(nothing_wrong).to_be_visible()
    look(page, "signin-invited-phone")
    page.get_by_label("Votre nom").fill("Zoé")
    page.get_by_label("Votre adresse e-mail").fill(OPERATOR)
    page.get_by_role("button", name="Continuer").click()
    expect(page.get_by_label("Votre adresse e-mail")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Votre nom")).to_have_value("Zoé")
    page.get_by_label("Votre adresse e-mail").fill("zoe@example.org")
    page.get_by_role("button", name="Continuer").click()
    expect(page.get_by_role("heading", name="Ma connexion")).to_be_visible()
    expect(page.get_by_role("link", name="Mes lieux").first).to_be_visible()
    context.close()


def test_a_session_that_is_old_asks_to_sign_in_again_and_comes_back(network: Managed, browser: Browser) -> None:
    context = opened(network, browser)
    page = context.new_page()
    by_link(network, page, MEMBER)
    network.sql("UPDATE api_key SET created_at = now() - interval '2 hours' WHERE member = 'm-own1' RETURNING 1")
    page.goto("/me/sign-in")
    expect(page.get_by_label("Nouveau mot de passe")).to_have_count(0)
    look(page, "signin-again-phone")
    page.get_by_role("link", name="Se reconnecter").click()
    page.get_by_label("Votre adresse e-mail").fill(MEMBER)
    network.sql("DELETE FROM sign_in_link RETURNING 1")
    page.get_by_role("button", name="Recevoir un lien").click()
    expect(page.get_by_role("heading", name="Consultez vos e-mails")).to_be_visible()
    found = network.sql("SELECT \"values\" ->> 'link' FROM mail WHERE kind = 'sign_in' ORDER BY id DESC LIMIT 1")
    link = httpx.URL(found[0][0])
    page.goto(f"{link.path}?{link.query.decode()}")
    page.get_by_role("button", name="Continuer").click()
    expect(page.get_by_label("Nouveau mot de passe")).to_be_visible()
    context.close()


def code(secret: str) -> str:
    """Return the code of now, with at least a moment left to type it in."""
    import base64

    padded = secret + "=" * (-len(secret) % 8)
    return totp.code_at(base64.b32decode(padded), int(time.time()) // totp.STEP_S)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("size", "locale"), [(PHONE, "fr-FR"), (DESKTOP, "en-GB")])
def test_axe_finds_nothing(network: Managed, browser: Browser, scheme: Any, size: Any, locale: str) -> None:
    first = opened(network, browser)
    page = first.new_page()
    with_authenticator(page)
    by_link(network, page, MEMBER)
    add_passkey(page, f"Clé {scheme} {locale}")
    state = first.storage_state()
    first.close()
    context = opened(network, browser, color_scheme=scheme, viewport=size, locale=locale, storage_state=state)
    page = context.new_page()
    tag = f"{scheme}-{size['width']}"
    page.goto("/me/sign-in")
    nothing_found(page)
    look(page, f"signin-page-{tag}")
    page.get_by_role("button", name=re.compile("Activer la double|Set up a second")).click()
    nothing_found(page)
    look(page, f"signin-factor-{tag}")
    page.goto("/me/sign-in/password/remove")
    nothing_found(page)
    page.goto("/sign-in")
    page.locator("summary").click()
    nothing_found(page)
    look(page, f"signin-ways-{tag}")
    context.close()
