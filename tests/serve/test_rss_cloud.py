"""rssCloud: how a registration is read, and what is answered to it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from asgi import Answer, ask

from feeds.errors import StoreError
from feeds.model import HubProtocol, HubRequest
from feeds.serve import Services, create_app
from feeds.serve.hub import HubRefusal, choose_by_path
from feeds.serve.limits import RequestRate
from feeds.serve.rss_cloud import LEASE, CloudEndpoint

TOPIC = "https://wire.example.org/all.rss"
FORM = {"protocol": "http-post", "port": "5337", "path": "/notify", "registerProcedure": "", "url1": TOPIC}


class Cloud:
    """The endpoint in an application, with the requests that it accepted."""

    def __init__(self, root: Path) -> None:
        self.accepted: list[HubRequest] = []
        self.error: Exception | None = None
        endpoint = CloudEndpoint(self.accept, RequestRate(5, 5, clock=lambda: 0.0))
        services = Services(endpoints={"hub": choose_by_path({"/hub/rsscloud": endpoint.respond})})
        self.app = create_app(root, withdrawn_feeds=dict, is_healthy=lambda: True, services=services)

    def accept(self, request: HubRequest) -> None:
        if self.error:
            raise self.error
        self.accepted.append(request)

    def post(self, form: dict[str, str], path: str = "/hub/rsscloud") -> Answer:
        headers = {"content_type": "application/x-www-form-urlencoded"}
        return ask(self.app, path, "POST", urlencode(form).encode(), **headers)


def result(answer: Answer) -> tuple[str | None, str]:
    """Whether it succeeded, and what it says."""
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    root = ElementTree.fromstring(answer.body)
    assert root.tag == "notifyResult"
    return root.get("success"), root.get("msg", "")


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


CALLBACKS: dict[str, tuple[dict[str, str], str, HubProtocol]] = {
    "its own address": ({}, "http://127.0.0.1:5337/notify", HubProtocol.CLOUD_SELF),
    "a domain": ({"domain": "a.example"}, "http://a.example:5337/notify", HubProtocol.CLOUD),
    "https": ({"domain": "a.example", "protocol": "https-post"}, "https://a.example:5337/notify", HubProtocol.CLOUD),
    "port 443": ({"domain": "a.example", "port": "443"}, "https://a.example:443/notify", HubProtocol.CLOUD),
    "a query": ({"domain": "a.example", "path": "/?b=c"}, "http://a.example:5337/?b=c", HubProtocol.CLOUD),
}


@pytest.mark.parametrize(("values", "callback", "protocol"), CALLBACKS.values(), ids=CALLBACKS)
def test_R53_a_registration_is_a_request_to_the_hub(
    cloud: Cloud, values: dict[str, str], callback: str, protocol: HubProtocol
) -> None:
    assert result(cloud.post(FORM | values))[0] == "true"
    assert cloud.accepted == [HubRequest("subscribe", callback, TOPIC, lease_seconds=LEASE, protocol=protocol)]


def test_R53_several_feeds_are_several_requests(cloud: Cloud) -> None:
    assert result(cloud.post(FORM | {"url2": "b", "url10": "c", "urls": "d", "url": "e"}))[0] == "true"
    assert [request.topic for request in cloud.accepted] == [TOPIC, "b", "c"]


REFUSED: dict[str, dict[str, str]] = {
    "xml-rpc": {"protocol": "xml-rpc"},
    "no protocol": {"protocol": ""},
    "no port": {"port": ""},
    "port 0": {"port": "0"},
    "a large port": {"port": "65536"},
    "a long port": {"port": "1" * 5000},
    "a strange digit": {"port": "²"},
    "no path": {"path": ""},
    "a path without a slash": {"path": "@b.example/"},
    "a login": {"domain": "me:pw@a.example"},
    "two addresses": {"domain": "a.example/b?"},
    "a line end": {"path": "/\r\nX: y"},
    "no feed": {"url1": "", "url": TOPIC},
    "many feeds": {f"url{number}": TOPIC for number in range(30)},
}


@pytest.mark.parametrize("values", REFUSED.values(), ids=REFUSED)
def test_R53_a_wrong_registration_is_refused_with_the_reason(cloud: Cloud, values: dict[str, str]) -> None:
    form = {name: value for name, value in (FORM | values).items() if name != "url1" or value}
    success, message = result(cloud.post(form))
    assert success == "false" and message
    assert cloud.accepted == []


def test_R63_registrations_are_limited_and_errors_told(cloud: Cloud) -> None:
    cloud.error = HubRefusal("No such <feed>.", 404)
    assert result(cloud.post(FORM)) == ("false", "No such <feed>.")
    cloud.error = StoreError("/secret")
    answer = cloud.post(FORM)
    assert answer.status == 503 and b"secret" not in answer.body
    for _ in range(3):
        cloud.post(FORM)
    answer = cloud.post(FORM)
    assert (answer.status, result(answer)[0]) == (429, "false")


def test_R53_there_is_nothing_at_other_paths(cloud: Cloud) -> None:
    assert ask(cloud.app, "/hub/rsscloud").status == 405
    assert cloud.post(FORM, "/hub/rsscloud/").status == 404
    assert cloud.post(FORM, "/hub").status == 404
