"""Four places with a morning behind them, for the dashboards' tests, through plain SQL.

``atelier`` is live; ``grange`` lost its gateway half an hour ago; ``moulin`` has a gateway that never spoke; ``remise``
has none. Cards and members are there to be looked for where they must not be.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import psycopg
from psycopg.types.json import Jsonb

CARD: Final = bytes(range(32))
MEMBER: Final = "m-secret1"

_PLACE = """
INSERT INTO place (code, name, shard, latitude, longitude, commune, department, source, source_id)
VALUES (%s, %s, 1, %s, %s, %s, %s, 'test', %s) RETURNING id"""
_SPACE = "INSERT INTO space (place, code, name, kind, parent, capacity) VALUES (%s, %s, %s, %s, %s, %s) RETURNING id"
_DESK = "INSERT INTO desk (place, space, code, name) VALUES (%s, %s, %s, %s) RETURNING id"
_GATEWAY = "INSERT INTO gateway (place, code) VALUES (%s, %s) RETURNING id"
_DEVICE = """
INSERT INTO device (gateway, place, code, kind, driver, address, space, desk, door, side)
VALUES (%s, %s, %s, %s, 'zigbee2mqtt', %s, %s, %s, %s, %s) RETURNING id"""
_GATEWAY_STATE = """
INSERT INTO gateway_state (gateway, place, online, heard_at, changed_at, spool_depth, clock_offset_ms, devices, version)
VALUES (%s, %s, %s, %s, %s, %s, %s, 20, '0.1.0')"""
_STATE = """
INSERT INTO space_state (space, place, revision, present, low, high, capacity, quality, at, ttl_s, changed_at, fold)
VALUES (%s, %s, 1, %s, %s, %s, %s, %s, %s, 120, %s, %s)"""
_CHANGE = """
INSERT INTO occupancy_change (at, place, space, present, low, high, capacity, quality)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"""
_QUARTER = "INSERT INTO occupancy_15m VALUES (%s, %s, %s, %s, %s, %s, %s)"
_DAYS: Final = (
    """INSERT INTO history_day (published, space, day, place, zone, starts, persons, peak, known, degraded, shown, line,
      capacity, seconds, person_s, seat_s, known_s, degraded_s, shown_s, line_s, day_peak)
    VALUES (false, %(space)s, %(now)s::date - 1, %(place)s, 'Europe/Paris', %(now)s::date - 1, '{3600}', '{5}', '{900}',
      '{0}', '{3600}', '{900}', '{20}', 900, 3600, 18000, 900, 0, 3600, 900, 5)""",
    """INSERT INTO worth_space (space, day, place, open_s, known_s, seat_s, person_s, quarters, busy)
    VALUES (%(space)s, %(now)s::date - 1, %(place)s, 900, 900, 18000, 3600, 1, 0)""",
    """INSERT INTO worth_desk (desk, day, place, space, open_s, known_s, taken_s, all_taken_s)
    VALUES (%(desk)s, %(now)s::date - 1, %(place)s, %(space)s, 900, 900, 300, 300)""",
    """INSERT INTO worth_commuting (place, month, members, visit_days, km)
    VALUES (%(place)s, date_trunc('month', %(now)s::timestamptz)::date, 5, 20, 750)""",
    """INSERT INTO forecast_model (space, public, learnt_at, usual)
    VALUES (%(space)s, false, %(now)s, '[[0, 9, 4.0, 2.0, 6.0, 5]]')""",
    """INSERT INTO arrival_usual (place, weekday, learnt_at, days, arrivals)
    SELECT %(place)s, n, %(now)s, 4, array_fill(2::real, ARRAY[96]) FROM generate_series(1, 7) n""",
    """INSERT INTO pass (ref, member, unit, allowance) VALUES ('p-secret1', 'm-secret1', 'half_day', 20)""",
    """INSERT INTO pass_use (pass, slot, place, at) VALUES ('p-secret1', 1, %(place)s, %(now)s)""",
    """INSERT INTO booking (member, place, space, starts_at, ends_at, status, cancelled_at)
    VALUES ('m-secret1', %(place)s, %(space)s, %(now)s::timestamptz - interval '3 h',
      %(now)s::timestamptz - interval '2 h', 'no_show', %(now)s)""",
    """INSERT INTO forecast (space, public, place, made_at, learnt_at, first, track, quantiles)
    VALUES (%(space)s, false, %(place)s, %(now)s, %(now)s, %(now)s, '{}', '{10,20,30,40,50,60,70}')""",
)
"""What the jobs have made of the atelier's past."""
_SYSTEM: Final = (
    """INSERT INTO process_sample (at, process, instance, seconds, done, failed, p50_s, p99_s, bytes)
    SELECT %(now)s, p.name, 'centre:1', 60, 120, 1, 0.02, 0.2, 1000
    FROM unnest('{ingest,api,rights,jobs}'::text[]) AS p (name)""",
    """INSERT INTO job (name, succeeded_at) VALUES ('rollup', %(now)s)""",
    """INSERT INTO demand_hour (hour, department, searches, unmet)
    SELECT date_trunc('hour', %(now)s::timestamptz), d.code, 5, 2 FROM unnest('{33,?}'::text[]) AS d (code)""",
    """INSERT INTO dead_letter (origin, reason, error, topic, gateway, payload, length, digest)
    VALUES ('ingest', 'invalid_json', 'it is no JSON', 'maillage/v1/x', %(gateway)s, 'm-secret1', 9, 'd')""",
    """INSERT INTO access_list (place, version, made_at, fingerprint)
    VALUES (%(place)s, 3, %(now)s, repeat('0', 64))""",
    """INSERT INTO waiting (member, place, space, kind, starts_at, ends_at)
    VALUES ('m-secret1', %(place)s, %(space)s, 'seat', %(now)s::timestamptz - interval '1 h', %(now)s)""",
)
"""What the processes sampled, and what waits."""
_EVENT = """
INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, state, reason, card, member)
VALUES (%s, %s, 1, 1, 1, %s, %s, %s, %s, %s, %s, %s)"""
_TOLD = """
INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, detail)
VALUES (%s, %s, 1, 1, 1, %s, %s, 3, %s)"""
_ALARM = """
INSERT INTO alarm (raised_at, kind, place, gateway, text, detail, acknowledged_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)"""


