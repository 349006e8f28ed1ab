"""A gateway's configuration: believed only as the centre signed it, on trial at first, kept, never older."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.config import GatewayConfig
from gateway.configuration.accepting import ConfigurationRefused, Unusable
from gateway.configuration.holder import RUNS_S, STARTS, ConfigurationHolder
from gateway.configuration.store import ConfigurationStore
from gateway.contract.configuration import LONGEST, SignedConfiguration
from gateway.contract.sealed import new_pair
from gateway.contract.signing import new_seed, public_key, sign, verify
from gateway.equipment import Equipment
from gateway.lists.access_lists import ListHolder, ListRefused
from tests.unit.gateway.configurations import DESK, READER, SEALING_KEY, body, configured
from tests.unit.gateway.place_parts import KEY, SEED, access_list, change, signed

NEXT = new_seed()
BASE = GatewayConfig(shard=5, place="gare", gateway="gare-1", list_keys=(public_key(SEED),))


@dataclass
class Bench:
    """One gateway's configuration over several starts of its process."""

    directory: Path
    now: float = 100.0
    newest: str = ""
    applied: list[Equipment] = field(default_factory=list)
    sealing_key: bytes | None = SEALING_KEY

    def start(self) -> ConfigurationHolder:
        store = ConfigurationStore(self.directory)
        self.holder = ConfigurationHolder(BASE, store, sealing_key=self.sealing_key, clock=lambda: self.now)
        self.applied = [self.holder.begin(self.newest)]
        return self.holder

    def take(self, message: bytes) -> bool:
        taken = self.holder.take(message, self.applied.append)
        self.newest = self.holder.newest
        return taken

    def run(self, seconds: float) -> None:
        self.now += seconds
        self.holder.look()

    @property
    def devices(self) -> list[str]:
        return [one.code for one in self.applied[-1].config.devices]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(directory=tmp_path / "configurations")
    made.start()
    return made


def test_what_is_taken_is_in_force_and_acknowledged_and_kept(bench: Bench) -> None:
    assert bench.holder.acknowledged == (None, None)
    assert bench.take(configured(1, DESK))
    assert bench.devices == ["reader-in", "desk"]
    config = bench.applied[-1].config
    assert (config.doors[0].lock, config.card_key.get_secret_value()) == ("reader-in", KEY)
    version, mark = bench.holder.acknowledged
    assert version == 1 and mark is not None
    bench.start()
    assert bench.holder.acknowledged == (version, mark)
    assert bench.devices == ["reader-in", "desk"]
    kept = bench.directory / "gare-1.json"
    assert kept.stat().st_mode & 0o077 == 0
    assert KEY not in kept.read_text()


@pytest.mark.parametrize(
    ("message", "refusal"),
    [
        (b"", "not a signed configuration"),
        (configured(3)[:-30], "not a signed configuration"),
        (b'{"body": "{}", "signature": "AAAA"}', "64"),
        (configured(3, seed=NEXT), "signature"),
        (configured(3, place="plage"), "plage"),
        (configured(3, gateway="gare-2"), "gare-2"),
        (configured(3, shard=6), "shard 6"),
        (configured(1), "older than 2"),
        (b" " * (2 * LONGEST + 1), "bytes"),
        (json.dumps({"body": " " * (LONGEST + 1), "signature": ""}).encode(), "too long"),
        (
            json.dumps({"body": "{}", "signature": sign(SEED, "command", "{}")}).encode(),
            "signature",
        ),
    ],
)
def test_what_is_not_the_centres_or_not_for_this_gateway_changes_nothing(
    bench: Bench, message: bytes, refusal: str
) -> None:
    bench.take(configured(2, DESK))
    before = (bench.directory / "gare-1.json").read_bytes()
    with pytest.raises(ConfigurationRefused, match=refusal) as caught:
        bench.take(message)
    assert not isinstance(caught.value, Unusable)
    assert (bench.holder.version, bench.holder.refused, len(bench.applied)) == (2, None, 2)
    assert (bench.directory / "gare-1.json").read_bytes() == before


