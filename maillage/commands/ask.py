"""Ask the API as the holder of MAILLAGE_API_KEY: JSON in, JSON out."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

from maillage.commands.address import api_address, unanswered
from maillage.complaint import Complaint

_TIMEOUT_S: Final = 30.0


class Refused(Complaint):
    """The API's answer is no."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        """``problem``: as RFC 9457 has it."""
        super().__init__(f"the API refuses ({status}): {problem.get('detail', 'no reason given')}")
        self.status = status
        self.problem = problem


def ask(method: str, path: str, body: Mapping[str, Any] | None = None, *, url: str | None) -> dict[str, Any]:
    """Return the API's answer; empty where it has none to give.

    Args:
        method: of HTTP.
        path: begins with ``/v1/``.
        body: sent as JSON; None: no body.
        url: the API's address; None: MAILLAGE_API_URL, or that of the stack that runs here.

    Raises:
        Refused: the API refuses; the text is its reason.
        Complaint: there is no key, or the API doesn't answer.
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
        raise Refused(error.code, _problem(error)) from None
    except (urllib.error.URLError, TimeoutError) as error:
        raise unanswered(api, error) from None
    except ValueError as error:
        raise Complaint(f"{api} doesn't answer as Maillage's API does.") from error
    if not isinstance(found, dict):
        raise Complaint(f"{api} doesn't answer as Maillage's API does.")
    return found


def _problem(error: urllib.error.HTTPError) -> dict[str, Any]:
    try:
        found = json.loads(error.read())
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"detail": str(error.reason)}
