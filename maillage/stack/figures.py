"""The figures that the gateway measures of itself, read from its /metrics."""

from __future__ import annotations

import http.client
import re
import urllib.request


def access_p99_ms(metrics_url: str) -> float | None:
    """Return the 99th percentile from card read to unlock command, in ms.

    None: no card was read, or the gateway doesn't answer, for it is being started again: that ends no run.
    """
    try:
        with urllib.request.urlopen(metrics_url, timeout=5) as response:  # noqa: S310  our own http address
            text = response.read().decode("utf-8")
    except (OSError, http.client.HTTPException):
        return None
    found = re.search(r'^maillage_gateway_access_seconds\{[^}]*quantile="0\.99"[^}]*\} (\S+)$', text, re.MULTILINE)
    if found is None or found[1].lower() == "nan":
        return None
    return round(float(found[1]) * 1000, 2)
