"""JSON-LD as pages carry it: often several blocks, sometimes broken, and the story somewhere among them.

What cannot be repaired is left out, never raised; sizes and depths are bounded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape

JsonLdNode = Mapping[str, object]

LARGEST = 3_000_000
MAX_NODES = 3_000
DEEPEST = 24

STORIES = frozenset(
    (
        "article", "newsarticle", "blogposting", "reportagenewsarticle", "analysisnewsarticle", "opinionnewsarticle",
        "backgroundnewsarticle", "askpublicnewsarticle", "reviewnewsarticle", "satiricalarticle",
        "advertisercontentarticle", "liveblogposting", "report", "techarticle", "scholarlyarticle",
        "socialmediaposting", "discussionforumposting", "medicalscholarlyarticle", "review", "criticreview",
        "claimreview", "recipe",
    )
)  # fmt: skip
PAGES = frozenset(("webpage", "itempage", "newsmediapage", "videoobject", "podcastepisode", "creativework", "episode"))
# What hangs on these is told of something else: an update of a live report, a comment, an entry of a list.
PARTS = frozenset(
    ("liveBlogUpdate", "hasPart", "comment", "itemListElement", "mentions", "citation", "about", "relatedLink")
)
LISTS = frozenset(("itemlist", "collectionpage", "blog", "searchresultspage", "breadcrumblist"))
ORGANISATIONS = frozenset(("organization", "newsmediaorganization", "corporation", "localbusiness", "website", "brand"))

# What is wrapped around a script for browsers and XML parsers of old.
BEFORE = ("<!--", "//", "/*", "*/", "<![CDATA[", "]]>")
AFTER = ("-->", "//", "/*", "*/", "]]>", "<![CDATA[")
BLANK = " \t\r\n;\ufeff\xa0"
TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")
BAD_ESCAPE = re.compile(r'\\(?!["\\/bfnrt]|u[0-9a-fA-F]{4})')
# What is said by a block that is beyond repair.
FIELD = re.compile(
    r'"(headline|datePublished|dateModified|articleBody|@type)"\s*:\s*"((?:[^"\\]|\\.){1,200000})"', re.DOTALL
)


@dataclass(frozen=True, slots=True)
class JsonLd:
    """The nodes of a page in document order, the outer before the inner, and those that have an `@id`."""

    nodes: tuple[JsonLdNode, ...] = ()
    by_id: Mapping[str, JsonLdNode] = field(default_factory=dict)
    parts: frozenset[int] = frozenset()  # the nodes, by their place, that are parts of others

    def stories(self) -> list[JsonLdNode]:
        """The nodes that are stories of their own; the parts of others where there is no such."""
        found = [(at, node) for at, node in enumerate(self.nodes) if types(node) & STORIES]
        return [node for at, node in found if at not in self.parts] or [node for _, node in found]

    def pages(self) -> list[JsonLdNode]:
        """The nodes that are pages or recordings, which may tell what the story does not."""
        return [node for node in self.nodes if types(node) & PAGES]

    def resolved(self, value: object) -> object:
        """What a reference to another node refers to."""
        if isinstance(value, dict) and set(value) <= {"@id", "@type"} and isinstance(value.get("@id"), str):
            return self.by_id.get(value["@id"], value)
        return value


def read(scripts: Iterable[str]) -> JsonLd:
    """All nodes in some blocks of JSON-LD."""
    nodes: list[JsonLdNode] = []
    parts: set[int] = set()
    budget = LARGEST
    for script in scripts:
        budget -= len(script)
        if budget < 0 or len(nodes) >= MAX_NODES:
            break
        for node, is_part in _walk(_loaded(script)):
            if is_part:
                parts.add(len(nodes))
            nodes.append(node)
    by_id: dict[str, JsonLdNode] = {}
    for node in nodes:
        name = node.get("@id")
        if isinstance(name, str) and len(node) > len(by_id.get(name, ())):
            by_id[name] = node
    return JsonLd(tuple(nodes), by_id, frozenset(parts))


def types(node: JsonLdNode) -> frozenset[str]:
    """What a node says it is, in lower case, free of any namespace."""
    told = node.get("@type", node.get("type"))
    names = told if isinstance(told, list) else [told]
    return frozenset(re.split(r"[/#:]", name)[-1].lower() for name in names if isinstance(name, str))


def text(value: object) -> str | None:
    """The text of a value, whatever it is wrapped in."""
    for _ in range(4):
        if isinstance(value, list):
            value = next((one for one in value if one), None)
        elif isinstance(value, dict):
            value = value.get("@value") or value.get("name") or value.get("url") or value.get("@id")
        else:
            break
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return _unescaped(value).strip() or None if isinstance(value, str) else None


def several(value: object) -> list[object]:
    """A value as a list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _unescaped(value: str) -> str:
    """JSON is no place for HTML's references; many write them there, some twice."""
    return unescape(unescape(value)) if "&" in value else value


