"""Which field has which length and meaning, in which model of Milesight's.

Source: the decoders in https://github.com/Milesight-IoT/SensorDecoders (vs-series, ws-series), read in November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Fields = dict[str, Any]
Key = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field's length in bytes (or a function that finds it in the data from the field's start), and its meaning."""

    size: int | Callable[[bytes, int], int | None]
    read: Callable[[bytes], Fields]

    def value(self, data: bytes, start: int) -> bytes | None:
        """Return the field's bytes in ``data`` from ``start``; None where some are missing or of no known kind."""
        size = self.size if isinstance(self.size, int) else self.size(data, start)
        if size is None or start + size > len(data):
            return None
        return data[start : start + size]


def _by_byte(at: int, sizes: Mapping[int, int]) -> Callable[[bytes, int], int | None]:
    """A length that the byte at offset ``at`` of the field tells, as in records of history."""
    return lambda data, start: sizes.get(data[start + at]) if start + at < len(data) else None


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


def _skipped(size: int) -> Field:
    return Field(size=size, read=lambda _value: {})


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


def _sizes(types: Mapping[int, str]) -> Mapping[int, int]:
    """Lengths by type, from the types of each length in hexadecimal."""
    return {kind: size for size, those in types.items() for kind in bytes.fromhex(those)}


_ANSWERS: Final = _sizes(
    {
        1: "0410 2728 2f3e 4041 4243 4445 484a 5051 6468 696b 6d84 97a6 a8a9 aaad ccec fcfd",
        2: "0203 1777 95a7 bd",
        3: "0546 6a8e abed ef",
        4: "11ac",
        6: "75",
        8: "3596",
        9: "06",
        10: "ba",
    }
)
"""Lengths of the answers to a setting on the channels FE and FF, where the models' tables agree."""
_LONG_ANSWERS: Final = _sizes(
    {
        1: "1011 3d3e 3f40 4243 484d 4e86 878b 8c93 9498 a2a3 bacd cfd0 d1d2 d3d4 d8dc dd",
        2: "5056 8588 8997 d5",
        3: "5253 8492 96b7",
        4: "8d8e d6",
        5: "414a 4c91",
        6: "4451 9095",
        7: "99d7",
        9: "494b",
        12: "4f",
    }
)
"""Likewise on F9, and on F8, where one more byte says whether the setting was taken."""
_KINDS: Final = _sizes({1: "0068 758e d6", 2: "6773 777b 7d82", 4: "ccd2 ef"})
"""Lengths by a field's type, which every model's table agrees on, whatever the channel."""


def skipped(key: Key) -> Field | None:
    """Return a field that reads nothing, where no table knows ``key`` but its length is known; else None."""
    channel, kind = key
    size = None
    if channel in (0xFE, 0xFF):
        size = _ANSWERS.get(kind)
    elif channel in (0xF8, 0xF9):
        size = _LONG_ANSWERS.get(kind)
        size = size + 1 if size is not None and channel == 0xF8 else size
    elif channel < 0x80:
        size = _KINDS.get(kind)
    elif kind in (0x67, 0x68, 0xCC):  # the same with a byte that says which alarm it is
        size = _KINDS[kind] + 1
    return None if size is None else _skipped(size)


