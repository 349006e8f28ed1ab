"""The live page for all its readers: the first seconds, small and zoomed windows, contrast, places on one spot."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, Route, expect

from tests.api_server import Centre
from tests.e2e.pages import Api, Open, row
from tests.waiting import until

CONTRAST = """
const channel = (value) => (value <= 10.31475 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4);
const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const contrast = (a, b) => {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
};
const pixels = (id, x, y, reach) => {
  const size = 2 * reach;
  const { data } = document.getElementById(id).getContext("2d").getImageData(x - reach, y - reach, size, size);
  return Array.from({ length: data.length / 4 }, (_, i) => data.slice(4 * i, 4 * i + 4));
};
const most = (all) => {
  const counts = new Map();
  for (const one of all) counts.set(one.join(), (counts.get(one.join()) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0][0].split(",").map(Number);
};
"""
MODULE = "new URL(`./${name}`, document.querySelector('script[type=module]').src)"


def hold(page: Page, part: str) -> None:
    """Let no answer come to what is asked for at an address with ``part``."""
    routes: list[Route] = []

    def keep(route: Route) -> None:
        routes.append(route)

    page.route(re.compile(part), keep)


def known(api: Api, count: int) -> None:
    """Wait until the API knows of ``count`` places."""
    until(lambda: httpx.get(f"{api.base}/v1/places").json()["total"] == count, deadline_s=30, what="all places known")


@pytest.mark.parametrize(("locale", "loading"), [("fr-FR", "Chargement…"), ("en-GB", "Loading…")])
def test_the_first_paint_is_in_the_language_of_the_reader(
    browser: Browser, api: Api, locale: str, loading: str
) -> None:
    context = browser.new_context(locale=locale, java_script_enabled=False)  # nothing but what the server wrote
    page = context.new_page()
    page.goto(api.base)
    expect(page.locator("html")).to_have_attribute("lang", locale[:2])
    expect(page.locator("#count")).to_have_text(loading)
    words = page.locator("body").inner_text()
    french, english = {"places libres", "En direct", "Trier par"}, {"free seats", "Sort by", "Mainland"}
    mine, others = (french, english) if locale == "fr-FR" else (english, french)
    assert not [word for word in others if word in words]
    assert [word for word in mine if word in words]
    context.close()


def test_before_the_first_number_it_is_loading_and_nothing_is_zero(browser: Browser, api: Api) -> None:
    page = browser.new_page(locale="en-GB")
    hold(page, "/v1/stream")
    page.goto(f"{api.base}/#place=limoges")
    state = page.locator('#details [data-space="place"]')
    expect(state).to_contain_text("loading…")
    expect(state).to_contain_text("… / 30")
    page.evaluate("location.hash = ''")
    expect(page.locator("#count")).to_have_text("2 places · loading…")
    for place in ("limoges", "ussel"):
        expect(row(page, place).locator(".state")).to_have_text("loading…")
        expect(row(page, place).locator(".hours-now")).to_have_text("")
    assert page.locator("#totals dd").all_inner_texts() == ["–", "–", "–", "–"]
    page.unroute(re.compile("/v1/stream"))
    page.reload()
    expect(page.locator("#count")).to_have_text("2 places · 1 live · 1 without data")
    expect(row(page, "ussel").locator(".state")).to_have_text("unknown")
    page.close()


def test_a_place_that_does_not_come_can_be_asked_for_again(open_page: Open) -> None:
    page = open_page(locale="en-GB")
    hold(page, "/v1/places/limoges")
    row(page, "limoges").click()
    expect(page.locator("#details")).to_contain_text("Loading…")
    expect(page.locator("#details [role=alert]")).to_contain_text("could not be loaded")
    page.unroute(re.compile("/v1/places/limoges"))
    page.get_by_role("button", name="Try again").click()
    expect(page.locator('#details [data-space="open-space"]')).to_contain_text("5 / 24")


@pytest.mark.parametrize(("width", "height"), [(640, 400), (320, 256)])  # 1280 by 800 and by 1024, at 200 and at 400 %
def test_a_zoomed_window_shows_all(open_page: Open, centre: Centre, width: int, height: int) -> None:
    for number in range(30):
        centre.place(
            f"place-{number:02d}", name=f"Une place au nom assez long, numéro {number}", commune="Saint-Yrieix"
        )
        centre.state(f"place-{number:02d}", present=number % 5)
    page = open_page(viewport={"width": width, "height": height})
    expect(page.locator("#list li")).to_have_count(32)
    expect(page.locator("#count")).not_to_contain_text("…")  # the rows take their order with their numbers
    first = page.locator("#list li").first.bounding_box()
    assert first is not None
    assert first["y"] + first["height"] <= height  # a whole row, without scrolling
    last = page.locator("#list li").last

    def seen() -> bool:
        last.scroll_into_view_if_needed()  # again where a row above has grown meanwhile
        in_view = "row => row.getBoundingClientRect().top >= 0 && row.getBoundingClientRect().bottom <= innerHeight + 2"
        return bool(last.evaluate(in_view))

    until(seen, every_s=0.1, what="the last row is in the window")
    page.wait_for_function("document.getElementById('list').getBoundingClientRect().top < 0")
    row(page, "limoges").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#details h2")).to_be_in_viewport()
    page.locator("#details .about dd").last.scroll_into_view_if_needed()
    expect(page.locator("#details .about dd").last).to_be_in_viewport()
    _nothing_is_wider(page, width)
    page.locator("#details .back").click()
    page.locator("#search").fill("ussel")
    expect(row(page, "ussel")).to_be_in_viewport()
    _nothing_is_wider(page, width)
    page.get_by_role("button", name="Carte").click()
    expect(page.locator("#map")).to_be_in_viewport()
    _nothing_is_wider(page, width)
    page.get_by_role("button", name="Liste").click()
    expect(row(page, "ussel")).to_be_visible()


def _nothing_is_wider(page: Page, width: int) -> None:
    wide = page.evaluate(
        "width => [...document.querySelectorAll('body *')].filter((e) => e.getClientRects().length &&"
        " !e.closest('.skip, .hidden, h1, label span') && e.getBoundingClientRect().right > width + 0.5)"
        ".map((e) => `${e.tagName} ${e.id} ${e.className}`)",
        width,
    )
    assert wide == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dots_and_labels_stand_out_from_the_ground(open_page: Open, api: Api, centre: Centre, scheme: str) -> None:
    present = {"limoges": 1, "quarter": 10, "half": 18, "most": 26, "full": 30, "unknown": None}
    for number, (place, people) in enumerate(present.items()):
        if place != "limoges":
            centre.place(place, latitude=45.9 + 0.12 * (number % 3), longitude=1.5 + 0.15 * number)
        centre.state(place, present=people, quality="live" if people is not None else "unknown")
    known(api, 7)
    page = open_page(color_scheme=scheme)
    expect(row(page, "full")).to_have_attribute("data-level", "4")
    expect(page.locator("#map")).to_have_attribute("data-ground", "drawn")
    page.wait_for_function(f"""async () => {{
      const name = "places.js";
      return [...(await import({MODULE})).all()].every((place) => place.screen);
    }}""")
    measure = f"""async () => {{{CONTRAST}
      const name = "places.js";
      const places = await import({MODULE});
      return [...places.all()].map((place) => {{
        const [x, y] = place.screen.map((at) => Math.round(at * devicePixelRatio));
        const ground = most(pixels("ground", x, y, 12));
        const drawn = pixels("dots", x, y, 9).filter((pixel) => pixel[3] === 255);
        return [place.id, Math.max(...drawn.map((pixel) => contrast(pixel, ground)))];
      }});
    }}"""
    found = dict(page.evaluate(measure))
    assert set(found) >= set(present)
    assert {place: ratio for place, ratio in found.items() if ratio < 3} == {}  # WCAG 1.4.11
    labels = f"""() => {{{CONTRAST}
      const style = getComputedStyle(document.documentElement);
      const context = document.createElement("canvas").getContext("2d");
      const colour = (name) => {{
        context.fillStyle = style.getPropertyValue(name);
        context.fillRect(0, 0, 1, 1);
        return context.getImageData(0, 0, 1, 1).data;
      }};
      const all = pixels("ground", 440, 370, 300);
      const name = colour("--name");
      const ground = ["--country", "--dim", "--land", "--sea"].map(colour);
      return [all.some((pixel) => pixel.join() === name.join()), Math.min(...ground.map((one) => contrast(one, name)))];
    }}"""
    drawn, ratio = page.evaluate(labels)
    assert drawn  # the names of departments, in that very colour
    assert ratio >= 4.5  # WCAG 1.4.3


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"viewport": {"width": 320, "height": 256}}])
def test_axe_finds_nothing(open_page: Open, options: dict[str, Any]) -> None:
    page = open_page(**options)
    expect(row(page, "limoges")).to_contain_text("libres")
    _axe_finds_nothing(page)
    row(page, "limoges").click()
    expect(page.locator('#details [data-space="open-space"]')).to_be_visible()
    _axe_finds_nothing(page)


def _axe_finds_nothing(page: Page) -> None:
    wanted = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
    violations = Axe().run(page, options=wanted).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in violations] == []


def test_places_are_found_by_department_and_region(open_page: Open, api: Api, centre: Centre) -> None:
    centre.conn.execute("UPDATE place SET region = 'Nouvelle-Aquitaine'")
    centre.conn.execute("UPDATE place SET department = '19', commune = 'Égletons' WHERE code = 'ussel'")
    centre.notify("maillage_network")
    questions = {"correze": 1, "19": 1, "haute vienne": 1, "NOUVELLE AQUITAINE": 2, "egletons": 1, "gironde": 0}

    def found(words: str) -> int:
        return int(httpx.get(f"{api.base}/v1/places", params={"q": words}).json()["total"])

    until(lambda: found("correze") == 1, deadline_s=30, what="the API knows the department")
    assert {words: found(words) for words in questions} == questions
    page = open_page()
    for words, count in questions.items():
        page.locator("#search").fill(words)
        expect(page.locator("#list li")).to_have_count(count)


@pytest.mark.parametrize("touch", [False, True])
def test_places_on_one_spot_are_all_reached(open_page: Open, api: Api, centre: Centre, touch: bool) -> None:
    spot = {"latitude": 45.83, "longitude": 1.26}
    for number in range(3):
        centre.place(f"same-{number}", name=f"Même adresse {number}", **spot)
    known(api, 5)
    page = open_page(has_touch=touch, is_mobile=touch)
    expect(page.locator("#list li")).to_have_count(5)
    _at_the_pile(page, touch=touch, count=4)
    for number in range(3):
        link = page.locator("#pile a").filter(has_text=f"Même adresse {number}")
        link.tap() if touch else link.click()
        expect(page.locator("#details h2")).to_have_text(f"Même adresse {number}")
        page.evaluate("location.hash = ''")
        expect(page.locator("#details")).to_be_hidden()
        _at_the_pile(page, touch=touch, count=4)
    expect(page.locator("#pile a").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#pile")).to_be_hidden()


def test_a_crowd_comes_apart_as_one_zooms(open_page: Open, api: Api, centre: Centre) -> None:
    for number in range(12):
        centre.place(
            f"near-{number:02d}", latitude=45.83 + 0.004 * (number // 4), longitude=1.26 + 0.004 * (number % 4)
        )
    known(api, 14)
    page = open_page()
    expect(page.locator("#list li")).to_have_count(14)
    _at_the_pile(page, touch=False, count=None)
    page.wait_for_function(f"""async () => {{
      const name = "places.js";
      const places = [...(await import({MODULE})).all()].filter((place) => place.id.startsWith("near-"));
      return new Set(places.map((place) => String(place.spot))).size === 12;
    }}""")


def _at_the_pile(page: Page, *, touch: bool, count: int | None) -> None:
    """Click or tap where Limoges is drawn, until the places there are listed (``count``) or the map moves."""
    spot = f"""async () => {{
      const name = "places.js";
      const places = await import({MODULE});
      const box = document.getElementById("map").getBoundingClientRect();
      await new Promise(requestAnimationFrame);
      const at = places.get("limoges").spot;
      return at && [box.x + at[0], box.y + at[1]];
    }}"""
    page.wait_for_function(spot)
    x, y = page.evaluate(spot)
    (page.touchscreen.tap if touch else page.mouse.click)(x, y)
    if count is not None:
        expect(page.locator("#pile a")).to_have_count(count)