def _loaded(script: str) -> object:
    body = _bare(script)
    for repaired in _repairs(body):
        try:
            return json.loads(repaired, strict=False)
        except (ValueError, RecursionError):
            continue
    return {name: unescape(value.replace('\\"', '"')) for name, value in reversed(FIELD.findall(body))}


def _bare(script: str) -> str:
    body = script.strip(BLANK)
    for _ in range(6):
        before = len(body)
        for mark in BEFORE:
            body = body.removeprefix(mark)
        for mark in AFTER:
            body = body.removesuffix(mark)
        body = body.strip(BLANK)
        if len(body) == before:
            break
    return body


def _repairs(body: str) -> Iterator[str]:
    yield body
    yield TRAILING_COMMA.sub("", BAD_ESCAPE.sub(r"\\\\", body))
    if "&quot;" in body:
        yield unescape(body)
    end = max(body.rfind("}"), body.rfind("]")) + 1
    start = min((at for at in (body.find("{"), body.find("[")) if at >= 0), default=0)
    if end <= start:
        return
    yield TRAILING_COMMA.sub("", body[start:end])
    yield "[" + re.sub(r"\}\s*\{", "},{", body[start:end]) + "]"


def _walk(value: object) -> Iterator[tuple[JsonLdNode, bool]]:
    """Every node, outer first, without recursion, and whether it is a part of another."""
    waiting: list[tuple[object, int, bool]] = [(value, 0, False)]
    count = 0
    while waiting and count < MAX_NODES:
        current, depth, part = waiting.pop()
        if isinstance(current, dict):
            count += 1
            yield current, part
            below = [(one, depth + 1, part or key in PARTS) for key, one in current.items()]
        elif isinstance(current, list):
            below = [(one, depth + 1, part) for one in current]
        else:
            continue
        if depth < DEEPEST:
            waiting += [one for one in reversed(below) if isinstance(one[0], dict | list)]


def main(data: JsonLd, *addresses: str | None) -> JsonLdNode:
    """The node of the story that the page is about; an empty one where none is told."""
    wanted = {_plain(address) for address in addresses if address}
    stories = data.stories()
    return max(stories, key=lambda node: _weight(node, wanted), default={})


def _weight(node: JsonLdNode, wanted: set[str]) -> float:
    told = {_plain(address) for key in ("url", "mainEntityOfPage", "@id") if (address := _address(node.get(key)))}
    facts = sum(bool(node.get(key)) for key in ("headline", "datePublished", "author", "articleBody", "image"))
    return 4 * bool(told & wanted) + facts + ("headline" in node)


def _address(value: object) -> str | None:
    if isinstance(value, dict):
        value = value.get("@id") or value.get("url")
    return value if isinstance(value, str) else None


def _plain(address: str) -> str:
    """An address for comparing: without scheme, query, fragment and closing slash."""
    return re.sub(r"^\w+://(?:www\.)?", "", address).partition("#")[0].partition("?")[0].rstrip("/").lower()
