"""Managers' devices, doors, history, reports, team and keys, in a browser, in French."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from reports.month import Month
from reports.words import month_name
from tests.e2e.signed_in import DESKTOP, each_screen, look, nothing_found, signed_in
from tests.furnished import PARIS, Furnished, furnish, hear, trouble
from tests.managed import managed
from tests.waiting import until

PUBLIC = "https://maillage.example.org"
LAST = Month.of(datetime.now(UTC).astimezone(PARIS).date()).before
PAGES = {
    "devices": "/manage/limoges/devices",
    "device": "/manage/limoges/devices/of/limoges-1/entry-in",
    "device-new": "/manage/limoges/devices/new",
    "gateway": "/manage/limoges/devices/gateways/limoges-1",
    "doors": "/manage/limoges/doors?what=all",
    "history": "/manage/limoges/history?view=day",
    "history-week": "/manage/limoges/history?view=week",
    "history-month": "/manage/limoges/history?view=month",
    "report": f"/manage/limoges/history/reports/{LAST}",
    "team": "/manage/limoges/team",
    "invite": "/manage/limoges/team/invite",
    "key-new": "/manage/limoges/team/keys/new",
    "places": "/manage",
}


@pytest.fixture(scope="module")
def limoges(postgres_url: str, _template: str) -> Iterator[Furnished]:
    with managed(postgres_url, _template, MAILLAGE_PUBLIC_URL=PUBLIC) as one:
        yield furnish(one)


@contextmanager
def _page(limoges: Furnished, browser: Browser, who: str = "manager", **options: object) -> Iterator[Page]:
    with signed_in(limoges.network, browser, who, **options) as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        yield page


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_found_on_any_page(limoges: Furnished, browser: Browser, name: str) -> None:
    for language in ("fr-FR", "en-GB"):
        with signed_in(limoges.network, browser, "admin", locale=language) as context:
            page = context.new_page()
            answer = page.goto(PAGES[name], timeout=60_000)
            assert answer is not None and answer.status == 200
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            for screen in each_screen(page):
                nothing_found(page)
                wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert wide <= 0, f"{name} is wider than the screen by {wide}"
                look(page, f"history-{name}-{screen}-{language[:2]}")


def _audit_lines(limoges: Furnished, action: str) -> int:
    return int(limoges.network.sql("SELECT count(*) FROM audit WHERE action = %s", action)[0][0])


def test_the_door_log_is_read_only_when_asked_for_and_says_that_it_is_noted(
    limoges: Furnished, browser: Browser
) -> None:
    before = _audit_lines(limoges, "read door events")
    with _page(limoges, browser) as page:
        page.goto("/manage/limoges/doors")
        expect(page.get_by_role("heading", name="Ce qui s'est passé aux portes")).to_be_visible()
        assert _audit_lines(limoges, "read door events") == before
        page.get_by_label("Afficher").select_option("Refus seulement")
        page.get_by_label("Membre").fill("Petit")
        page.get_by_role("button", name="Lire le journal").click()
        expect(page.locator("main").get_by_role("status")).to_contain_text("Votre consultation est notée.")
        table = page.get_by_role("table")
        expect(table.get_by_role("row")).to_have_count(2)
        expect(table).to_contain_text("hors des horaires prévus")
        expect(table).to_contain_text("Jeanne Petit")
        why = table.get_by_role("link", name="Pourquoi").get_attribute("href") or ""
        assert why.startswith("/manage/limoges/doors/why?stream=")
        assert _audit_lines(limoges, "read door events") == before + 1
        page.get_by_label("Membre").fill("Personne de ce nom")
        page.get_by_role("button", name="Lire le journal").click()
        expect(page.get_by_role("alert")).to_contain_text("Personne de ce nom ici.")
        expect(page.get_by_label("Membre")).to_have_value("Personne de ce nom")
        look(page, "history-doors-nobody")


def test_new_door_events_come_by_themselves(limoges: Furnished, browser: Browser) -> None:
    with _page(limoges, browser) as page:
        page.goto("/manage/limoges/doors?what=trouble")
        rows = page.get_by_role("table").get_by_role("row")
        count = rows.count()
        trouble(limoges.network, limoges.door, datetime.now(UTC), 3)

        def more() -> bool:
            limoges.network.centre.state("limoges", present=1)  # the place's numbers change, as by an entry
            return rows.count() > count

        until(more, deadline_s=60, every_s=0.5)
        expect(page.get_by_role("table")).to_contain_text("restée ouverte")


def test_last_months_report_is_two_clicks_away_on_the_page_and_as_pdf(limoges: Furnished, browser: Browser) -> None:
    name = month_name(LAST.first, "fr")
    with _page(limoges, browser) as page:
        page.goto("/manage/limoges/history?view=week")
        page.goto("/manage/limoges/team")  # any page of the place
        page.get_by_role("link", name="Historique et rapports").click()
        page.get_by_role("link", name=f"Rapport mensuel, {name}").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Rapport mensuel")
        page.go_back()
        with page.expect_download() as download:
            page.get_by_role("link", name=f"En PDF {name}").click()
        assert download.value.suggested_filename == f"limoges-{LAST}.pdf"
        assert download.value.path().read_bytes().startswith(b"%PDF")
        with page.expect_download() as download:
            page.get_by_role("link", name="En tableau (CSV)").click()
        assert download.value.path().read_text().startswith("at,minutes,mean")


def test_the_history_shows_a_gap_and_a_table(limoges: Furnished, browser: Browser) -> None:
    day = (datetime.now(UTC).astimezone(PARIS).date() - timedelta(days=1)).isoformat()
    with _page(limoges, browser) as page:
        page.goto(f"/manage/limoges/history?view=day&on={day}")
        expect(page.get_by_text("Au plus 6 personnes en même temps.")).to_be_visible()
        assert page.locator(".plot svg rect[fill='url(#unknown)']").count() > 1, "the hour without numbers, and the key"
        page.get_by_text("Les nombres").click()
        expect(page.get_by_role("row", name=re.compile("12:00.*inconnu"))).to_be_visible()
        page.get_by_role("link", name="Précédent").click()
        expect(page.get_by_role("link", name="Suivant")).to_be_visible()
        page.goto("/manage/limoges/history?on=demain")
        expect(page.get_by_role("alert")).to_contain_text("Ce n'est pas un jour.")


def test_a_device_is_assigned_hidden_changed_retired_and_put_back(limoges: Furnished, browser: Browser) -> None:
    hear(limoges.network, "app/0a0b")
    with _page(limoges, browser, java_script_enabled=False) as page:
        page.goto("/manage/limoges/devices")
        page.get_by_role("link", name="Affecter app/24e1").click()
        page.get_by_role("button", name="Affecter").click()  # without a desk
        expect(page.get_by_role("alert")).to_contain_text("va avec un poste")
        page.get_by_label("Où il se trouve").select_option("Desk 1")
        page.get_by_role("button", name="Affecter").click()
        expect(page.locator("main").get_by_role("status")).to_contain_text("L'équipement est affecté.")
        page.get_by_role("button", name="Masquer app/0a0b").click()
        expect(page.locator("main").get_by_role("status")).to_contain_text("L'équipement est masqué.")
        page.go_back()
        page.goto("/manage/limoges/devices")
        expect(page.get_by_text("app/0a0b")).to_have_count(0)
        page.get_by_role("link", name=re.compile("seat-desk-1")).click()
        page.get_by_label("Se signale au moins").fill("30")
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.locator("main").get_by_role("status")).to_contain_text("Enregistré.")
        page.get_by_role("link", name=re.compile("seat-desk-1")).click()
        page.get_by_role("link", name="Mettre hors service").click()
        page.get_by_role("button", name="Oui, mettre hors service").click()
        expect(page.locator("main").get_by_role("status")).to_contain_text("hors service")
        expect(page.get_by_role("link", name=re.compile("seat-desk-1"))).to_have_count(0)
        page.get_by_role("button", name="Annuler").click()
        expect(page.locator("main").get_by_role("status")).to_contain_text("de nouveau en service")
        expect(page.get_by_role("link", name=re.compile("seat-desk-1"))).to_be_visible()


def test_taking_the_last_lock_asks_twice(limoges: Furnished, browser: Browser) -> None:
    with _page(limoges, browser) as page:
        page.goto("/manage/limoges/devices/of/limoges-1/entry-in/retire")
        page.get_by_role("button", name="Oui, mettre hors service").click()
        expect(page.get_by_role("alert")).to_contain_text("Plus rien n'ouvrira cette porte")
        nothing_found(page)
        look(page, "history-no-lock")
        page.get_by_role("link", name="Non, ne rien changer").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("entry-in")
        assert limoges.network.sql("SELECT retired_at FROM device WHERE code = 'entry-in'") == [(None,)]


def test_a_device_is_added_by_its_drivers_description(limoges: Furnished, browser: Browser) -> None:
    with _page(limoges, browser, java_script_enabled=False) as page:
        page.goto("/manage/limoges/devices/new")
        page.get_by_label("Ce que c'est").select_option("Capteur de poste")
        page.get_by_label("Où il se trouve").select_option("Desk 2")
        page.get_by_label("Pilote").select_option("Zigbee2MQTT")
        page.get_by_label("Adresse").fill("no topic")
        page.get_by_label("Nom court").fill("seat-2")
        page.get_by_role("button", name="Ajouter").click()
        expect(page.get_by_role("alert")).to_contain_text("Le pilote ne peut pas lire cette adresse.")
        expect(page.get_by_label("Nom court")).to_have_value("seat-2")
        expect(page.get_by_label("Où il se trouve")).to_have_value("desk:desk-2")
        page.get_by_label("Adresse").fill("zigbee2mqtt/seat-2")
        page.get_by_role("button", name="Ajouter").click()
        expect(page.locator("main").get_by_role("status")).to_contain_text("L'équipement est ajouté.")


def test_two_people_change_one_device(limoges: Furnished, browser: Browser) -> None:
    with _page(limoges, browser) as page:
        page.goto("/manage/limoges/devices/of/limoges-1/contact")
        path = "/v1/places/limoges/gateways/limoges-1/devices/contact"
        changed = limoges.network.change("admin", "PATCH", path, {"address": "limoges/other#contact"})
        assert changed.status_code == 200, changed.text
        page.get_by_label("Adresse").fill("limoges/mine#contact")
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.get_by_text("limoges/other#contact")).to_be_visible()
        expect(page.get_by_label("Adresse")).to_have_value("limoges/mine#contact")
        nothing_found(page)
        look(page, "history-conflict")
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.locator("main").get_by_role("status")).to_contain_text("Enregistré.")


def test_a_gateway_gets_a_code_that_is_shown_once(limoges: Furnished, browser: Browser) -> None:
    with _page(limoges, browser) as page:
        page.goto("/manage/limoges/devices/gateways/limoges-1")
        page.get_by_role("button", name="Créer un code").click()
        expect(page.get_by_role("heading", name="Remplacer la machine de limoges-1")).to_be_visible()
        nothing_found(page)
        page.get_by_role("button", name="Oui, créer un code").dblclick()
        expect(page.locator("#secret")).to_have_text(re.compile(r"^[0-9A-Z]{4}(-[0-9A-Z]{4})+$"))
        nothing_found(page)
        look(page, "history-code")
        made = limoges.network.sql("SELECT count(*) FROM audit WHERE subject LIKE %s", "%enrolment%")
        assert made is not None


def test_an_administrator_invites_changes_and_ends_a_person(limoges: Furnished, browser: Browser) -> None:
    with _page(limoges, browser, "admin", java_script_enabled=False) as page:
        page.goto("/manage/limoges/team")
        page.get_by_role("link", name="Inviter quelqu'un").click()
        page.get_by_label("Nom").fill("Anne Martin")
        page.get_by_label("Adresse électronique").fill("anne@example.org")
        page.get_by_label("Responsable de lieu").check()
        page.get_by_role("button", name="Envoyer l'invitation").click()
        expect(page.locator("main").get_by_role("status")).to_contain_text("L'invitation est partie")
        mails = limoges.network.sql(
            'SELECT kind, language, "values" FROM mail WHERE to_address = %s', "anne@example.org"
        )
        assert [(kind, language) for kind, language, _ in mails] == [("invitation", "fr")]
        link = mails[0][2]["link"]
        assert link.startswith(f"{PUBLIC}/sign-in/")
        page.get_by_role("link", name="Inviter quelqu'un").click()
        page.get_by_label("Nom").fill("Une autre Anne")
        page.get_by_label("Adresse électronique").fill("Anne@example.org")
        page.get_by_role("button", name="Envoyer l'invitation").click()
        expect(page.get_by_role("alert")).to_contain_text("a déjà cette adresse")
        expect(page.get_by_label("Nom")).to_have_value("Une autre Anne")
        page.get_by_role("link", name="Retour").click()
        page.get_by_role("link", name="Modifier Anne Martin").click()
        page.get_by_label("Responsable de lieu").uncheck()
        page.get_by_label("Audit").check()
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.locator("main").get_by_role("status")).to_contain_text("Enregistré.")
        expect(page.get_by_role("listitem").filter(has_text="Anne Martin")).to_contain_text("Audit")
        with signed_in(limoges.network, browser, "member") as context:  # the link works
            entering = context.new_page()
            entering.context.clear_cookies()
            entering.goto(link.removeprefix(PUBLIC))
            entering.get_by_role("button", name="Continuer").first.click()
            entering.goto("/manage/limoges/team")
            expect(entering.get_by_text("L'administration du réseau modifie l'équipe.")).to_be_visible()
            expect(entering.get_by_role("link", name="Modifier Anne Martin")).to_have_count(0)
        page.get_by_role("link", name="Modifier Anne Martin").click()
        page.get_by_role("link", name="Mettre fin à l'accès").click()
        look(page, "history-end")
        page.get_by_role("button", name="Oui, y mettre fin").click()
        expect(page.locator("main").get_by_role("status")).to_contain_text("a pris fin")
        expect(page.get_by_text("Anne Martin")).to_have_count(0)


def test_a_key_is_made_by_keyboard_alone_shown_once_and_revoked(limoges: Furnished, browser: Browser) -> None:
    with _page(limoges, browser) as page:
        page.goto("/manage/limoges/team/keys/new")
        page.get_by_label("À quoi elle sert").focus()
        page.keyboard.type("écran de l'entrée")
        page.keyboard.press("Enter")
        secret = page.locator("#secret")
        expect(secret).to_have_text(re.compile("^mk_"))
        nothing_found(page)
        look(page, "history-key-made")
        key = secret.inner_text()
        assert limoges.network.api.get("/v1/me", headers={"X-Api-Key": key}).json()["places"] == ["limoges"]
        page.goto("/manage/limoges/team")
        assert key not in page.content()
        page.get_by_role("link", name="Révoquer écran de l'entrée").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Révoquer la clé « écran de l'entrée »")).to_be_visible()
        page.get_by_role("button", name="Oui, la révoquer").focus()
        page.keyboard.press("Enter")
        expect(page.locator("main").get_by_role("status")).to_contain_text("La clé est révoquée")
        assert limoges.network.api.get("/v1/me", headers={"X-Api-Key": key}).status_code == 401


def test_an_administrator_finds_a_place_and_what_is_wrong(limoges: Furnished, browser: Browser) -> None:
    with _page(limoges, browser, "admin", java_script_enabled=False) as page:
        page.goto("/manage")
        first = page.get_by_role("main").get_by_role("listitem").first
        expect(first).to_contain_text("Limoges")
        expect(first).to_contain_text("passerelle non connectée")
        page.get_by_label("Chercher un lieu").fill("ísl")
        page.get_by_role("button", name="Chercher").click()
        expect(page.locator("main").get_by_role("status")).to_contain_text("Trouvés : 1")
        expect(page.get_by_role("link", name="Isle")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name=re.compile("Compensation")).click()
        assert download.value.suggested_filename == f"clearing-{LAST}.csv"


@pytest.mark.parametrize("name", PAGES)
def test_a_first_view_is_light(limoges: Furnished, browser: Browser, name: str) -> None:
    with _page(limoges, browser, "admin", viewport=DESKTOP) as page:
        answers: list[Response] = []
        page.on("response", lambda one: answers.append(one))  # noqa: PLW0108  (Playwright takes no method of a list)
        page.goto(PAGES[name], wait_until="load")
        files = [one for one in answers if "/v1/stream" not in one.url]  # the stream goes on
        assert 3 <= len(files) < 10
        assert sum(len(one.body()) for one in files) < 100_000
