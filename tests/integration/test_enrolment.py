"""A gateway joins by a code, connects with its certificate, and is shut out: on a real Mosquitto with TLS."""

from __future__ import annotations

import base64
import os
import shutil
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from pydantic import SecretStr
from typer.testing import CliRunner

from gateway.identity import read_identities, replace_files
from gateway.mqtt.address import parse_mqtt_url
from gateway.mqtt.expiry import own_until, shown_until
from gateway.run import Process
from gateway.settings import GatewaySettings
from ingest import topology
from maillage.authority import create, finish, issue_process, renew
from maillage.broker import write_file
from maillage.central.files import write_configuration
from maillage.central.first import write_first
from maillage.cli import app
from maillage.complaint import Complaint
from maillage.doctor.broker import look_at_broker
from maillage.embedded.bundle import Bundle
from maillage.embedded.process import give_to_server
from maillage.join import Trust, join
from maillage.sample.joining import join_all
from rights import gateways
from rights.authority import GATEWAY_LIFE, certify_gateway, certify_process, load, name_of
from tests.enrolled import Enrolled, enrolled
from tests.waiting import until


@pytest.fixture(scope="module")
def network(
    postgres_url: str, _template: str, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Enrolled]:
    with enrolled(postgres_url, _template, bundle, tmp_path_factory.mktemp("enrolled")) as one:
        yield one


def test_a_new_machine_joins_and_speaks_at_its_own_place_only(network: Enrolled) -> None:
    network.place("citels")
    network.place("gare")
    identity = network.joined("citels")
    assert (identity.place, identity.gateway, identity.list_keys) == ("citels", "citels-1", (network.list_key,))
    ingest, gateway = network.as_ingest(), network.as_gateway(identity)
    until(lambda: gateway.link.connected)
    foreign = identity.address.topic("events").replace("citels/", "gare/")
    gateway.link.publish(foreign, b"foreign")
    gateway.link.publish(identity.address.topic("events").replace("citels-1", "gare-1"), b"foreign")
    gateway.link.publish(identity.address.topic("events"), b"own")
    until(lambda: ingest.payloads(identity.address.topic("events")) == [b"own"])
    assert [one.topic for one in ingest.messages if one.payload == b"foreign"] == []
    row = network.sql("SELECT length(sealing_key), joined_at IS NOT NULL FROM gateway WHERE code = 'citels-1'")
    assert row == [(32, True)]
    gateway.link.close()
    ingest.link.close()


def test_a_code_is_good_once(network: Enrolled, tmp_path: Path) -> None:
    network.place("once")
    code = network.code("once")
    join(str(network.api.base_url), code.lower().replace("-", " "), tmp_path / "first", Trust())
    with pytest.raises(Complaint, match=r"403.*wrong, was used or has expired"):
        join(str(network.api.base_url), code, tmp_path / "second", Trust())


def test_an_expired_code_and_a_guessed_one_get_the_same_answer_and_few_tries(network: Enrolled, tmp_path: Path) -> None:
    network.place("guess")
    code = network.code("guess")
    network.sql(
        "UPDATE enrolment_code SET made_at = now() - interval '61 minutes', expires_at = now() - interval '1 minute'"
        " WHERE used_at IS NULL"
    )
    url = str(network.api.base_url)
    network.sql("DELETE FROM enrolment_try")
    said = set()
    for number in range(10):
        with pytest.raises(Complaint) as refused:
            join(url, code if number == 0 else f"0000-0000-000{number}", tmp_path / "guessing", Trust())
        said.add(str(refused.value))
    assert len(said) == 1
    assert "(403)" in said.pop()
    good = network.code("guess")
    with pytest.raises(Complaint, match=r"\(429\).*try again later"):
        join(url, good, tmp_path / "guessing", Trust())
    network.sql("UPDATE enrolment_try SET from_addr = '192.0.2.' || n FROM generate_series(1, 1) n")
    assert join(url, good, tmp_path / "guessing", Trust()).place == "guess", "another address isn't limited"
    network.sql("DELETE FROM enrolment_try")


