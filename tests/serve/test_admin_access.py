"""Who may use the operator's site: row S19."""

from __future__ import annotations

import http.client
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from serve.loopback import LoopbackServer, run_server
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from wire import NOON, Wire

import feeds.serve
from feeds.app.server_process import FileServer
from feeds.model import replace
from feeds.serve.admin import AdminIO, create_admin_app
from feeds.serve.admin_access import COOKIE, MAX_FORM, AccessControl, add_headers

TOKEN = "0123456789abcdef"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the token of forms, or with the field `name` of one."""
    state = Request(scope).state
    await PlainTextResponse(state.form["name"] if scope["method"] == "POST" else state.form_token)(scope, receive, send)


def guard(token: str | None) -> ASGIApp:
    async def refuse(request: Request, error: Exception) -> PlainTextResponse:
        assert isinstance(error, HTTPException)
        return PlainTextResponse(error.detail, error.status_code, error.headers)

    return add_headers(ExceptionMiddleware(AccessControl(echo, token), {HTTPException: refuse}))


@pytest.fixture(scope="module")
def open_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackServer]:
    with run_server(guard(None), tmp_path_factory.mktemp("open")) as server:
        yield server


@pytest.fixture(scope="module")
def locked_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackServer]:
    with run_server(guard(TOKEN), tmp_path_factory.mktemp("locked")) as server:
        yield server


HOSTS = [
    ("127.0.0.1", 200),
    ("127.0.0.1:8081", 200),
    ("localhost:9000", 200),
    ("LOCALHOST", 200),
    ("feeds.localhost", 200),
    ("[::1]:8081", 200),
    ("127.9.9.9", 200),
    ("evil.example", 403),
    ("127.0.0.1.evil.example", 403),
    ("localhost.evil.example", 403),
    ("localhost@evil.example", 403),
    ("evil.example#localhost", 403),
    ("192.168.1.7:8081", 403),
    ("[::ffff:10.0.0.1]", 403),
    ("[::1", 403),
    ("", 403),
]


@pytest.mark.parametrize(("host", "status"), HOSTS)
def test_S19_without_a_token_only_the_names_of_this_machine_are_served(
    open_site: LoopbackServer, host: str, status: int
) -> None:
    """DNS rebinding: a page of another site reaches this address by a name of its own."""
    answer = open_site.request("/", host=host)
    assert answer.status == status
    assert "set-cookie" in answer.headers or status == 403
    assert b"evil" not in answer.body


def basic(login: str) -> str:
    return f"Basic {b64encode(login.encode()).decode()}"


CREDENTIALS = [
    ("", 401),
    (f"Bearer {TOKEN}", 200),
    (f"bearer {TOKEN}", 200),
    (f"Bearer {TOKEN[:-1]}", 401),
    (f"Bearer {TOKEN}é", 401),
    (TOKEN, 401),
    (basic(f"me:{TOKEN}"), 200),
    (basic(f":{TOKEN}"), 200),
    (basic(TOKEN), 401),
    (basic(f"me:{TOKEN}x"), 401),
    ("Basic !!!", 401),
    (f"Digest {TOKEN}", 401),
]


@pytest.mark.parametrize(("credentials", "status"), CREDENTIALS)
def test_S19_with_a_token_it_must_be_shown_under_whatever_name(
    locked_site: LoopbackServer, credentials: str, status: int
) -> None:
    answer = locked_site.request("/", host="feeds.example", authorization=credentials)
    assert answer.status == status
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert TOKEN.encode() not in answer.body


def post(server: LoopbackServer, body: str, method: str = "POST", **headers: str | None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    defaults: dict[str, str | None] = {
        "origin": f"http://127.0.0.1:{server.port}",
        "content_type": "application/x-www-form-urlencoded",
    }
    sent = {name.replace("_", "-"): value for name, value in {**defaults, **headers}.items() if value is not None}
    connection.request(method, "/", body, sent)
    response = connection.getresponse()
    answer = response.status, response.read().decode()
    connection.close()
    return answer


def test_S19_what_changes_something_must_come_from_a_page_of_ours(open_site: LoopbackServer) -> None:
    answer = open_site.request("/")
    cookie, form_token = answer["set-cookie"].partition(";")[0], answer.body.decode()
    attributes = answer["set-cookie"].partition(";")[2]
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip().lower() for part in attributes.split(";")}
    fields = f"name=a&token={form_token}"
    assert post(open_site, fields, cookie=cookie) == (200, "a")
    assert "set-cookie" not in open_site.request("/", cookie=cookie).headers
    other = open_site.request("/")
    other_token = other.body.decode()
    host = f"127.0.0.1:{open_site.port}"
    refused = [
        post(open_site, fields),  # SameSite: with a form of another site comes no cookie
        post(open_site, fields, cookie=other["set-cookie"].partition(";")[0]),
        post(open_site, fields, cookie=f"{COOKIE}=../../x"),
        post(open_site, "name=a", cookie=cookie),
        post(open_site, f"name=a&token={other_token}", cookie=cookie),
        post(open_site, fields, cookie=cookie, origin=None),
        post(open_site, fields, cookie=cookie, origin="null"),
        post(open_site, fields, cookie=cookie, origin="http://evil.example"),
        post(open_site, fields, cookie=cookie, origin=f"http://{host}.evil.example"),
        post(open_site, fields, cookie=cookie, sec_fetch_site="cross-site"),
        post(open_site, fields, cookie=cookie, sec_fetch_site="same-site"),
    ]
    assert [status for status, _ in refused] == [403] * len(refused)
    assert post(open_site, fields, cookie=cookie, content_type="text/plain")[0] == 415
    assert post(open_site, fields, cookie=cookie, content_type=None)[0] == 415
    assert post(open_site, "a" * (MAX_FORM + 1), cookie=cookie)[0] == 413
    assert post(open_site, "&".join("a=b" for _ in range(100)), cookie=cookie)[0] == 400
    assert post(open_site, "a=%ff", cookie=cookie)[0] == 400
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert post(open_site, fields, method, cookie=cookie)[0] == 405


# ── the table of routes ─────────────────────────────────────────────────────────────────────────────────────────────

# Every path that this program serves beside published files, and who may use it: all, or the operator alone.
PUBLIC = {"/", "/health", "/favicon.ico"}
PUBLIC_ENDPOINTS = {"hub", "websub", "push", "search", "search.json"}  # and all paths below these, besides `/live`
OPERATOR = {"/", "/feeds", "/sources/{id:path}", "/feeds/{id:path}", "/assets/admin.css", "/health", "/metrics"}
ACTIONS = {"/visit", "/publish", "/retract"}


def make_io() -> AdminIO:
    return AdminIO(
        health=lambda: ({"status": "ok"}, True),
        metrics=lambda: (),
        style=lambda: b"",
        page=lambda section, id, request: b"a page",
        message=lambda title, text, request: b"a message",
        act=lambda action, form: "0",
        mask=lambda text: text,
    )


def declared_routes(pattern: str) -> set[str]:
    """The paths of all routes in the files of that name in the room of the server."""
    folder = Path(feeds.serve.__file__).parent
    texts = (path.read_text(encoding="utf-8") for path in folder.glob("*.py") if re.match(pattern, path.name))
    return {path for text in texts for path in re.findall(r"\bRoute\(\s*f?\"([^\"]+)\"", text)}


def test_S19_each_route_is_on_a_written_list(wire: Wire) -> None:
    """A new route is public only when it is written here; what is for the operator stands behind one middleware."""
    wire.declare({}, server={"admin": "127.0.0.1:0"})
    assert FileServer(wire.config, None, lambda: NOON).endpoints().keys() == PUBLIC_ENDPOINTS
    assert declared_routes("(?!admin)") | {"/favicon.ico"} == PUBLIC
    assert declared_routes("admin") == OPERATOR | ACTIONS


@pytest.mark.parametrize("path", [*sorted(OPERATOR | ACTIONS), "/nowhere", "//", "/..//"])
def test_S19_no_route_of_the_operator_answers_without_protection(tmp_path: Path, path: str) -> None:
    io = make_io()
    with run_server(create_admin_app(io, None), tmp_path) as server:
        assert [server.request(path, host="evil.example").status for _ in ("GET", "HEAD")] == [403, 403]
        assert server.request(path, "POST", host="127.0.0.1").status == 403
    with run_server(create_admin_app(io, TOKEN), tmp_path) as server:
        for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"):
            assert server.request(path, method).status == 401, method


@pytest.mark.parametrize("path", ["/\\evil.example", "//evil.example", "/https:evil.example", "/health/", "//health"])
def test_S17_S19_nothing_redirects_away_and_nothing_is_reflected(tmp_path: Path, path: str) -> None:
    io = make_io()
    with run_server(create_admin_app(io, None), tmp_path) as server:
        answer = server.request(path + "?<script>")
    assert answer.status == 404
    assert "location" not in answer.headers
    assert b"evil" not in answer.body and b"script" not in answer.body
    assert answer["content-security-policy"].startswith("default-src 'none'")
    assert answer["x-content-type-options"] == "nosniff"
    assert answer["cache-control"] == "no-store"


def test_S17_a_fault_is_a_500_without_its_text_and_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> tuple[dict[str, object], bool]:
        raise ZeroDivisionError("a secret")

    with run_server(create_admin_app(replace(make_io(), health=fail), None), tmp_path) as server:
        answer = server.request("/health")
    assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
    assert answer["x-content-type-options"] == "nosniff"
    assert "cannot answer '/health'" in caplog.text
