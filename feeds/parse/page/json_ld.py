"""JSON-LD in web pages: parsing of its scripts, repair of broken ones, and the node of the page's story.

What cannot be repaired is left out, never raised; sizes and depths are bounded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape

JsonLdNode = Mapping[str, object]

MAX_TOTAL_LENGTH = 3_000_000  # characters of all scripts of a page
MAX_NODES = 3_000
MAX_DEPTH = 24

STORY_TYPES = frozenset(
    (
        "article", "newsarticle", "blogposting", "reportagenewsarticle", "analysisnewsarticle", "opinionnewsarticle",
        "backgroundnewsarticle", "askpublicnewsarticle", "reviewnewsarticle", "satiricalarticle",
        "advertisercontentarticle", "liveblogposting", "report", "techarticle", "scholarlyarticle",
        "socialmediaposting", "discussionforumposting", "medicalscholarlyarticle", "review", "criticreview",
        "claimreview", "recipe", "howto",
    )
)  # fmt: skip
PAGE_TYPES = frozenset(
    ("webpage", "itempage", "newsmediapage", "videoobject", "podcastepisode", "creativework", "episode")
)
# Nodes under these keys describe something else: an update of a live report, a comment, an entry of a list.
PART_KEYS = frozenset(
    ("liveBlogUpdate", "hasPart", "comment", "itemListElement", "mentions", "citation", "about", "relatedLink")
)
LIST_TYPES = frozenset(("itemlist", "collectionpage", "blog", "searchresultspage", "breadcrumblist"))
ORGANISATION_TYPES = frozenset(
    ("organization", "newsmediaorganization", "corporation", "localbusiness", "website", "brand")
)

# What surrounds a script for the sake of old browsers and XML parsers.
WRAPPER_PREFIXES = ("<!--", "//", "/*", "*/", "<![CDATA[", "]]>")
WRAPPER_SUFFIXES = ("-->", "//", "/*", "*/", "]]>", "<![CDATA[")
SURROUNDING_CHARACTERS = " \t\r\n;\ufeff\xa0"
TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")
BAD_ESCAPE = re.compile(r'\\(?!["\\/bfnrt]|u[0-9a-fA-F]{4})')
SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
# The fields taken from a script that cannot be repaired.
TEXT_FIELD = re.compile(
    r'"(headline|datePublished|dateModified|articleBody|@type)"\s*:\s*"((?:[^"\\]|\\.){1,200000})"', re.DOTALL
)


@dataclass(frozen=True, slots=True)
class JsonLd:
    """The nodes of a page in document order, the outer before the inner, and those that have an `@id`."""

    nodes: tuple[JsonLdNode, ...] = ()
    by_id: Mapping[str, JsonLdNode] = field(default_factory=dict)
    part_indexes: frozenset[int] = frozenset()  # positions of the nodes that are parts of others

    def story_nodes(self) -> list[JsonLdNode]:
        """Return the nodes that are stories of their own; where there are none, those that are parts of others."""
        stories = [(index, node) for index, node in enumerate(self.nodes) if get_types(node) & STORY_TYPES]
        return [node for index, node in stories if index not in self.part_indexes] or [node for _, node in stories]

    def page_nodes(self) -> list[JsonLdNode]:
        """Return the nodes of pages and recordings, which may hold what the story's node lacks."""
        return [node for node in self.nodes if get_types(node) & PAGE_TYPES]

    def resolve(self, value: object) -> object:
        """Return the node that a reference points to; any other value as it is."""
        if isinstance(value, dict) and set(value) <= {"@id", "@type"} and isinstance(value.get("@id"), str):
            return self.by_id.get(value["@id"], value)
        return value


def parse_json_ld(scripts: Iterable[str]) -> JsonLd:
    """Parse the contents of JSON-LD scripts into one set of nodes."""
    nodes: list[JsonLdNode] = []
    part_indexes: set[int] = set()
    total = 0
    for script in scripts:
        total += len(script)
        if total > MAX_TOTAL_LENGTH or len(nodes) >= MAX_NODES:
            break
        for node, is_part in _walk_nodes(_load(script)):
            if is_part:
                part_indexes.add(len(nodes))
            nodes.append(node)
    by_id: dict[str, JsonLdNode] = {}
    for node in nodes:
        node_id = node.get("@id")
        if isinstance(node_id, str) and len(node) > len(by_id.get(node_id, ())):
            by_id[node_id] = node
    return JsonLd(tuple(nodes), by_id, frozenset(part_indexes))


def get_types(node: JsonLdNode) -> frozenset[str]:
    """Return the types of a node in lower case, without any namespace."""
    return frozenset(
        re.split(r"[/#:]", name)[-1].lower()
        for name in as_list(node.get("@type", node.get("type")))
        if isinstance(name, str)
    )


