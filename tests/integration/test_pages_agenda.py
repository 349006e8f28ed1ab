"""The pages of bookings, hours and closures: who sees them, another place's things, other sites, texts with markup."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.managed import Managed, managed
from tests.waiting import until

ZONE = ZoneInfo("Europe/Paris")
MARKUP = "<script>alert(1)</script>\"'><b>"


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        for place in ("limoges", "isle"):
            body = {"code": "laser", "name": f"Laser {MARKUP}", "kind": "machine", "units": 2}
            assert one.post("admin", f"/v1/places/{place}/resources", body).status_code == 201
            body = {"code": "soir", "place": place, "name": MARKUP, "hours": {"mon": [["18:00", "20:00"]]}}
            assert one.post("admin", "/v1/schedules", body).status_code == 201
        yield one


def hour(hour_: int, days: int = 5) -> str:
    day = datetime.now(ZONE).date() + timedelta(days=days)
    return datetime.combine(day, time(hour_), ZONE).astimezone(UTC).isoformat()


def booked(network: Managed, place: str = "limoges", at: int = 9, **fields: str) -> str:
    member = network.someone(MARKUP, home=place)
    body = {"member": member, "place": place, "resource": "laser", "from": hour(at), "until": hour(at + 1), **fields}
    answer = network.post("admin", "/v1/bookings", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["ref"])


def get(network: Managed, who: str | None, path: str) -> httpx.Response:
    cookie = {} if who is None else {"cookie": f"__Host-maillage={network.keys[who]}"}
    return network.api.get(path, headers={"accept-language": "en", **cookie})


def post(
    network: Managed, who: str | None, path: str, fields: dict[str, str], site: str = "same-origin"
) -> httpx.Response:
    cookie = {} if who is None else {"cookie": f"__Host-maillage={network.keys[who]}"}
    return network.api.post(path, data=fields, headers={"accept-language": "en", "sec-fetch-site": site, **cookie})


BOOKINGS, HOURS = "/manage/limoges/bookings", "/manage/limoges/hours"


def under(path: str, ends: Sequence[str]) -> list[str]:
    return [path + end for end in ends]


READ = (
    *(
        BOOKINGS + end
        for end in ("", "?view=week", "/waiting", "/series", "/rules", "/rules/all", "/quotas", "/resources")
    ),
    *(
        HOURS + end
        for end in ("", "/week", "/closures", "/limits", "/schedules", "/schedules/soir", "/doors", "/policy")
    ),
    HOURS + "/doors/entry",
)
"""Pages that everybody of a place's team may read."""
WRITE = {
    "desk": (BOOKINGS + "/new",),
    "manager": (
        *under(BOOKINGS, ("/resources/new", "/resources/laser", "/calendars")),
        *under(HOURS, ("/closures/new", "/closures/new?first=2031-01-01", "/schedules/new")),
    ),
}
"""Pages with forms, by the least who may use them."""
FORMS = {
    "desk": (
        *(
            BOOKINGS + end
            for end in ("/new", "/{ref}/change", "/{ref}/move", "/{ref}/back", "/{ref}/cancel", "/{ref}/again")
        ),
        *(
            BOOKINGS + end
            for end in ("/{ref}/guests", "/{ref}/guests/v-1/cancel", "/series/r-1/cancel", "/waiting/w-1/leave")
        ),
    ),
    "manager": (
        *(
            BOOKINGS + end
            for end in ("/resources/new", "/resources/laser", "/resources/laser/retire", "/rules/all", "/quotas")
        ),
        *under(BOOKINGS, ("/quotas/q-1/remove", "/calendars", "/calendars/1/end", "/feeds", "/feeds/1/end")),
        *(HOURS + end for end in ("/week", "/limits", "/closures/new", "/closures/1", "/closures/1/cancel")),
        *(
            HOURS + end
            for end in ("/schedules/new", "/schedules/soir", "/schedules/soir/remove", "/doors/entry", "/policy")
        ),
    ),
}


@pytest.mark.parametrize("path", READ)
def test_the_team_of_a_place_reads_and_nobody_else(network: Managed, path: str) -> None:
    for who, status in {"admin": 200, "manager": 200, "desk": 200, "auditor": 200, "isle": 404, "member": 404}.items():
        assert get(network, who, path).status_code == status, who
    away = get(network, None, path)
    assert away.status_code == 303
    assert away.headers["location"].startswith("/sign-in?next=")


