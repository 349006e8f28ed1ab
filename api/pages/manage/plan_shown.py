"""A place's plan with the states of its desks and spaces, as the page draws it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def shown(plan: Mapping[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    """Join a plan of the API with what its ``live`` says of the desks; ``plan`` and ``live`` may differ by a moment."""
    states = {one["desk"]: one for one in live["desks"]}
    desks = []
    for one in plan["desks"]:
        found = states.get(one["desk"])
        state = "unknown" if found is None else found["state"]
        desks.append({
            **one,
            "state": state,
            "sensor": found is not None and found["sensor"],
            "at": None if found is None else found["at"],
            "middle": (one["x"] + one["width"] // 2, one["y"] + one["height"] // 2),
        })  # fmt: skip
    return {**plan, "desks": desks, "any": any(one["sensor"] for one in desks)}