def as_text(value: object) -> str | None:
    """Return the text of a value, also where it is wrapped in lists or nodes; None where there is none."""
    for _ in range(4):
        if isinstance(value, list):
            value = next((item for item in value if item), None)
        elif isinstance(value, dict):
            value = value.get("@value") or value.get("name") or value.get("url") or value.get("@id")
        else:
            break
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return _unescape(value).strip() or None if isinstance(value, str) else None


def as_list(value: object) -> list[object]:
    """Return a value as a list; an empty one for None."""
    return value if isinstance(value, list) else [] if value is None else [value]


def find_main_node(json_ld: JsonLd, *page_urls: str | None) -> JsonLdNode:
    """Return the node of the story that the page is about; an empty one where there is none."""
    wanted = {_strip_url(url) for url in page_urls if url}
    return max(json_ld.story_nodes(), key=lambda node: _score_node(node, wanted), default={})


def _unescape(value: str) -> str:
    """Resolve HTML character references, which many write into JSON, some twice."""
    return unescape(unescape(value)) if "&" in value else value


def _load(script: str) -> object:
    """Return the value of a script, repaired where necessary; at worst only the text fields in it."""
    body = _strip_wrappers(script)
    for candidate in _repair(body):
        try:
            value = json.loads(candidate, strict=False)
            return _replace_surrogates(value) if SURROGATE_ESCAPE.search(candidate) else value
        except (ValueError, RecursionError):
            continue
    return {name: unescape(value.replace('\\"', '"')) for name, value in reversed(TEXT_FIELD.findall(body))}


def _replace_surrogates(value: object) -> object:
    """Return the value without halves of surrogate pairs, which JSON can spell and UTF-8 cannot encode (R6)."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_replace_surrogates(name): _replace_surrogates(member) for name, member in value.items()}
    return [_replace_surrogates(member) for member in value] if isinstance(value, list) else value


def _strip_wrappers(script: str) -> str:
    body = script.strip(SURROUNDING_CHARACTERS)
    for _ in range(6):
        length = len(body)
        for prefix in WRAPPER_PREFIXES:
            body = body.removeprefix(prefix)
        for suffix in WRAPPER_SUFFIXES:
            body = body.removesuffix(suffix)
        body = body.strip(SURROUNDING_CHARACTERS)
        if len(body) == length:
            break
    return body


def _repair(body: str) -> Iterator[str]:
    """Yield the script as it is, then with more and more repairs."""
    yield body
    yield TRAILING_COMMA.sub("", BAD_ESCAPE.sub(r"\\\\", body))
    if "&quot;" in body:
        yield unescape(body)
    end = max(body.rfind("}"), body.rfind("]")) + 1
    start = min((index for index in (body.find("{"), body.find("[")) if index >= 0), default=0)
    if end <= start:
        return
    yield TRAILING_COMMA.sub("", body[start:end])
    yield "[" + re.sub(r"\}\s*\{", "},{", body[start:end]) + "]"


def _walk_nodes(value: object) -> Iterator[tuple[JsonLdNode, bool]]:
    """Yield every node, outer first, without recursion, and whether it is a part of another."""
    stack: list[tuple[object, int, bool]] = [(value, 0, False)]
    count = 0
    while stack and count < MAX_NODES:
        current, depth, is_part = stack.pop()
        if isinstance(current, dict):
            count += 1
            yield current, is_part
            children = [(child, depth + 1, is_part or key in PART_KEYS) for key, child in current.items()]
        elif isinstance(current, list):
            children = [(child, depth + 1, is_part) for child in current]
        else:
            continue
        if depth < MAX_DEPTH:
            stack += [child for child in reversed(children) if isinstance(child[0], dict | list)]


def _score_node(node: JsonLdNode, wanted: set[str]) -> float:
    urls = {_strip_url(url) for key in ("url", "mainEntityOfPage", "@id") if (url := _get_url(node.get(key)))}
    facts = sum(bool(node.get(key)) for key in ("headline", "datePublished", "author", "articleBody", "image"))
    return 4 * bool(urls & wanted) + facts + ("headline" in node)


def _get_url(value: object) -> str | None:
    if isinstance(value, dict):
        value = value.get("@id") or value.get("url")
    return value if isinstance(value, str) else None


def _strip_url(url: str) -> str:
    """Return a URL for comparing: without scheme, query, fragment and closing slash."""
    return re.sub(r"^\w+://(?:www\.)?", "", url).partition("#")[0].partition("?")[0].rstrip("/").lower()
