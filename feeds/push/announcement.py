"""Telling an external WebSub hub which documents changed (W3C WebSub §6); the hub then fetches them (R45)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode

from ..errors import PushError
from ..model import SendRequest

SEND_SECONDS = 10.0


def announce(hub: str, topics: Iterable[str], send: SendRequest) -> str:
    """Tell a hub that these documents changed; return what went wrong, empty if nothing did.

    The specification leaves the request to hub and publisher. Hubs take one topic at a time, some under `hub.url`, some
    under `hub.topic`. After the first that is not taken, no further one is sent.
    """
    for topic in topics:
        form = urlencode({"hub.mode": "publish", "hub.url": topic, "hub.topic": topic}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            answer = send("POST", hub, headers, form, seconds=SEND_SECONDS)
        except PushError as error:
            return str(error)
        if not 200 <= answer.status < 300:
            return f"it answers {answer.status}"
    return ""
