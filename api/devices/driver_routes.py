"""``/v1/drivers``: the drivers that devices can have, and how the addresses of their devices are written."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from api.devices.drivers import about_drivers
from api.http.answers import json_answer
from api.http.models import Answer
from api.http.session import guarded, session

router: Final = APIRouter(tags=["fitting"])


class DriverAbout(Answer):
    """What a driver states about itself."""

    name: str
    label: str = Field(description="The name that people know.")
    address_form: str = Field(description="What a device's address looks like.", examples=["TOPIC#HOSTNAME"])
    address_example: str
    needs_model: bool = Field(description="A device of it must name its model.")
    models: list[str] | None = Field(description="The models that it reads; null: any.")
    capabilities: list[str]


class Drivers(Answer):
    """The drivers that are installed, by name."""

    drivers: list[DriverAbout]


@router.get("/v1/drivers", summary="Drivers of devices", **guarded("members:read", answers={200: Drivers}))
async def drivers(request: Request) -> Response:
    """Those that are installed on this server."""
    async with session(request, "members:read"):
        pass
    return json_answer({"drivers": about_drivers()})
