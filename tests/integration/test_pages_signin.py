"""Passkeys, passwords, second factors and invitations: who may, what is refused, what is left behind."""

from __future__ import annotations

import base64
import contextlib
import html
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import httpx
import psycopg
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import bytes_to_base64url, encode_cbor

from api.sign_in import owner, totp
from tests.managed import Managed, managed

OURS = {"sec-fetch-site": "same-origin"}
MEMBER, OPERATOR = "jeanne@example.org", "ada@example.org"
GOOD = "quatre mots au hasard"


@pytest.fixture(scope="module")
def network(postgres_url: str, _template: str) -> Iterator[Managed]:
    with managed(postgres_url, _template, MAILLAGE_CLIENT_SIGN_INS="10000") as one:
        one.sql("UPDATE member SET email = %s WHERE ref = 'm-own1' RETURNING ref", MEMBER)
        yield one


@pytest.fixture
def operator(network: Managed) -> Iterator[str]:
    roles = [{"role": "place_manager", "places": ["limoges"]}, {"role": "network_administrator"}]
    made = network.post("admin", "/v1/operators", {"name": "Ada", "email": OPERATOR, "roles": roles})
    assert made.status_code == 201, made.text
    yield made.json()["ref"]
    network.sql("SELECT erase_operator(ref) FROM operator WHERE email = %s", OPERATOR)


class Person(httpx.Client):
    """A browser on localhost, to which passkeys are bound."""

    def __init__(self, network: Managed) -> None:
        port = network.api.base_url.port
        self.origin = f"http://localhost:{port}"
        headers = {**OURS, "accept-language": "fr", "host": f"localhost:{port}"}
        super().__init__(base_url=network.api.base_url, headers=headers, timeout=60)

    def takes(self, answer: httpx.Response) -> httpx.Response:
        """Keep the session's cookie: httpx keeps no Secure cookie of http://, a browser does on this machine."""
        if cookie := answer.cookies.get("__Host-maillage"):
            self.headers["cookie"] = f"__Host-maillage={cookie}"
        return answer

    def enters(self, network: Managed, ref: str, role: str) -> Person:
        """Sign in by a link of the owner."""
        kind = "member" if role == "member" else "operator"
        with psycopg.connect(network.database.url) as conn:
            path = owner.path_to_sign_in(conn, **{kind: ref})
        assert self.takes(self.post(path, data={"ref": ref, "role": role})).status_code == 303
        return self


@pytest.fixture
def person(network: Managed) -> Iterator[Person]:
    network.sql("DELETE FROM sign_in_try RETURNING 1")
    with Person(network) as one:
        yield one


