"""Every way of a change: what is done, which places get a new version of their list, what their lists then say.

``at``, ``door`` and ``hours`` are functions of the test's network: ids of a place, a door, a schedule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from access.tokens import listed_pin
from rights.card_secret import place_key
from tests.cards import SECRET
from tests.integration.rights.network import PLACES, token

Says = Callable[[Mapping[str, Any]], object]
ANNA: Final = {place: token("anna-0", place) for place in PLACES}
"""Has a pass at ``gare``."""
BELA: Final = {place: token("bela-0", place) for place in PLACES}
"""Has a pass everywhere."""
EVERYWHERE: Final = ("gare", "port", "halle")
ALL: Final = "gare port halle"


def right(at: Mapping[str, Any], place: str = "gare") -> Any:
    """Anna's only right there."""
    (found,) = at[place].entries[ANNA[place]].rights
    return found


def anna(at: Mapping[str, Any]) -> Any:
    return at["gare"].entries[ANNA["gare"]].member


def entry(at: Mapping[str, Any], place: str) -> Any:
    return at[place].rules.doors["entry"]


PATHS: Final[list[tuple[str, str, Says]]] = [
    (
        "UPDATE card SET status = 'lost' WHERE member = 'm-bela'",
        ALL,
        lambda at: at["port"].entries[BELA["port"]].status == "lost",
    ),
    (
        "UPDATE card SET status = 'issued' WHERE member = 'm-bela'",
        ALL,
        lambda at: at["halle"].entries[BELA["halle"]].status == "suspended",
    ),
    (
        "UPDATE card SET status = 'active', valid_until = 'infinity' WHERE member = 'm-bela'",
        ALL,
        lambda at: at["port"].entries[BELA["port"]].valid_until is None,
    ),
    (
        "UPDATE member SET status = 'suspended' WHERE ref = 'm-anna'",
        "gare",
        lambda at: anna(at).status == "suspended",
    ),
    (
        "UPDATE member SET status = 'active', pin = repeat('0a', 16) WHERE ref = 'm-anna'",
        "gare",
        lambda at: anna(at).pin == listed_pin(place_key(SECRET, "gare"), "0a" * 16),
    ),
    ("UPDATE member SET name = 'Anna' WHERE ref = 'm-anna'", "", lambda at: "Anna" not in repr(at)),
    (
        "INSERT INTO pass_place (pass, place) VALUES ('p-anna', at('port'))",
        "port",
        lambda at: ANNA["port"] in at["port"].entries,
    ),
    (
        "UPDATE pass SET valid_until = now() + interval '1 day' WHERE ref = 'p-anna'",
        "gare port",
        lambda at: right(at, "port").valid_until is not None,
    ),
    (
        "UPDATE pass SET unit = 'half_day', allowance = 3, booked = true WHERE ref = 'p-anna'",
        "gare port",
        lambda at: right(at).terms.booked and right(at).terms.allowance.limit == 3,
    ),
    (
        "INSERT INTO booking (member, place, space, starts_at, ends_at) SELECT 'm-anna', place, id, now(),"
        " now() + interval '1 hour' FROM space WHERE code = 'lab' AND place = at('gare')",
        "gare",
        lambda at: anna(at).bookings[0].doors == {"entry", "lab-door"},
    ),
    (
        "INSERT INTO place_policy (place, booking_before_s, booking_after_s) VALUES (at('gare'), 60, 120)",
        "gare",
        lambda at: (anna(at).bookings[0].end - anna(at).bookings[0].start).total_seconds() == 3600 + 60 + 120,
    ),
    ("UPDATE booking SET cancelled_at = now()", "gare", lambda at: anna(at).bookings == ()),
    (  # where its member has no pass
        "INSERT INTO booking (ref, member, place, starts_at, ends_at, opens)"
        " VALUES ('b-opens', 'm-anna', at('halle'), now(), now() + interval '1 hour', true)",
        "halle",
        lambda at: right(at, "halle").pass_ref is None and right(at, "halle").terms.booked,
    ),
    (
        "UPDATE booking SET opens = false WHERE ref = 'b-opens'",
        "halle",
        lambda at: ANNA["halle"] not in at["halle"].entries,
    ),
    (
        "INSERT INTO schedule (code, name, hours)"
        """ VALUES ('days', 'Days', '{"mon": [["08:00", "12:00"]], "holidays": {"hours": []}}')""",
        "",
        lambda _: True,
    ),
    (
        "UPDATE pass SET schedule = hours('days') WHERE ref = 'p-anna'",
        "gare port",
        lambda at: right(at).schedule.holidays.department == "67",
    ),
    (
        "INSERT INTO schedule (place, code, name, hours)"
        """ VALUES (at('gare'), 'nights', 'Nights', '{"tue": [["20:00", "24:00"]]}')""",
        "",
        lambda _: True,
    ),
    (
        "UPDATE schedule SET linked = ARRAY[hours('nights')] WHERE code = 'days'",
        "gare port",
        lambda at: len(right(at, "port").schedule.linked) == 1,
    ),
    (  # a schedule of one place that rights at another follow
        """UPDATE schedule SET hours = '{"tue": [["21:00", "24:00"]]}' WHERE code = 'nights'""",
        "gare port",
        lambda at: right(at, "port").schedule.linked[0].days[1][0].start_min == 21 * 60,
    ),
    (  # what can't be read opens nothing, nor what is linked to it
        """UPDATE schedule SET hours = '{"tue": "always"}' WHERE code = 'nights'""",
        "gare port",
        lambda at: at["port"].entries[ANNA["port"]].rights == (),
    ),
    (
        """UPDATE schedule SET hours = '{"tue": [["21:00", "24:00"]]}' WHERE code = 'nights'""",
        "gare port",
        lambda at: right(at, "port"),
    ),
    (
        "INSERT INTO door_group (place, code, name, doors)"
        " VALUES (at('gare'), 'labs', 'Labs', ARRAY[door('gare', 'lab-door')])",
        "",
        lambda _: True,
    ),
    (
        "UPDATE pass_place SET door_groups = ARRAY(SELECT id FROM door_group)"
        " WHERE pass = 'p-anna' AND place = at('gare')",
        "gare",
        lambda at: right(at).doors == {"lab-door"},
    ),
    (
        "UPDATE door_group SET doors = ARRAY[door('gare', 'lab-door'), door('gare', 'entry')]",
        "gare",
        lambda at: right(at).doors == {"lab-door", "entry"},
    ),
    (
        "INSERT INTO closure (place, first, last) VALUES (at('port'), current_date, current_date)",
        "port",
        lambda at: len(at["port"].opening_hours.closures) == 1 and at["gare"].opening_hours is None,
    ),
    (
        "INSERT INTO closure (first, last) VALUES (current_date + 9, current_date + 9)",
        ALL,
        lambda at: [len(at[one].opening_hours.closures) for one in EVERYWHERE] == [1, 2, 1],
    ),
    ("DELETE FROM closure", ALL, lambda at: at["port"].opening_hours is None),
    (
        "INSERT INTO door_rule (door, place, pin, passback) VALUES (door('halle', 'entry'), at('halle'), true, 'hard')",
        "halle",
        lambda at: entry(at, "halle").pin,
    ),
    (
        "UPDATE door_rule SET supervised = hours('nights')",
        "halle",
        lambda at: entry(at, "halle").supervised is not None,
    ),
    (  # a schedule of one place that doors of another follow
        """UPDATE schedule SET hours = '{"tue": [["22:00", "24:00"]]}' WHERE code = 'nights'""",
        ALL,
        lambda at: entry(at, "halle").supervised.days[1][0].start_min == 22 * 60,
    ),
    (
        "INSERT INTO place_policy (place, list_max_age_s, tries) VALUES (at('halle'), NULL, 3)",
        "halle",
        lambda at: at["halle"].max_age_s is None and at["halle"].rules.tries == 3,
    ),
    ("INSERT INTO lockdown (place, ordered_by) VALUES (at('gare'), 'x')", "gare", lambda at: at["gare"].lockdown),
    (
        "INSERT INTO lockdown (place, door, ordered_by) VALUES (at('port'), door('port', 'lab-door'), 'x')",
        "port",
        lambda at: at["port"].rules.doors["lab-door"].locked and not at["port"].lockdown,
    ),
    ("INSERT INTO lockdown (ordered_by) VALUES ('x')", "port halle", lambda at: at["halle"].lockdown),
    ("UPDATE lockdown SET released_at = now()", ALL, lambda at: not any(one.lockdown for one in at.values())),
    (
        "UPDATE space SET person_limit = 12 WHERE code = 'lab' AND place = at('gare')",
        "gare",
        lambda at: at["gare"].rules.spaces["lab"].limit == 12,
    ),
    (
        """UPDATE place SET time_zone = 'Indian/Reunion', opening_hours = '{"mon": [["08:00", "18:00"]]}'"""
        " WHERE code = 'port'",
        "port",
        lambda at: at["port"].time_zone == "Indian/Reunion" and at["port"].opening_hours is not None,
    ),
    (
        "UPDATE pass SET revoked_at = now() WHERE ref = 'p-anna'",
        "gare port",
        lambda at: ANNA["gare"] not in at["gare"].entries and ANNA["port"] not in at["port"].entries,
    ),
    ("DELETE FROM member WHERE ref = 'm-bela'", ALL, lambda at: not any(one.entries for one in at.values())),
]