def fill(connection: psycopg.Connection[tuple[int, ...]], now: datetime) -> None:
    """Insert it all; ``now`` is the instant that the rows were written for."""

    def one(query: str, *values: object) -> int:
        row = connection.execute(query, values).fetchone()
        assert row is not None
        return int(row[0])

    def ago(**units: float) -> datetime:
        return now - timedelta(**units)

    run = connection.execute
    atelier = one(_PLACE, "atelier", "L'Atelier", 44.8, -0.6, "Bordeaux", "33", "1")
    grange = one(_PLACE, "grange", "La Grange", 45.6, 0.2, "Angoulême", "16", "2")
    moulin = one(_PLACE, "moulin", "Le Moulin", 45.8, 1.3, "Limoges", "87", "3")
    one(_PLACE, "remise", "La Remise", 46.6, 0.3, "Poitiers", "86", "4")

    root = one(_SPACE, atelier, "place", "L'Atelier", "place", None, 20)
    room = one(_SPACE, atelier, "salle", "Grande salle", "open_space", root, 8)
    one(_SPACE, atelier, "fablab", "Fab lab", "fab_lab", root, 4)
    door = one(
        "INSERT INTO door (place, code, name, from_space, to_space) VALUES (%s, %s, %s, NULL, %s) RETURNING id",
        atelier, "entree", "Entrée", root,
    )  # fmt: skip
    gateway = one(_GATEWAY, atelier, "atelier-1")
    desks = [one(_DESK, atelier, room, f"d{n}", f"Poste {n}") for n in (1, 2, 3)]
    seats = [
        one(_DEVICE, gateway, atelier, f"seat-{n}", "desk_sensor", f"z/seat-{n}", room, desk, None, "in")
        for n, desk in enumerate(desks, start=1)
    ]
    inside = one(_DEVICE, gateway, atelier, "reader-in", "reader", "z/in", None, None, door, "in")
    outside = one(_DEVICE, gateway, atelier, "reader-out", "reader", "z/out", None, None, door, "out")
    contact = one(_DEVICE, gateway, atelier, "contact", "contact", "z/contact", None, None, door, "in")
    run(_GATEWAY_STATE, (gateway, atelier, True, now, ago(days=1), 0, 12.5))

    fold = {
        "desks": {str(seats[0]): [True, _micros(ago(minutes=50))], str(seats[1]): [False, _micros(ago(minutes=40))],
                  str(seats[2]): [True, _micros(ago(hours=5))]},
        "silent": [seats[2]], "inside": {MEMBER: 1},
    }  # fmt: skip
    run(_STATE, (root, atelier, 7, 6, 8, 20, "live", ago(minutes=30), ago(minutes=30), Jsonb({"inside": {MEMBER: 1}})))
    run(_STATE, (room, atelier, 3, 3, 4, 8, "degraded", ago(minutes=40), ago(minutes=40), Jsonb(fold)))

    for at, present in ((ago(hours=15), 0), (ago(hours=3), 4), (ago(hours=1), 9), (ago(minutes=30), 7)):
        run(_CHANGE, (at, atelier, root, present, max(present - 1, 0), present + 1, 20, "live"))
    for at, counted in ((ago(hours=2.8), 5), (ago(hours=2), 4), (ago(minutes=50), 9), (ago(minutes=40), 0),
                        (ago(minutes=10), 8)):  # fmt: skip
        run("INSERT INTO head_count (place, space, at, present) VALUES (%s, %s, %s, %s)", (atelier, root, at, counted))
    run(_QUARTER, (ago(hours=2), atelier, root, 4.5, 6, 1.0, 20))
    run(_QUARTER, (ago(hours=1, minutes=45), atelier, root, 4.0, 5, 0.2, 20))
    run("INSERT INTO member (ref) VALUES (%s)", (MEMBER,))
    for query in _DAYS:
        run(query, {"place": atelier, "space": root, "desk": seats[0], "now": now})
    for query in _SYSTEM:
        run(query, {"place": atelier, "space": root, "gateway": gateway, "now": now})

    for at, seat, state in ((ago(hours=14), 0, 0), (ago(minutes=50), 0, 1), (ago(minutes=45), 1, 1),
                            (ago(minutes=40), 1, 0), (ago(minutes=20), 2, None)):  # fmt: skip
        run(_EVENT, (at, at, atelier, seats[seat], 5, state, None, None, None))
    for at, reader, granted, reason in (
        (ago(hours=3), inside, 1, 0), (ago(hours=3), inside, 1, 0), (ago(hours=1), inside, 1, 0),
        (ago(minutes=30), outside, 1, 0), (ago(minutes=35), inside, 0, 1), (ago(minutes=34), inside, 0, 1),
        (ago(minutes=33), inside, 0, 8), (ago(hours=30), inside, 0, 8),
    ):  # fmt: skip
        run(_EVENT, (at, at, atelier, reader, 1, granted, reason, CARD, MEMBER))
    for at, state in ((ago(minutes=31), 1), (ago(minutes=29), 0), (ago(minutes=58), 3), (ago(minutes=57), 0),
                      (now + timedelta(days=700), 2)):  # fmt: skip
        run(_EVENT, (at, at, atelier, contact, 4, state, None, None, None))

    told = Jsonb({"access_at": _micros(ago(hours=30))})  # of the access that was refused then
    run(_TOLD, (ago(hours=30), ago(hours=30), atelier, inside, told))

    root = one(_SPACE, grange, "place", "La Grange", "place", None, 10)
    gateway = one(_GATEWAY, grange, "grange-1")
    run(_GATEWAY_STATE, (gateway, grange, False, ago(minutes=30), ago(minutes=29), 4, -80.0))
    run(_STATE, (root, grange, 5, 5, 5, 10, "live", ago(minutes=30), ago(minutes=30), Jsonb({})))
    run(_CHANGE, (ago(hours=2), grange, root, 5, 5, 5, 10, "live"))
    run(_QUARTER, (ago(hours=2), grange, root, 2.0, 5, 1.0, 10))
    run(_ALARM, (ago(minutes=20), "epoch_change", grange, gateway, "events may be missing", Jsonb({"card": "x"}), None))
    run(_ALARM, (ago(minutes=10), "clock_wrong", grange, gateway, "seen", Jsonb({}), ago(minutes=5)))
    run(_ALARM, (ago(minutes=15), "unknown_gateway", None, None, "somebody knocks", Jsonb({}), None))

    one(_SPACE, moulin, "place", "Le Moulin", "place", None, 30)
    one(_GATEWAY, moulin, "moulin-1")


def _micros(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)