def test_forms_are_shown_to_those_who_may_use_them(network: Managed) -> None:
    for path in WRITE["desk"]:
        for who, status in {"manager": 200, "desk": 200, "auditor": 404, "isle": 404, "member": 404}.items():
            assert get(network, who, path).status_code == status, (path, who)
    for path in WRITE["manager"]:
        for who, status in {"manager": 200, "desk": 404, "auditor": 404, "isle": 404, "member": 404}.items():
            assert get(network, who, path).status_code == status, (path, who)
    ref = booked(network)
    assert "/change" in get(network, "desk", f"{BOOKINGS}/{ref}").text
    assert "/change" not in get(network, "auditor", f"{BOOKINGS}/{ref}").text


@pytest.mark.parametrize("path", [*FORMS["desk"], *FORMS["manager"]])
def test_a_form_does_nothing_for_those_who_may_not_and_for_other_sites(network: Managed, path: str) -> None:
    ref = booked(network, at=11) if "{ref}" in path else ""
    whole = path.replace("{ref}", ref)
    before = state(network)
    less = ("auditor", "isle", "member") if path in FORMS["desk"] else ("auditor", "isle", "member", "desk")
    for who in less:
        assert post(network, who, whole, {}).status_code == 404, who
    assert post(network, None, whole, {}).status_code == 401
    for site in ("cross-site", "same-site"):
        assert post(network, "manager", whole, {}, site).status_code == 422, site
    assert state(network) == before
    if ref:
        assert network.change("admin", "DELETE", f"/v1/bookings/{ref}").status_code == 200


def state(network: Managed) -> list[tuple[object, ...]]:
    """What forms could have changed."""
    return network.sql(
        "SELECT (SELECT jsonb_agg(b ORDER BY ref) FROM booking b), (SELECT jsonb_agg(c) FROM closure c),"
        " (SELECT jsonb_agg(r ORDER BY id) FROM resource r), (SELECT jsonb_agg(s ORDER BY id) FROM schedule s),"
        " (SELECT jsonb_agg(d) FROM door_rule d), (SELECT jsonb_agg(y) FROM place_policy y),"
        " (SELECT jsonb_agg(l) FROM booking_rule l), (SELECT jsonb_agg(p.revision ORDER BY id) FROM place p)"
    )


def test_another_places_things_are_not_there(network: Managed) -> None:
    ref = booked(network, "isle")
    closure = network.post(
        "admin", "/v1/closures", {"place": "isle", "first": "2031-02-01", "last": "2031-02-02"}
    ).json()
    member = network.someone(home="isle")
    body = {"member": member, "place": "isle", "resource": "laser", "from": hour(14), "until": hour(15)}
    series = network.post("admin", "/v1/booking-series", {**body, "rule": "FREQ=WEEKLY;COUNT=2"}).json()
    before = state(network)
    for who in ("manager", "admin"):
        for path in (f"{BOOKINGS}/{ref}", f"{BOOKINGS}/{ref}/cancel", f"{BOOKINGS}/series/{series['ref']}"):
            assert get(network, who, path).status_code == 404, (who, path)
        assert get(network, who, f"{HOURS}/closures/{closure['id']}").status_code == 404
        for path in (
            *(f"{BOOKINGS}/{ref}/{act}" for act in ("change", "move", "back", "cancel", "again")),
            f"{BOOKINGS}/series/{series['ref']}/cancel",
            *(f"{HOURS}/closures/{closure['id']}{end}" for end in ("", "/cancel")),
        ):
            times = {"day": "2031-01-01", "from": "09:00", "until": "10:00", "first": "2031-01-01"}
            assert post(network, who, path, times).status_code == 404, (who, path)
    assert state(network) == before


