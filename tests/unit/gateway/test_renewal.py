"""A gateway's next certificate: asked for in time, taken only from the centre, and whole after a crash in between."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.contract.renewal import CertificateAnswer, CertificateBody, CertificateRequest
from gateway.contract.signing import new_seed, public_key, sign
from gateway.identity import Identity, read_identity, write_identity
from gateway.uplink.renewal import NEXT_KEY, RenewalRefused, Renewals, settle
from rights.authority import GATEWAY_LIFE, Authority, certify_gateway, certify_process, new_signer

NOW = datetime.now(UTC)
SEED = new_seed()


@dataclass(slots=True)
class Stage:
    identity: Identity
    authority: Authority
    asked: list[str] = field(default_factory=list)

    def ask(self, _gateway: str, payload: bytes) -> bool:
        self.asked.append(CertificateRequest.model_validate_json(payload).request)
        return True

    def renewals(self) -> Renewals:
        return Renewals([read_identity(self.identity.directory)], keys=lambda _gateway: [public_key(SEED)])

    def certified(self, request: str, **changes: Any) -> bytes:
        authority: Authority = changes.pop("authority", self.authority)
        issued = certify_gateway(authority, request, gateway="essai-1", now=NOW, life=GATEWAY_LIFE)
        return self.answer(certificate=issued.pem, **changes)

    def answer(self, *, seed: str = SEED, **fields: object) -> bytes:
        at = int(NOW.timestamp() * 1_000_000)
        given = {"gateway": "essai-1", "at": at, "authority": self.authority.pem(), **fields}
        body = CertificateBody.model_validate(given).model_dump_json(exclude_none=True)
        return CertificateAnswer(body=body, signature=sign(seed, "certificate", body)).model_dump_json().encode()

    def key_fits(self) -> bool:
        certificate = x509.load_pem_x509_certificate(self.identity.certificate.read_bytes())
        return load_pem_private_key(self.identity.key.read_bytes(), None).public_key() == certificate.public_key()


@pytest.fixture
def stage_of(tmp_path: Path) -> Callable[[timedelta], Stage]:
    def build(age: timedelta) -> Stage:
        authority = Authority(signers=(new_signer("Test", NOW - timedelta(days=1000)),))
        issued, key = certify_process(authority, "essai-1", now=NOW - age, life=GATEWAY_LIFE)
        identity = Identity(
            directory=tmp_path / "identity",
            shard=7,
            place="essai",
            gateway="essai-1",
            broker="mqtts://broker.example.org",
            api="https://api.example.org",
            list_keys=(public_key(SEED),),
        )
        write_identity(
            identity,
            key=key,
            certificate=issued.pem.encode(),
            authority=authority.pem().encode(),
            sealing_key=bytes(32),
        )
        return Stage(identity, authority)

    return build


@pytest.mark.parametrize(("days", "asks"), [(59, 0), (61, 1), (100, 1)])
def test_it_is_asked_for_at_two_thirds_of_its_life(
    stage_of: Callable[[timedelta], Stage], days: int, asks: int
) -> None:
    stage = stage_of(timedelta(days=days))
    renewals = stage.renewals()
    for _ in range(3):  # without an answer, not at once again
        renewals.look(stage.ask)
    assert len(stage.asked) == asks


def test_the_next_certificate_comes_with_its_own_key(stage_of: Callable[[timedelta], Stage]) -> None:
    stage = stage_of(timedelta(days=61))
    renewals, before = stage.renewals(), stage.identity.key.read_bytes()
    renewals.look(stage.ask)
    answer = stage.certified(stage.asked[0])
    renewals.take("essai-1", answer)
    renewals.take("essai-1", answer)  # delivered twice
    assert stage.key_fits()
    assert stage.identity.key.read_bytes() != before
    assert not (stage.identity.directory / NEXT_KEY).exists()
    renewals.look(stage.ask)
    assert len(stage.asked) == 1, "it isn't due any more"
    assert read_identity(stage.identity.directory).renewed_at > 0


def test_the_same_request_is_sent_again_after_a_restart_until_it_is_answered(
    stage_of: Callable[[timedelta], Stage],
) -> None:
    stage = stage_of(timedelta(days=61))
    for _ in range(2):
        stage.renewals().look(stage.ask)
    keys = {x509.load_pem_x509_csr(one.encode()).public_key().public_numbers().x for one in stage.asked}  # type: ignore[union-attr]
    assert len(keys) == 1, "the same key"
    assert stage.key_fits(), "the present one stays in use meanwhile"


def test_a_crash_between_the_certificate_and_its_key_is_put_right(stage_of: Callable[[timedelta], Stage]) -> None:
    stage = stage_of(timedelta(days=61))
    stage.renewals().look(stage.ask)
    body = json.loads(json.loads(stage.certified(stage.asked[0]))["body"])
    stage.identity.certificate.write_text(body["certificate"])  # and then the power went
    assert not stage.key_fits()
    settle(stage.identity)
    assert stage.key_fits()


def test_what_is_not_the_centre_s_changes_nothing(stage_of: Callable[[timedelta], Stage]) -> None:
    stage = stage_of(timedelta(days=61))
    renewals = stage.renewals()
    renewals.look(stage.ask)
    request = stage.asked[0]
    other = Authority(signers=(new_signer("Other", NOW),))
    before = {one.name: one.read_bytes() for one in stage.identity.directory.iterdir()}
    refused = (
        b"nonsense",
        stage.certified(request, seed=new_seed()),
        stage.certified(request, gateway="essai-2"),
        stage.certified(request, authority=other),
        stage.answer(certificate=stage.identity.certificate.read_text()),  # of another key than the next one
        stage.answer(certificate="nonsense"),
        stage.answer(authority="nonsense"),
    )
    for payload in refused:
        with pytest.raises(RenewalRefused):
            renewals.take("essai-1", payload)
    assert {one.name: one.read_bytes() for one in stage.identity.directory.iterdir()} == before
    renewals.take("essai-1", stage.certified(request))
    with pytest.raises(RenewalRefused, match="older"):
        renewals.take("essai-1", stage.answer(at=1))


def test_a_change_of_the_authority_makes_it_ask_at_once(stage_of: Callable[[timedelta], Stage]) -> None:
    stage = stage_of(timedelta(days=1))
    renewals = stage.renewals()
    renewals.look(stage.ask)
    assert stage.asked == []
    both = stage.authority.pem() + Authority(signers=(new_signer("Next", NOW),)).pem()
    renewals.take("essai-1", stage.answer(authority=both))
    assert stage.identity.authority.read_text() == both
    renewals.look(stage.ask)
    assert len(stage.asked) == 1
