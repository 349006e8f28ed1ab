"""Signing in under attack: tries spread over spellings, work for the server, tables to be filled."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.integration.test_pages_signin import GOOD, MEMBER, Person, to_sign
from tests.managed import Managed, managed


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template, MAILLAGE_CLIENT_SIGN_INS="10000", MAILLAGE_KEY_REQUESTS="60") as one:
        one.sql("UPDATE member SET email = %s WHERE ref = 'm-own1' RETURNING ref", MEMBER)
        yield one


@pytest.fixture
def person(network: Managed) -> Iterator[Person]:
    network.sql("DELETE FROM sign_in_try RETURNING 1")
    with Person(network) as one:
        yield one


def test_an_address_in_letters_that_the_database_takes_for_the_same_is_tried_no_oftener(
    network: Managed, person: Person
) -> None:
    network.sql("INSERT INTO member (name, email) VALUES ('Michel', 'michel.petit@example.org') RETURNING ref")
    spelled = ["".join(one) for one in itertools.product(["m"], "iİ", ["chel.pet"], "iİ", ["t@example.org"])]
    found = [
        person.post("/sign-in/password", data={"address": address, "password": GOOD}).status_code
        for address, _ in zip(itertools.cycle(spelled), range(11), strict=False)
    ]
    assert found == [401] * 10 + [429]


def test_new_passwords_without_end_do_not_keep_the_processors_busy(network: Managed, person: Person) -> None:
    person.enters(network, "m-own1", "member")
    found = [person.put("/v1/password", json={"password": f"{GOOD} {number}"}).status_code for number in range(11)]
    assert found == [200] * 10 + [429]
    network.sql("DELETE FROM password RETURNING 1")


def test_challenges_do_not_fill_a_table(network: Managed, person: Person) -> None:
    network.sql(
        "INSERT INTO sign_in_challenge (digest, expires_at)"
        " SELECT sha256(n::text::bytea), now() - interval '1 second' FROM generate_series(1, 20) n RETURNING 1"
    )
    for _ in range(2):
        to_sign(person)
    ((old,),) = network.sql("SELECT count(*) FROM sign_in_challenge WHERE expires_at < now()")
    assert old == 0, "what is too old goes with new ones"
    person.enters(network, "m-own1", "member")
    for _ in range(8):
        assert person.post("/v1/passkeys/options").status_code == 200
    assert network.sql("SELECT count(*) FROM sign_in_challenge WHERE member = 'm-own1'") == [(5,)]


def test_what_any_key_may_ask_is_counted_as_well(network: Managed) -> None:
    key = network.key("eager", role="member", member="m-own1")
    ask = {"Authorization": f"Bearer {key}"}
    found = [network.api.get("/v1/passkeys", headers=ask).status_code for _ in range(300)]
    assert found[0] == 200
    assert 429 in found
