"""Who may use the operator's site: a middleware that refuses what it was not told to let through (S19).

Without a token only this machine is served, and by its own names alone, so that no page of another site can reach it by
a name that it lets point here (DNS rebinding). A request that changes something must come from a page of ours: its
`Origin` is ours, and its form holds a token that only our pages know, made of the cookie that came with it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "feeds_admin"
TOKEN_FIELD = "token"
MAX_FORM = 10_000  # bytes
MAX_FIELDS = 20
_COOKIE_VALUE = re.compile(r"[0-9a-f]{32}", re.ASCII)
_SAFE_METHODS = ("GET", "HEAD")

# No other site may show a page of the operator, send its forms, or learn its address. `same-origin`, as with
# `no-referrer` a browser sends `Origin: null` with our own forms.
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src data:;"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


class AccessControl:
    """Middleware: serve who may be served, and put the form of a POST into `request.state.form`.

    `token` is what the operator must show, as a bearer token or as the password of a login; without one only requests
    to the names of this machine are served. Raises HTTPException for all others.
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app = app
        self._token = token
        self._key = secrets.token_bytes(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or raise HTTPException."""
        request = Request(scope, receive)
        if self._token is None:
            _require_own_name(request)
        else:
            _require_token(request, self._token)
        session = _read_session(request)
        cookie = session or secrets.token_hex(16)
        form_token = hmac.digest(self._key, cookie.encode(), "sha256").hex()
        scope.setdefault("state", {})["form_token"] = form_token
        if request.method == "POST":
            _require_own_origin(request)
            request.state.form = form = await _read_form(request)
            if not session or not hmac.compare_digest(form.get(TOKEN_FIELD, ""), form_token):
                raise HTTPException(403, "The page is older than the last start: go back, reload it, and try again")
        elif request.method not in _SAFE_METHODS:
            raise HTTPException(405, headers={"allow": "GET, HEAD, POST"})

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and session is None:
                attributes = f"{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Strict"
                MutableHeaders(scope=message).append("set-cookie", attributes)
            await send(message)

        await self._app(scope, receive, send_with_cookie)


def _require_own_name(request: Request) -> None:
    """Refuse a request that does not name this machine itself."""
    if not _is_loopback_name(request.headers.get("host", "")):
        raise HTTPException(403, "Without an admin_token, this is served as localhost and 127.0.0.1 alone")


def _is_loopback_name(host: str) -> bool:
    """Return whether a Host header names this machine, at whatever port: a tunnel may have another one."""
    try:
        name = urlsplit(f"http://{host}/").hostname or ""
        return name == "localhost" or name.endswith(".localhost") or ip_address(name).is_loopback
    except ValueError:
        return False


def _require_token(request: Request, token: str) -> None:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    shown = _read_password(credentials) if scheme.lower() == "basic" else credentials.strip()
    if scheme.lower() not in ("basic", "bearer") or not hmac.compare_digest(shown.encode(), token.encode()):
        challenge = {"www-authenticate": 'Basic realm="feeds", charset="UTF-8"'}
        raise HTTPException(401, "Log in with any name and the admin_token as the password", challenge)


def _read_password(credentials: str) -> str:
    try:
        login = base64.b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return login.partition(":")[2]


def _read_session(request: Request) -> str | None:
    """Return the cookie, None where there is none of ours: one of another installation serves as well."""
    value = request.cookies.get(COOKIE, "")
    return value if _COOKIE_VALUE.fullmatch(value) else None


def _require_own_origin(request: Request) -> None:
    """Refuse what a page of another site sent (Fetch standard §3.1: each browser says with a POST whose page it is)."""
    origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if not host or origin not in (f"http://{host}", f"https://{host}") or site != "same-origin":
        raise HTTPException(403, "Only the pages of this site may do that")


async def _read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form, the last of each name; raise HTTPException for what is none, or too long."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_FORM:
            raise HTTPException(413)
    try:
        return dict(parse_qsl(body.decode(), max_num_fields=MAX_FIELDS, errors="strict"))
    except ValueError:
        raise HTTPException(400) from None


def add_headers(app: ASGIApp) -> ASGIApp:
    """Return the application with the security headers on each of its responses."""

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await app(scope, receive, send_with_headers)

    return respond
