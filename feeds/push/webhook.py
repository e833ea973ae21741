"""The webhook of `on_publish`: what changed since it was last told, and the request that tells it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import chain, islice

from .. import http_headers
from ..errors import PushError
from ..model import SendRequest, Webhook, WebhookDelivery

MAX_PATHS = 1000  # of one request; the next one tells the rest
SEND_SECONDS = 10.0
MAX_RETRY_AFTER = 86_400.0
FRONT_PAGE = "index.html"  # which readers know as the address of the site


def plan_delivery(
    told: Mapping[str, str], published: Mapping[str, str], number: int, at: datetime
) -> WebhookDelivery | None:
    """Return what is to be told of the published files, path → digest; None where nothing differs from `told`."""
    changed = {path: digest for path, digest in sorted(published.items()) if told.get(path) != digest}
    removed = sorted(told.keys() - published.keys())
    if not changed and not removed:
        return None
    changed = dict(islice(changed.items(), MAX_PATHS))
    return WebhookDelivery(number, at, changed, tuple(removed[: MAX_PATHS - len(changed)]))


def conclude_delivery(told: Mapping[str, str], delivery: WebhookDelivery) -> Mapping[str, str]:
    """Return what a webhook is told of once it took a delivery."""
    left = {path: digest for path, digest in told.items() if path not in delivery.removed}
    return {**left, **delivery.changed}


def make_body(delivery: WebhookDelivery, site_url: str) -> bytes:
    """Return the JSON of a delivery: the same bytes each time that it is tried."""
    paths = [*delivery.changed, *delivery.removed]
    urls = chain.from_iterable(_addresses(path, site_url) for path in paths)
    members = {
        "number": delivery.number,
        "at": delivery.at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "site": site_url,
        "changed": [*delivery.changed],
        "removed": delivery.removed,
        "urls": [*urls],
    }
    return json.dumps(members, separators=(",", ":")).encode()


def _addresses(path: str, site_url: str) -> tuple[str, ...]:
    return (site_url, site_url + path) if path == FRONT_PAGE else (site_url + path,)


def sign(body: bytes, secret: str) -> str:
    """Return the signature of a body, as GitHub and many others send it."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def deliver(webhook: Webhook, delivery: WebhookDelivery, site_url: str, send: SendRequest) -> tuple[str, float | None]:
    """Post a delivery; return what went wrong, empty if nothing did, and the seconds that the receiver asks for."""
    body = make_body(delivery, site_url)
    headers = {"Content-Type": "application/json", "X-Feeds-Delivery": str(delivery.number), **dict(webhook.headers)}
    if webhook.secret:
        headers["X-Hub-Signature-256"] = sign(body, webhook.secret)
    try:
        answer = send("POST", webhook.url, headers, body, seconds=SEND_SECONDS)
    except PushError as error:
        return str(error), None
    if 200 <= answer.status < 300:
        return "", None
    wish = http_headers.parse_retry_after(answer.headers)
    return f"it answers {answer.status}", None if wish is None else min(wish, MAX_RETRY_AFTER)
