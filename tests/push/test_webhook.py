"""What a webhook is told: the difference between what it knows and what is published."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from feeds.errors import PushError
from feeds.model import OutboundAnswer, SendRequest, Webhook, WebhookDelivery
from feeds.push import webhook

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SITE = "https://wire.example.org/"
FILES = st.dictionaries(st.sampled_from([f"{number}.rss" for number in range(6)]), st.sampled_from("abc"))


def test_a_delivery_names_what_changed_and_what_is_gone() -> None:
    told = {"a.rss": "1", "b.rss": "1", "c.rss": "1"}
    delivery = webhook.plan_delivery(told, {"a.rss": "1", "b.rss": "2", "index.html": "1"}, 7, NOON)
    assert delivery == WebhookDelivery(7, NOON, {"b.rss": "2", "index.html": "1"}, ("c.rss",))
    assert json.loads(webhook.make_body(delivery, SITE)) == {
        "number": 7,
        "at": "2026-03-02T12:00:00Z",
        "site": SITE,
        "changed": ["b.rss", "index.html"],
        "removed": ["c.rss"],
        "urls": [f"{SITE}b.rss", SITE, f"{SITE}index.html", f"{SITE}c.rss"],
    }


def test_nothing_is_told_twice() -> None:
    assert webhook.plan_delivery({"a.rss": "1"}, {"a.rss": "1"}, 1, NOON) is None


@given(told=FILES, published=FILES, size=st.integers(1, 3))
def test_deliveries_of_any_size_end_where_it_knows_all(
    told: dict[str, str], published: dict[str, str], size: int
) -> None:
    known, limit = told, webhook.MAX_PATHS
    webhook.MAX_PATHS = size
    try:
        for number in range(20):
            delivery = webhook.plan_delivery(known, published, number, NOON)
            if delivery is None:
                break
            assert 0 < len(delivery.changed) + len(delivery.removed) <= size
            known = dict(webhook.conclude_delivery(known, delivery))
    finally:
        webhook.MAX_PATHS = limit
    assert known == published


def test_a_signature_is_that_of_the_documentation_of_github() -> None:
    """Of "Validating webhook deliveries": so receivers need no code of ours."""
    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert webhook.sign(b"Hello, World!", "It's a Secret to Everybody") == expected


def answering(status: int, **headers: str) -> SendRequest:
    def send(*arguments: object, seconds: float) -> OutboundAnswer:
        return OutboundAnswer(status, {name.replace("_", "-"): value for name, value in headers.items()})

    return send


def test_what_a_receiver_answers() -> None:
    def deliver(send: SendRequest) -> tuple[str, float | None]:
        return webhook.deliver(Webhook("https://hook.example/"), WebhookDelivery(1, NOON), SITE, send)

    def refuse(*arguments: object, seconds: float) -> OutboundAnswer:
        raise PushError("hook.example does not answer.")

    assert deliver(answering(204)) == ("", None)
    assert deliver(answering(503, retry_after="90")) == ("it answers 503", 90.0)
    assert deliver(answering(302)) == ("it answers 302", None)
    assert deliver(answering(429, retry_after="99999999")) == ("it answers 429", webhook.MAX_RETRY_AFTER)
    assert deliver(refuse) == ("hook.example does not answer.", None)
