"""Which field has which length and meaning, in which model of Milesight's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Fields = dict[str, Any]
Key = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field's length in bytes (or how to find it from the byte at an offset), and its meaning."""

    size: int
    read: Callable[[bytes], Fields]
    sizes: Mapping[int, int] | None = None
    """Length by the value of the byte at ``size_at``, for history records."""
    size_at: int = 0

    def value(self, data: bytes, start: int) -> bytes | None:
        """Return the field's bytes in ``data`` from ``start``; None where some are missing or of no known kind."""
        size: int | None = self.size
        if self.sizes is not None:
            if start + self.size_at >= len(data):
                return None
            size = self.sizes.get(data[start + self.size_at])
        if size is None or start + size > len(data):
            return None
        return data[start : start + size]


def _u16(value: bytes, at: int = 0) -> int:
    return int.from_bytes(value[at : at + 2], "little")


def _s16(value: bytes, at: int = 0) -> int:
    return int.from_bytes(value[at : at + 2], "little", signed=True)


def _uint(name: str, size: int) -> Field:
    return Field(size=size, read=lambda value: {name: int.from_bytes(value, "little")})


def _words(name: str, *labels: str) -> Field:
    """One byte that stands for a word: the first label is 0."""
    return Field(size=1, read=lambda value: {name: _word(value[0], labels)})


def _word(value: int, labels: tuple[str, ...]) -> str:
    return labels[value] if value < len(labels) and labels[value] else "unknown"


def _dotted(name: str, size: int) -> Field:
    return Field(size=size, read=lambda value: {name: ".".join(map(str, value))})


def _hex(name: str, size: int) -> Field:
    return Field(size=size, read=lambda value: {name: value.hex()})


def _pair(first: str, second: str, alarm: str | None = None) -> Field:
    """Two 16-bit numbers; with ``alarm`` also the byte that says why they are sent now."""

    def read(value: bytes) -> Fields:
        fields: Fields = {first: _u16(value), second: _u16(value, 2)}
        return fields if alarm is None else fields | {alarm: _word(value[4], ALARMS)}

    return Field(size=4 if alarm is None else 5, read=read)


def _bytes(*names: str) -> Field:
    return Field(size=len(names), read=lambda value: dict(zip(names, value, strict=True)))


def _flow(origin: str) -> Field:
    names = [f"{origin}_to_{goal}" for goal in "abcd"]
    return Field(size=8, read=lambda value: {name: _u16(value, 2 * at) for at, name in enumerate(names)})


ALARMS: Final = (
    "threshold alarm release",
    "threshold alarm",
    "",
    "high temperature alarm",
    "high temperature alarm release",
)
OCCUPANCY: Final = ("vacant", "occupied")

COMMON: Final[Mapping[Key, Field]] = {
    (0xFF, 0x01): _uint("protocol_version", 1),
    (0xFF, 0x08): _hex("sn", 6),
    (0xFF, 0x09): _dotted("hardware_version", 2),
    (0xFF, 0x0A): _dotted("firmware_version", 2),
    (0xFF, 0x0B): _uint("device_status", 1),
    (0xFF, 0x0F): _uint("lorawan_class", 1),
    (0xFF, 0x16): _hex("sn", 8),
    (0xFF, 0x1F): _dotted("firmware_version", 4),
    (0xFF, 0xFE): _uint("reset_event", 1),
    (0xFF, 0xFF): _dotted("tsl_version", 2),
    (0x01, 0x75): _uint("battery", 1),
}
"""What every model says: who it is, that it woke up, how its battery is."""

_TEMPERATURE = Field(size=2, read=lambda value: {"temperature": _s16(value) / 10})
_HUMIDITY = Field(size=1, read=lambda value: {"humidity": value[0] / 2})
_TEMPERATURE_ALARM = Field(
    size=3, read=lambda value: {"temperature": _s16(value) / 10, "temperature_alarm": _word(value[2], ALARMS)}
)


def _count_history(value: bytes) -> Fields:
    record = {
        "timestamp": int.from_bytes(value[:4], "little"),
        "period_in": _u16(value, 5),
        "period_out": _u16(value, 7),
    }
    if value[4] == 1:
        record |= {"total_in": _u16(value, 9), "total_out": _u16(value, 11)}
    return {"history": [record]}


_COUNTER: Final[Mapping[Key, Field]] = {
    (0x03, 0x67): _TEMPERATURE,
    (0x04, 0xCC): _pair("total_in", "total_out"),
    (0x05, 0xCC): _pair("period_in", "period_out"),
    (0x0A, 0xEF): _uint("timestamp", 4),
    (0x83, 0x67): _TEMPERATURE_ALARM,
    (0x84, 0xCC): _pair("total_in", "total_out", "total_count_alarm"),
    (0x85, 0xCC): _pair("period_in", "period_out", "period_count_alarm"),
    (0x20, 0xCE): Field(size=0, read=_count_history, sizes={0: 9, 1: 13}, size_at=4),
}
_DESK: Final[Mapping[Key, Field]] = {(0x03, 0x00): _words("occupancy", *OCCUPANCY)}
_VS360: Final[Mapping[Key, Field]] = {
    **_COUNTER,
    (0x01, 0x75): _uint("battery_main", 1),
    (0x02, 0x75): _uint("battery_node", 1),
}


def _regions_vs373(value: bytes) -> Fields:
    # Inverted here and nowhere else: 0 is occupied.
    return {f"region_{at}_occupancy": _word(state, ("occupied", "vacant")) for at, state in enumerate(value, 1)}


