"""The namespaces of the elements in RSS and Atom that are of neither: media, podcasts, comments, archives."""

from __future__ import annotations

from collections.abc import Mapping

# Every document declares all of them, whatever it holds, so that an article never changes the first line.
NAMESPACES: Mapping[str, str] = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "media": "http://search.yahoo.com/mrss/",
    "podcast": "https://podcastindex.org/namespace/1.0",
    "slash": "http://purl.org/rss/1.0/modules/slash/",
    "wfw": "http://wellformedweb.org/CommentAPI/",
}
HISTORY_NAMESPACE = "http://purl.org/syndication/history/1.0"  # RFC 5005; of archive documents alone
