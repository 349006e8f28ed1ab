"""The hours behind and ahead on a place's page, in a real browser."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from jobs.history import gather
from occupancy.departures import KEPT
from tests.api_server import Centre
from tests.e2e.pages import Open, row

_PAST = """
INSERT INTO occupancy_15m (at, place, space, mean, peak, known, capacity)
SELECT at, %s, %s, 6, 7, 1, 30
FROM generate_series(date_trunc('hour', now()) - interval '6 hours', now() - interval '15 minutes', '15 minutes') AS at
"""
_AHEAD = """
INSERT INTO forecast (space, public, place, made_at, learnt_at, first, track, capacity, quantiles)
VALUES (%s, true, %s, now(), now(), %s, '{}', 30, %s)
"""


def test_the_next_hours_are_bars_and_a_table(open_page: Open, centre: Centre) -> None:
    space, place = centre.space("limoges")
    first = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    calm = [40 + 10 * number for number in range(len(KEPT))]
    quarters: list[list[int] | list[None]] = [calm] * 28 + [[280] * len(KEPT)] * 28 + [[None] * len(KEPT)] * 41
    centre.conn.execute(_PAST, (place, space))
    quarter = datetime.now(UTC).replace(minute=datetime.now(UTC).minute // 15 * 15, second=0, microsecond=0)
    gather(centre.conn, {place: first - timedelta(hours=6)}, quarter, published=True)
    centre.conn.execute(_AHEAD, (space, place, first, [value for one in quarters for value in one]))
    page = open_page(keyed=False)
    row(page, "limoges").click()
    lines = page.locator("#details section table tbody tr")
    expect(lines).to_have_count(20)
    texts = lines.all_text_contents()
    assert sum("0 à 27 personnes" in text for text in texts) >= 7 + 5  # of the past the last hour may not be over
    assert sum("28 à 30 personnes" in text for text in texts) == 7
    assert sum("(maintenant)" in text for text in texts) == 1
    assert sum("100" in text for text in texts) >= 7  # the chance of a seat
    expect(page.locator("#details svg.ahead")).to_have_attribute("role", "img")
    page.set_viewport_size({"width": 390, "height": 844})  # on a phone, too, nothing stands out sideways
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    if folder := os.environ.get("MAILLAGE_PICTURES"):
        page.locator("#details section").screenshot(path=f"{folder}/ahead.png")
    page.go_back()
    row(page, "ussel").click()
    expect(page.locator("#details h2")).to_have_text("L'Étage")
    expect(page.locator("#details svg.ahead")).to_have_count(0)  # nothing is known
    space, place = centre.space("ussel")
    centre.conn.execute(_PAST, (place, space))
    gather(centre.conn, {place: first - timedelta(hours=6)}, quarter, published=True)
    page.reload()
    expect(page.locator("#details section .facts").last).to_have_text(
        "Pas encore de prévision : il faut environ cinq jours d’historique."
    )


def test_what_is_read_stays_where_it_is_when_a_number_comes(open_page: Open, centre: Centre) -> None:
    page = open_page(locale="en-GB")
    row(page, "limoges").click()
    count = page.locator('#details [data-space="place"] .space-count')
    expect(count).to_contain_text("/ 30")
    expect(page.locator("#details .about dd").first).to_be_visible()
    page.evaluate("window.read = [...document.querySelectorAll('#details .about dd, #details h2, #details .back')]")
    page.locator("#details .back").focus()
    centre.state("limoges", present=21)
    expect(count).to_contain_text("21 / 30")
    assert page.evaluate("window.read.length > 2 && window.read.every((one) => one.isConnected)")
    expect(page.locator("#details .back")).to_be_focused()
