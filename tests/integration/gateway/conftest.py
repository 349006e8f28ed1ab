"""A place's field and a centre on real brokers, for tests of the gateway's process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.mqtt.loop import MqttLoop
from gateway.settings import GatewaySettings
from maillage.embedded import EmbeddedMosquitto
from tests.conftest import CentralBroker
from tests.integration.gateway.stage import Centre, Field, settings
from tests.unit.gateway.place_parts import config


@pytest.fixture
def loop(mqtt: CentralBroker, field_mqtt: EmbeddedMosquitto) -> Iterator[MqttLoop]:
    made = MqttLoop("test")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def centre(loop: MqttLoop, mqtt: CentralBroker) -> Centre:
    return Centre(loop, mqtt, config())


@pytest.fixture
def field(loop: MqttLoop, field_mqtt: EmbeddedMosquitto) -> Field:
    return Field(loop, field_mqtt)


@pytest.fixture
def told(tmp_path: Path, mqtt: CentralBroker, field_mqtt: EmbeddedMosquitto) -> GatewaySettings:
    return settings(tmp_path, mqtt, field_mqtt)