def test_no_text_of_a_person_becomes_markup(network: Managed) -> None:
    ref = booked(network, at=16)
    made = network.post(
        "admin",
        "/v1/closures",
        {"place": "limoges", "first": hour(12, 20)[:10], "last": hour(12, 21)[:10], "reason": MARKUP},
    )
    assert made.status_code == 201, made.text
    held = network.get("admin", f"/v1/bookings/{ref}").json()
    day = held["from"][:10]
    guest = network.post("admin", f"/v1/bookings/{ref}/guests", {"name": MARKUP})
    assert guest.status_code == 201, guest.text
    waits = {
        "member": network.someone(MARKUP),
        "place": "limoges",
        "resource": "laser",
        "unit": held["unit"],
        "from": hour(16),
        "until": hour(17),
    }
    joined = network.post("admin", "/v1/waiting", waits)
    assert joined.status_code == 201, joined.text
    body = {"member": held["member"], "place": "limoges", "resource": "laser", "from": hour(19), "until": hour(20)}
    series = network.post("admin", "/v1/booking-series", {**body, "rule": "FREQ=WEEKLY;COUNT=2"}).json()["ref"]
    paths = (
        *under(BOOKINGS, (f"?day={day}", f"?day={day}&view=week", f"/{ref}", f"/{ref}/cancel", "/waiting")),
        *under(BOOKINGS, ("/series", f"/series/{series}", "/resources", "/resources/laser", "/calendars")),
        *under(HOURS, ("", "/closures", f"/closures/{made.json()['id']}", "/schedules", "/schedules/soir")),
        f"{HOURS}/closures/new?first={day}&reason={MARKUP}",
        f"{HOURS}/doors/entry",
        f"{BOOKINGS}/new?q={MARKUP}&what={MARKUP}&day={MARKUP}&from={MARKUP}",
        f"{BOOKINGS}?done={MARKUP}&ref={MARKUP}&day={MARKUP}",
    )
    seen = 0
    for path in paths:
        answer = network.api.get(path, headers={"cookie": f"__Host-maillage={network.keys['manager']}"})
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.text, path
        assert "<b>" not in re.sub(r"<b>\s*</b>", "", answer.text), path
        seen += "&lt;script&gt;alert" in answer.text
    assert seen > 14, "the texts are on these pages"
    typed = {"first": "never", "last": MARKUP, "reason": MARKUP}
    again = post(network, "manager", f"{HOURS}/closures/new", typed)
    assert again.status_code == 422
    assert "<script>alert" not in again.text
    for path in (f"{HOURS}/week", f"{HOURS}/schedules/new", f"{HOURS}/policy", f"{BOOKINGS}/rules/all"):
        names = ("mon", "known", "name", "tries", "notice_minutes", "x0_first", "x0_hours", "department")
        refused = post(network, "manager", path, dict.fromkeys(names, MARKUP))
        assert refused.status_code == 422, path
        assert "<script>alert" not in refused.text, path


def test_a_reason_beyond_the_rules_stands_in_the_history(network: Managed) -> None:
    rules = "/v1/places/limoges/booking-rules/seat"
    assert (
        network.change("manager", "PUT", rules, {"longest_minutes": 30, "staff_may_override": True}).status_code == 200
    )
    body = {
        "member": network.member,
        "place": "limoges",
        "space": "open-space",
        "from": hour(9, 9),
        "until": hour(10, 9),
    }
    assert network.post("desk", "/v1/bookings", body).json()["rule"] == "longest"
    made = network.post("desk", "/v1/bookings", {**body, "override": True, "reason": "Examen"})
    assert made.status_code == 201, made.text
    path = made.headers["location"]
    history = network.get("auditor", f"{path}/history").json()["history"]
    assert [(one["action"], one["detail"].get("reason")) for one in history] == [
        ("booking created", None),
        ("booking overridden", "Examen"),
    ]
    longer = network.change("desk", "PATCH", path, {"until": hour(11, 9), "override": True, "reason": "Encore"})
    assert longer.status_code == 200
    assert network.get("desk", f"{path}/history").json()["history"][-1]["detail"]["reason"] == "Encore"
    assert network.change("manager", "PUT", rules, {}).status_code == 200


def test_a_member_is_written_to_only_if_staff_ask_for_it(network: Managed) -> None:
    def mails(member: str) -> list[tuple[object, ...]]:
        return network.sql("SELECT kind, \"values\" ->> 'place' FROM mail WHERE to_member = %s", member)

    for ask, expected in (("", []), ("?mail=true", [("booking_cancelled", "Limoges")])):
        ref = booked(network, at=12)
        member = network.get("desk", f"/v1/bookings/{ref}").json()["member"]
        for _ in range(2):  # cancelled again, nothing more is written
            assert network.call("desk", "DELETE", f"/v1/bookings/{ref}{ask}", if_match="*").status_code == 200
        assert mails(member) == expected
    body = {"place": "limoges", "space": "open-space", "from": hour(12, 10), "until": hour(13, 10)}
    rules = "/v1/places/limoges/booking-rules/seat"
    assert network.change("manager", "PUT", rules, {"without_pass": True}).status_code == 200
    own = network.post("member", "/v1/bookings", body)
    assert own.status_code == 201, own.text
    path = own.headers["location"]
    assert network.call("member", "DELETE", f"{path}?mail=true", if_match="*").status_code == 200
    assert mails(network.member) == []
    assert network.change("manager", "PUT", rules, {}).status_code == 200


def test_names_of_bookings_are_those_that_a_key_reaches(network: Managed) -> None:
    ref = booked(network, at=13)
    listed = network.get("desk", "/v1/bookings?place=limoges").json()["bookings"]
    (one,) = [each for each in listed if each["ref"] == ref]
    assert one["member_name"] == " ".join(MARKUP.split())
    assert network.get("desk", f"/v1/bookings/{ref}").headers["etag"] == f'"{one["revision"]}"'
    assert network.get("isle", "/v1/bookings?place=limoges").json()["bookings"] == []


