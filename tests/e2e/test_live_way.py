"""A place live, for who manages it: people, alarms, doors, head counts, the plan; in French, by role, to the end."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.signed_in import DESKTOP, each_screen, look, nothing_found, signed_in
from tests.live_place import answered, live_place, raise_alarm, said
from tests.managed import Managed

WAIT_MS = 45_000


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with live_place(postgres_url, _template) as (one, _entry):
        yield one


def opened(context: BrowserContext, path: str) -> Page:
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda told: complaints.append(told.text) if "Content Security" in told.text else None)
    answer = page.goto(path)
    assert answer is not None and answer.status == 200, path
    assert complaints == []
    return page


PATHS = {
    "now": "/manage/limoges",
    "why": "/manage/limoges/why",
    "alarms": "/manage/limoges/alarms",
    "lockdown": "/manage/limoges/orders/lockdown?door=entry",
    "evacuate": "/manage/limoges/orders/evacuate",
    "muster": "/manage/limoges/muster",
    "count": "/manage/limoges/count",
    "door-why": "/manage/limoges/doors/why?member=m-own1&door=entry",
    "what-if": "/manage/limoges/doors/what-if",
    "plan": "/manage/limoges/plan",
}


@pytest.mark.parametrize("name", PATHS)
def test_nothing_is_found_on_any_page_whatever_the_screen(network: Managed, browser: Browser, name: str) -> None:
    network.card("m-own1", "04112233445566", status="active") if name == "door-why" else None
    for locale in ("fr-FR", "en-GB"):
        with signed_in(network, browser, "manager", locale=locale) as context:
            page = opened(context, PATHS[name])
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            for screen in each_screen(page):
                nothing_found(page)
                _is_not_wider(page, f"{name}-{screen}-{locale[:2]}")
            page.set_viewport_size({"width": 320, "height": 256})  # 400 % of a usual screen
            nothing_found(page)
            _is_not_wider(page, f"{name}-zoomed-{locale[:2]}")


def _is_not_wider(page: Page, name: str) -> None:
    width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width <= 0, f"{name} is wider than the screen"
    look(page, f"live-{name}")


def test_the_numbers_change_by_themselves_and_are_dated_when_the_line_is_cut(
    network: Managed, browser: Browser
) -> None:
    with signed_in(network, browser, "desk") as context:
        page = opened(context, "/manage/limoges")
        people = page.get_by_role("region", name="Personnes")
        expect(people).to_contain_text("12 personnes, entre 10 et 14")
        expect(people).to_contain_text("incertain")
        expect(page.get_by_role("region", name="Réservations en cours")).to_contain_text("attendu, pas encore venu")
        expect(page.get_by_role("region", name="Visiteurs du jour")).to_contain_text("présent")
        expect(page.get_by_role("img", name="Plan des espaces")).to_be_visible()
        expect(page.get_by_role("listitem").filter(has_text="Desk 1")).to_contain_text("occupé")
        page.evaluate("window.same = true")
        page.get_by_role("button", name="Ouvrir une fois").focus()
        network.centre.state("limoges", present=13, low=13, high=13)
        expect(people).to_contain_text("13 personnes", timeout=WAIT_MS)
        expect(people).to_contain_text("en direct")
        assert page.evaluate("window.same")
        expect(page.get_by_role("button", name="Ouvrir une fois")).to_be_focused()  # the new one, in its place
        expect(page.get_by_text("La ligne est coupée")).to_be_hidden()
        context.set_offline(True)
        expect(page.get_by_text("La ligne est coupée")).to_be_visible(timeout=WAIT_MS)
        expect(page.locator("[data-since]")).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))
        look(page, "live-cut")
        nothing_found(page)
        context.set_offline(False)
        network.centre.state("limoges", present=14, low=14, high=14)
        expect(people).to_contain_text("14 personnes", timeout=WAIT_MS)
        expect(page.get_by_text("La ligne est coupée")).to_be_hidden()
        network.centre.state("limoges", present=12, low=10, high=14, quality="degraded")
        expect(people).to_contain_text("12 personnes", timeout=WAIT_MS)
        context.clear_cookies()  # the session has ended elsewhere
        network.centre.state("limoges", present=12, low=10, high=14, quality="degraded")
        expect(page.get_by_role("heading", name="Se connecter")).to_be_visible(timeout=WAIT_MS)
        assert "next=%2Fmanage%2Flimoges" in page.url


def test_a_number_that_is_too_old_is_unknown_and_says_since_when(network: Managed, browser: Browser) -> None:
    with signed_in(network, browser, "auditor", viewport=DESKTOP) as context:
        page = opened(context, "/manage/isle")
        expect(page.get_by_role("region", name="Personnes")).to_contain_text("inconnu")
        network.sql(
            "DELETE FROM gateway_state WHERE gateway = (SELECT id FROM gateway WHERE code = 'isle-1') RETURNING 1"
        )
        network.centre.state("isle", present=3, age_s=3600, ttl_s=60)
        expect(page.get_by_role("region", name="Personnes")).to_contain_text("Aucune nouvelle depuis", timeout=WAIT_MS)
        expect(page.get_by_role("button", name="Ouvrir")).to_have_count(0)  # an auditor reads only
        look(page, "live-unknown")


def test_an_alarm_sounds_once_it_may_counts_in_the_title_and_is_acknowledged(
    network: Managed, browser: Browser
) -> None:
    with signed_in(network, browser, "desk", viewport=DESKTOP) as context:
        context.add_init_script(
            "window.tones = 0; const start = OscillatorNode.prototype.start;"
            "OscillatorNode.prototype.start = function (...all) { window.tones++; return start.apply(this, all); };"
        )
        page = opened(context, "/manage/limoges/why")
        page.close()
        page = opened(context, "/manage/limoges/alarms")
        expect(page).to_have_title(re.compile(r"^\(1\) Alarmes"), timeout=WAIT_MS)
        assert page.evaluate("window.tones") == 0
        switch = page.get_by_role("button", name="Son des alarmes : coupé")
        switch.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Son des alarmes : activé")).to_be_visible()
        page.wait_for_function("window.tones === 3")
        page.goto("/manage/limoges")
        expect(page).to_have_title(re.compile(r"^\(1\) "), timeout=WAIT_MS)
        page.get_by_role("heading", level=1).click()
        assert page.evaluate("window.tones") == 0  # not at the first look; the switch is remembered
        raise_alarm(network, "door_held", "Entry stands open")
        expect(page).to_have_title(re.compile(r"^\(2\) "), timeout=WAIT_MS)
        page.wait_for_function("window.tones === 3")
        network.sql("UPDATE alarm SET until_at = now() WHERE kind = 'door_held' RETURNING 1")
        page.get_by_role("link", name="Voir les alarmes").click()
        expect(page.get_by_text("terminée :")).to_have_count(1)
        item = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="porte restée ouverte"))
        item.get_by_label("Commentaire").fill("Porte refermée")
        item.get_by_role("button", name="Acquitter").dblclick()
        expect(page.get_by_role("status").filter(has_text="définitif")).to_be_visible()
        expect(page.get_by_role("heading", name="porte restée ouverte")).to_have_count(0)
        page.get_by_role("link", name="Voir aussi les alarmes acquittées").click()
        expect(page.get_by_text("acquittée par")).to_be_visible()
        look(page, "live-alarms-all")
        page.go_back()
        page.go_back()
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    comments = network.sql(
        "SELECT d.body ->> 'comment' FROM audit a JOIN audit_detail d ON d.audit = a.id"
        " WHERE a.action = 'alarm commented'"
    )
    assert comments == [("Porte refermée",)]


def test_a_door_is_opened_once_whatever_is_clicked_and_its_answer_is_shown(network: Managed, browser: Browser) -> None:
    for javascript in (True, False):
        with signed_in(network, browser, "desk", java_script_enabled=javascript) as context:
            page = opened(context, "/manage/limoges")
            page.get_by_role("button", name="Ouvrir une fois").dblclick()
            expect(page.get_by_role("heading", name="Réponse des portes")).to_be_visible()
            expect(page.get_by_text("en attente de réponse")).to_be_visible()
            look(page, f"live-orders-{javascript}")
            if javascript:  # the phone loses its line meanwhile: the page says what it knows, and of when
                context.set_offline(True)
                expect(page.get_by_text("La ligne est coupée")).to_be_visible(timeout=WAIT_MS)
                expect(page.get_by_text("en attente de réponse")).to_be_visible()
                context.set_offline(False)
                expect(page.get_by_text("La ligne est coupée")).to_be_hidden(timeout=WAIT_MS)
            assert answered(network, "done") == 1  # two clicks, one order
            expect(page.get_by_text("La porte est déverrouillée")).to_be_visible(timeout=WAIT_MS)
            if javascript:
                nothing_found(page)
            page.reload()
            expect(page.get_by_text("La porte est déverrouillée")).to_be_visible()
    assert network.sql("SELECT count(*) FROM command WHERE outcome IS NULL") == [(0,)]


def test_a_place_is_locked_down_and_released_by_keyboard(network: Managed, browser: Browser) -> None:
    with signed_in(network, browser, "manager", viewport=DESKTOP) as context:
        page = opened(context, "/manage/limoges")
        page.get_by_role("link", name="Verrouiller tout le lieu").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Verrouiller : Limoges ?")).to_be_visible()
        page.get_by_role("button", name="Oui, verrouiller").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Réponse des portes")).to_be_visible()
        answered(network, "done")
        expect(page.get_by_text("verrouillée")).to_be_visible(timeout=WAIT_MS)
        page.get_by_role("link", name="Retour au lieu en direct").click()
        expect(page.get_by_text("Le lieu est verrouillé")).to_be_visible()
        nothing_found(page)
        look(page, "live-locked")
        page.get_by_role("link", name="Lever la mesure pour tout le lieu").click()
        page.get_by_role("button", name="Oui, lever la mesure").click()
        answered(network, "failed")
        expect(page.get_by_text("La serrure n'a pas répondu")).to_be_visible(timeout=WAIT_MS)
        page.get_by_role("link", name="Retour au lieu en direct").click()
        expect(page.get_by_text("Le lieu est verrouillé")).to_have_count(0)
        said(network, "forced", minutes=1, seq=950)
        expect(page.get_by_role("region", name="Portes")).to_contain_text("forcée", timeout=WAIT_MS)


def test_i_count_seven_and_take_it_back_without_javascript(network: Managed, browser: Browser) -> None:
    with signed_in(network, browser, "manager", java_script_enabled=False) as context:
        page = opened(context, "/manage/limoges")
        page.get_by_role("link", name="J'ai compté").click()
        page.get_by_label("Personnes", exact=True).fill("70")
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.get_by_role("alert")).to_contain_text("plus que la capacité")
        expect(page.get_by_label("Personnes", exact=True)).to_have_value("70")
        page.get_by_label("Personnes", exact=True).fill("7")
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.get_by_role("status").filter(has_text="Merci")).to_be_visible()
        changed = page.get_by_role("region", name="Ce que cela a changé")
        expect(changed).to_contain_text("Vous avez compté")
        expect(changed).to_contain_text("12 personnes, entre 10 et 14")
        look(page, "live-counted")
        page.reload()
        assert network.sql("SELECT count(*) FROM head_count") == [(1,)]
        page.get_by_role("button", name="Annuler").click()
        expect(page.get_by_role("status").filter(has_text="retiré")).to_be_visible()
        assert network.sql("SELECT withdrawn_at IS NOT NULL FROM head_count") == [(True,)]


def test_a_plan_is_drawn_by_keyboard_and_mouse_and_shown_to_the_second_of_two(
    network: Managed, browser: Browser
) -> None:
    with signed_in(network, browser, "manager", viewport=DESKTOP) as context:
        page = opened(context, "/manage/limoges/plan")
        desk = page.get_by_role("button", name=re.compile("^Desk 1 :"))
        left = page.get_by_label("Depuis la gauche : Desk 1")
        begin = int(left.input_value())
        desk.focus()
        page.keyboard.press("ArrowRight")
        expect(left).to_have_value(str(begin + 10))
        expect(page.locator("#told")).to_contain_text(f"Desk 1 : {begin + 10} depuis la gauche")
        page.keyboard.press("Shift+ArrowRight")
        expect(page.get_by_label("Largeur : Desk 1")).to_have_value("70")
        page.keyboard.press("r")
        expect(page.get_by_label("Rotation (degrés) : Desk 1")).to_have_value("45")
        page.keyboard.press("Control+z")
        expect(page.get_by_label("Rotation (degrés) : Desk 1")).to_have_value("0")
        space = page.get_by_label("Depuis le haut : Room-1")
        top = int(space.input_value())
        box = page.get_by_role("button", name=re.compile("^Room-1 :")).locator("rect").first.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 30, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + 30, box["y"] + box["height"] / 2 - 400, steps=4)
        page.mouse.up()
        expect(space).to_have_value("0")  # not beyond the edge
        page.get_by_role("button", name="Annuler").click()
        expect(space).to_have_value(str(top))
        other = opened(context, "/manage/limoges/plan")  # the second of two
        look(page, "live-plan-drawing")
        page.get_by_role("button", name="Enregistrer le plan").first.click()
        expect(page.get_by_role("status").filter(has_text="enregistré")).to_be_visible()
        expect(page.get_by_label("Depuis la gauche : Desk 1")).to_have_value(str(begin + 10))

        other.get_by_label("Depuis la gauche : Desk 1").fill(str(begin + 33))
        other.get_by_role("button", name="Enregistrer le plan").first.click()
        expect(other.get_by_role("alert")).to_contain_text("Quelqu'un d'autre")
        expect(other.get_by_label("Depuis la gauche : Desk 1")).to_have_value(str(begin + 33))
        expect(other.get_by_text(f"enregistré : {begin + 10}")).to_be_visible()
        nothing_found(other)
        look(other, "live-plan-two")
        other.get_by_role("button", name="Enregistrer le plan").first.click()
        expect(other.get_by_role("status").filter(has_text="enregistré")).to_be_visible()
        expect(other.get_by_label("Depuis la gauche : Desk 1")).to_have_value(str(begin + 33))
    with signed_in(network, browser, "manager", java_script_enabled=False) as context:
        page = opened(context, "/manage/limoges/plan")
        page.get_by_label("Depuis la gauche : Desk 2").fill("333")
        page.get_by_role("button", name="Enregistrer le plan").first.click()
        expect(page.get_by_label("Depuis la gauche : Desk 2")).to_have_value("333")


def test_why_at_a_door_and_what_if(network: Managed, browser: Browser) -> None:
    for name, number in (("Anne Durand", "04112233445501"), ("Anne Dupont", "04112233445502")):
        network.card(network.someone(name), number, status="active")
    with signed_in(network, browser, "manager", java_script_enabled=False) as context:
        page = opened(context, "/manage/limoges")
        page.get_by_role("link", name="Pourquoi ce refus ?").click()
        page.get_by_label("Membre").fill("anne")
        page.get_by_role("button", name="Demander pourquoi").click()
        expect(page.get_by_role("heading", name="De qui s'agit-il ?")).to_be_visible()
        page.get_by_role("link", name="Anne Dupont").click()
        expect(page.get_by_role("heading", name="reste fermée")).to_be_visible()
        expect(page.get_by_role("list").filter(has_text="Le lecteur a-t-il pu lire")).to_be_visible()
        expect(page.get_by_text("Anne Dupont · badge")).to_be_visible()
        page.get_by_role("link", name="Et si les règles étaient autres ?").click()
        page.get_by_label("Lundi").fill("9h-25h")
        page.get_by_role("button", name="Essayer").first.click()
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.get_by_label("Lundi")).to_have_value("9h-25h")
        page.get_by_label("Lundi").fill("9h-12h30, 14:00-18:00")
        page.get_by_role("button", name="Essayer").first.click()
        expect(page.get_by_role("region", name="Ce qui se serait passé")).to_contain_text("auraient été refusés")
        look(page, "live-what-if-found")
