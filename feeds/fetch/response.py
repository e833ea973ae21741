"""What the final response means for a visit: a document, nothing new, or a failure."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from urllib.parse import urlsplit

from requests import Response

from .. import http_headers
from ..model import Fetched, Hop, NotModified, Validators, Visit
from .decoding import decode_body
from .problems import make_status_error
from .target import RequestTarget, parse_target
from .transport import CHUNK_SIZE

DOCUMENT_STATUSES = frozenset({200, 203})


@dataclass(frozen=True, slots=True)
class FinalResponse:
    """The response where the redirects ended, its target, and the redirects that led there."""

    target: RequestTarget
    response: Response
    hops: tuple[Hop, ...]


def interpret_response(visit: Visit, final: FinalResponse) -> Fetched | NotModified:
    """Return what a visit brings; raise FetchError when it brings no document, FetchProblem when one is broken.

    The validators are those of this very response; only those that a 304 omits are kept from before (E2, E3).
    """
    response, target, previous = final.response, final.target, visit.state.validators
    headers, status = dict(response.headers.lower_items()), response.status_code
    validators = Validators(
        http_headers.clean_validator(headers.get("etag")), http_headers.clean_validator(headers.get("last-modified"))
    )
    fresh_for = http_headers.freshness_lifetime(headers)
    if status == 304 and previous != Validators():
        validators = Validators(
            validators.etag or previous.etag, validators.last_modified or previous.last_modified
        )  # E3
        return NotModified(target.url, validators, fresh_for, final.hops, status)
    if status not in DOCUMENT_STATUSES:
        raise make_status_error(status, headers, target.netloc, _other_host(visit, target))
    if validators.etag is not None and validators.etag == previous.etag:  # E4
        return NotModified(target.url, validators, fresh_for, final.hops, status)
    body = decode_body(response.iter_content(CHUNK_SIZE), headers.get("content-encoding", ""), visit.source.max_bytes)
    digest = blake2b(body, digest_size=16).hexdigest()
    if digest == visit.state.body_digest:  # E4
        return NotModified(target.url, validators, fresh_for, final.hops, status, len(body))
    media_type, charset = http_headers.parse_content_type(headers.get("content-type"))
    return Fetched(
        target.url,
        body,
        media_type,
        charset,
        headers=headers,
        hops=final.hops,
        validators=validators,
        body_digest=digest,
        fresh_for=fresh_for,
        retry_after=http_headers.parse_retry_after(headers),
        status=status,
    )


def _other_host(visit: Visit, target: RequestTarget) -> str | None:
    """Return the host that responded, unless it is the visited one, however that is spelled (IDNA)."""
    visited = visit.host.host
    host = parse_target(visit.url).host if urlsplit(visit.url).hostname == visited else visited
    return None if target.host == host else target.host
