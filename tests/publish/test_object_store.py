"""Documents in an object store: whole or not at all, only if they differ, and never an older one over a newer one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, BinaryIO

import pytest

pytest.importorskip("obstore", reason="obstore is not installed")

from s3 import ACCESS_KEY, BUCKET, OWNER, PREFIX, SECRET_KEY, S3Proxy, S3Request, S3Server, bucket_at

from feeds.errors import PublishError
from feeds.media_types import find_media_type
from feeds.model import Bucket, Document, FileStamp, PublishedFile, replace
from feeds.publish import LastPublished, WriteResult, object_store, open_target
from feeds.publish.object_store import ObjectStore
from feeds.registry import formats

NAME = "wire.example.org,2026 2026-03-02T12:00:00+00:00"


def document(path: str = "world.rss", body: bytes = b"<rss/>") -> Document:
    return Document(path, body, "application/rss+xml")


@pytest.fixture
def store(s3_proxy: S3Proxy) -> ObjectStore:
    return ObjectStore(bucket_at(s3_proxy.url), NAME)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let requests end soon."""
    for name, seconds in {"REQUEST_SECONDS": 1.0, "RETRY_SECONDS": 1.0, "LONGEST_PAUSE_SECONDS": 0.1}.items():
        monkeypatch.setattr(object_store, name, seconds)


def last(*results: WriteResult, changed: int = 0) -> LastPublished:
    return LastPublished({result.file.path: result.file for result in results}, changed)


def faulty(fault: str, method: str = "PUT", times: int = 10**9) -> Callable[[S3Request], str | None]:
    left = [times]

    def decide(request: S3Request) -> str | None:
        if request.method != method or request.key == OWNER or not left[0]:
            return None
        left[0] -= 1
        return fault

    return decide


# ── what is sent ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", [*(f"world.{name}" for name in formats()), "style.css", "sw.js", "feeds.opml"])
def test_R25_readers_get_the_headers_that_the_server_sends(store: ObjectStore, s3_server: S3Server, path: str) -> None:
    store.put([document(path)])
    headers, media_type = s3_server.head(path), find_media_type(f"/{path}")
    assert media_type
    assert headers["content-type"] == media_type.content_type
    assert headers["cache-control"] == "public, max-age=300, must-revalidate"


def test_a_document_is_sent_with_its_checksum(store: ObjectStore, s3_proxy: S3Proxy) -> None:
    store.put([document()])
    (request,) = [request for request in s3_proxy.take() if request.method == "PUT" and request.key != OWNER]
    assert request.headers["x-amz-checksum-sha256"]
    assert request.headers["if-none-match"] == "*"


@pytest.mark.parametrize("path", ["", "../world.rss", "/world.rss", ".feeds-owner", "a//b", "World.rss"])
def test_S14_a_path_that_is_none_of_ours_is_refused(store: ObjectStore, s3_server: S3Server, path: str) -> None:
    with pytest.raises(PublishError, match="published name"):
        store.put([document(path)])
    assert s3_server.keys() == []


# ── only what differs ───────────────────────────────────────────────────────────────────────────────────────────────


def test_R9_what_the_ledger_knows_costs_no_request(store: ObjectStore, s3_proxy: S3Proxy) -> None:
    documents = [document(f"{number}.rss") for number in range(20)]
    results = store.put(documents)
    assert all(result.differed for result in results)
    s3_proxy.take()
    another = ObjectStore(bucket_at(s3_proxy.url), NAME)  # as in the next run
    again = another.put(documents, last(*results))
    assert [result.file for result in again] == [result.file for result in results]
    assert not any(result.differed for result in again)
    assert all(another.has(result.file) for result in results)
    assert [another.size_of(result.file) for result in results] == [6] * 20
    assert s3_proxy.take() == []


def test_a_changed_document_costs_one_put_over_the_one_that_the_ledger_knows(
    store: ObjectStore, s3_proxy: S3Proxy
) -> None:
    (first,) = store.put([document()])
    s3_proxy.take()
    (second,) = store.put([document(body=b"<rss>2</rss>")], last(first))
    (request,) = s3_proxy.take()
    assert (request.method, request.headers["if-match"]) == ("PUT", first.file.etag)
    assert second.differed and second.file.etag != first.file.etag


def test_without_a_ledger_what_stands_there_is_looked_at_and_kept(store: ObjectStore, s3_proxy: S3Proxy) -> None:
    (first,) = store.put([document()])
    s3_proxy.take()
    (again,) = store.put([document()])
    assert (again.differed, again.file.etag) == (False, first.file.etag)
    assert s3_proxy.written() == []


