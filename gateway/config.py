"""A gateway's configuration: written by ``maillage network gateways``, read at start."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from gateway.contract.configuration import Device, Door
from gateway.contract.wire import Address, Code
from gateway.errors import GatewayError


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class GatewayConfig(_Config):
    """One gateway: its address, its devices and doors, its keys."""

    shard: int = Field(ge=0, le=63)
    place: Code
    gateway: Code
    time_zone: str = "Europe/Paris"
    mqtt_password: SecretStr | None = None
    """The user name is the gateway's code."""
    list_key: str | None = None
    """Ed25519 public key (base64, 32 bytes) that signs access lists and orders; None: no list is accepted."""
    list_keys: tuple[str, ...] = ()
    """Instead of ``list_key``: those of the configuration, two while the key changes."""
    card_key: SecretStr = SecretStr("")
    """The place's key for card tokens, codes and PINs (hexadecimal)."""
    muster_key: SecretStr | None = None
    """The key to the evacuation list (``gateway.http.muster``); None: it isn't served."""
    doors: tuple[Door, ...] = ()
    devices: tuple[Device, ...] = ()

    @property
    def believed_keys(self) -> tuple[str, ...]:
        """The public keys that lists, orders and configurations are believed by."""
        return self.list_keys or (() if self.list_key is None else (self.list_key,))

    @property
    def address(self) -> Address:
        """The gateway's place in the topic tree."""
        return Address(shard=self.shard, place=self.place, gateway=self.gateway)


class ConfigError(GatewayError):
    """The gateways' file can't be used; the text says where and why."""


_FILE = TypeAdapter(tuple[GatewayConfig, ...])


def read_gateways(path: Path) -> tuple[GatewayConfig, ...]:
    """Read a JSON list of gateways from ``path``.

    Raises:
        ConfigError: the file is missing, isn't JSON or doesn't fit; the text names the entry and the field.
    """
    try:
        return _FILE.validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}. A gateway joins with `maillage gateway join` and runs with "
            "MAILLAGE_IDENTITY set to its folder; the simulator's file comes from `maillage network gateways`."
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigError(f"{path}: {where}: {first['msg']} ({error.error_count()} problem(s) in all)") from error


def write_gateways(path: Path, gateways: tuple[GatewayConfig, ...]) -> None:
    """Write ``gateways`` to ``path`` with their secrets, readable by its owner only."""
    import json

    rows = []
    for one in gateways:
        row = one.model_dump(mode="json", exclude_defaults=False)
        row["mqtt_password"] = one.mqtt_password.get_secret_value() if one.mqtt_password else None
        row["card_key"] = one.card_key.get_secret_value()
        row["muster_key"] = one.muster_key.get_secret_value() if one.muster_key else None
        rows.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
    partial.replace(path)
