"""The address of our hub: which requests it takes, what it answers to others; and the headers that lead to it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import pytest
from asgi import Answer, ask
from serve.loopback import write_files

from feeds.errors import StoreError
from feeds.model import HubRequest
from feeds.serve import ASGIApp, Services, create_app
from feeds.serve.hub import DEFAULT_LEASE, MAX_BODY_SIZE, MAX_LEASE, MIN_LEASE, HubEndpoint, HubRefusal
from feeds.serve.limits import RequestRate

CALLBACK, TOPIC = "https://reader.example/callback?a=b", "https://wire.example.org/all.atom"
FORM = {"hub.mode": "subscribe", "hub.callback": CALLBACK, "hub.topic": TOPIC}


class Hub:
    """The endpoint in an application, with the requests that it accepted."""

    def __init__(self, root: Path, per_client: int = 1000) -> None:
        self.accepted: list[HubRequest] = []
        self.error: Exception | None = None
        endpoint = HubEndpoint(self.accept, RequestRate(1000, per_client, clock=lambda: 0.0))
        services = Services(endpoints={"hub": endpoint.respond}, feed_links=lambda path: f"<{path}>")
        self.app: ASGIApp = create_app(root, withdrawn_feeds=dict, is_healthy=lambda: True, services=services)

    def accept(self, request: HubRequest) -> None:
        if self.error:
            raise self.error
        self.accepted.append(request)

    def post(self, body: bytes | dict[str, str], **headers: str) -> Answer:
        text = urlencode(body).encode() if isinstance(body, dict) else body
        headers = {"content_type": "application/x-www-form-urlencoded; charset=utf-8"} | headers
        return ask(self.app, "/hub", "POST", text, **headers)


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path)


def test_R53_a_request_is_accepted_and_unknown_parameters_are_ignored(hub: Hub) -> None:
    answer = hub.post(FORM | {"hub.secret": "ü" * 99, "hub.verify": "sync", "other": "x"})
    assert answer.status == 202
    assert hub.accepted == [HubRequest("subscribe", CALLBACK, TOPIC, "ü" * 99, DEFAULT_LEASE)]
    assert hub.post(FORM | {"hub.mode": "unsubscribe"}).status == 202
    assert hub.accepted[1].mode == "unsubscribe"


LEASES = {"": DEFAULT_LEASE, "x": DEFAULT_LEASE, "-1": DEFAULT_LEASE, "0": MIN_LEASE, "86400": 86_400}
LEASES |= {"9999999": MAX_LEASE, "9" * 40: DEFAULT_LEASE, "²": DEFAULT_LEASE}


@pytest.mark.parametrize(("text", "seconds"), LEASES.items())
def test_R57_a_lease_is_bounded(hub: Hub, text: str, seconds: int) -> None:
    assert hub.post(FORM | {"hub.lease_seconds": text}).status == 202
    assert hub.accepted[0].lease_seconds == seconds


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "no mode": ({"hub.mode": ""}, "hub.mode"),
    "publish": ({"hub.mode": "publish"}, "hub.mode"),
    "no topic": ({"hub.topic": ""}, "hub.topic"),
    "no callback": ({"hub.callback": ""}, "hub.callback"),
    "a path": ({"hub.callback": "/callback"}, "hub.callback"),
    "ftp": ({"hub.callback": "ftp://reader.example/"}, "hub.callback"),
    "no host": ({"hub.callback": "https:///callback"}, "hub.callback"),
    "a wrong port": ({"hub.callback": "https://reader.example:99999/"}, "hub.callback"),
    "a login": ({"hub.callback": "https://me:pw@reader.example/"}, "hub.callback"),
    "a fragment": ({"hub.callback": "https://reader.example/#a"}, "hub.callback"),
    "a space": ({"hub.callback": "https://reader.example/a b"}, "hub.callback"),
    "a line end": ({"hub.callback": "https://reader.example/\r\nX: y"}, "hub.callback"),
    "a long one": ({"hub.callback": f"https://reader.example/{'a' * 2048}"}, "hub.callback"),
    "200 bytes": ({"hub.secret": "a" * 200}, "hub.secret"),
    "200 bytes of 100 letters": ({"hub.secret": "ü" * 100}, "hub.secret"),
}


@pytest.mark.parametrize(("values", "name"), REFUSED.values(), ids=REFUSED)
def test_R53_a_wrong_request_is_refused_with_the_reason(hub: Hub, values: dict[str, str], name: str) -> None:
    answer = hub.post(FORM | values)
    assert (answer.status, answer.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert answer.body.decode().startswith(name)
    assert hub.accepted == []


def test_R53_what_is_no_form_is_refused(hub: Hub) -> None:
    assert hub.post(b"hub.mode=%ff").status == 400
    assert hub.post(b"\xff").status == 400
    assert hub.post(b"&".join([b"a=b"] * 101)).status == 400
    assert hub.post(b"a" * (MAX_BODY_SIZE + 1)).status == 413
    assert hub.post(FORM, content_type="application/json").status == 415
    assert hub.accepted == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "NONE"])
def test_R53_other_methods_are_refused(hub: Hub, method: str) -> None:
    answer = ask(hub.app, "/hub", method)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_R53_refusals_and_errors_of_the_store_have_their_status(hub: Hub) -> None:
    hub.error = HubRefusal("No such topic.", 404)
    answer = hub.post(FORM)
    assert (answer.status, answer.body) == (404, b"No such topic.\n")
    hub.error = StoreError("server.db: /secret/path")
    answer = hub.post(FORM)
    assert answer.status == 503
    assert b"secret" not in answer.body


def test_R63_requests_of_one_client_are_limited(tmp_path: Path) -> None:
    hub = Hub(tmp_path, per_client=2)
    answers = [ask_from(hub, client) for client in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2")]
    assert [answer.status for answer in answers] == [202, 202, 429, 202]
    assert answers[2].headers["retry-after"] == "60"


def ask_from(hub: Hub, client: str) -> Answer:
    async def app(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        await hub.app({**scope, "client": (client, 1)}, receive, send)

    return ask(app, "/hub", "POST", urlencode(FORM).encode())


def test_R63_the_rate_counts_each_minute_anew() -> None:
    seconds = 0.0
    rate = RequestRate(3, 2, clock=lambda: seconds)
    assert [rate.admit(f"192.0.2.{number}") for number in (1, 1, 1, 2, 3)] == [True, True, False, True, False]
    seconds = 60.0
    assert rate.admit("192.0.2.1")
    assert [rate.admit("127.0.0.1") for _ in range(3)] == [True, True, False]  # many share it: only the total counts


def test_R44_the_headers_of_a_feed_lead_to_the_hub(hub: Hub, tmp_path: Path) -> None:
    write_files(tmp_path)
    for path in ("/world.rss", "/world.atom", "/world.json", "/each-source/bbc-news.json"):
        answer = ask(hub.app, path)
        assert (answer.status, answer.headers["link"]) == (200, f"<{path}>")
        assert ask(hub.app, path, "HEAD").headers["link"] == f"<{path}>"
        unchanged = ask(hub.app, path, if_none_match=answer.headers["etag"])
        assert (unchanged.status, unchanged.headers["link"]) == (304, f"<{path}>")
    for path in ("/world.html", "/feeds.opml", "/archive/world/1.atom", "/assets/app.json"):
        answer = ask(hub.app, path)
        assert answer.status == 200
        assert "link" not in answer.headers
