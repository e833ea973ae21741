"""Element names independent of the prefixes a feed declares: `{namespace}Local` becomes `prefix:local`.

RSS names have no prefix. In an unknown namespace, the prefix that the feed declared decides.
"""

from __future__ import annotations

from functools import lru_cache

from lxml import etree

XML = "{http://www.w3.org/XML/1998/namespace}"
XML_BASE = f"{XML}base"
XML_LANG = f"{XML}lang"

# Namespace in lower case, without scheme, `www.` and final `/` or `#` → our prefix, which is empty for RSS itself.
NAMESPACES = {
    "purl.org/rss/1.0": "",
    "purl.org/rss/1.0/modules/rss091": "",
    "my.netscape.com/rdf/simple/0.9": "",
    "channel.netscape.com/rdf/simple/0.9": "",
    "my.netscape.com/publish/formats/rss-0.91.dtd": "",
    "backend.userland.com/rss": "",
    "backend.userland.com/rss2": "",
    "backend.userland.com/rss091": "",
    "backend.userland.com/rss092": "",
    "blogs.law.harvard.edu/tech/rss": "",
    "cyber.law.harvard.edu/rss/rss.html": "",
    "rssboard.org/rss-specification": "",
    "w3.org/2005/atom": "atom",
    "w3.org/2005/10/23/atom": "atom",
    "purl.org/atom/ns": "atom",
    "purl.org/atom/app": "app",
    "purl.org/echo": "atom",
    "purl.org/pie": "atom",
    "example.com/necho": "atom",
    "w3.org/2007/app": "app",
    "purl.org/rss/1.0/modules/content": "content",
    "purl.org/dc/elements/1.0": "dc",
    "purl.org/dc/elements/1.1": "dc",
    "purl.org/dc/terms": "dcterms",
    "search.yahoo.com/mrss": "media",
    "video.search.yahoo.com/mrss": "media",
    "rssboard.org/media-rss": "media",
    "itunes.com/dtds/podcast-1.0.dtd": "itunes",
    "itunes.apple.com/dtds/podcast-1.0.dtd": "itunes",
    "example.com/dtds/podcast-1.0.dtd": "itunes",
    "google.com/schemas/play-podcasts/1.0": "googleplay",
    "podcastindex.org/namespace/1.0": "podcast",
    "github.com/podcastindex-org/podcast-namespace/blob/main/docs/1.0.md": "podcast",
    "podlove.org/simple-chapters": "psc",
    "purl.org/syndication/thread/1.0": "thr",
    "georss.org/georss": "georss",
    "georss.org/georss/10": "georss",
    "opengis.net/gml": "gml",
    "w3.org/2003/01/geo/wgs84_pos": "geo",
    "purl.org/rss/1.0/modules/slash": "slash",
    "purl.org/rss/1.0/modules/syndication": "sy",
    "wellformedweb.org/commentapi": "wfw",
    "backend.userland.com/creativecommonsrssmodule": "creativecommons",
    "cyber.law.harvard.edu/rss/creativecommonsrssmodule.html": "creativecommons",
    "web.resource.org/cc": "cc",
    "creativecommons.org/ns": "cc",
    "rssnamespace.org/feedburner/ext/1.0": "feedburner",
    "pheedo.com/namespace/pheedo": "pheedo",
    "w3.org/1999/xhtml": "xhtml",
    "w3.org/1999/02/22-rdf-syntax-ns": "rdf",
    "webns.net/mvcb": "admin",
    "webfeeds.org/rss/1.0": "webfeeds",
    "source.scripting.com": "source",
    "prismstandard.org/namespaces/basic/2.0": "prism",
    "prismstandard.org/namespaces/1.2/basic": "prism",
    "w3.org/2000/svg": "svg",
    "w3.org/1998/math/mathml": "math",
    "a9.com/-/spec/opensearch/1.1": "opensearch",
}
# Prefixes that are trusted where the namespace is unknown or was never declared.
KNOWN_PREFIXES = frozenset(NAMESPACES.values()) | {"rss"}


def split_tag(tag: str) -> tuple[str, str]:
    """Return the namespace and the local name of a tag in lxml's notation `{namespace}local`."""
    if tag[0] == "{":
        namespace, _, local = tag[1:].rpartition("}")
        return namespace, local
    return "", tag


def resolve_tag(tag: str) -> str | None:
    """Return `prefix:local` in lower case, or None where the tag alone does not decide and the feed's prefix has to."""
    namespace, local = split_tag(tag)
    if not namespace:
        return None if ":" in local else local.lower()
    prefix = NAMESPACES.get(_normalize_namespace(namespace))
    return None if prefix is None else _join(prefix, local)


def qualified_name(element: etree._Element) -> str:
    """Return `prefix:local` of an element in lower case; an unknown prefix begins with `?`."""
    tag = str(element.tag)
    name = resolve_tag(tag)
    if name is not None:
        return name
    _, local = split_tag(tag)
    prefix, colon, rest = local.rpartition(":")  # an undeclared prefix stays in the local name
    if not colon:
        prefix, rest = element.prefix or "", local
    prefix = prefix.lower()
    if prefix == "rss" or not prefix:
        return rest.lower()
    return _join(prefix if prefix in KNOWN_PREFIXES else f"?{prefix}", rest)


def local_name(element: etree._Element) -> str:
    """Return the local name of an element in lower case."""
    return _local_name_of_tag(element.tag)


@lru_cache(maxsize=4_096)
def _local_name_of_tag(tag: object) -> str:
    return split_tag(str(tag))[1].rpartition(":")[2].lower()


def _join(prefix: str, local: str) -> str:
    return f"{prefix}:{local.lower()}" if prefix else local.lower()


def _normalize_namespace(namespace: str) -> str:
    text = namespace.strip().lower()
    text = text.removeprefix("http://").removeprefix("https://").removeprefix("www.")
    return text.rstrip("/#")
