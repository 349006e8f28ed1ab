"""How devices are, as their gateways' states report it: stored for the API, counted, and told as alarms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from gateway.contract.device_reports import DeviceReport
from gateway.contract.wire import State
from ingest.alarms import DEVICE_TROUBLES
from ingest.metrics import Metrics
from ingest.store import Connection, when
from occupancy.topology import Gateway

_HEARD_AGAIN_US: Final = 60_000_000
"""A device that is otherwise the same is stored again when its last message is so much later."""

_STORE: Final = """
-- how devices are
INSERT INTO device_state (device, place, reported_at, heard_at, expect_every_s, silent_since, battery, rssi, snr,
                          linkquality, troubles)
SELECT d.id, d.place, n.reported_at, n.heard_at, n.expect_every_s, n.silent_since, n.battery, n.rssi, n.snr,
       n.linkquality, string_to_array(n.troubles, ',')
FROM unnest(%b::int[], %b::timestamptz[], %b::timestamptz[], %b::int[], %b::timestamptz[], %b::float8[], %b::float8[],
            %b::float8[], %b::float8[], %b::text[])
  AS n (device, reported_at, heard_at, expect_every_s, silent_since, battery, rssi, snr, linkquality, troubles)
JOIN device d ON d.id = n.device
ON CONFLICT (device) DO UPDATE SET
  reported_at = excluded.reported_at, heard_at = coalesce(excluded.heard_at, device_state.heard_at),
  expect_every_s = excluded.expect_every_s, silent_since = excluded.silent_since,
  battery = coalesce(excluded.battery, device_state.battery), rssi = coalesce(excluded.rssi, device_state.rssi),
  snr = coalesce(excluded.snr, device_state.snr),
  linkquality = coalesce(excluded.linkquality, device_state.linkquality), troubles = excluded.troubles
"""


class DeviceStates:
    """Stores what changes in the states' reports of devices."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._stored: dict[int, DeviceReport] = {}
        self._unwell: dict[int, dict[str, int]] = {}
        self.texts: dict[tuple[int, str], str] = {}
        """By gateway and kind, the text of the alarm about its devices that was written last."""

    @contextmanager
    def or_forget(self) -> Iterator[None]:
        """Forget what was stored in this block if it fails: the transaction is rolled back."""
        try:
            yield
        except BaseException:
            self._stored.clear()
            self.texts.clear()
            raise

    def store(self, connection: Connection, reported: Sequence[tuple[Gateway, State, int]]) -> None:
        """Store the devices of states, each with its gateway and when it was true by the centre's clock."""
        rows: dict[int, tuple[Any, ...]] = {}
        for gateway, state, heard_at in reported:
            if not state.online or state.at is None:
                continue
            self._count(gateway.id, state)
            shift = heard_at - state.at
            for one in state.reports:
                device = gateway.devices.get(one.device)
                if device is not None and self._is_news(device.id, one):
                    rows[device.id] = _row(device.id, one, heard_at, shift)
        if rows:
            connection.execute(_STORE, [list(column) for column in zip(*rows.values(), strict=True)])

    def _is_news(self, device: int, one: DeviceReport) -> bool:
        known = self._stored.get(device)
        same = {"heard_at": None, "rssi": None, "snr": None, "linkquality": None}
        if (
            known is not None
            and known.model_copy(update=same) == one.model_copy(update=same)
            and 0 <= (one.heard_at or 0) - (known.heard_at or 0) < _HEARD_AGAIN_US
        ):
            return False
        self._stored[device] = one
        return True

    def _count(self, gateway: int, state: State) -> None:
        counts = dict.fromkeys(DEVICE_TROUBLES, 0)
        for one in state.unwell:
            for word in (*one.troubles, *(("silent",) if one.silent_since is not None else ())):
                if word in counts:
                    counts[word] += 1
        if self._unwell.get(gateway) != counts:
            self._unwell[gateway] = counts
            for word in counts:
                self._metrics.unwell.labels(word).set(sum(each[word] for each in self._unwell.values()))


def _row(device: int, one: DeviceReport, heard_at: int, shift: int) -> tuple[Any, ...]:
    return (
        device,
        when(heard_at),
        None if one.heard_at is None else when(one.heard_at + shift),
        one.expect_every_s,
        None if one.silent_since is None else when(one.silent_since + shift),
        one.battery,
        one.rssi,
        one.snr,
        one.linkquality,
        ",".join(one.troubles),
    )
