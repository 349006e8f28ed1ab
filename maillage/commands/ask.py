"""Ask the API as the holder of MAILLAGE_API_KEY: JSON in, JSON out."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

from maillage.commands.address import api_address
from maillage.complaint import Complaint

_TIMEOUT_S: Final = 30.0


def ask(method: str, path: str, body: Mapping[str, Any] | None = None, *, url: str | None) -> dict[str, Any]:
    """Return the API's answer; empty where it has none to give.

    Args:
        method: of HTTP.
        path: begins with ``/v1/``.
        body: sent as JSON; None: no body.
        url: the API's address; None: MAILLAGE_API_URL, or that of the stack that runs here.

    Raises:
        Complaint: there is no key, the API doesn't answer, or refuses; the text is its reason.
    """
    key = os.environ.get("MAILLAGE_API_KEY")
    if not key:
        raise Complaint(
            "MAILLAGE_API_KEY is not set. `maillage key create NAME --role network_administrator` makes one."
        )
    api = api_address(url)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(api + path, data=data, method=method, headers=headers)  # noqa: S310  (checked there)
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            text = answer.read()
        found = json.loads(text) if text else {}
    except urllib.error.HTTPError as error:
        raise Complaint(f"the API refuses ({error.code}): {_detail(error)}") from None
    except (urllib.error.URLError, TimeoutError) as error:
        raise Complaint(f"the API at {api} doesn't answer: {error}") from None
    except ValueError as error:
        raise Complaint(f"{api} doesn't answer as Maillage's API does.") from error
    if not isinstance(found, dict):
        raise Complaint(f"{api} doesn't answer as Maillage's API does.")
    return found


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["detail"])
    except (ValueError, KeyError, TypeError):
        return str(error.reason)
