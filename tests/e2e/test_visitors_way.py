"""A front desk receives visitors, and a manager imports a list of members, in a real browser in French."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.signed_in import DESKTOP, PHONE, look, nothing_found, reach, signed_in
from tests.integration.test_guest_qr import READER, sign
from tests.managed import Managed, managed

expect.set_options(timeout=60_000)

_WAYS = pytest.mark.parametrize(
    ("name", "options"),
    [
        ("bare", {"java_script_enabled": False}),
        ("phone", {"color_scheme": "dark"}),
        ("desktop", {"viewport": DESKTOP}),
        ("english", {"viewport": DESKTOP, "color_scheme": "dark", "locale": "en-GB"}),
    ],
    ids=["phone without JavaScript", "phone dark", "desktop", "desktop dark English"],
)


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


def checked(page: Page, picture: str, options: dict[str, Any]) -> None:
    look(page, f"visitors-{picture}")
    if options.get("java_script_enabled", True):
        nothing_found(page)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{picture} is {wide} px too wide"


@_WAYS
def test_a_visitor_comes_and_goes(network: Managed, browser: Browser, name: str, options: dict[str, Any]) -> None:
    visitor = f"Ada {name.capitalize()}"
    english = options.get("locale") == "en-GB"

    def said(french: str, other: str) -> str:
        return other if english else french

    with signed_in(network, browser, "desk", **options) as context:
        page = context.new_page()
        page.goto("/manage/limoges/visitors")
        page.get_by_role("link", name=said("Enregistrer un visiteur", "Register a visitor")).click()
        checked(page, f"new-{name}", options)
        page.get_by_label(said("Nom du visiteur", "Name of the visitor"), exact=True).fill(visitor)
        page.get_by_label(said("Quelques lettres du nom du membre", "Letters of the member's name")).fill("jea")
        page.get_by_label(said("Avec un code à taper à la porte", "With a code to type at the door")).check()
        page.get_by_role("button", name=said("Enregistrer la visite", "Register the visitor")).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(visitor)
        expect(page.locator("#code")).to_have_text(re.compile(r"^\d{6}$"))
        checked(page, f"registered-{name}", options)
        page.get_by_role("link", name=said("Retour aux visiteurs", "Back to the visitors")).click()
        expected = page.get_by_role("listitem").filter(has_text=visitor)
        expect(expected).to_contain_text("Jeanne Petit")
        checked(page, f"list-{name}", options)
        expected.get_by_role("button", name=said("Est arrivé", "Has arrived")).click()
        expect(page.get_by_role("main").get_by_role("status")).to_contain_text(
            said("Arrivée enregistrée", "has arrived")
        )
        here = page.get_by_role("region", name=said("Sur place", "Here now")).get_by_role("listitem")
        here.filter(has_text=visitor).get_by_role("button", name=said("Est parti", "Has left")).click()
        status = page.get_by_role("main").get_by_role("status")
        expect(status).to_contain_text(said("Départ enregistré", "has left"))
        checked(page, f"left-{name}", options)
        status.get_by_role("button", name=said("Annuler", "Undo")).click()
        expect(page.get_by_role("main").get_by_role("status")).to_contain_text(
            said("De nouveau sur place", "here again")
        )
        page.go_back()
        page.reload()
        expect(here.filter(has_text=visitor)).to_have_count(1)


def test_the_list_shows_by_itself_who_came(network: Managed, browser: Browser) -> None:
    now = datetime.now(ZoneInfo("Europe/Paris")).replace(microsecond=0)
    times = {"from": (now - timedelta(minutes=1)).isoformat(), "until": (now + timedelta(minutes=30)).isoformat()}

    def became(ref: str, status: str) -> None:
        answer = network.change("desk", "PATCH", f"/v1/visitors/{ref}", {"status": status})
        assert answer.status_code == 200, answer.text

    def registered(name: str) -> str:
        made = network.post("desk", "/v1/visitors", {"name": name, "place": "limoges", **times})
        assert made.status_code == 201, made.text
        return str(made.json()["ref"])

    first = registered("Live First")
    with signed_in(network, browser, "desk", viewport=DESKTOP) as context:
        page = context.new_page()
        page.goto("/manage/limoges/visitors")
        page.evaluate("window.sameDocument = true")
        here = page.get_by_role("region", name="Sur place").get_by_role("listitem")
        page.get_by_role("button", name="Est arrivé Live First").focus()
        second = registered("Live Second")
        expect(page.get_by_role("button", name="Est arrivé Live Second")).to_be_visible()
        expect(page.get_by_role("button", name="Est arrivé Live First")).to_be_focused()
        for ref, name in ((first, "Live First"), (second, "Live Second")):  # the second after the list was replaced
            became(ref, "present")
            network.centre.state("limoges", present=int(ref == second) + 3)  # as a card read at the door does
            expect(here.filter(has_text=name)).to_be_visible()
        assert page.evaluate("window.sameDocument"), "the page was not loaded again"


def test_of_two_hosts_one_is_chosen_and_a_cancelled_visit_asks_by_keyboard_alone(
    network: Managed, browser: Browser
) -> None:
    for one in ("Hélène Un", "Hélène Deux"):
        network.someone(one)
    tomorrow = (datetime.now(ZoneInfo("Europe/Paris")) + timedelta(days=1)).date().isoformat()
    with signed_in(network, browser, "desk") as context:
        page = context.new_page()

        page.goto(f"/manage/limoges/visitors/new?day={tomorrow}")
        reach(page, "textbox", "Nom du visiteur", "End")
        page.keyboard.type("Zélie Clavier")
        page.keyboard.press("Tab")
        page.keyboard.type("hélène")
        reach(page, "button", "Enregistrer la visite")
        expect(page.get_by_role("alert")).to_contain_text("pas encore enregistrée")
        expect(page.get_by_label("Nom du visiteur", exact=True)).to_have_value("Zélie Clavier")
        checked(page, "hosts", {})
        reach(page, "radio", "Hélène", "Space")
        reach(page, "button", "Enregistrer la visite")
        expect(page.get_by_role("main").get_by_role("status")).to_contain_text("enregistrée")
        row = page.get_by_role("listitem").filter(has_text="Zélie Clavier")
        expect(row).to_contain_text("Hélène")
        reach(page, "link", "Annuler Zélie Clavier")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Annuler la visite de Zélie Clavier")
        checked(page, "cancel", {})
        reach(page, "button", "Oui, l'annuler")
        expect(page.get_by_role("main").get_by_role("status")).to_contain_text("La visite est annulée")


def test_two_colleagues_at_one_visit(network: Managed, browser: Browser) -> None:
    now = datetime.now(ZoneInfo("Europe/Paris"))
    times = {"from": (now - timedelta(minutes=1)).isoformat(), "until": (now + timedelta(hours=2)).isoformat()}
    network.post("desk", "/v1/visitors", {"name": "Deux Accueils", "place": "limoges", **times})
    with signed_in(network, browser, "desk") as first, signed_in(network, browser, "manager") as second:
        pages = [one.new_page() for one in (first, second)]
        for page in pages:
            page.goto("/manage/limoges/visitors")
        pages[1].get_by_role("link", name="Annuler Deux Accueils").click()
        pages[0].get_by_role("button", name="Est arrivé Deux Accueils").dblclick()
        expect(pages[0].get_by_role("main").get_by_role("status")).to_contain_text("Arrivée enregistrée")
        pages[1].get_by_role("button", name="Oui").click()
        expect(pages[1].get_by_role("alert")).to_contain_text("devancé")
        expect(pages[1].get_by_role("button", name="Est parti Deux Accueils")).to_be_visible()


def test_a_qr_is_waited_for_and_shown(network: Managed, browser: Browser) -> None:
    network.sql(READER.replace("limoges", "isle"))
    with signed_in(network, browser, "isle") as context:
        page = context.new_page()
        page.goto("/manage/isle/visitors/new")
        page.get_by_label("Nom du visiteur", exact=True).fill("Quentin Roux")
        page.get_by_label("Avec un QR").check()
        page.get_by_label("Le visiteur est déjà là").check()
        page.get_by_role("button", name="Enregistrer la visite").click()
        page.get_by_role("link", name="Afficher et imprimer le QR").click()
        expect(page.locator("#qr-state")).to_contain_text("en préparation")
        checked(page, "qr-waiting", {})
        sign(network)
        expect(page.get_by_role("img", name="QR de Quentin Roux")).to_be_visible()
        checked(page, "qr", {})
        page.emulate_media(color_scheme="dark")
        checked(page, "qr-dark", {})
        page.emulate_media(media="print")
        look(page, "visitors-qr-print")
        page.emulate_media(media="screen")
        page.get_by_role("link", name="Retour aux visiteurs").click()
        here = page.get_by_role("region", name="Sur place").get_by_role("listitem")
        expect(here.filter(has_text="Quentin Roux")).to_have_count(1)


@_WAYS
def test_a_list_is_looked_at_and_imported(
    network: Managed, browser: Browser, tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    english = options.get("locale") == "en-GB"

    def said(french: str, other: str) -> str:
        return other if english else french

    lines = [f"Léa {name};lea-{name}@example.org;limoges;Jour", f"Max {name};max-{name}@example.org;atlantis;Jour"]
    file = tmp_path / "membres.csv"
    file.write_bytes("\r\n".join(["nom complet;courriel;lieux;forfait", *lines, ""]).encode("cp1252"))
    with signed_in(network, browser, "manager", **options) as context:
        page = context.new_page()
        page.goto("/manage/limoges/members")
        page.get_by_role("link", name=said("Importer", "Import")).click()
        checked(page, f"import-{name}", options)
        page.get_by_label(said("Fichier CSV", "CSV file")).set_input_files(file)
        page.get_by_role("button", name=said("Voir ce que ferait l'import", "See what it would do")).click()
        expect(page.get_by_role("main").get_by_role("status")).to_contain_text(
            said("Rien n'est encore enregistré", "Nothing is stored yet")
        )
        expect(page.locator(".wrong")).to_contain_text("atlantis")
        assert network.sql("SELECT count(*) FROM member WHERE email = %s", f"lea-{name}@example.org") == [(0,)]
        checked(page, f"report-{name}", options)
        page.get_by_label(said("Laisser de côté les lignes refusées", "Leave the refused lines out")).check()
        button = page.get_by_role("button", name=said("Importer les lignes", "Import 1 lines"))
        button.dblclick() if options.get("java_script_enabled", True) else button.click()
        expect(page.get_by_role("heading", level=1)).to_have_text(said("Import terminé", "Imported"))
        checked(page, f"imported-{name}", options)
        assert network.sql("SELECT name FROM member WHERE email LIKE %s", f"%-{name}@example.org") == [(f"Léa {name}",)]
        page.reload()  # sends the form again
        expect(page.get_by_role("heading", level=1)).to_have_text(said("Import terminé", "Imported"))
        expect(page.locator(".imported")).to_contain_text(f"Léa {name}")  # what it did then, and not "as it is"


def test_a_large_file_is_answered_by_the_page(network: Managed, browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "grand.csv"
    file.write_bytes(b"name,email\n" + b"A,a@b.example\n" * 300_000)
    with signed_in(network, browser, "manager", viewport=PHONE) as context:
        page = context.new_page()
        page.goto("/manage/limoges/members/import")
        page.get_by_label("Fichier CSV").set_input_files(file)
        page.get_by_role("button", name="Voir ce que ferait l'import").click()
        expect(page.get_by_role("alert")).to_contain_text("700 ko")
        checked(page, "large", {})