def test_the_same_code_may_be_sent_again_with_the_same_keys(network: Enrolled, tmp_path: Path) -> None:
    """The answer was lost on its way: the machine asks again and gets the same certificate."""
    network.place("again")
    code = network.code("again")
    first = join(str(network.api.base_url), code, tmp_path / "first", Trust())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    key = load_pem_private_key(first.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    body = {
        "code": code,
        "request": request.sign(key, SHA256()).public_bytes(Encoding.PEM).decode(),
        "sealing_key": base64.b64encode(bytes(32)).decode(),
    }
    assert network.api.post("/v1/enrolment", json=body).status_code == 403, "another request with the same code"
    sent = network.sql("SELECT r.request, r.sealing_key FROM certificate_request r JOIN gateway g ON g.id = r.gateway"
                       " WHERE g.code = 'again-1'")  # fmt: skip
    body |= {"request": sent[0][0], "sealing_key": base64.b64encode(sent[0][1]).decode()}
    answer = network.api.post("/v1/enrolment", json=body)
    assert answer.status_code == 201
    assert answer.json()["certificate"] == first.certificate.read_text()


def test_a_machine_that_joins_in_another_s_place_ends_that_one_s_connection(network: Enrolled) -> None:
    network.place("replaced")
    first = network.joined("replaced", "old machine")
    before = network.as_gateway(first)
    until(lambda: before.link.connected)
    refusal = network.post("/v1/places/replaced/enrolment-code")
    assert (refusal.status_code, refusal.json()["errors"][0]["name"]) == (409, "confirm_replace")
    assert "It is shut out as soon as another joins" in refusal.json()["detail"]
    command = ["gateway", "enrol", "replaced", "--url", str(network.api.base_url)]
    environment = {"MAILLAGE_API_KEY": network.key}
    asked = CliRunner(env=environment).invoke(app, command)
    assert str(asked.exception).startswith("A machine has been the gateway replaced-1 since ")
    assert str(asked.exception).endswith("No code was made. If that is meant, add --confirm replace.")
    made = CliRunner(env=environment).invoke(app, [*command, "--confirm", "replace"])
    assert "The machine that is replaced-1 now is shut out when another joins." in made.output
    second = network.joined("replaced", "new machine", replaces=True)
    until(lambda: before.disconnects)
    refused = network.refusals()
    until(lambda: network.refusals() >= refused + 2 and not before.link.connected)
    after = network.as_gateway(second)
    until(lambda: after.link.connected)
    before.link.close()
    after.link.close()


def test_a_request_that_nobody_waits_for_any_more_is_refused(network: Enrolled) -> None:
    """The rights process was away until the code had expired: the machine in service keeps its certificate."""
    network.place("late")
    identity = network.joined("late")
    network.code("late", replaces=True)
    old = "made_at = now() - interval '2 hours', expires_at = now() - interval '1 hour', used_at = now()"
    network.sql(f"UPDATE enrolment_code SET {old} WHERE used_at IS NULL")
    network.sql(
        "INSERT INTO certificate_request (gateway, code, request, sealing_key) SELECT g.id, max(c.id), 'late', %s"
        " FROM gateway g JOIN enrolment_code c ON c.gateway = g.id WHERE g.code = 'late-1' GROUP BY g.id",
        bytes(32),
    )
    answered = "SELECT refused FROM certificate_request WHERE request = 'late' AND answered_at IS NOT NULL"
    assert "expired" in until(lambda: network.sql(answered))[0][0]
    good = (
        "SELECT count(*) FROM certificate c JOIN gateway g ON g.id = c.gateway"
        " WHERE g.code = %s AND c.revoked_at IS NULL"
    )
    assert network.sql(good, identity.gateway) == [(1,)]


def test_many_join_at_once_and_keep_what_they_have(network: Enrolled, tmp_path: Path) -> None:
    codes = [f"many-{number}" for number in range(6)]
    for code in codes:
        network.place(code)
    wanted = {f"{code}-1": code for code in codes}
    folder = tmp_path / "identities"
    assert join_all(str(network.api.base_url), network.key, wanted, folder) == len(codes)
    assert {one.gateway: one.place for one in read_identities(folder)} == wanted
    assert join_all("http://127.0.0.1:1", "", wanted, folder) == 0, "nothing is asked for again"


def test_a_gateway_that_is_retired_is_cut_off_as_well(network: Enrolled) -> None:
    network.place("retired")
    identity = network.joined("retired")
    gateway = network.as_gateway(identity)
    until(lambda: gateway.link.connected)
    path = "/v1/places/retired/gateways/retired-1"
    headers = {"Authorization": f"Bearer {network.key}"}
    seen = network.api.get(path, headers=headers)
    assert seen.json()["joined_at"] < seen.json()["certificate_until"]
    changed = network.api.patch(path, json={"retired": True}, headers={**headers, "If-Match": seen.headers["etag"]})
    assert changed.status_code == 200, changed.text
    assert changed.json()["certificate_until"] is None
    until(lambda: gateway.disconnects)
    refused = network.refusals()
    until(lambda: network.refusals() >= refused + 2 and not gateway.link.connected)
    gateway.link.close()


@pytest.mark.parametrize("kind", ["expired", "of another authority", "of a process"])
def test_a_certificate_that_is_not_good_gets_nobody_in(network: Enrolled, tmp_path: Path, kind: str) -> None:
    directory, now = tmp_path / "client", datetime.now(UTC)
    if kind == "of another authority":
        create(tmp_path / "other", now)
    authority = load(tmp_path / "other" if kind == "of another authority" else network.authority)
    if kind == "of a process":
        issue_process(network.authority, "ingest", directory, now=now)
    else:
        past = now - timedelta(days=100) if kind == "expired" else now
        issued, key = certify_process(authority, "citels-1", now=past, life=GATEWAY_LIFE)
        replace_files(directory, {"key.pem": key, "certificate.pem": issued.pem.encode()})
        shutil.copy(network.authority / "authority.pem", directory / "authority.pem")
    before = network.refusals()
    heard = network.listen(network.broker.gateways_url, directory)
    until(lambda: network.refusals() >= before + 2)
    assert heard.connects == []
    heard.link.close()


def test_a_gateway_s_certificate_is_not_good_at_the_processes_listener(network: Enrolled) -> None:
    network.place("elsewhere")
    identity = network.joined("elsewhere")
    before = network.refusals()
    heard = network.listen(network.broker.processes_url, identity.directory, ["maillage/v1/+/+/+/events"])
    until(lambda: network.refusals() >= before + 2)
    assert heard.connects == []
    heard.link.close()


def known_to_ingest(network: Enrolled) -> set[str]:
    """Of the two gateways of the test below."""
    return set(topology.load(network.centre.conn).gateways) & {"stolen-1", "honest-1"}


def known_to_rights(network: Enrolled) -> set[str]:
    return {one.code for one in gateways.gateways(network.centre.conn)} & {"stolen-1", "honest-1"}


def test_a_stolen_gateway_is_cut_off_with_one_call_while_it_is_connected(network: Enrolled) -> None:
    network.place("stolen")
    network.place("honest")
    identity, other = network.joined("stolen"), network.joined("honest")
    events, list_topic = identity.address.topic("events"), identity.address.topic("list")
    ingest, rights = network.as_ingest(), network.listen(network.broker.processes_url, network.folder / "rights")
    thief, honest = network.as_gateway(identity), network.as_gateway(other)
    until(lambda: thief.link.connected and honest.link.connected and rights.link.connected)
    thief.link.publish(events, b"before")
    rights.link.publish(list_topic, b"before")
    until(lambda: ingest.payloads(events) == [b"before"] and thief.payloads(list_topic) == [b"before"])

    answer = network.post("/v1/gateways/stolen-1/revoke")
    assert answer.status_code == 200
    assert answer.json()["gateway"] == "stolen-1"
    until(lambda: thief.disconnects, what="it is disconnected")
    # it comes back by itself, with the same key, and under another client id: the broker refuses it at the handshake
    again = network.as_gateway(identity)
    refused = network.refusals()
    until(lambda: network.refusals() >= refused + 3)
    until(lambda: not thief.link.connected and not again.link.connected)
    for one in (thief, again):
        one.link.publish(events, b"after")
    rights.link.publish(list_topic, b"after")
    rights.link.publish(other.address.topic("list"), b"after")
    until(lambda: honest.payloads(other.address.topic("list")) == [b"after"], what="the others hear")
    assert honest.disconnects == []
    assert ingest.payloads(events) == [b"before"]
    assert thief.payloads(list_topic) == [b"before"]
    assert again.payloads(list_topic) == []
    thief.link.close()
    again.link.close()
    # even if the broker let it in: the ingest doesn't know it, and rights sends it nothing
    assert (known_to_ingest(network), known_to_rights(network)) == ({"honest-1"}, {"honest-1"})

    # the machine that replaces it joins under the same name, and the stolen key stays out
    replaced = network.joined("stolen", "replaced")
    comes_back, new = network.as_gateway(identity), network.as_gateway(replaced)
    until(lambda: new.link.connected, what="the new machine connects")
    new.link.publish(events, b"new")
    until(lambda: ingest.payloads(events) == [b"before", b"new"])
    assert comes_back.connects == []
    for one in (comes_back, new, honest, ingest, rights):
        one.link.close()


@pytest.mark.parametrize("harm", ["old files", "unreadable"])
def test_a_broker_that_reads_other_files_is_given_the_right_ones(network: Enrolled, harm: str) -> None:
    network.place(harm.replace(" ", "-"))
    identity = network.joined(harm.replace(" ", "-"))
    broker, acl = network.broker, network.broker.directory / "acl"
    if harm == "old files":  # what `maillage broker files` writes, with a password of its own
        write_first(broker.directory, network.authority, give=give_to_server)
        conf = (broker.directory / "mosquitto.conf").read_text()
        write_configuration(broker.directory, gateways="1", processes="2", watcher="3", give=give_to_server)
        write_file(broker.directory, "mosquitto.conf", conf, give_to_server)
    else:
        acl.unlink()
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGHUP)
    until(lambda: acl.exists() and f"user {identity.gateway}\n" in acl.read_text(), what="the files are written again")
    ingest, gateway = network.as_ingest(), network.as_gateway(identity)
    until(lambda: gateway.link.connected)
    gateway.link.publish(identity.address.topic("events"), b"own")
    until(lambda: ingest.payloads(identity.address.topic("events")) == [b"own"])
    gateway.link.close()
    ingest.link.close()


