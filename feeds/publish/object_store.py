"""Publishing to an object store: S3 and what speaks its API, Azure Blob Storage.

The client is obstore's, which makes each put whole or not at all. What the ledger says of a file is believed, so that a
turn without changes makes no request. A document replaces the version that the ledger knows, and where it knows none,
nothing: where something else stands, the change numbers of both tell which is newer, so that no writer that is late
replaces what a newer one wrote. The first write of a process makes sure that the place is ours.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from hashlib import blake2b
from itertools import islice
from typing import Any, BinaryIO, TypeVar, cast

from ..errors import PublishError
from ..media_types import CACHE_CONTROL, find_media_type
from ..model import Bucket, Document, FileStamp, PublishedFile
from .folder import COPY_BLOCK_SIZE, DIGEST_SIZE, digest_of, require_published_path
from .target import LastPublished, WriteResult

# One request ends after the sum of the first two at the latest, tries included; the client's own default is 3 minutes.
REQUEST_SECONDS, RETRY_SECONDS, CONNECT_SECONDS = 10.0, 15.0, 5.0
MAX_RETRIES, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5, 0.1, 2.0
REST_SECONDS = 10.0  # after a place that cannot be reached, in which the other documents fail at once
PUT_ATTEMPTS = 3  # of one document, where something else stands than was expected
AT_ONCE = 16  # requests; the documents of one edition are put together, so that it is whole after the longest of them
BATCH_SIZE = 64  # documents held in memory
OWNER_KEY = ".feeds-owner"  # which no published path is called
# Names of metadata; Azure takes letters alone.
_DIGEST, _STAMP, _CHANGE, _WRITER = "feedsdigest", "feedsstamp", "feedschange", "feedswriter"
_OF_WRITING = {_CHANGE, _WRITER}  # which say nothing of what was written

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What stands under a key: its ETag, size in bytes, time in nanoseconds, and what was sent with it."""

    etag: str
    size: int
    modified_ns: int
    attributes: Mapping[str, str]

    def is_newer(self, than: Mapping[str, str]) -> bool:
        """Return whether it is made of later changes of the same store than a document with these attributes."""
        change, other = (attributes.get(_CHANGE, "") for attributes in (self.attributes, than))
        is_comparable = change.isdecimal() and self.attributes.get(_WRITER) == than[_WRITER]
        return is_comparable and int(change) > int(other)

    def has(self, attributes: Mapping[str, str]) -> bool:
        """Return whether it was sent with these attributes, whenever it was made."""
        return all(self.attributes.get(name) == value for name, value in attributes.items() if name not in _OF_WRITING)