def open_all_day(network: Managed, day: date) -> str | None:
    """The page of a day, once the API has heard that it is open from midnight on."""
    text = get(network, "manager", f"{BOOKINGS}?day={day}").text
    return text if ">00:00</th>" in text else None


def test_a_clock_change_has_all_its_hours(network: Managed) -> None:
    network.change("admin", "PATCH", "/v1/places/limoges/hours", {"opening_hours": {"sun": [["00:00", "24:00"]]}})
    year = datetime.now(ZONE).year + 1
    spring, autumn = (
        max(day for day in (datetime(year, month, 31 - n, tzinfo=ZONE).date() for n in range(7)) if day.weekday() == 6)
        for month in (3, 10)
    )
    try:
        for day, hours, two in ((spring, 23, 0), (autumn, 25, 2)):
            text = str(until(partial(open_all_day, network, day), what="the API knows the new hours"))
            head = re.findall(r'<th scope="col" colspan="4">(\d\d:\d\d)</th>', text)
            assert len(head) == hours, day
            assert head.count("02:00") == two
            assert f'data-quarters="{hours * 4}"' in text
            for line in re.findall(r"<tr data-target.*?</tr>", text, re.DOTALL):
                spans = re.findall(r'<td(?: class="[^"]*")?(?: colspan="(\d+)")?', line)
                assert sum(int(one or 1) for one in spans) == hours * 4
    finally:
        network.change("admin", "PATCH", "/v1/places/limoges/hours", {"opening_hours": None})


def test_an_undo_takes_no_times_from_its_address(network: Managed) -> None:
    """A link from elsewhere must not choose where a booking moves to, and an old undo does nothing."""
    ref = booked(network, at=5)
    path = f"/v1/bookings/{ref}"
    before = network.get("desk", path).json()
    assert network.change("desk", "PATCH", path, {"until": hour(7)}).status_code == 200
    tag = network.get("desk", path).headers["etag"]
    elsewhere = {"from": hour(3, 50), "until": hour(4, 50)}
    for etag in ("", '"1"'):
        query = httpx.QueryParams({**elsewhere, "etag": etag})
        assert post(network, "desk", f"{BOOKINGS}/{ref}/back?{query}", {}).status_code == 412, etag
    query = httpx.QueryParams({**elsewhere, "etag": tag})
    assert post(network, "desk", f"{BOOKINGS}/{ref}/back?{query}", {}).status_code == 303
    now = network.get("desk", path).json()
    assert (now["from"], now["until"]) == (before["from"], before["until"])


@pytest.mark.parametrize(
    ("hours", "shown"),
    [
        ({"mon": [["06:00", "23:00"]]}, "06:00-23:00"),
        ({"tue": [["09:00", "12:00"]], "holidays": {}}, "Public holidays"),
        ({"wed": [["09:00", "12:00"]], "except": [["2031-07-01", "2031-07-31", []]]}, "1 July 2031"),
        (None, "The hours are not known"),
    ],
)
def test_hours_are_shown_whatever_they_say_and_leave_out(
    network: Managed, hours: dict[str, object] | None, shown: str
) -> None:
    answer = network.change("admin", "PATCH", "/v1/places/isle/hours", {"opening_hours": hours})
    assert answer.status_code == 200, answer.text
    for path in ("/manage/isle/hours", "/manage/isle/hours/week"):
        page = get(network, "isle", path)
        assert page.status_code == 200, path
        assert path.endswith("week") or shown in page.text


def test_closing_says_which_bookings_stay(network: Managed) -> None:
    ref = booked(network, at=17)
    day = (datetime.now(ZONE).date() + timedelta(days=300)).isoformat()
    for cancelled, said in ((ref, "The closure is saved. On these days"), ("b-of-nobody", "could not be cancelled")):
        fields = {"first": day, "last": day, "reason": cancelled, "cancel": cancelled}
        answer = post(network, "manager", f"{HOURS}/closures/new", fields)
        assert answer.status_code == 303, answer.text
        page = get(network, "manager", answer.headers["location"])
        assert said in page.text
        number = re.search(r"/closures/(\d+)/cancel", page.text)
        assert number is not None, "it can be undone"
        assert post(network, "manager", f"{HOURS}/closures/{number[1]}/cancel", {}).status_code == 303
    assert network.get("manager", f"/v1/bookings/{ref}").json()["status"] == "cancelled"
