"""Visits with a Fetcher, and what must come of them."""

from __future__ import annotations

from typing import Any

import pytest
from factories import visit_to

from feeds.errors import FetchError
from feeds.fetch import Fetcher
from feeds.model import Fetched, NotModified


def expect_document(response: Fetched | NotModified) -> Fetched:
    """The response, which must be a document."""
    assert isinstance(response, Fetched), response
    return response


def fetch_failure(fetcher: Fetcher, url: str, **settings: Any) -> FetchError:
    """The error of a visit, which must fail."""
    with pytest.raises(FetchError) as caught:
        fetcher.fetch(visit_to(url, **settings))
    return caught.value
