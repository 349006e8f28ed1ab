"""A network is founded once: its folder and its database belong together, and ingest may run beside another machine."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from cryptography import x509

from maillage.network.founding import Founding, FoundingError, found, read_environment
from maillage.sample.creating import create_sample


def _quiet(_line: str) -> None:
    """Say nothing."""


def test_a_network_that_holds_a_sample_is_founded_again_from_its_own_folder_only(empty: str, tmp_path: Path) -> None:
    def wish(folder: str) -> Founding:
        return Founding(folder=tmp_path / folder, database_url=empty, broker_host="a", processes_host="b")

    found(wish("own"), say=_quiet)
    secret = read_environment(tmp_path / "own/owner.env")["MAILLAGE_CARD_SECRET"]
    with psycopg.connect(empty) as connection:
        create_sample(connection, region="Corse", places=1, card_secret=bytes.fromhex(secret), log=_quiet)
    found(wish("own"), say=_quiet)
    assert read_environment(tmp_path / "own/owner.env")["MAILLAGE_CARD_SECRET"] == secret
    with pytest.raises(FoundingError, match="sample network"):
        found(wish("another"), say=_quiet)


def test_ingest_and_rights_reach_the_broker_of_another_machine_by_a_name_that_its_certificate_holds(
    empty: str, tmp_path: Path
) -> None:
    wish = Founding(
        folder=tmp_path / "network",
        database_url=empty,
        broker_host="broker.example.org",
        processes_host="broker",
    )
    found(wish, say=_quiet)
    for process in ("ingest", "rights"):
        assert read_environment(wish.folder / f"{process}.env")["MAILLAGE_MQTT_URL"] == "mqtts://broker:8884"
    certificate = x509.load_pem_x509_certificate((wish.folder / "broker/server/certificate.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["broker.example.org", "broker", "localhost"]
    lines = (wish.folder / "broker/mosquitto.conf").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("listener ")] == [
        "listener 8883",
        "listener 8884",
        "listener 8885 127.0.0.1",
    ]


def test_another_broker_is_not_ignored(empty: str, tmp_path: Path) -> None:
    found(Founding(folder=tmp_path / "n", database_url=empty, broker_host="a"), say=_quiet)
    with pytest.raises(FoundingError, match=r"was founded for mqtts://a:8883, not mqtts://b:8883"):
        found(Founding(folder=tmp_path / "n", database_url=empty, broker_host="b"), say=_quiet)