def test_a_gateway_renews_its_certificate_without_losing_its_connection(network: Enrolled, tmp_path: Path) -> None:
    network.place("renews")
    identity = network.joined("renews")
    # as if it had joined 70 days ago
    key = load_pem_private_key(identity.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    old = certify_gateway(
        load(network.authority),
        request.public_bytes(Encoding.PEM).decode(),
        gateway=identity.gateway,
        now=datetime.now(UTC) - timedelta(days=70),
        life=GATEWAY_LIFE,
    )
    replace_files(identity.directory, {"certificate.pem": old.pem.encode()})
    network.sql("UPDATE certificate SET issued_at = issued_at - interval '70 days'")
    private = identity.key.read_bytes()
    settings = GatewaySettings(
        identity=identity.directory,
        spool=tmp_path / "spool.sqlite",
        metrics_port=0,
        field_mqtt_url=SecretStr("mqtt://127.0.0.1:1"),
    )
    process = Process(settings, (), (identity,))
    try:
        until(lambda: process.uplink.connected() == 1)

        def renewed() -> bool:
            process.look()
            return identity.certificate.read_text() != old.pem

        until(renewed, what="a new certificate is there")
        until(lambda: not (identity.directory / "key.next.pem").exists())
        assert identity.key.read_bytes() != private, "with a key of its own"
        assert process.uplink.connected() == 1
        link = process.uplink._connections[identity.gateway].link
        assert link is not None
        assert link.connects == 1, "it didn't have to connect again"
        process.uplink.cut(identity.gateway)
        until(lambda: link.connects == 2, what="it connects with the new certificate")
    finally:
        process.stop()


@pytest.mark.parametrize(("days", "state"), [(365, "good"), (20, "bad")])
def test_the_doctor_says_when_a_certificate_ends(
    network: Enrolled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, state: str
) -> None:
    now = datetime.now(UTC)
    end = issue_process(network.authority, "ingest", tmp_path / "tls", now=now, life=timedelta(days=days))
    monkeypatch.setenv("MAILLAGE_MQTT_URL", network.broker.processes_url)
    monkeypatch.setenv("MAILLAGE_MQTT_TLS", str(tmp_path / "tls"))
    found = list(look_at_broker("MAILLAGE_MQTT_URL", "central broker", tls="MAILLAGE_MQTT_TLS"))
    ours = parse_mqtt_url(network.broker.processes_url, tls=tmp_path / "tls")
    server = x509.load_pem_x509_certificate((network.broker.directory / "server/certificate.pem").read_bytes())
    assert (own_until(ours), shown_until(ours)) == (end.replace(microsecond=0), server.not_valid_after_utc)
    assert [(one.what, one.state) for one in found] == [
        ("certificates", state),
        ("certificates", "good"),
        ("central broker", "good"),
    ]
    assert f"{end:%Y-%m-%d}" in found[0].text


def test_the_authority_s_key_changes_while_gateways_work(network: Enrolled, tmp_path: Path) -> None:
    """The last of this file: it leaves another authority behind."""
    network.place("changes")
    identity = network.joined("changes")
    issuers = [name_of(one.certificate) for one in load(network.authority).signers]
    settings = GatewaySettings(
        identity=identity.directory,
        spool=tmp_path / "spool.sqlite",
        metrics_port=0,
        field_mqtt_url=SecretStr("mqtt://127.0.0.1:1"),
    )
    process = Process(settings, (), (identity,))
    try:
        until(lambda: process.uplink.connected() == 1)
        renew(network.authority, datetime.now(UTC))

        def has_a_new_one() -> bool:
            process.look()
            one = x509.load_pem_x509_certificate(identity.certificate.read_bytes())
            return one.issuer == load(network.authority).present.certificate.subject

        until(has_a_new_one, what="the gateway has a certificate of the new key")
        assert name_of(load(network.authority).present.certificate) not in issuers
        assert len(x509.load_pem_x509_certificates(identity.authority.read_bytes())) == 2, "it believes both"
        link = process.uplink._connections[identity.gateway].link
        assert link is not None
        assert link.connects == 1
        process.uplink.cut(identity.gateway)
        until(lambda: link.connects == 2, what="the broker believes the new key")
        # the broker's own certificate follows, without a restart
        network.broker.renew_certificate()
        only_new = load(network.authority).pem().partition("-----END CERTIFICATE-----\n")
        replace_files(identity.directory, {"authority.pem": (only_new[0] + only_new[1]).encode()})
        process.uplink.cut(identity.gateway)
        until(lambda: link.connects == 3, what="the gateway believes the broker's new certificate")
        finish(network.authority)
        published = "SELECT count(*) FROM authority WHERE certificates = %s"
        until(lambda: network.sql(published, load(network.authority).pem()) == [(1,)], what="the key before has gone")
        process.uplink.cut(identity.gateway)
        until(lambda: link.connects == 4)
    finally:
        process.stop()
