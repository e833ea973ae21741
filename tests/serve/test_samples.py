"""The samples for nginx and Caddy."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from serve.loopback import (
    ABSENT,
    BROWSER,
    TYPES,
    LoopbackServer,
)
from wire import until

from feeds.model import Document
from feeds.publish import open_target

CONFIG = Path(__file__).parent.parent.parent / "config"

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")


def find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def change(sample: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in sample
        sample = sample.replace(old, new)
    return sample


def nginx_files(folder: Path, root: Path, backend: int) -> tuple[Path, int]:
    """The sample with its three names changed, inside a configuration that needs no rights."""
    port = find_free_port()
    sample = change(
        (CONFIG / "nginx.conf").read_text(encoding="utf-8"),
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("/srv/feeds/public", str(root)),
        ("127.0.0.1:8080", f"127.0.0.1:{backend}"),
    )
    (folder / "feeds.conf").write_text(sample, encoding="utf-8")
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors; events {{ }}"
    (folder / "main.conf").write_text(f"{main} http {{ access_log off; {temporary} include {folder}/feeds.conf; }}")
    return folder / "main.conf", port


@contextmanager
def nginx(folder: Path, server: LoopbackServer) -> Iterator[LoopbackServer]:
    assert NGINX
    path, port = nginx_files(folder, server.root, server.port)
    command = [NGINX, "-c", str(path), "-e", str(folder / "errors"), "-p", str(folder)]
    test_run = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=300, check=False)
    assert test_run.returncode == 0, test_run.stderr
    assert "warn" not in test_run.stderr
    with subprocess.Popen(command) as process:
        try:
            until(lambda: is_listening(port))
            yield LoopbackServer(port, server.root)
        finally:
            process.terminate()


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


SAME = (
    *("content-type", "content-security-policy", "referrer-policy", "location", "allow"),
    *("access-control-allow-origin", "access-control-expose-headers", "access-control-allow-headers"),
)
PAGES = [path for path, _, _ in ABSENT] + ["/", "/health", "/.hidden.rss", "/world.rss.gz"]
REQUESTS = [(path, accept) for _, path, accept, _, _ in TYPES] + [(path, BROWSER) for path in PAGES]


def assert_same_answers(front: LoopbackServer, server: LoopbackServer) -> None:
    """Fail where a web server in front answers otherwise than the built-in one."""
    for path, accept in REQUESTS:
        if path == "/health":
            assert front.request(path)["cache-control"] == "no-store"
        theirs, ours = front.request(path, accept=accept), server.request(path, accept=accept)
        assert theirs.status == ours.status, path
        if theirs.status != 404:
            names = [name for name in SAME if theirs.headers.get(name) != ours.headers.get(name)]
            assert not names, (path, names)
    for path in ("/world.rss", "/feeds.opml", "/none.rss", "/", "/assets/logo.png"):
        theirs, ours = front.request(path, "OPTIONS"), server.request(path, "OPTIONS")
        assert theirs.status == ours.status == 204
        assert not [name for name in SAME if theirs.headers.get(name) != ours.headers.get(name)], path
    tag = front.request("/world.rss")["etag"]
    assert front.request("/world.rss", if_none_match=tag).status == 304


def assert_sibling_is_sent(front: LoopbackServer, server: LoopbackServer) -> None:
    """Fail where a web server compresses by itself what is compressed already, or sends it to the wrong clients."""
    document = Document("compressed.rss", b"<rss>" + b"news of the day, " * 400 + b"</rss>", "application/rss+xml")
    open_target(server.root, ["gzip"]).put([document])
    plain, gzipped = (front.request("/compressed.rss", accept_encoding=coding) for coding in ("identity", "gzip"))
    assert (plain.body, plain.headers.get("content-encoding")) == (document.body, None)
    assert (gzipped.body, gzipped["content-encoding"]) == ((server.root / "compressed.rss.gz").read_bytes(), "gzip")
    assert gzipped["content-type"] == plain["content-type"] == "application/rss+xml; charset=utf-8"
    assert int(gzipped["content-length"]) == len(gzipped.body)
    assert gzipped["etag"] != plain["etag"]
    for response, coding in ((plain, "identity"), (gzipped, "gzip")):
        assert set(response["vary"].split(", ")) == {"Sec-Fetch-Dest", "Accept-Encoding"}
        headers = {"accept_encoding": coding, "if_none_match": response["etag"]}
        assert front.request("/compressed.rss", **headers).status == 304
    assert "content-encoding" in front.request("/world.rss", accept_encoding="gzip").headers  # which has no sibling


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_the_nginx_sample_is_valid_and_answers_as_we_do(own_server: LoopbackServer, tmp_path: Path) -> None:
    (tmp_path / "nginx").mkdir()
    with nginx(tmp_path / "nginx", own_server) as front:
        assert_same_answers(front, own_server)
        assert_sibling_is_sent(front, own_server)
        for path in ("/world.rss", "/world.json"):  # R44
            links = f'<http://wire.example.org/hub>; rel="hub", <http://wire.example.org{path}>; rel="self"'
            assert front.request(path)["link"] == links
        for path in ("/world.html", "/archive/world/1.atom", "/assets/app.json", "/feeds.opml"):
            assert "link" not in front.request(path).headers


@contextmanager
def caddy(folder: Path, server: LoopbackServer) -> Iterator[LoopbackServer]:
    port = find_free_port()
    sample = change(
        (CONFIG / "Caddyfile").read_text(encoding="utf-8"),
        ("\nwire.example.org {", f"\nhttp://127.0.0.1:{port} {{"),
        ("/srv/feeds/public", str(server.root)),
        ("127.0.0.1:8080", f"127.0.0.1:{server.port}"),
    )
    (folder / "Caddyfile").write_text("{\n\tadmin off\n}\n" + sample, encoding="utf-8")
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    with subprocess.Popen(command, env=os.environ | {"HOME": str(folder)}, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: is_listening(port))
            yield LoopbackServer(port, server.root)
        finally:
            process.terminate()


@pytest.mark.skipif(shutil.which("caddy") is None, reason="caddy is not installed")
def test_the_caddy_sample_is_valid_and_answers_as_we_do(own_server: LoopbackServer, tmp_path: Path) -> None:
    command = ["caddy", "validate", "--adapter", "caddyfile", "--config", str(CONFIG / "Caddyfile")]
    environment = os.environ | {"HOME": str(tmp_path)}
    process = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert process.returncode == 0, process.stderr
    (tmp_path / "caddy").mkdir()
    with caddy(tmp_path / "caddy", own_server) as front:
        assert_same_answers(front, own_server)
        assert_sibling_is_sent(front, own_server)