def test_an_object_that_is_gone_or_was_replaced_is_written_again(store: ObjectStore, s3_server: S3Server) -> None:
    (first,) = store.put([document()])
    for spoil in (lambda: s3_server.remove("world.rss"), lambda: s3_server.put("world.rss", b"spoilt")):
        spoil()
        assert store.put([document()])[0].differed
        assert s3_server.body("world.rss") == b"<rss/>"
        spoil()
        assert store.put([document(body=b"<rss>2</rss>")], last(first))[0].differed
        assert s3_server.body("world.rss") == b"<rss>2</rss>"


def test_what_was_published_elsewhere_was_not_published_here(store: ObjectStore, s3_proxy: S3Proxy) -> None:
    (result,) = store.put([document()])
    assert store.has(result.file)
    assert not ObjectStore(replace_url(s3_proxy, "s3://wire/other"), NAME).has(result.file)
    assert not store.has(PublishedFile("world.rss", result.file.digest, 6, 1, 0o644))
    assert not store.has(PublishedFile("world.rss"))


def replace_url(proxy: S3Proxy, url: str) -> Bucket:
    bucket = bucket_at(proxy.url)
    return Bucket(url, bucket.endpoint, bucket.region, bucket.access_key, bucket.secret_key)


# ── several writers ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_writer_that_is_late_replaces_nothing_newer(
    store: ObjectStore, s3_proxy: S3Proxy, s3_server: S3Server
) -> None:
    first = store.put([document()], LastPublished({}, 1))
    late = ObjectStore(bucket_at(s3_proxy.url), NAME)
    store.put([document(body=b"<rss>3</rss>")], last(*first, changed=3))
    with pytest.raises(PublishError, match="newer"):
        late.put([document(body=b"<rss>2</rss>")], last(*first, changed=2))
    assert s3_server.body("world.rss") == b"<rss>3</rss>"


def test_a_late_writer_of_a_new_document_replaces_nothing_newer(
    store: ObjectStore, s3_proxy: S3Proxy, s3_server: S3Server
) -> None:
    """Neither before it looks what stands there, nor between that and its put."""
    late, unknown = ObjectStore(bucket_at(s3_proxy.url), NAME), LastPublished({}, 2)

    def between(request: S3Request) -> str | None:
        if request.method == "PUT" and request.key == "world.rss":
            assert request.headers["if-none-match"] == "*"
            s3_proxy.fault = lambda request: None
            store.put([document(body=b"<rss>3</rss>")], LastPublished({}, 3))
        return None

    s3_proxy.fault = between
    for _ in range(2):
        with pytest.raises(PublishError, match="newer"):
            late.put([document(body=b"<rss>2</rss>")], unknown)
    assert s3_server.body("world.rss") == b"<rss>3</rss>"


def test_what_is_newer_is_replaced_by_publish_by_a_restored_ledger_and_by_a_store_that_takes_over(
    store: ObjectStore, s3_proxy: S3Proxy, s3_server: S3Server
) -> None:
    old = document(body=b"<rss>2</rss>")

    def publish(last: LastPublished, by: ObjectStore = store) -> bytes | None:
        store.put([document(body=b"<rss>3</rss>")], LastPublished({}, 3, replaces_newer=True))
        by.put([old], last)
        return s3_server.body("world.rss")

    assert publish(LastPublished({}, 2, replaces_newer=True)) == old.body
    assert publish(LastPublished({"world.rss": PublishedFile("world.rss", "0", 6, 1)}, 2)) == old.body
    store.put([document()])
    s3_server.remove(OWNER)
    assert publish(LastPublished({}, 2), ObjectStore(bucket_at(s3_proxy.url), "another 2026")) == old.body


def test_F1_the_next_run_replaces_what_one_that_was_killed_wrote(store: ObjectStore, s3_server: S3Server) -> None:
    """Its ledger does not know of it; the articles are the same, or newer."""
    first = store.put([document()], LastPublished({}, 1))
    store.put([document(body=b"<rss>2</rss>")], last(*first, changed=2))
    (same,) = store.put([document(body=b"<rss>2</rss>")], last(*first, changed=2))
    assert same.file.digest != first[0].file.digest
    store.put([document(body=b"<rss>2b</rss>")], last(*first, changed=2))
    store.put([document(body=b"<rss>3</rss>")], last(*first, changed=3))
    assert s3_server.body("world.rss") == b"<rss>3</rss>"


def test_two_writers_of_one_document_never_both_succeed_unseen(s3_proxy: S3Proxy, s3_server: S3Server) -> None:
    """The second writes between the look of the first and its put."""
    first, second = (ObjectStore(bucket_at(s3_proxy.url), NAME) for _ in range(2))
    (known,) = first.put([document()], LastPublished({}, 1))

    def between(request: S3Request) -> str | None:
        if request.method == "PUT" and request.headers.get("if-match") == known.file.etag:
            s3_proxy.fault = lambda request: None
            second.put([document(body=b"<rss>9</rss>")], last(known, changed=9))
        return None

    s3_proxy.fault = between
    with pytest.raises(PublishError, match="newer"):
        first.put([document(body=b"<rss>2</rss>")], last(known, changed=2))
    assert s3_server.body("world.rss") == b"<rss>9</rss>"


