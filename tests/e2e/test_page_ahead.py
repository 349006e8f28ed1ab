"""The hours behind and ahead on a place's page, in a real browser."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from playwright.sync_api import expect

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
    if folder := os.environ.get("MAILLAGE_PICTURES"):
        page.locator("#details section").screenshot(path=f"{folder}/ahead.png")
    page.go_back()
    row(page, "ussel").click()
    expect(page.locator("#details h2")).to_have_text("L'Étage")
    expect(page.locator("#details svg.ahead")).to_have_count(0)  # nothing is known