class ObjectStore:
    """The objects below the address of a bucket.

    `installation` is the name of the one that publishes, the same in all its processes; without it, nothing is written.
    The first write of a process puts it into an object that is created once, and fails where that has another name.
    `clock` returns nanoseconds since 1970, for the ledger.
    """

    def __init__(self, bucket: Bucket, installation: str = "", clock: Callable[[], int] = time.time_ns) -> None:
        self._bucket = bucket
        self._installation = installation
        self._clock = clock
        self._is_ours = False
        self._claiming = threading.Lock()
        self._rests_until = 0.0
        self._trouble = ""

    @property
    def location(self) -> str:
        """The place, for messages."""
        return self._bucket.url

    @property
    def is_remote(self) -> bool:
        """Return that a write waits for the network."""
        return True

    def hold(self) -> AbstractContextManager[None]:
        """Hold nothing: the first write finds out whether another installation publishes here."""
        return nullcontext()

    def put(self, documents: Iterable[Document], last: LastPublished | None = None) -> list[WriteResult]:
        """Write the documents that differ from what the ledger says (`last`), or without it from what stands there."""
        waiting, results = iter(documents), list[WriteResult]()
        while batch := list(islice(waiting, BATCH_SIZE)):
            results += self._at_once(partial(self._put_document, last=last), batch)
        return results

    def copy(
        self,
        path: str,
        stamp: FileStamp,
        open_source: Callable[[], AbstractContextManager[BinaryIO]],
        last: LastPublished | None = None,
    ) -> WriteResult:
        """Copy a file, unless one with this stamp stands there; the record has the time of the stamp."""
        record = self._find_record(path, last)
        if record and (record.size, record.modified_ns) == (stamp.size, stamp.modified_ns):
            return WriteResult(self._record(path, "", stamp, record.etag), differed=False)
        attributes = {**_attributes(path), _STAMP: f"{stamp.size} {stamp.modified_ns}"}
        self._claim()
        standing = None if record else self._look(path)
        if standing and standing.has(attributes):
            return WriteResult(self._record(path, "", stamp, standing.etag), differed=False)
        digest = blake2b(digest_size=DIGEST_SIZE)
        with open_source() as stream:
            etag = self._write(path, self._read_blocks(path, stream, digest.update), attributes, "overwrite")
        return WriteResult(self._record(path, digest.hexdigest(), stamp, etag), differed=True)

    def remove(self, paths: Iterable[str]) -> list[str]:
        """Remove objects; return the paths of those that were there."""
        removed = self._at_once(self._remove_object, list(paths))
        return [path for path in removed if path is not None]

    def has(self, file: PublishedFile) -> bool:
        """Return whether the ledger says that a file was published here; makes no request."""
        return file.etag is not None and file.store == self.location

    def size(self, path: str) -> int | None:
        """Return the size of an object in bytes; None where there is none."""
        standing = self._look(path)
        return standing.size if standing else None

    def size_of(self, file: PublishedFile) -> int | None:
        """Return the size of a file as the ledger says; makes no request."""
        return file.size if self.has(file) else None

    def read(self, path: str) -> bytes:
        """Return the bytes of an object."""
        import obstore

        with self._explain_errors("read", path):
            return bytes(obstore.get(self._client, path).bytes())

    def digest(self, path: str) -> str | None:
        """Return the digest of the bytes of an object, which are all read; None where there is none."""
        import obstore

        digest = blake2b(digest_size=DIGEST_SIZE)
        with self._explain_errors("read", path):
            try:
                for block in obstore.get(self._client, path).stream():
                    digest.update(block)
            except FileNotFoundError:
                return None
        return digest.hexdigest()

    def damaged_siblings(self, path: str) -> list[str]:
        """Return nothing: an object has no siblings."""
        return []

    def leftovers(self) -> list[str]:
        """Return nothing: no part of an object that was not written whole has a key."""
        return []

    def sweep(self, *, is_shared: bool = False) -> list[str]:
        """Remove nothing, as nothing is left behind."""
        return []

    # ── one document ────────────────────────────────────────────────────────────────────────────────────────────────

    def _put_document(self, document: Document, last: LastPublished | None) -> WriteResult:
        """Write a document over what the ledger knows of it; else over what stands there, unless that is newer."""
        path, digest = require_published_path(document.path), digest_of(document.body)
        record = self._find_record(path, last)
        if record and record.digest == digest:
            return WriteResult(record, differed=False)
        attributes = {**_attributes(path), _DIGEST: digest, **self._writing(last)}
        # What a ledger knows and did not publish here, it published elsewhere or before it was restored.
        keeps_newer = last is not None and not last.replaces_newer and (record is not None or path not in last.files)
        self._claim()
        expected = record.etag if record else None
        for _ in range(PUT_ATTEMPTS):
            if expected is None:
                standing = self._look(path)
                if standing and standing.has(attributes):
                    stamp = FileStamp(standing.size, standing.modified_ns)
                    return WriteResult(self._record(path, digest, stamp, standing.etag), differed=False)
                if standing and keeps_newer and standing.is_newer(attributes):
                    break
                expected = standing.etag if standing else ""
            etag = self._write(path, document.body, attributes, {"e_tag": expected} if expected else "create")
            if etag is not None:
                stamp = FileStamp(len(document.body), self._clock())
                return WriteResult(self._record(path, digest, stamp, etag), differed=True)
            expected = None
        raise PublishError(
            f"cannot write {self._name(path)}: another process of this installation has just published a newer one, "
            "which stays; if there is none, `feeds publish` replaces it"
        )

    def _writing(self, last: LastPublished | None) -> dict[str, str]:
        """Return the attributes that tell a newer document of this installation from an older one."""
        return {_CHANGE: str(last.changed if last else 0), _WRITER: digest_of(self._installation.encode())}

    def _record(self, path: str, digest: str, stamp: FileStamp, etag: str | None) -> PublishedFile:
        return PublishedFile(path, digest, stamp.size, stamp.modified_ns, store=self.location, etag=etag)

    def _find_record(self, path: str, last: LastPublished | None) -> PublishedFile | None:
        record = last.files.get(path) if last else None
        return record if record and self.has(record) else None

    # ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def _client(self) -> Any:
        """The client; `obstore` has no type that all its stores share."""
        from obstore.store import from_url

        bucket = self._bucket
        settings = {
            # One request for each object: not all servers know the one for many.
            "disable_bulk_delete": "true" if bucket.url.startswith("s3:") else None,
            "endpoint": bucket.endpoint,
            "region": bucket.region,
            "access_key_id": bucket.access_key,
            "secret_access_key": bucket.secret_key,
            "checksum_algorithm": "sha256" if bucket.url.startswith("s3:") else None,
        }
        options: dict[str, object] = {
            "timeout": timedelta(seconds=REQUEST_SECONDS),
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        }
        if bucket.endpoint and bucket.endpoint.startswith("http:"):
            options["allow_http"] = True
        with self._explain_errors("use", ""):
            return cast(Any, from_url)(
                bucket.url,
                config={name: value for name, value in settings.items() if value},
                client_options=options,
                retry_config={
                    "max_retries": MAX_RETRIES,
                    "retry_timeout": timedelta(seconds=RETRY_SECONDS),
                    "backoff": {
                        "init_backoff": timedelta(seconds=FIRST_PAUSE_SECONDS),
                        "max_backoff": timedelta(seconds=LONGEST_PAUSE_SECONDS),
                        "base": 2,
                    },
                },
            )

    def _look(self, path: str) -> StoredObject | None:
        """Return what stands under a path; None where nothing does."""
        import obstore

        with self._explain_errors("read", path):
            try:
                found = obstore.get(self._client, path, options={"head": True})
            except FileNotFoundError:
                return None
            modified_ns = int(found.meta["last_modified"].timestamp()) * 1_000_000_000
            attributes = {str(name).lower(): str(value) for name, value in found.attributes.items()}
            return StoredObject(found.meta["e_tag"] or "", found.meta["size"], modified_ns, attributes)

    def _write(self, path: str, body: bytes | Iterator[bytes], attributes: Mapping[str, str], mode: Any) -> str | None:
        """Write an object; return its ETag, None where something else stands there than `mode` names."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self._explain_errors("write", path):
            try:
                result = obstore.put(self._client, path, body, attributes=dict(attributes), mode=mode)
            except (AlreadyExistsError, PreconditionError):
                return None
            return result["e_tag"] or ""

    def _remove_object(self, path: str) -> str | None:
        import obstore

        self._claim()
        if self._look(require_published_path(path)) is None:
            return None
        with self._explain_errors("remove", path):
            obstore.delete(self._client, path)
        return path

    def _read_blocks(self, path: str, stream: BinaryIO, observe: Callable[[bytes], object]) -> Iterator[bytes]:
        try:
            for block in iter(partial(stream.read, COPY_BLOCK_SIZE), b""):
                observe(block)
                yield block
        except OSError as error:  # else it would be taken for one of the network
            reason = error.strerror or type(error).__name__
            raise PublishError(f"cannot write {self._name(path)}: its source: {reason}; {_NEXT_RUN}") from error

    def _claim(self) -> None:
        """Make sure that no other installation publishes here, once; raise PublishError where one does."""
        import obstore

        with self._claiming:
            if self._is_ours:
                return
            name = self._installation.encode()
            for _ in range(2):
                with self._explain_errors("read", OWNER_KEY):
                    try:
                        owner = bytes(obstore.get(self._client, OWNER_KEY).bytes())
                    except FileNotFoundError:
                        owner = b""
                if not owner and self._write(OWNER_KEY, name, {"Content-Type": "text/plain"}, "create") is not None:
                    owner = name
                if owner:
                    break
            if owner != name:
                raise PublishError(
                    f"another installation publishes to {self.location}; give each a `public` of its own, or, if that "
                    f"one is gone for good, remove the object {self._name(OWNER_KEY)}"
                )
            self._is_ours = True

    def _at_once(self, function: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
        """Return the result of each item; raise the first error once all have ended."""
        if len(items) < 2:
            return list(map(function, items))
        with ThreadPoolExecutor(min(AT_ONCE, len(items)), "put") as pool:
            futures = [pool.submit(function, item) for item in items]
        return [future.result() for future in futures]

    def _name(self, path: str) -> str:
        return f"{self.location}/{path}" if path else self.location

    @contextmanager
    def _explain_errors(self, action: str, path: str) -> Iterator[None]:
        """Raise an error of the client as a PublishError that names the object, the reason and the remedy.

        The text of the client is left out: it has the names of keys, and what was signed.
        """
        from obstore.exceptions import BaseError

        if self._trouble and time.monotonic() < self._rests_until:
            raise PublishError(self._trouble)
        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            reason, is_unreachable = explain(error, self._bucket.url.partition(":")[0])
            sentence = f"cannot {action} {self._name(path)}: {reason}"
            if is_unreachable:
                self._trouble, self._rests_until = sentence, time.monotonic() + REST_SECONDS
            raise PublishError(sentence) from None


def _attributes(path: str) -> dict[str, str]:
    """Return the headers that readers of a file are sent, as the built-in server does."""
    media_type = find_media_type(f"/{path}")
    content_type = media_type.content_type if media_type else "application/octet-stream"
    return {"content-type": content_type, "cache-control": CACHE_CONTROL}


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_NEXT_RUN = "the next run tries again"
_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or `access_key` and `secret_key` under `public`",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
# What the client's text holds that has no key, or none that it understands → what happened.
_CREDENTIAL_REASONS = {
    "Account must be specified": "no account is named",
    "Invalid Access Key": "the key is not one of Azure",
    r"169\.254\.(?:169\.254|170\.2)": "there are no credentials",  # where clouds give them to their own machines
}
# The code of the server → the remedy.
_REMEDIES = {
    "NoSuchBucket": "create the bucket, or correct `public`",
    "ContainerNotFound": "create the container, or correct `public`",
    "AccessDenied": "let the key get, put, delete and list objects there",
    "AuthorizationHeaderMalformed": "name the region of the bucket in `region` under `public`, or in AWS_REGION",
    "PermanentRedirect": "name the region of the bucket in `region` under `public`, or in AWS_REGION",
    "RequestTimeTooSkewed": "set the clock of this machine",
    "EntityTooLarge": "the server takes no file of this size: leave it out, or raise the server's limit",
    "QuotaExceeded": "raise the quota of the bucket; the next run writes it again",
}
_BAD_KEYS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"}
# What the client's text holds → what happened.
_NETWORK_REASONS = {
    r"dns error|failed to lookup": "its name cannot be found",
    r"ConnectionRefused": "nothing listens at its address",
    r"TimedOut|timed out|deadline": "it does not answer in time",
    r"certificate|tls": "its certificate cannot be trusted",
}


def explain(error: Exception, scheme: str) -> tuple[str, bool]:
    """Return reason and remedy of an error of the client, and whether the place could not be reached at all."""
    text = str(error)
    status, code = _STATUS.search(text), _CODE.search(text)
    credentials = f"check {_CREDENTIALS.get(scheme, 'its credentials')}"
    if reason := _find_reason(text, _CREDENTIAL_REASONS):
        return f"{reason}; {credentials}", True
    if status is None:
        reason = _find_reason(text, _NETWORK_REASONS)
        return f"{reason or 'it cannot be reached'}; check its address and the network, {_NEXT_RUN}", True
    answer = f"it answers {status[1]}" + (f" ({code[1]})" if code else "")
    if code and code[1] in _REMEDIES:
        return f"{answer}; {_REMEDIES[code[1]]}", False
    if status[1] in ("401", "403") or (code and code[1] in _BAD_KEYS):
        return f"{answer}; {credentials}", False
    return f"{answer}; {_NEXT_RUN}", status[1] >= "500"


def _find_reason(text: str, reasons: Mapping[str, str]) -> str:
    return next((reason for pattern, reason in reasons.items() if re.search(pattern, text)), "")
