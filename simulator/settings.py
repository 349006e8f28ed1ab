"""The simulator's settings, from the environment."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from simulator.errors import FaultError
from simulator.faults import Faults
from simulator.rates import MILD, Rates, given_rates
from simulator.sample.people import DEFAULT_SEED

DEFAULT_START: Final = datetime(2026, 3, 3, 7, 30)  # noqa: DTZ001  (a Tuesday, by the clock on a place's wall)


class SimulatorSettings(BaseSettings):
    """Settings of ``maillage simulate``."""

    model_config = SettingsConfigDict(env_prefix="MAILLAGE_", frozen=True, extra="ignore")

    gateways_file: Path = Field(
        default=Path(".runtime/gateways.json"),
        description="places and devices, as `maillage network gateways` writes them",
    )
    field_mqtt_url: SecretStr = Field(
        default=SecretStr("mqtt://127.0.0.1:1884"), description="the places' own broker: mqtt://host:port"
    )
    field_logins: Path | None = Field(
        default=None,
        description="the file with the simulator's login at the broker, as `maillage gateway field --simulator` wrote "
        "it; not read where the broker's address holds a login",
    )
    simulator_logins: Path | None = Field(
        default=None,
        description="what `maillage gateway field --json` printed: each board and bridge then logs in as itself; none: "
        "one connection speaks for all, with the login in the broker's address",
    )
    speed: float = Field(default=60.0, ge=1, le=1000, description="virtual seconds per real second")
    start: datetime = Field(default=DEFAULT_START, description="when the virtual day begins, local time without a zone")
    simulator_places: int | None = Field(
        default=None, ge=1, description="how many places to simulate, from the start of the file; empty: all"
    )
    seed: int = Field(
        default=DEFAULT_SEED,
        description="seed of the random numbers: the same seed gives the same people and movements",
    )
    simulator_host: str = Field(
        default="127.0.0.1", description="address that the true occupancy is served on over HTTP"
    )
    simulator_port: int = Field(
        default=9466,
        ge=0,
        le=65535,
        description="port that the true occupancy is served on over HTTP; 0: any free port",
    )
    line_port: int = Field(
        default=0, ge=0, le=65535, description="local port of the relay through which the gateways reach the centre"
    )
    line_each: bool = Field(
        default=False,
        description="give each gateway of the file, in its order, a port of its own on the relay: the ones after "
        "MAILLAGE_LINE_PORT. Under TLS the relay knows by it whose connection it cuts",
    )
    line_to: str | None = Field(
        default=None, description="HOST:PORT of the central broker that the relay connects to; none: no relay"
    )
    hold: bool = Field(default=False, description="devices stay switched off until a POST to /begin")
    announce_s: float = Field(
        default=3.0, ge=0, description="real seconds over which the devices' first messages are spread"
    )
    faults: Faults = Field(
        default=Faults(),
        description='faults in force from the start, JSON like {"duplicate_rate": 0.1}; see POST /faults',
    )
    rates: Rates = Field(
        default=MILD,
        description='how often people and devices fail, JSON like {"tailgating": 0.05}; those not named stay mild '
        "(docs/simulator.md)",
    )
    api_url: str | None = Field(default=None, description="the API's address, where simulated people report lost cards")
    api_key: SecretStr | None = Field(
        default=None,
        description="an API key with the right to change cards; without key and address no card is reported lost",
    )
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")

    @property
    def front_desk(self) -> tuple[str, str] | None:
        """Return the API's address and key; None: nobody to report a lost card to."""
        if self.api_url is None or self.api_key is None:
            return None
        return self.api_url, self.api_key.get_secret_value()

    @field_validator("start")
    @classmethod
    def _without_zone(cls, value: datetime) -> datetime:
        if value.tzinfo is not None:
            raise ValueError("the virtual day is local time: write it without a zone, like 2026-03-03T07:30")
        return value

    @field_validator("rates", mode="before")
    @classmethod
    def _beside_the_mild(cls, value: Any) -> Any:
        try:
            return given_rates(MILD, value) if isinstance(value, dict) else value
        except FaultError as error:
            raise ValueError(str(error)) from error

    def changed(self, **changes: Any) -> SimulatorSettings:
        """Return the settings with some replaced."""
        return self.model_copy(update=changes)