def test_A15_another_installation_is_refused_and_told_what_to_do(
    store: ObjectStore, s3_proxy: S3Proxy, s3_server: S3Server
) -> None:
    store.put([document()])
    other = ObjectStore(bucket_at(s3_proxy.url), "other.example,2026 2026-01-01")
    for write in (lambda: other.put([document(body=b"x")]), lambda: other.remove(["world.rss"])):
        with pytest.raises(PublishError, match=rf"another installation .* s3://{BUCKET}/{PREFIX}/{OWNER}"):
            write()
    assert s3_server.body("world.rss") == b"<rss/>"
    s3_server.remove(OWNER)
    assert other.put([document(body=b"x")])[0].differed


# ── an edition, and what fails ──────────────────────────────────────────────────────────────────────────────────────


def test_the_documents_of_an_edition_are_put_together(store: ObjectStore, s3_proxy: S3Proxy) -> None:
    """It is mixed for as long as the longest put takes, and no longer."""
    documents = [document(f"world.{name}") for name in formats()]
    results = store.put(documents)
    s3_proxy.take()
    s3_proxy.fault = faulty("slow")
    store.put([document(each.path, b"<new/>") for each in documents], last(*results))
    assert s3_proxy.in_flight == len(documents)


@pytest.mark.parametrize("fault", ["503", "cut", "lose"])
def test_a_request_that_fails_now_and_then_is_made_again(
    store: ObjectStore, s3_proxy: S3Proxy, s3_server: S3Server, fault: str
) -> None:
    (first,) = store.put([document()])
    s3_proxy.fault = faulty(fault, times=2)
    (second,) = store.put([document(body=b"<rss>2</rss>")], last(first))
    assert s3_server.body("world.rss") == b"<rss>2</rss>"
    assert second.file.etag == s3_server.head("world.rss")["etag"]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("fault", "reason"), [("503", "it answers 503"), ("cut", "cannot be reached|network")])
def test_F7_a_place_that_cannot_be_reached_fails_in_time_and_the_last_good_stays(
    store: ObjectStore, s3_proxy: S3Proxy, s3_server: S3Server, fault: str, reason: str
) -> None:
    documents = [document(f"{number}.rss") for number in range(50)]
    results = store.put(documents)
    s3_proxy.take()
    s3_proxy.fault = faulty(fault)
    with pytest.raises(PublishError, match=reason) as caught:
        store.put([document(each.path, b"<new/>") for each in documents], last(*results))
    assert "\n" not in str(caught.value)
    # The rest fails at once: not each of them is tried as often as the first ones.
    assert len(s3_proxy.take()) <= object_store.AT_ONCE * (object_store.MAX_RETRIES + 1)
    assert all(s3_server.body(each.path) == each.body for each in documents)
    s3_proxy.fault = lambda request: None
    store._rests_until = time.monotonic()
    assert all(
        result.differed for result in store.put([document(d.path, b"<new/>") for d in documents], last(*results))
    )


@pytest.mark.usefixtures("impatient")
def test_an_answer_that_does_not_come_is_not_waited_for(store: ObjectStore, s3_proxy: S3Proxy) -> None:
    store.put([document()])
    s3_proxy.slow_seconds, s3_proxy.fault = 20.0, lambda request: "slow"
    with pytest.raises(PublishError, match="in time"):
        store.put([document(body=b"x")])


def errors() -> Iterator[tuple[str, dict[str, Any], str]]:
    yield "no bucket", {"url": "s3://no-such-bucket/x"}, "create the bucket"
    yield "nothing listens", {"endpoint": "http://127.0.0.1:1"}, "nothing listens"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("changes", "remedy"), [(c, r) for _, c, r in errors()], ids=[name for name, _, _ in errors()])
def test_an_error_says_what_to_do_and_shows_no_key(s3_proxy: S3Proxy, changes: dict[str, Any], remedy: str) -> None:
    bucket = bucket_at(s3_proxy.url)
    fields = {name: getattr(bucket, name) for name in ("url", "endpoint", "region", "access_key", "secret_key")}
    store = ObjectStore(Bucket(**fields | changes), NAME)
    with pytest.raises(PublishError, match=remedy) as caught:
        store.put([document()])
    assert_no_key(str(caught.value) + repr(bucket))


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [
        (403, "InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", "secret_key"),
        (403, "AccessDenied", "get, put, delete and list"),
        (400, "AuthorizationHeaderMalformed", "region"),
        (403, "RequestTimeTooSkewed", "clock"),
        (500, "InternalError", "the next run"),
    ],
)
def test_what_a_server_answers_is_told_without_its_text(status: int, code: str, remedy: str) -> None:
    text = f"…, status code: {status} X: <Code>{code}</Code><AWSAccessKeyId>{ACCESS_KEY}</AWSAccessKeyId>{SECRET_KEY}"
    reason, _ = object_store.explain(OSError(text), "s3")
    assert remedy in reason and code in reason
    assert_no_key(reason)