class Authenticator:
    """A security key in software: ES256, with its own counter."""

    def __init__(self, origin: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = sha256(str(id(self)).encode() + str(time.monotonic_ns()).encode()).digest()
        self.count = 0
        self.origin = origin

    def data(self, flags: int, more: bytes = b"") -> bytes:
        return sha256(b"localhost").digest() + bytes([flags]) + self.count.to_bytes(4) + more

    def client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def answer(self, response: dict[str, Any]) -> str:
        told = {name: bytes_to_base64url(value) for name, value in response.items()}
        name = bytes_to_base64url(self.id)
        return json.dumps(
            {"id": name, "rawId": name, "type": "public-key", "clientExtensionResults": {}, "response": told}
        )

    def makes(self, options: dict[str, Any], *, verified: bool = True) -> str:
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        more = bytes(16) + len(self.id).to_bytes(2) + self.id + encode_cbor(public)
        data = self.data(0x45 if verified else 0x41, more)
        return self.answer(
            {
                "clientDataJSON": self.client("webauthn.create", options["challenge"]),
                "attestationObject": encode_cbor({"fmt": "none", "attStmt": {}, "authData": data}),
            }
        )

    def signs(self, options: dict[str, Any], *, verified: bool = True) -> str:
        self.count += 1
        data, client = self.data(0x05 if verified else 0x01), self.client("webauthn.get", options["challenge"])
        signature = self.key.sign(data + sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self.answer({"authenticatorData": data, "clientDataJSON": client, "signature": signature})


def with_passkey(person: Person, name: str = "Clé") -> Authenticator:
    device = Authenticator(person.origin)
    options = person.post("/v1/passkeys/options").json()["options"]
    made = person.post("/v1/passkeys", json={"name": name, "credential": device.makes(options)})
    assert made.status_code == 201, made.text
    return device


def to_sign(person: Person) -> dict[str, Any]:
    answer = person.post("/sign-in/passkey/options")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_passkey_signs_in_once_for_each_challenge_and_never_with_an_older_counter(
    network: Managed, person: Person
) -> None:
    device = with_passkey(person.enters(network, "m-own1", "member"))
    signed = device.signs(to_sign(person))
    assert person.post("/sign-in/passkey", data={"credential": signed}).headers["location"] == "/me"
    assert person.post("/sign-in/passkey", data={"credential": signed}).status_code == 401  # replayed
    device.count = 0  # a copy of the authenticator, from before
    assert person.post("/sign-in/passkey", data={"credential": device.signs(to_sign(person))}).status_code == 401
    device.count = 5
    assert person.post("/sign-in/passkey", data={"credential": device.signs(to_sign(person))}).status_code == 303


def test_a_passkey_of_another_site_or_without_its_owner_is_refused(network: Managed, person: Person) -> None:
    person.enters(network, "m-own1", "member")
    device = with_passkey(person)

    def tried(credential: str) -> int:
        return person.post("/sign-in/passkey", data={"credential": credential}).status_code

    assert tried(device.signs(to_sign(person), verified=False)) == 401
    device.origin = "http://evil.example"
    assert tried(device.signs(to_sign(person))) == 401
    device.origin = person.origin
    stranger = Authenticator(person.origin)
    stranger.id = device.id
    stranger.count = 50
    assert tried(stranger.signs(to_sign(person))) == 401
    assert tried(device.signs({"challenge": bytes_to_base64url(bytes(32))})) == 401  # not ours
    options = person.post("/v1/passkeys/options").json()["options"]
    assert tried(device.signs(options)) == 401  # made to add one
    for nonsense in ("", "{}", "[]", "null", '{"rawId": 1, "response": 2}', "x" * 30_000, '{"a":' * 5_000):
        assert tried(nonsense) == 401
    assert tried(device.signs(to_sign(person))) == 303


def test_options_to_add_a_passkey_are_ones_own_and_good_once(network: Managed, person: Person, operator: str) -> None:
    person.enters(network, "m-own1", "member")
    options = person.post("/v1/passkeys/options").json()["options"]
    first = Authenticator(person.origin)
    body = {"name": "A", "credential": first.makes(options)}
    with contextlib.closing(Person(network).enters(network, operator, "place_manager")) as other:
        assert other.post("/v1/passkeys", json=body).status_code == 409
    assert person.post("/v1/passkeys", json=body).status_code == 201
    second = Authenticator(person.origin)
    assert person.post("/v1/passkeys", json={"name": "B", "credential": second.makes(options)}).status_code == 409
    fresh = person.post("/v1/passkeys/options").json()["options"]
    unverified = {"name": "C", "credential": second.makes(fresh, verified=False)}
    assert person.post("/v1/passkeys", json=unverified).status_code == 422
    number = person.get("/v1/passkeys").json()["passkeys"][0]["id"]
    with contextlib.closing(Person(network).enters(network, operator, "place_manager")) as other:
        assert other.delete(f"/v1/passkeys/{number}").status_code == 404
        assert other.patch(f"/v1/passkeys/{number}", json={"name": "Mine"}).status_code == 404
        assert other.get(f"/me/sign-in/passkeys/{number}/remove").status_code == 404
        assert other.post(f"/me/sign-in/passkeys/{number}/remove").status_code == 404


def test_what_one_person_left_on_the_screen_is_not_done_in_the_name_of_the_next(
    network: Managed, person: Person, operator: str
) -> None:
    form = "/manage/limoges/count"
    counted = "SELECT count(*) FROM head_count WHERE present = 7"

    def once_of(shown: str) -> Any:
        return re.findall(r'name="once" value="(\w+)"', shown)[-1]

    def send(one: Person, once: str) -> httpx.Response:
        return one.post(form, data={"present": "7", "once": once})

    shown = once_of(person.enters(network, operator, "place_manager").get(form).text)
    person.headers.pop("cookie")
    again = send(person, shown)
    assert again.status_code == 401
    left = once_of(again.text)
    roles = [{"role": "place_manager", "places": ["limoges"]}]
    next_one = {"name": "Nina", "email": "nina@example.org", "roles": roles}
    other = network.post("admin", "/v1/operators", next_one).json()["ref"]
    for once in (shown, left):
        answer = send(person.enters(network, other, "place_manager"), once)
        assert answer.status_code == 409
        assert "rempli par une autre personne" in answer.text
    assert network.sql(counted) == [(0,)]
    assert send(person.enters(network, operator, "place_manager"), left).status_code == 303, "who typed it may send it"
    assert network.sql(counted) == [(1,)]


def test_a_members_passkey_never_makes_them_an_operator(network: Managed, person: Person, operator: str) -> None:
    network.sql("UPDATE operator SET member = 'm-own1', email = %s WHERE ref = %s RETURNING 1", MEMBER, operator)
    device = with_passkey(person.enters(network, "m-own1", "member"))
    answer = person.post("/sign-in/passkey", data={"credential": device.signs(to_sign(person))})
    assert answer.headers["location"] == "/me"  # a member, and nothing to choose
    mine = with_passkey(person.enters(network, operator, "place_manager"))
    answer = person.post("/sign-in/passkey", data={"credential": mine.signs(to_sign(person))})
    shown = person.get(answer.headers["location"]).text
    assert {'value="member"', 'value="place_manager"', 'value="network_administrator"'} <= set(
        re.findall(r'value="\w+"', shown)
    )


def test_ways_to_sign_in_change_within_an_hour_of_signing_in_and_by_no_operators_key(
    network: Managed, person: Person, operator: str
) -> None:
    person.enters(network, operator, "place_manager")
    assert person.get("/v1/password").json()["may_change"] is True
    network.sql(
        "UPDATE api_key SET created_at = now() - interval '61 minutes' WHERE operator = %s RETURNING 1", operator
    )
    assert person.get("/v1/password").json()["may_change"] is False
    changes: list[tuple[str, str, Any]] = [
        ("PUT", "/v1/password", {"password": GOOD}),
        ("DELETE", "/v1/password", None),
        ("POST", "/v1/passkeys/options", None),
        ("DELETE", "/v1/passkeys/1", None),
        ("POST", "/v1/second-factor", None),
        ("POST", "/v1/second-factor/recovery-codes", None),
        ("DELETE", "/v1/second-factor", None),
    ]
    for method, path, body in changes:
        assert person.request(method, path, json=body).status_code == 409, path
    assert "reconnectez-vous" in html.unescape(person.get("/me/sign-in").text)
    person.headers["cookie"] = f"__Host-maillage={network.key('app', role='place_manager', operator=operator)}"
    for method, path, body in changes:
        assert person.request(method, path, json=body).status_code == 409, path
    assert network.sql("SELECT 1 FROM password WHERE operator = %s", operator) == []


def test_a_managers_password_works_only_with_the_second_factor(network: Managed, person: Person, operator: str) -> None:
    person.enters(network, operator, "place_manager")
    assert person.put("/v1/password", json={"password": GOOD}).status_code == 200
    form = {"address": OPERATOR, "password": GOOD}
    assert person.post("/sign-in/password", data=form).status_code == 401
    secret = base64.b32decode(person.post("/v1/second-factor").json()["secret"])
    assert person.post("/sign-in/password", data=form).status_code == 401  # begun, and doesn't count yet
    now = int(time.time()) // totp.STEP_S
    assert person.post("/v1/second-factor/confirm", json={"code": "12345"}).status_code == 422
    confirmed = person.post("/v1/second-factor/confirm", json={"code": totp.code_at(secret, now)})
    codes = confirmed.json()["recovery_codes"]

    def ticket() -> str:
        answer = person.post("/sign-in/password", data=form)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"]).removesuffix("/code")

    path = ticket()
    assert person.get(path).status_code == 410, "it is good for nothing without the code"
    assert person.post(path, data={"ref": operator, "role": "network_administrator"}).status_code == 410
    assert person.post(f"{path}/code", data={"code": totp.code_at(secret, now)}).status_code == 401  # counted once
    later = next(
        step for step in range(now + 1, now + 3) if totp.step_of(secret, totp.code_at(secret, step), time.time())
    )
    assert person.post(f"{path}/code", data={"code": totp.code_at(secret, later)}).status_code == 303
    assert "network_administrator" in person.get(path).text
    path = ticket()
    assert person.post(f"{path}/code", data={"code": codes[0].upper().replace("-", " ")}).status_code == 303
    assert person.post(f"{ticket()}/code", data={"code": codes[0]}).status_code == 401  # once
    path = ticket()
    answers = [person.post(f"{path}/code", data={"code": "x"}).status_code for _ in range(6)]
    assert answers == [401] * 5 + [429]
    kept = network.sql("SELECT sealed FROM second_factor WHERE operator = %s", operator)[0][0]
    assert secret not in bytes(kept)
    exported = network.get("admin", f"/v1/operators/{operator}/export").text
    assert totp.written(secret) not in exported
    assert "argon2" not in exported
    assert person.delete("/v1/second-factor").status_code == 200
    assert person.post("/sign-in/password", data=form).status_code == 401


def test_a_members_password_works_alone_and_is_not_easy_to_guess(network: Managed, person: Person) -> None:
    person.enters(network, "m-own1", "member")
    easy = ("short", "passwordpassword", "motdepasse12345678", "azertyuiop123456", "aaaaaaaaaaaaaaaaaaaa",
            "abcabcabcabcabcabc", "jeannepetit2026", "jeanne@example.org", "1234567890123456")  # fmt: skip
    for one in easy:
        assert person.put("/v1/password", json={"password": one}).status_code == 422, one
    assert person.put("/v1/password", json={"password": GOOD}).status_code == 200
    before = person.headers["cookie"]
    answer = person.takes(person.post("/sign-in/password", data={"address": MEMBER.upper(), "password": GOOD}))
    assert answer.headers["location"] == "/me"
    assert person.headers["cookie"] != before
    assert person.get("/v1/me").json()["ref"] == "m-own1"
    old = {"cookie": before}
    assert person.get("/v1/me", headers=old).status_code == 401, "the browser's session before it has ended"
    wrong = person.post("/sign-in/password", data={"address": MEMBER, "password": f"{GOOD} "})
    unknown = person.post("/sign-in/password", data={"address": "nobody@example.org", "password": GOOD})
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    plain = [re.sub(r'value="[^"]*"', "", one.text) for one in (wrong, unknown)]
    assert plain[0] == plain[1]
    assert person.delete("/v1/password").json()["password_at"] is None
    assert person.post("/sign-in/password", data={"address": MEMBER, "password": GOOD}).status_code == 401


def test_tries_are_counted_alike_for_known_and_unknown_addresses_and_a_link_always_comes(
    network: Managed, person: Person
) -> None:
    person.enters(network, "m-own1", "member")
    assert person.put("/v1/password", json={"password": GOOD}).status_code == 200
    for address in (MEMBER, "nobody@example.org"):
        form = {"address": address, "password": "not this one at all"}
        with ThreadPoolExecutor(4) as many:
            statuses = sorted(
                many.map(lambda _, f=form: person.post("/sign-in/password", data=f).status_code, range(12))
            )
        assert statuses == [401] * 10 + [429] * 2
    # the right password too, from here: else it would say that it is the right one
    assert person.post("/sign-in/password", data={"address": MEMBER, "password": GOOD}).status_code == 429
    network.sql("DELETE FROM sign_in_link RETURNING 1")
    assert person.post("/sign-in", data={"address": MEMBER}).status_code == 200
    assert network.sql("SELECT count(*) FROM sign_in_link") == [(1,)]


def test_strangers_do_not_use_up_somebodys_links(network: Managed, person: Person) -> None:
    person.enters(network, "m-own1", "member")
    network.sql("DELETE FROM sign_in_link RETURNING 1")
    network.sql(
        "INSERT INTO sign_in_link (digest, email, client)"
        " SELECT sha256(n::text::bytea), %s, sha256((n / 5)::text::bytea) FROM generate_series(1, 25) n RETURNING 1",
        MEMBER,
    )
    ask = "SELECT sign_in_ask(%s, sha256(%s::bytea), '', 'fr', sha256('elsewhere'), %s)"
    network.sql(ask, MEMBER, b"stranger", "192.0.2.7")
    assert network.sql("SELECT count(*) FROM sign_in_link") == [(25,)]
    assert person.post("/sign-in", data={"address": MEMBER}).status_code == 200
    assert network.sql("SELECT count(*) FROM sign_in_link") == [(26,)], "they have signed in from here before"


@pytest.mark.parametrize("who", ["member", "manager", "isle", "desk", "auditor", "admin"])
def test_each_role_sees_its_own_page_and_keys_of_nobody_change_nothing(
    network: Managed, person: Person, who: str
) -> None:
    person.headers["cookie"] = f"__Host-maillage={network.keys[who]}"
    assert person.get("/me/sign-in").status_code == 200
    for path in ("passkeys", "password", "password/remove", "factor", "factor/codes", "factor/remove"):
        answer = person.post(f"/me/sign-in/{path}", data={"name": "x", "password": GOOD, "credential": "{}"})
        if who != "member":
            assert answer.status_code in (409, 422), path
    if who != "member":
        assert network.sql("SELECT 1 FROM password WHERE member IS NULL") == []


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
def test_another_site_changes_nothing(network: Managed, person: Person, headers: dict[str, str]) -> None:
    person.enters(network, "m-own1", "member")
    del person.headers["sec-fetch-site"]
    forms = ("passkeys", "passkeys/1/name", "passkeys/1/remove", "password", "password/remove", "sessions/1/end")
    factor = ("factor", "factor/confirm", "factor/codes", "factor/remove")
    for path in (*(f"/me/sign-in/{one}" for one in (*forms, *factor)), "/sign-in/passkey", "/sign-in/passkey/options",
                 "/sign-in/password", "/sign-in/x/code", "/sign-in/invitation/x"):  # fmt: skip
        assert person.post(path, headers=headers, data={"name": "x"}).status_code == 422, path
    for method, path in (("PUT", "/v1/password"), ("POST", "/v1/passkeys/options"), ("DELETE", "/v1/second-factor")):
        assert person.request(method, path, headers=headers, json={}).status_code == 401, path


def test_a_double_click_signs_in_once(network: Managed, person: Person) -> None:
    with psycopg.connect(network.database.url) as conn:
        path = owner.path_to_sign_in(conn, member="m-own1")
    (once,) = re.findall('name="once" value="(\\w+)"', person.get(path).text)
    form = {"ref": "m-own1", "role": "member", "once": once}
    with ThreadPoolExecutor(2) as many:
        answers = list(many.map(lambda _: person.post(path, data=form), range(2)))
    assert [one.status_code for one in answers] == [303, 303]
    assert len({one.cookies["__Host-maillage"] for one in answers}) == 1


def test_nobody_is_sent_to_sign_in_and_back(network: Managed, person: Person) -> None:
    assert person.get("/me/sign-in").headers["location"] == "/sign-in?next=%2Fme%2Fsign-in"
    form = {"address": MEMBER, "password": "wrong one", "next": "https://evil.example/"}
    assert 'value="/me"' in person.post("/sign-in/password", data=form).text


def test_what_a_person_wrote_is_no_markup(network: Managed, person: Person) -> None:
    person.enters(network, "m-own1", "member")
    device = with_passkey(person, "<script>x</script>")
    number = person.get("/v1/passkeys").json()["passkeys"][0]["id"]
    markup = '"><img src=x onerror=y>'
    pages = [
        person.get("/me/sign-in"),
        person.get(f"/me/sign-in/passkeys/{number}/remove"),
        person.post("/me/sign-in/passkeys", data={"name": markup, "credential": "{}"}),
        person.post("/sign-in/password", data={"address": markup, "password": markup, "next": markup}),
        person.post("/sign-in", data={"address": markup, "next": markup}),
        person.post("/me/sign-in/factor/confirm", data={"code": markup, "address": f"otpauth://totp/{markup}"}),
    ]
    with psycopg.connect(network.database.url) as conn:
        path = owner.path_to_administer(conn, "a@example.org")
    pages.append(person.post(path, data={"name": markup, "address": markup}))
    for answer in pages:
        assert "<script>x" not in answer.text
        assert "<img src=x" not in answer.text
    assert device.count == 0


def test_an_invitation_makes_the_administrator_once_and_signs_in(network: Managed, person: Person) -> None:
    with psycopg.connect(network.database.url) as conn:
        path = owner.path_to_administer(conn, None)
        again = owner.path_to_administer(conn, "zoe@example.org")
    assert person.get(path).status_code == 200
    assert person.post(path, data={"name": "", "address": "x"}).status_code == 422
    with ThreadPoolExecutor(4) as many:
        forms = [{"name": "Zoé", "address": f"zoe{'' if n == 0 else n}@example.org"} for n in range(4)]
        answers = list(many.map(lambda form: person.post(path, data=form), forms))
    assert sorted(one.status_code for one in answers) == [303, 410, 410, 410]
    person.takes(next(one for one in answers if one.status_code == 303))
    assert person.get("/v1/me").json()["role"] == "network_administrator"
    assert person.get(path).status_code == 410
    taken = network.sql("SELECT email FROM operator WHERE name = 'Zoé'")[0][0]
    assert person.post(again, data={"name": "Other", "address": taken}).status_code == 409
    with psycopg.connect(network.database.url) as conn:
        assert owner.path_to_administer(conn, taken).startswith("/sign-in/")
        assert "invitation" not in owner.path_to_administer(conn, taken)
        assert owner.is_administered(conn)


def test_whose_way_to_sign_in_changes_gets_a_mail(network: Managed, person: Person, operator: str) -> None:
    def mails(address: str) -> int:
        rows = network.sql("SELECT count(*) FROM mail WHERE kind = 'sign_in_changed' AND to_address = %s", address)
        return int(rows[0][0])

    before = mails(OPERATOR)
    with_passkey(person.enters(network, operator, "place_manager"))
    assert mails(OPERATOR) == before + 1
    assert person.put("/v1/password", json={"password": GOOD}).status_code == 200
    secret = base64.b32decode(person.post("/v1/second-factor").json()["secret"])
    assert mails(OPERATOR) == before + 2, "a second factor that was only begun is none"
    code = totp.code_at(secret, int(time.time()) // totp.STEP_S)
    assert person.post("/v1/second-factor/confirm", json={"code": code}).status_code == 200
    assert person.delete(f"/v1/passkeys/{person.get('/v1/passkeys').json()['passkeys'][0]['id']}").status_code == 200
    assert mails(OPERATOR) == before + 4
    assert network.change("admin", "DELETE", f"/v1/operators/{operator}").is_success
    assert mails(OPERATOR) == 0


def test_erasing_a_person_removes_how_they_signed_in_and_the_export_names_it(network: Managed, person: Person) -> None:
    ref = network.someone("Paul")
    person.enters(network, ref, "member")
    with_passkey(person, "Clé de Paul")
    assert person.put("/v1/password", json={"password": GOOD}).status_code == 200
    secret = base64.b32decode(person.post("/v1/second-factor").json()["secret"])
    code = totp.code_at(secret, int(time.time()) // totp.STEP_S)
    assert person.post("/v1/second-factor/confirm", json={"code": code}).status_code == 200
    mine = person.get("/v1/me/export").json()
    assert [one["name"] for one in mine["passkeys"]] == ["Clé de Paul"]
    assert mine["password"][0]["factor_at"] is not None
    told = network.sql("SELECT DISTINCT action FROM audit WHERE subject = %s", f"member {ref}")
    assert {"passkey created", "password created", "second factor changed"} <= {action for (action,) in told}
    assert network.change("admin", "DELETE", f"/v1/members/{ref}").is_success
    for table in ("passkey", "password", "second_factor"):
        assert network.sql(f"SELECT 1 FROM {table} WHERE member = %s", ref) == []
    assert (
        network.sql(
            "SELECT 1 FROM recovery_code r WHERE NOT EXISTS (SELECT FROM second_factor f WHERE f.id = r.factor)"
        )
        == []
    )
    assert network.sql("SELECT 1 FROM audit_detail d WHERE d::text LIKE %s", f"%{ref}%") == []
