"""A gateway joins by a code, connects with its certificate, and is shut out: on a real Mosquitto with TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from maillage.complaint import Complaint
from maillage.embedded.bundle import Bundle
from maillage.join import Trust, join
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