@pytest.mark.parametrize(
    ("url", "environment", "words"),
    [
        ("az://wire/feeds", {}, ("no account", "AZURE_STORAGE_ACCOUNT_NAME")),
        ("az://wire/feeds", {"ACCOUNT_NAME": "wire", "ACCOUNT_KEY": "A%A"}, ("the key", "AZURE_STORAGE_ACCOUNT_KEY")),
    ],
)
def test_without_credentials_the_variables_are_named_that_give_them(
    monkeypatch: pytest.MonkeyPatch, url: str, environment: dict[str, str], words: tuple[str, str]
) -> None:
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(f"AZURE_STORAGE_{name}", value)
    with pytest.raises(PublishError) as caught:
        ObjectStore(Bucket(url), NAME).put([document()])
    assert all(word in str(caught.value) for word in words)


def test_a_machine_that_its_cloud_gives_no_credentials_is_told_so() -> None:
    text = "Error performing GET http://169.254.169.254/latest/api/token: Server returned status code: 403 Forbidden"
    assert "there are no credentials; check AWS_ACCESS_KEY_ID" in object_store.explain(OSError(text), "s3")[0]


def assert_no_key(text: str) -> None:
    assert SECRET_KEY not in text
    assert ACCESS_KEY not in text.replace("AWS_ACCESS_KEY_ID", "") or "access_key=" in text


# ── files, and what is read back ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [0, 5, 12_000_000])
def test_a_file_of_any_size_is_copied_once(
    store: ObjectStore, s3_proxy: S3Proxy, s3_server: S3Server, size: int
) -> None:
    body, opened = bytes(size), list[int]()

    @contextmanager
    def source() -> Iterator[BinaryIO]:
        opened.append(1)
        yield BytesIO(body)

    stamp = FileStamp(size, 123)
    first = store.copy("stories/desk/pic.png", stamp, source)
    assert first.differed
    assert s3_server.body("stories/desk/pic.png") == body
    assert s3_server.head("stories/desk/pic.png")["content-type"] == "image/png"
    again = store.copy("stories/desk/pic.png", stamp, source)
    assert (again.differed, again.file) == (False, replace(first.file, digest=""))
    s3_proxy.take()
    again = store.copy("stories/desk/pic.png", stamp, source, last(first))
    assert (again.differed, again.file) == (False, replace(first.file, digest=""))
    assert s3_proxy.take() == []
    assert len(opened) == 1
    assert store.copy("stories/desk/pic.png", FileStamp(size, 124), source, last(first)).differed


def test_a_source_that_cannot_be_read_leaves_what_stands_there(store: ObjectStore, s3_server: S3Server) -> None:
    class Broken(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "the disk reports an error")

    @contextmanager
    def source(stream: BinaryIO) -> Iterator[BinaryIO]:
        yield stream

    store.copy("a.png", FileStamp(3, 1), lambda: source(BytesIO(b"old")))
    with pytest.raises(PublishError, match="the disk reports an error"):
        store.copy("a.png", FileStamp(3, 2), lambda: source(Broken()))
    assert s3_server.body("a.png") == b"old"


def test_removed_files_are_those_that_were_there(store: ObjectStore, s3_server: S3Server) -> None:
    store.put([document("a.rss"), document("b.rss")])
    assert store.remove(["a.rss", "c.rss"]) == ["a.rss"]
    assert s3_server.keys() == ["b.rss"]
    assert (store.size("a.rss"), store.size("b.rss")) == (None, 6)


def test_what_stands_there_is_read_back(store: ObjectStore, s3_server: S3Server) -> None:
    (result,) = store.put([document()])
    assert store.digest("world.rss") == result.file.digest
    assert store.read("world.rss") == b"<rss/>"
    s3_server.put("world.rss", b"spoilt")
    assert store.digest("world.rss") not in (None, result.file.digest)
    assert store.digest("none.rss") is None


def test_a_bucket_opens_an_object_store_and_a_folder_none(s3_proxy: S3Proxy) -> None:
    assert isinstance(open_target(bucket_at(s3_proxy.url)), ObjectStore)
    assert open_target(bucket_at(s3_proxy.url)).location == f"s3://{BUCKET}/{PREFIX}"
