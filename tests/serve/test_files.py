"""Which files are served, and how they are cached: rows S14, S18, R9, R10, L5."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from serve.loopback import (
    RSS,
    LoopbackServer,
    create_test_app,
    later,
    replace_file,
    run_server,
    write_files,
)

from feeds.codings import MAX_COMPRESSIBLE_SIZE, select_codings
from feeds.serve.cache import BodyCache
from feeds.serve.files import Files

(GZIP,) = select_codings(["gzip"])

HOSTILE = [
    "/.hidden.rss",
    "/%2ehidden.rss",
    "/.git/config.txt",
    "/.world.rss.123.feeds-new",
    "/world.rss.tmp",
    "/world.rss~",
    "/feeds.db",
    "/unknown.xyz",
    "/world",
    "/world.",
    "/.",
    "/..",
    "/../outside.rss",
    "/%2e%2e/outside.rss",
    "/..%2foutside.rss",
    "/..%5coutside.rss",
    "/assets/../world.rss",
    "/assets/%2e%2e/%2e%2e/outside.rss",
    "/assets//logo.png",
    "//world.rss",
    "/assets/",
    "/assets",
    "/folder.rss",
    "/folder.rss/",
    "/world.rss/",
    "/world.rss/inner.rss",
    "/world.rss%00",
    "/world.rss%00.png",
    "/world.rss%0d%0aSet-Cookie:%20a=b",
    "/WORLD.RSS",
    "/World.rss",
    "/CON.rss",
    "/world.rss%20",
    "/world%ff.rss",
    "/world\uff0e.rss".encode().decode("latin-1"),
    "/%e2%80%a4%e2%80%a4/outside.rss",
    "/" + "a" * 300 + ".rss",
    "/" + "a/" * 60 + "a.rss",
    "/world.rss;type=a",
    "/escape.rss",
    "/escape-folder/outside.rss",
    "/loop.rss",
    "/pipe.rss",
    "/socket.rss",
    "/to-hidden.rss",
]


@pytest.mark.parametrize("path", HOSTILE)
def test_S14_S18_what_is_no_published_file_is_not_found(server: LoopbackServer, path: str) -> None:
    quoted = re.sub(r"[^\x21-\x7e]", lambda match: f"%{ord(match.group()):02x}", path)
    response = server.request(quoted)
    assert response.status == 404
    assert response.body == b"Not Found\n"


def test_S14_a_link_within_the_folder_is_followed(server: LoopbackServer) -> None:
    assert server.request("/latest.rss").body == RSS


def test_S14_a_file_that_becomes_a_link_out_is_not_served_from_memory(own_server: LoopbackServer) -> None:
    assert own_server.request("/world.rss").status == 200
    (own_server.root.parent / "outside.rss").write_bytes(RSS)
    (own_server.root / "world.rss").unlink()
    (own_server.root / "world.rss").symlink_to(own_server.root.parent / "outside.rss")
    assert own_server.request("/world.rss").status == 404


@pytest.mark.parametrize("name", ["world.rss", "large.json"])
def test_S14_a_file_that_was_moved_out_and_linked_is_not_served(tmp_path: Path, name: str) -> None:
    """The bytes, size and inode stay; without a cache the file has to be opened again."""
    write_files(tmp_path / "public")

    async def look() -> None:
        files = Files(tmp_path / "public", cache_size=0, clock=later)
        resource = await files.find(f"/{name}")
        assert resource
        (tmp_path / "public" / name).rename(tmp_path / name)
        (tmp_path / "public" / name).symlink_to(tmp_path / name)
        assert await files.open(resource) is None
        assert await files.read(resource, resource.plain) is None
        assert await files.find(f"/{name}") is None

    asyncio.run(look())


def test_the_public_folder_may_come_late_and_may_be_a_link(tmp_path: Path) -> None:
    root = tmp_path / "public"
    with run_server(create_test_app(root), root) as server:
        assert server.request("/world.rss").status == 404
        assert b"Nothing is published yet" in server.request("/").body
        write_files(tmp_path / "real")
        root.symlink_to(tmp_path / "real")
        assert server.request("/world.rss").body == RSS


# ── cache and disk ──────────────────────────────────────────────────────────────────────────────────────────────────


class OpenCounter:
    """Counts the files opened in a folder while inside; audit hooks cannot be removed, so there is one."""

    folder: str | None = None
    count = 0

    @classmethod
    def hook(cls, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and cls.folder and str(arguments[0]).startswith(cls.folder):
            cls.count += 1

    @classmethod
    @contextmanager
    def counted(cls, folder: Path) -> Iterator[type[OpenCounter]]:
        cls.folder, cls.count = str(folder.resolve()), 0
        yield cls
        cls.folder = None


sys.addaudithook(OpenCounter.hook)

Clock = Callable[[], int]
STARTED = time.time_ns()


def earlier() -> int:
    """A clock for which every file of the test changed just now."""
    return STARTED


@pytest.mark.parametrize(("clock", "opens"), [(later, 1), (earlier, 10)], ids=["settled", "changed just now"])
def test_L5_a_file_that_did_not_change_is_not_opened_again(tmp_path: Path, clock: Clock, opens: int) -> None:
    write_files(tmp_path)

    async def look() -> None:
        files = Files(tmp_path, clock=clock)
        for _ in range(10):
            resource = await files.find("/world.rss")
            assert resource
            assert await files.encode(resource, GZIP)
            assert await files.read(resource, resource.plain) == RSS

    with OpenCounter.counted(tmp_path) as counter:
        asyncio.run(look())
    assert counter.count == opens


def test_a_body_that_left_the_cache_is_read_again(tmp_path: Path) -> None:
    write_files(tmp_path)

    async def look() -> None:
        files = Files(tmp_path, cache_size=10, clock=later)
        resource = await files.find("/world.rss")
        assert resource
        gzipped = await files.encode(resource, GZIP)
        assert gzipped
        assert await files.read(resource, resource.plain) == RSS
        assert gzip.decompress(await files.read(resource, gzipped) or b"") == RSS
        replace_file(tmp_path / "world.rss", b"<rss>other</rss>")
        assert await files.read(resource, resource.plain) is None
        assert await files.read(resource, gzipped) is None
        (tmp_path / "world.rss").unlink()
        assert await files.read(resource, resource.plain) is None
        assert await files.find("/world.rss") is None

    asyncio.run(look())


@pytest.mark.parametrize("is_published_with_it", [True, False])
def test_the_sibling_of_a_file_is_sent_if_it_was_published_with_it(
    own_server: LoopbackServer, is_published_with_it: bool
) -> None:
    file, sibling = own_server.root / "world.rss", own_server.root / "world.rss.gz"
    compressed = gzip.compress(RSS if is_published_with_it else b"<rss>of an earlier file</rss>", 1, mtime=0)
    replace_file(sibling, compressed)
    modified = file.stat().st_mtime_ns
    os.utime(sibling, ns=(modified, modified if is_published_with_it else modified - 1))
    response = own_server.request("/world.rss", accept_encoding="gzip")
    assert (response.body == compressed) is is_published_with_it
    assert gzip.decompress(response.body) == RSS
    assert (response["content-encoding"], response["vary"]) == ("gzip", "Sec-Fetch-Dest, Accept-Encoding")
    assert response["etag"] == f'"{hashlib.sha256(response.body).hexdigest()[:32]}"'
    assert response["last-modified"] == own_server.request("/world.rss")["last-modified"]
    assert own_server.request("/world.rss", accept_encoding="gzip", if_none_match=response["etag"]).status == 304
    assert own_server.request("/world.rss.gz").status == 404


def test_simultaneous_requests_share_the_work(tmp_path: Path) -> None:
    replace_file(tmp_path / "film.mp4", bytes(MAX_COMPRESSIBLE_SIZE + 1))

    async def look() -> None:
        files = Files(tmp_path, clock=later)
        resources = await asyncio.gather(*(files.find("/film.mp4") for _ in range(50)))
        assert len({id(resource) for resource in resources}) == 1

    with OpenCounter.counted(tmp_path) as counter:
        asyncio.run(look())
    assert counter.count == 1


def test_the_cache_keeps_its_size() -> None:
    bodies = BodyCache(100)
    for number in range(50):
        bodies.put(f"a{number}", bytes(30))
        bodies.get("a0")
    assert bodies.size == 90
    assert bodies.get("a0") is not None
    assert bodies.get("a1") is None
    bodies.put("large", bytes(101))
    assert bodies.size == 0


@pytest.mark.parametrize(("count", "size"), [(1_000, 2_000), (100, 20_000)], ids=["in one piece", "in slices"])
def test_R9_R10_a_file_that_is_replaced_all_the_time_is_never_cut_mixed_or_stale(
    own_server: LoopbackServer, count: int, size: int
) -> None:
    """Replaced as fast as the disk allows, often by bodies of the same length: a stat alone cannot tell them apart."""
    path, finished = own_server.root / "world.rss", threading.Event()
    newest = [0]

    def body(number: int) -> bytes:
        return b"%06d," % number * (size + number % 3 * 500)

    def replace() -> None:
        for number in range(1, count + 1):
            replace_file(path, body(number))
            newest[0] = number
        finished.set()

    def read(coding: str) -> int:
        responses = 0
        while not finished.is_set() or responses == 0:
            oldest = newest[0]
            response = own_server.request("/world.rss", accept_encoding=coding)
            content = gzip.decompress(response.body) if response.headers.get("content-encoding") else response.body
            number = int(content[:6])
            assert content == body(number)
            assert number >= oldest
            assert response["etag"] == f'"{hashlib.sha256(response.body).hexdigest()[:32]}"'
            responses += 1
        return responses

    replace_file(path, body(0))
    with ThreadPoolExecutor() as pool:
        readers = [pool.submit(read, coding) for coding in ("gzip", "identity", "gzip", "identity")]
        pool.submit(replace).result()
        assert sum(reader.result() for reader in readers) >= 4
    assert own_server.request("/world.rss").body == body(count)