def unsealable(version: int) -> bytes:
    """Its secrets are sealed for another gateway."""
    return configured(version, sealed="AAAA" * 30)


@pytest.mark.parametrize(
    "message",
    [
        lambda: configured(3, {**DESK, "driver": "nobodys"}),
        lambda: configured(3, {**DESK, "driver": "esp_rfid", "address": "nonsense"}),
        lambda: configured(3, DESK, DESK),
        lambda: configured(3, time_zone="Europe/Atlantis"),
        lambda: unsealable(3),
    ],
)
def test_what_cannot_be_used_is_reported_and_the_one_in_force_stays(bench: Bench, message: Callable[[], bytes]) -> None:
    bench.take(configured(2))
    with pytest.raises(Unusable):
        bench.take(message())
    assert bench.holder.refused is not None
    assert (bench.holder.refused_version, bench.holder.version) == (3, 2)
    assert bench.take(configured(4))
    assert bench.holder.refused is None
    assert bench.holder.refused_version is None


def test_the_same_again_changes_nothing_and_another_under_its_number_is_refused(bench: Bench) -> None:
    message = configured(2, DESK)
    assert bench.take(message)
    assert not bench.take(message)
    with pytest.raises(Unusable, match="its number"):
        bench.take(configured(2, DESK))  # sealed anew
    (bench.directory / "gare-1.json").unlink()
    bench.start()
    assert bench.devices == []
    assert bench.take(message), "the file was lost"


def test_a_configuration_under_which_the_process_dies_gives_way_to_the_last_that_ran(bench: Bench) -> None:
    bench.take(configured(1))
    bench.run(RUNS_S)
    bad = configured(2, DESK)
    bench.take(bad)
    for _ in range(STARTS):
        bench.start()
        assert bench.holder.version == 2
        bench.run(RUNS_S - 1)
    bench.start()
    assert bench.holder.version == bench.holder.acknowledged[0] == 1
    assert bench.devices == ["reader-in"]
    assert f"ended {STARTS} times" in (bench.holder.refused or "")
    assert bench.holder.refused_version == 2
    with pytest.raises(Unusable, match="ended"):
        bench.take(bad)
    bench.start()
    assert bench.holder.refused_version == 2, "also after the next start"
    assert bench.take(configured(3, DESK))
    bench.start()
    assert (bench.holder.version, bench.holder.refused) == (3, None)


def test_the_first_configuration_gives_way_to_none(bench: Bench) -> None:
    bench.take(configured(1))
    for _ in range(STARTS + 1):
        bench.start()
    assert (bench.holder.version, bench.devices) == (None, [])


def test_a_process_that_is_stopped_or_that_runs_is_no_reason_to_give_up(bench: Bench) -> None:
    bench.take(configured(1))
    for _ in range(2 * STARTS):
        bench.start()
        bench.holder.stopped()
    assert bench.holder.version == 1
    bench.run(RUNS_S)
    for _ in range(2 * STARTS):
        bench.start()
    assert (bench.holder.version, bench.holder.refused) == (1, None)


def test_a_second_one_on_trial_does_not_push_out_the_last_that_ran(bench: Bench) -> None:
    bench.take(configured(1))
    bench.run(RUNS_S)
    bench.take(configured(2, DESK))
    bench.take(configured(3, DESK))
    for _ in range(STARTS + 1):
        bench.start()
    assert bench.holder.version == 1