_TEMPERATURE = Field(size=2, read=lambda value: {"temperature": _s16(value) / 10})
_HUMIDITY = Field(size=1, read=lambda value: {"humidity": value[0] / 2})
_TEMPERATURE_ALARM = Field(
    size=3, read=lambda value: {"temperature": _s16(value) / 10, "temperature_alarm": _word(value[2], ALARMS)}
)
_HUMIDITY_ALARM = Field(
    size=2, read=lambda value: {"humidity": value[0] / 2, "humidity_alarm": _word(value[1], ALARMS)}
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


def _event_vs360(value: bytes) -> Fields:
    kind = _word(value[0], ("counting anomaly", "node device without response", "devices misaligned"))
    return {"event": [{"type": kind, "status": _word(value[1], ("alarm release", "alarm"))}]}


_COUNTER: Final[Mapping[Key, Field]] = {
    (0x03, 0x67): _TEMPERATURE,
    (0x04, 0xCC): _pair("total_in", "total_out"),
    (0x05, 0xCC): _pair("period_in", "period_out"),
    (0x0A, 0xEF): _uint("timestamp", 4),
    (0x83, 0x67): _TEMPERATURE_ALARM,
    (0x84, 0xCC): _pair("total_in", "total_out", "total_count_alarm"),
    (0x85, 0xCC): _pair("period_in", "period_out", "period_count_alarm"),
    (0x20, 0xCE): Field(size=_by_byte(4, {0: 9, 1: 13}), read=_count_history),
}
_VS350: Final[Mapping[Key, Field]] = {**_COUNTER, (0x81, 0xEE): _uint("current_sensitivity", 1)}
_VS351: Final[Mapping[Key, Field]] = {
    **_COUNTER,
    (0xFF, 0xCC): _words("power_status", "battery supply", "external power supply"),
    (0xFF, 0x8F): _skipped(2),
}
_DESK: Final[Mapping[Key, Field]] = {(0x03, 0x00): _words("occupancy", *OCCUPANCY)}
_VS360: Final[Mapping[Key, Field]] = {
    **_COUNTER,
    (0x01, 0x75): _uint("battery_main", 1),
    (0x02, 0x75): _uint("battery_node", 1),
    (0x03, 0xF4): Field(size=2, read=_event_vs360),
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


def _alarm_vs373(value: bytes) -> Fields:
    kinds = ("fall", "motionless", "dwell", "out of bed", "occupied", "vacant")
    alarm: Fields = {
        "alarm_id": _u16(value),
        "alarm_type": _word(value[2], kinds),
        "alarm_status": _word(value[3], ("", "alarm triggered", "alarm deactivated", "alarm ignored")),
    }
    return alarm | ({"region_id": value[4]} if alarm["alarm_type"] == "out of bed" else {})


def _history_vs373(value: bytes) -> Fields:
    return {"history": [{"timestamp": int.from_bytes(value[:4], "little")} | _alarm_vs373(value[4:])]}


def _out_of_bed_vs373(value: bytes) -> Fields:
    return {f"region_{region + 1}_out_of_bed_time": _u16(value, 2 * region) for region in range(4)}


def _regions_vs321(value: bytes) -> Fields:
    fields: Fields = {}
    for region in range(10):
        fields[f"region_{region + 1}_enable"] = "enable" if _u16(value) >> region & 1 else "disable"
        fields[f"region_{region + 1}"] = OCCUPANCY[_u16(value, 2) >> region & 1]
    return fields


def _history_vs321(value: bytes) -> Fields:
    record: Fields = {
        "timestamp": int.from_bytes(value[:4], "little"),
        "detection_mode": _word(value[4], ("people counting", "desk occupancy")),
        "people_total_counts": _u16(value, 5),
    }
    return {"history": [record | _regions_vs321(value[7:])]}


def _serial_vs121(data: bytes, start: int) -> int:
    """Six bytes or, in newer firmware, eight: they are pairs of digits, so the FF of the next field ends them."""
    after = data[start + 6 : start + 9]
    ends = len(after) == 2 or (len(after) == 3 and after[2] == 0xFF)
    return 8 if ends and after[0] != 0xFF else 6


def _people_vs121(value: bytes) -> Fields:
    mask = int.from_bytes(value[2:4], "big")
    regions = {f"region_{region + 1}": mask >> region & 1 for region in range(min(value[1], 16))}
    return {"people_count_all": value[0], "region_count": value[1]} | regions


def _crossed_vs121(value: bytes) -> Fields:
    # Signed, unlike all other counts: the device takes back what it counted by mistake.
    return {"people_in": _s16(value), "people_out": _s16(value, 2)}


def _record(size: Callable[[bytes, int], int | None]) -> Field:
    """A record of history, of which only the time is read: what is sent again makes no event."""
    return Field(size=size, read=lambda value: {"history": [{"timestamp": int.from_bytes(value[:4], "little")}]})


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


def _lines(first: int, name: str) -> dict[Key, Field]:
    """Totals and counts since the last report of four lines, from the channel ``first`` on."""
    fields: dict[Key, Field] = {}
    for line in range(4):
        channel, prefix = first + 3 * line, f"line_{line + 1}{name}"
        fields[channel, 0xD2] = _uint(f"{prefix}_total_in", 4)
        fields[channel + 1, 0xD2] = _uint(f"{prefix}_total_out", 4)
        fields[channel + 2, 0xCC] = _pair(f"{prefix}_period_in", f"{prefix}_period_out")
    return fields


def _dwell(name: str) -> Field:
    def read(value: bytes) -> Fields:
        prefix = f"region_{value[0]}{name}"
        return {f"{prefix}_avg_dwell": _u16(value, 1), f"{prefix}_max_dwell": _u16(value, 3)}

    return Field(size=5, read=read)


def _occlusion(value: bytes) -> Fields:
    node = f"node_{value[1]}" if value[1] else "master"
    return {f"{node}_occlusion_alarm": _word(value[2], ("alarm released", "alarm triggered"))}


_LINES: Final[Mapping[Key, Field]] = {
    **_lines(0x03, ""),
    **_lines(0x11, "_child"),
    (0x0F, 0xE3): _bytes(*(f"region_{region}_count" for region in range(1, 5))),
    (0x10, 0xE4): _dwell(""),
    (0x1D, 0xE3): _bytes(*(f"region_{region}_child_count" for region in range(1, 5))),
    (0x1E, 0xE4): _dwell("_child"),
    (0x20, 0xCE): _record(
        _by_byte(4, dict.fromkeys([*range(0x03, 0x10), *range(0x11, 0x1E)], 9) | dict.fromkeys((16, 30, 32, 60), 8))
    ),
    (0x50, 0xFC): Field(size=3, read=_occlusion),
}

MODELS: Final[Mapping[str, Mapping[Key, Field]]] = {
    "VS121": {
        (0x04, 0xC9): Field(size=4, read=_people_vs121),
        (0x05, 0xCC): Field(size=4, read=_crossed_vs121),
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
        (0x20, 0xCE): _record(_by_byte(4, dict.fromkeys(range(1, 0x13), 9) | {0x03: 6, 0x11: 10})),
        (0xFF, 0x03): _skipped(3),
        (0xFF, 0x08): Field(size=_serial_vs121, read=lambda value: {"sn": value.hex()}),
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
        (0x08, 0xF4): Field(
            size=2, read=lambda value: {"reliability": _word(value[1], ("normal detection", "undetectable"))}
        ),
        (0x0A, 0xEF): _uint("timestamp", 4),
        (0x20, 0xCE): Field(size=11, read=_history_vs321),
        (0x83, 0x67): _TEMPERATURE_ALARM,
        (0x84, 0x68): _HUMIDITY_ALARM,
    },
    "VS330": {
        (0x02, 0x82): _uint("distance", 2),
        (0x03, 0x8E): _words("occupancy", *OCCUPANCY),
        (0x04, 0x8E): _words("calibration_status", "failed", "success"),
    },
    "VS340": _DESK,
    "VS341": _DESK,
    "VS350": _VS350,
    "VS351": _VS351,
    "VS360": _VS360,
    "VS370": {**_DESK, (0x04, 0x00): _words("illuminance", "dim", "bright"), (0xFF, 0x8F): _skipped(1)},
    "VS373": {
        (0x03, 0xF8): Field(size=6, read=_target_vs373),
        (0x04, 0xF9): Field(size=4, read=_regions_vs373),
        (0x05, 0xFA): Field(size=8, read=_out_of_bed_vs373),
        (0x06, 0xFB): Field(size=5, read=lambda value: {"events": [_alarm_vs373(value)]}),
        (0x20, 0xCE): Field(size=9, read=_history_vs373),
    },
    "WS201": {(0x03, 0x82): _uint("distance", 2), (0x04, 0xD6): _uint("remaining", 1)},
    "WS202": {(0x03, 0x00): _words("pir", "idle", "trigger"), (0x04, 0x00): _words("daylight", "dim", "bright")},
    "WS203": {
        (0x03, 0x67): _TEMPERATURE,
        (0x04, 0x68): _HUMIDITY,
        (0x05, 0x00): _words("occupancy", *OCCUPANCY),
        (0x20, 0xCE): Field(size=9, read=_climate_history),
        (0x83, 0x67): _TEMPERATURE_ALARM,
    },
    "WS301": {
        (0x03, 0x00): _words("magnet_status", "closed", "open"),
        (0x04, 0x00): _words("tamper_status", "installed", "uninstalled"),
    },
}
