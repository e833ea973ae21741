"""The routes by which a page subscribes its browser to notifications."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from asgi import ask

from feeds.errors import FailureKind, PushError, StoreError
from feeds.serve import PushRoutes, Services, SubscribeForm, create_app
from feeds.serve.push import REQUESTS_PER_CLIENT

from .loopback import LoopbackServer, run_server, write_files

FORM = {
    "subscription": {
        "endpoint": "https://push.example/secret",
        "expirationTime": None,
        "keys": {"p256dh": "p", "auth": "a"},
    },
    "feed": "world",
}


class Subscribers:
    """Who keeps the subscriptions: here, what was asked for."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.error: Exception | None = None

    def public_key(self) -> str:
        return self._note("key", "BKey")

    def has_feed(self, feed_id: str) -> bool:
        return feed_id == "world"

    def subscribe(self, form: SubscribeForm) -> Sequence[str]:
        keys = form.subscription.keys
        return self._note(
            (form.subscription.endpoint, keys.p256dh, keys.auth, form.feed, form.replaces), ["", form.feed]
        )

    def unsubscribe(self, endpoint: str, feed_id: str | None) -> Sequence[str]:
        return self._note((endpoint, feed_id), [])

    def feeds_of(self, endpoint: str) -> Sequence[str]:
        return self._note(endpoint, ["world"])

    def _note(self, call: object, result: Any) -> Any:
        self.calls.append(call)
        if self.error:
            raise self.error
        return result


@contextmanager
def serve(root: Path, subscribers: Subscribers | None) -> Iterator[LoopbackServer]:
    routes = subscribers and PushRoutes(subscribers, "https://wire.example.org/news/")
    endpoints = {"push": routes.respond} if routes else {}
    app = create_app(
        root,
        withdrawn_feeds=dict,
        is_healthy=lambda: True,
        services=Services(endpoints=endpoints),
    )
    with run_server(app, root) as server:
        yield server


@pytest.fixture
def subscribers() -> Subscribers:
    return Subscribers()


@pytest.fixture
def server(tmp_path: Path, subscribers: Subscribers) -> Iterator[LoopbackServer]:
    write_files(tmp_path)
    with serve(tmp_path, subscribers) as server:
        yield server


def post(server: LoopbackServer, path: str, body: Any, **headers: str) -> tuple[int, Any, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", path, data, {"Content-Type": "application/json"} | names)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return (
        response.status,
        json.loads(text) if response.status == 200 else text,
        {k.lower(): v for k, v in response.headers.items()},
    )


def test_a_page_subscribes_and_unsubscribes(server: LoopbackServer, subscribers: Subscribers) -> None:
    key = server.request("/push/key")
    assert (key.status, key.body, key["cache-control"]) == (200, b'{"key":"BKey"}', "no-store")
    status, body, headers = post(server, "/push/subscribe", FORM)
    assert (status, body) == (200, {"feeds": ["", "world"]})
    assert headers["cache-control"] == "no-store" and "sandbox" in headers["content-security-policy"]
    post(server, "/push/subscribe", {"subscription": FORM["subscription"], "replaces": "https://push.example/old"})
    endpoint = "https://push.example/secret"
    assert post(server, "/push/unsubscribe", {"endpoint": endpoint, "feed": "world"})[:2] == (200, {"feeds": []})
    assert post(server, "/push/unsubscribe", {"endpoint": endpoint})[0] == 200
    assert post(server, "/push/feeds", {"endpoint": endpoint})[:2] == (200, {"feeds": ["world"]})
    assert subscribers.calls == [
        "key",
        (endpoint, "p", "a", "world", None),
        (endpoint, "p", "a", None, "https://push.example/old"),
        (endpoint, "world"),
        (endpoint, None),
        endpoint,
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b"[" * 8000, 400),
        (b'{"subscription": {"endpoint": "https://push.example/", "keys": {}}}', 400),
        ({"subscription": FORM["subscription"], "feed": 7}, 400),
        ({"subscription": FORM["subscription"], "feed": "never"}, 404),
        ({"subscription": FORM["subscription"], "feed": "../feeds"}, 404),
        (b'{"feed": "' + b"x" * 9000 + b'"}', 413),
    ],
)
def test_S5_what_is_no_subscription_is_refused(
    body: Any, status: int, server: LoopbackServer, subscribers: Subscribers
) -> None:
    assert post(server, "/push/subscribe", body)[0] == status
    assert subscribers.calls == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Content_Type": "application/json; charset=utf-8"}, 200),
        ({"Sec_Fetch_Site": "same-origin", "Origin": "https://wire.example.org"}, 200),
        ({"Origin": "http://localhost:8080", "Host": "localhost:8080"}, 200),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_S19_pages_of_other_sites_are_refused(
    headers: dict[str, str], status: int, server: LoopbackServer, subscribers: Subscribers
) -> None:
    assert post(server, "/push/subscribe", FORM, **headers)[0] == status
    assert len(subscribers.calls) == (status == 200)


def test_S19_a_preflight_allows_nothing(server: LoopbackServer) -> None:
    answer = server.request("/push/subscribe", "OPTIONS", origin="https://evil.example")
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/push/subscribe", 405),
        ("POST", "/push/key", 405),
        ("POST", "/push/", 404),
        ("GET", "/push/other", 404),
        ("DELETE", "/push/feeds", 405),
    ],
)
def test_other_methods_and_paths(method: str, path: str, status: int, server: LoopbackServer) -> None:
    assert server.request(path, method).status == status


def test_S17_what_is_refused_says_nothing_of_the_request(server: LoopbackServer, subscribers: Subscribers) -> None:
    subscribers.error = PushError("The endpoint is refused: secret.", kind=FailureKind.REFUSED)
    status, body, _ = post(server, "/push/subscribe", FORM)
    assert (status, body) == (400, b"Bad Request\n")
    subscribers.error = StoreError("secret")
    status, body, headers = post(server, "/push/subscribe", FORM)
    assert (status, body, headers["retry-after"]) == (503, b"Service Unavailable\n", "60")


def test_without_subscribers_there_are_no_routes(tmp_path: Path) -> None:
    write_files(tmp_path)
    with serve(tmp_path, None) as server:
        assert server.request("/push/key").status == 404
        assert post(server, "/push/subscribe", FORM)[0] == 405


def test_A9_a_client_may_ask_so_often_in_a_minute(tmp_path: Path, subscribers: Subscribers) -> None:
    routes = PushRoutes(subscribers, "https://wire.example.org/")
    services = Services(endpoints={"push": routes.respond})
    app = create_app(tmp_path, withdrawn_feeds=dict, is_healthy=lambda: True, services=services)
    answers = [ask(app, "/push/key", client="192.0.2.1") for _ in range(REQUESTS_PER_CLIENT + 1)]
    assert {answer.status for answer in answers[:-1]} == {200}
    assert (answers[-1].status, answers[-1].headers["retry-after"]) == (429, "60")
    assert ask(app, "/push/key", client="192.0.2.2").status == 200