def _target_vs373(value: bytes) -> Fields:
    return {
        "detection_status": _word(value[0], ("normal", "vacant", "in bed", "out of bed", "fall")),
        "target_status": _word(value[1], ("normal", "motionless", "abnormal")),
        "use_time_now": _u16(value, 2),
        "use_time_today": _u16(value, 4),
    }


def _regions_vs321(value: bytes) -> Fields:
    fields: Fields = {}
    for region in range(10):
        fields[f"region_{region + 1}_enable"] = "enable" if _u16(value) >> region & 1 else "disable"
        fields[f"region_{region + 1}"] = OCCUPANCY[_u16(value, 2) >> region & 1]
    return fields


def _people_vs121(value: bytes) -> Fields:
    mask = int.from_bytes(value[2:4], "big")
    regions = {f"region_{region + 1}": mask >> region & 1 for region in range(min(value[1], 16))}
    return {"people_count_all": value[0], "region_count": value[1]} | regions


def _climate_history(value: bytes) -> Fields:
    why = ("temperature resume", "temperature threshold", "pir idle", "pir trigger", "period")
    record = {
        "timestamp": int.from_bytes(value[:4], "little"),
        "report_type": _word(value[4], why),
        "occupancy": _word(value[5], OCCUPANCY),
        "temperature": _s16(value, 6) / 10,
        "humidity": value[8] / 2,
    }
    return {"history": [record]}


_LINES: Final[Mapping[Key, Field]] = {
    **{(0x03 + 3 * line, 0xD2): _uint(f"line_{line + 1}_total_in", 4) for line in range(4)},
    **{(0x04 + 3 * line, 0xD2): _uint(f"line_{line + 1}_total_out", 4) for line in range(4)},
    **{
        (0x05 + 3 * line, 0xCC): _pair(f"line_{line + 1}_period_in", f"line_{line + 1}_period_out") for line in range(4)
    },
    (0x0F, 0xE3): _bytes(*(f"region_{region}_count" for region in range(1, 5))),
    (0x10, 0xE4): Field(size=5, read=lambda value: {f"region_{value[0]}_avg_dwell": _u16(value, 1)}),
}

MODELS: Final[Mapping[str, Mapping[Key, Field]]] = {
    "VS121": {
        (0x04, 0xC9): Field(size=4, read=_people_vs121),
        (0x05, 0xCC): _pair("people_in", "people_out"),
        (0x06, 0xCD): _uint("people_count_max", 1),
        (0x07, 0xD5): _bytes(*(f"region_{region}_count" for region in range(1, 9))),
        (0x08, 0xD5): _bytes(*(f"region_{region}_count" for region in range(9, 17))),
        **{(0x09 + at, 0xDA): _flow(origin) for at, origin in enumerate("abcd")},
        (0x0D, 0xCC): _pair("people_total_in", "people_total_out"),
        (0x0E, 0xE4): Field(
            size=5, read=lambda value: {"dwell_time_avg": _u16(value, 1), "dwell_time_max": _u16(value, 3)}
        ),
        (0x0F, 0x85): _uint("timestamp", 4),
        (0x10, 0xF7): _pair("line_in", "line_out"),
    },
    "VS132": {
        (0x03, 0xD2): _uint("total_counter_in", 4),
        (0x04, 0xD2): _uint("total_counter_out", 4),
        (0x05, 0xCC): _pair("periodic_counter_in", "periodic_counter_out"),
    },
    "VS133": _LINES,
    "VS135": _LINES,
    "VS321": {
        (0x03, 0x67): _TEMPERATURE,
        (0x04, 0x68): _HUMIDITY,
        (0x05, 0xFD): _uint("people_total_counts", 2),
        (0x06, 0xFE): Field(size=4, read=_regions_vs321),
        (0x07, 0xFF): _words("illuminance_status", "dim", "bright"),
        (0x0A, 0xEF): _uint("timestamp", 4),
    },
    "VS330": {
        (0x02, 0x82): _uint("distance", 2),
        (0x03, 0x8E): _words("occupancy", *OCCUPANCY),
        (0x04, 0x8E): _words("calibration_status", "failed", "success"),
    },
    "VS340": _DESK,
    "VS341": _DESK,
    "VS350": _COUNTER,
    "VS351": _COUNTER,
    "VS360": _VS360,
    "VS370": {**_DESK, (0x04, 0x00): _words("illuminance", "dim", "bright")},
    "VS373": {(0x03, 0xF8): Field(size=6, read=_target_vs373), (0x04, 0xF9): Field(size=4, read=_regions_vs373)},
    "WS201": {(0x03, 0x82): _uint("distance", 2), (0x04, 0xD6): _uint("remaining", 1)},
    "WS202": {(0x03, 0x00): _words("pir", "idle", "trigger"), (0x04, 0x00): _words("daylight", "dim", "bright")},
    "WS203": {
        (0x03, 0x67): _TEMPERATURE,
        (0x04, 0x68): _HUMIDITY,
        (0x05, 0x00): _words("occupancy", *OCCUPANCY),
        (0x20, 0xCE): Field(size=9, read=_climate_history),
    },
    "WS301": {
        (0x03, 0x00): _words("magnet_status", "closed", "open"),
        (0x04, 0x00): _words("tamper_status", "installed", "uninstalled"),
    },
}