def test_one_that_this_machine_can_build_no_longer_gives_way_but_stays_on_the_disk(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.take(configured(1))
    bench.run(RUNS_S)
    bench.take(configured(2, DESK))
    bench.run(RUNS_S)
    with monkeypatch.context() as patch:
        found = __import__("gateway.drivers.registry", fromlist=["_found"])._found()
        without = {name: one for name, one in found[0].items() if name != "zigbee2mqtt"}
        patch.setattr("gateway.drivers.registry._found", lambda: (without, {}))
        bench.start()
        assert (bench.holder.version, bench.devices) == (1, ["reader-in"])
        assert "unknown_driver" in (bench.holder.refused or "")
    bench.start()
    assert bench.holder.version == 2


def test_another_sealing_key_opens_nothing(bench: Bench) -> None:
    bench.take(configured(1))
    bench.sealing_key, _ = new_pair()
    bench.start()
    assert bench.holder.version is None
    assert "sealing key" in (bench.holder.refused or "")


def test_a_disk_that_refuses_delays_the_acknowledgement_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    message = configured(1)
    with monkeypatch.context() as patch:
        patch.setattr("gateway.configuration.store.os.fsync", lambda _file: (_ for _ in ()).throw(OSError("full")))
        assert bench.take(message)
        assert bench.devices == ["reader-in"]
        assert bench.holder.acknowledged == (None, None)
    assert not bench.take(message)
    assert bench.holder.acknowledged[0] == 1
    bench.start()
    assert bench.holder.version == 1


def test_keys_change_without_a_gap_and_the_old_one_ends(bench: Bench) -> None:
    old, new = public_key(SEED), public_key(NEXT)
    bench.take(configured(1))
    bench.take(configured(2, list_keys=[old, new]))
    bench.start()
    assert bench.holder.equipment.config.believed_keys == (old, new)
    bench.take(configured(3, list_keys=[new], seed=NEXT))
    for _ in range(2):  # the identity knows the old key only
        bench.start()
        assert bench.holder.version == 3
        with pytest.raises(ConfigurationRefused):
            bench.take(configured(4))
    third = new_seed()
    bench.take(configured(5, list_keys=[new, public_key(third)], seed=NEXT))
    bench.take(configured(6, list_keys=[public_key(third)], seed=third))
    bench.start()
    assert bench.holder.version == 6


def test_a_kept_file_that_someone_changed_is_not_believed(bench: Bench) -> None:
    bench.take(configured(1))
    path = bench.directory / "gare-1.json"
    forged = SignedConfiguration.model_validate_json(configured(2, DESK, list_keys=[public_key(NEXT)], seed=NEXT))
    link = SignedConfiguration.model_validate_json(configured(1, list_keys=[public_key(NEXT)], seed=NEXT))
    path.write_text(json.dumps({"current": forged.model_dump(), "ran": True, "links": [link.model_dump()]}))
    bench.start()
    assert (bench.holder.version, bench.devices) == (None, [])


def test_lists_are_believed_by_two_keys_and_asked_for_again_when_one_goes() -> None:
    old, new = public_key(SEED), public_key(NEXT)
    both = BASE.model_copy(update={"list_keys": (old, new)})
    lists = ListHolder(BASE)
    lists.take(signed(access_list(1)))
    with pytest.raises(ListRefused):
        lists.take(signed(access_list(2), seed=NEXT))
    lists.become(both)
    assert lists.complaint is None
    lists.take(change(access_list(1), access_list(2), seed=NEXT))
    lists.take(change(access_list(2), access_list(3)))
    lists.become(BASE.model_copy(update={"list_keys": (new,)}))
    assert lists.version == 3
    assert "signed with a key" in (lists.complaint or "")
    with pytest.raises(ListRefused):
        lists.take(change(access_list(3), access_list(4)))
    taken = lists.take(signed(access_list(3), seed=NEXT))
    assert taken is not None and not taken.news
    assert lists.complaint is None


def test_the_key_that_signed_is_found() -> None:
    keys = (public_key(SEED), public_key(NEXT))
    for seed, key in zip((SEED, NEXT), keys, strict=True):
        assert verify(keys, "config", "x", sign(seed, "config", "x")) == key


def test_a_configuration_says_nothing_that_is_usual() -> None:
    said: dict[str, Any] = json.loads(body(1))
    assert said["devices"] == [READER]
    assert set(said["doors"][0]) == {"code"}
