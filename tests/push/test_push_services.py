"""The endpoints that notifications may be sent to."""

from __future__ import annotations

import pytest

from feeds.errors import PushError
from feeds.push.push_services import PRIVATE_SERVICE, find_origin, find_service

SERVICES = {
    "https://fcm.googleapis.com/fcm/send/abc:APA91b-_": "fcm",
    "https://updates.push.services.mozilla.com/wpush/v2/gAAAA": "mozilla",
    "https://updates.push.services.mozilla.com:443/wpush/v2/gAAAA": "mozilla",
    "https://wns2-by3p.notify.windows.com/w/?token=BQYA%3d": "windows",
    "https://web.push.apple.com/QGxyz": "apple",
    "https://push.intranet.example:8443/a": PRIVATE_SERVICE,
    "https://10.1.2.3:8443/a": PRIVATE_SERVICE,
}
REFUSED = [
    "http://fcm.googleapis.com/fcm/send/a",
    "https://fcm.googleapis.com:9200/a",
    "https://me@fcm.googleapis.com/a",
    "https://me:pw@fcm.googleapis.com/a",
    "https://fcm.googleapis.com@evil.example/a",
    "https://evil.example/fcm.googleapis.com",
    "https://fcm.googleapis.com.evil.example/a",
    "https://evilfcm.googleapis.com/a",
    "https://notify.windows.com.evil.example/a",
    "https://.notify.windows.com/a",
    "https://fcm.googleapis.com\\@evil.example/a",
    "https://fcm.googleapis.com/a#b",
    "https://fcm.googleapis.com/a b",
    "https://fcm.googleapis.com/\n",
    "https://fcm.googleapis.com/" + "x" * 2000,
    "https://127.0.0.1/a",
    "https://127.0.0.1:9200/",
    "https://10.0.0.1/a",
    "https://[::1]/a",
    "https://[fd00::1]/a",
    "https://169.254.169.254/latest",
    "https://localhost/a",
    "https:///a",
    "https://fcm.googleapis.com:x/a",
    "//fcm.googleapis.com/a",
    "fcm.googleapis.com/a",
    "ftp://fcm.googleapis.com/a",
    "javascript:alert(1)",
    "",
]


@pytest.mark.parametrize("endpoint", SERVICES)
def test_S5_services_that_we_know_are_sent_to(endpoint: str) -> None:
    assert find_service(endpoint, lambda url: "intranet" in url or "10.1.2.3" in url) == SERVICES[endpoint]


@pytest.mark.parametrize("endpoint", REFUSED)
def test_S5_all_other_endpoints_are_refused(endpoint: str) -> None:
    with pytest.raises(PushError) as caught:
        find_service(endpoint, lambda url: False)
    assert caught.value.kind == "refused"
    assert "evil" not in str(caught.value)  # no text of the request comes back


@pytest.mark.parametrize("endpoint", ["http://10.0.0.1/a", "https://me@10.0.0.1/a", "https://[fd00::1]/a"])
def test_S5_private_services_need_https_and_no_login(endpoint: str) -> None:
    with pytest.raises(PushError):
        find_service(endpoint, lambda url: True)


def test_R67_the_origin_of_an_endpoint_has_its_port() -> None:
    assert find_origin("https://push.example/p/1") == "https://push.example"
    assert find_origin("https://push.example:443/p/1") == "https://push.example"
    assert find_origin("https://push.example:8443/p/1") == "https://push.example:8443"
