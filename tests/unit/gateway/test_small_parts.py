"""Repeats, watches, routes, addresses, signatures, quantiles, Prometheus' format."""

from __future__ import annotations

import base64
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from gateway.contract.configuration import Device
from gateway.contract.instants import instant
from gateway.contract.signing import SignatureError, new_seed, public_key, sign, verify
from gateway.contract.wire import EVENT, Event
from gateway.devices.repeats import HEARTBEAT_US, Repeats
from gateway.devices.watch import ClockWatch, DeviceWatch, implausible
from gateway.mqtt.address import MqttUrlError, parse_mqtt_url
from gateway.mqtt.filters import Routes
from process.exposition import metric, single
from process.latency import KEPT, Latency

S = 1_000_000


def event(at: int, **fields: Any) -> Event:
    return EVENT.validate_python({"device": "d", "at": at, **fields})


def desk(at: int, occupied: bool | None) -> Event:
    return event(at, kind="desk", occupied=occupied)


def test_an_unchanged_reading_goes_on_once_a_minute_and_a_change_at_once() -> None:
    repeats = Repeats()
    assert repeats.is_news(desk(0, True))
    assert not repeats.is_news(desk(S // 2, True))
    assert not repeats.is_news(desk(HEARTBEAT_US - 1, True))
    assert repeats.is_news(desk(HEARTBEAT_US, True))
    assert repeats.is_news(desk(HEARTBEAT_US + 1, False))
    assert repeats.is_news(desk(HEARTBEAT_US + 2, None))
    assert repeats.is_news(desk(HEARTBEAT_US + 3, True))
    assert repeats.dropped == 2


def test_a_clock_that_jumps_back_silences_nobody() -> None:
    repeats = Repeats()
    assert repeats.is_news(desk(10**15, True))
    assert repeats.is_news(desk(0, True))
    assert not repeats.is_news(desk(1, True))


def test_counts_that_add_up_are_dropped_only_as_the_same_report() -> None:
    repeats = Repeats()
    assert repeats.is_news(event(0, kind="count", entered=1))
    assert repeats.is_news(event(1, kind="count", entered=1)), "two people, not one twice"
    assert repeats.is_news(event(2, kind="count", entered=1, device_at="12:00"))
    assert not repeats.is_news(event(3, kind="count", entered=1, device_at="12:00"))
    assert repeats.is_news(event(4, kind="count", entered=1, device_at="12:01"))
    assert repeats.is_news(event(5, kind="count", present=3, device_at="12:01"))
    assert not repeats.is_news(event(6, kind="count", present=3, device_at="12:02"))


def test_measures_are_told_apart_by_name() -> None:
    repeats = Repeats()
    assert repeats.is_news(event(0, kind="measure", name="co2", value=400))
    assert repeats.is_news(event(0, kind="measure", name="humidity", value=400))
    assert not repeats.is_news(event(1, kind="measure", name="co2", value=400))


def device(code: str, every_s: int | None) -> Device:
    return Device(code=code, driver="zigbee2mqtt", address=f"z/{code}", expect_every_s=every_s)


def test_a_device_falls_silent_once_and_comes_back() -> None:
    watch = DeviceWatch([device("a", 60), device("b", None)], now=0.0)
    assert watch.tick(60.0, 1) == ()
    (silent,) = watch.tick(60.1, 2)
    assert silent == {"kind": "device", "at": 2, "device": "a", "what": "link", "value": 0.0}
    assert watch.tick(900.0, 3) == ()
    assert [*watch.silent] == ["a"]
    assert watch.heard("a", 901.0, 4) == {"kind": "device", "at": 4, "device": "a", "what": "link", "value": 1.0}
    assert watch.heard("a", 902.0, 5) is None
    assert not watch.silent
    assert watch.gone("b", 6) is not None
    assert watch.gone("b", 7) is None
    assert watch.heard("not ours", 903.0, 8) is None
    assert watch.gone("not ours", 8) is None


def test_a_clock_step_is_seen_and_slow_drift_is_not() -> None:
    watch = ClockWatch(now=0.0, at=0)
    assert watch.tick(1.0, 1 * S + 900_000) is None
    assert watch.tick(2.0, 3 * S) is None
    assert watch.tick(3.0, 3604 * S) == pytest.approx(3600.0)
    assert watch.tick(4.0, 5 * S) == pytest.approx(-3600.0)
    assert implausible(0)
    assert not implausible(1_795_000_000 * S)
    assert instant(2**62).year == 9999
    assert instant(-(2**62)).year == 1


LEVELS = st.lists(st.sampled_from(["a", "b", "", "+"]), min_size=1, max_size=4)


@given(
    filters=st.lists(st.tuples(LEVELS, st.booleans()), max_size=6),
    topic=st.lists(st.sampled_from(["a", "b", ""]), min_size=1, max_size=4).map("/".join),
)
def test_routes_are_pahos_rules(filters: list[tuple[list[str], bool]], topic: str) -> None:
    texts = ["/".join([*levels, "#"] if deep else levels) for levels, deep in filters]
    routes: Routes[int] = Routes()
    for number, text in enumerate(texts):
        routes.add(text, number)
    expected = {number for number, text in enumerate(texts) if topic_matches_sub(text, topic)}
    found = routes.of(topic)
    assert set(found) == expected
    assert len(found) == len(expected)


def test_addresses() -> None:
    broker = parse_mqtt_url("mqtt://gare%401:p%2Fw@broker.example:2883")
    assert (broker.host, broker.port, broker.username, broker.password) == ("broker.example", 2883, "gare@1", "p/w")
    assert "p/w" not in repr(broker)
    assert parse_mqtt_url("mqtts://[::1]").port == 8883
    assert parse_mqtt_url("mqtts://h").tls


@pytest.mark.parametrize(
    "text", ["", "http://h", "mqtt://", "mqtt://h:99999", "mqtt://h:x", "mqtt://u:secret@h/path", "h:1883"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(MqttUrlError) as caught:
        parse_mqtt_url(text)
    assert "secret" not in str(caught.value)


def test_a_signature_covers_text_purpose_and_key() -> None:
    seed = new_seed()
    signature = sign(seed, "list", "texte é")
    verify(public_key(seed), "list", "texte é", signature)
    for key, purpose, body, claimed in (
        (public_key(seed), "list", "texte e", signature),
        (public_key(seed), "command", "texte é", signature),
        (public_key(new_seed()), "list", "texte é", signature),
        (None, "list", "texte é", signature),
        ("AAAA", "list", "texte é", signature),
        (public_key(seed), "list", "texte é", ""),
        (public_key(seed), "list", "texte é", "not base64"),
        (public_key(seed), "list", "texte é", base64.b64encode(bytes(64)).decode()),
    ):
        with pytest.raises(SignatureError):
            verify(key, purpose, body, claimed)  # type: ignore[arg-type]
    with pytest.raises(SignatureError):
        sign("short", "list", "x")


def test_quantiles_over_a_window() -> None:
    latency = Latency()
    assert all(math.isnan(value) for value in latency.quantiles(0.5, 0.99))
    for number in range(1, 101):
        latency.add(number / 100)
    assert latency.quantiles(0.0, 0.5, 0.99, 1.0) == [0.01, 0.5, 0.99, 1.0]
    for _ in range(KEPT):
        latency.add(2.0)
    assert latency.quantiles(0.01) == [2.0]
    assert latency.count == KEPT + 100


def test_the_text_that_prometheus_reads() -> None:
    text = metric("a", "summary", "About.", [("", {"quantile": "0.5"}, math.nan), ("_count", {}, 3)])
    assert text == '# HELP a About.\n# TYPE a summary\na{quantile="0.5"} NaN\na_count 3\n'
    assert single("b", "gauge", "B.", 0.25).endswith("\nb 0.25\n")
    assert 'x="a\\"b\\\\"' in metric("c", "gauge", "C.", [("", {"x": 'a"b\\'}, 1)])
    parser = pytest.importorskip("prometheus_client.parser")
    assert [family.name for family in parser.text_string_to_metric_families(text)] == ["a"]
