"""Whatever is sent in whatever field of whatever route: the answer says what is wrong, and is never a fault of ours."""

from __future__ import annotations

import copy
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from tests.managed import Managed, managed
from tests.unit.api.test_api_docs import LINES

NASTY: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 2**31, 2**63, 1e308, "", " ", "x" * 300, "\ud800", "a\x00b", "'; --", "%s%%", [], [[]], {},
    {"a": 1}, "2026-02-30", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "m-0000", "limoges", "entry", "Ⅷ",
    ["limoges", "limoges"], {"mon": [["08:00", "07:00"]]},
)  # fmt: skip
EACH: Final = 2
"""Values tried in each field; a run with all of them (6,000 requests, 40 s) was clean in 2026-11."""


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a body where something else could stand."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from leaves(one, (*path, key))


def put(body: Any, path: tuple[Any, ...], new: Any) -> Any:
    """``body`` with something else at ``path``."""
    if not path:
        return new
    body = copy.deepcopy(body)
    within = body
    for key in path[:-1]:
        within = within[key]
    within[path[-1]] = new
    return body


def known(network: Managed) -> dict[str, str]:
    """Things to name in paths, by the word that the path has."""
    network.post("admin", "/v1/organisations", {"code": "mairie", "name": "Mairie"})
    network.post("admin", "/v1/places/limoges/door-groups", {"code": "workshops", "name": "Ateliers", "doors": []})
    for place, code in ((None, "weekdays"), ("limoges", "evenings")):
        network.post("admin", "/v1/schedules", {"code": code, "place": place, "name": code, "hours": {}})
    day = (datetime.now(UTC) + timedelta(days=30)).date()
    times = {"place": "limoges", "from": f"{day}T08:00:00Z", "until": f"{day}T10:00:00Z"}
    laser = {"code": "laser", "name": "Laser", "kind": "machine", "units": 1}
    network.post("admin", "/v1/places/limoges/resources", laser)
    days = {"first": "2026-12-24", "last": "2026-12-26"}
    given = {"places": [{"place": "limoges"}]}
    return {
        "/cards": network.card(network.member, "0A0B0C01"),
        "/passes": network.post("admin", f"/v1/members/{network.member}/passes", given).json()["ref"],
        "/visitors": network.post("admin", "/v1/visitors", {"name": "A", **times}).json()["ref"],
        "/bookings": network.post("admin", "/v1/bookings", {"member": network.member, **times}).json()["ref"],
        "/closures": str(network.post("admin", "/v1/closures", days).json()["id"]),
        "/organisations": "mairie",
        "/door-groups": "workshops",
        "/v1/schedules": "weekdays",
        "/schedules": "evenings",
        "/members": network.member,
        "/resources": "laser",
    }


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template) as one:
        yield one


def test_nothing_that_is_sent_is_a_fault_of_ours(network: Managed) -> None:
    chance = random.Random(1)
    seen: Counter[int] = Counter()
    named = known(network)
    headers = {
        "Authorization": f"Bearer {network.keys['admin']}",
        "Content-Type": "application/json",
        "If-Match": "*",
    }
    for name, (_, example) in LINES.items():
        method, path = name.split(" ")
        what = next((named[word] for word in named if path.startswith(word) or f"{word}/" in path), "1")
        path = path.replace("{place}", "limoges").replace("{door}", "entry")
        path = re.sub(r"\{(ref|code|number)\}", what, path)
        for text in re.findall(r"`(\{.*?\})`", example):
            body = json.loads(text.replace("m-0a1b2c3d4e5f6789", network.member))
            for leaf in leaves(body):
                for new in chance.sample(NASTY, EACH):
                    sent = json.dumps(put(body, leaf, new))
                    answer = network.api.request(method, path, content=sent, headers=headers)
                    assert answer.status_code < 500, (method, path, leaf, new, answer.text)
                    seen[answer.status_code] += 1
    assert seen[422] > 200
    assert seen[200] + seen[201] > 10
