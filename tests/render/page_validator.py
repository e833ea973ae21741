"""A small validator of our pages: one line for each broken rule, beginning with its row in the checklist."""

from __future__ import annotations

import json
import re
from collections import Counter
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "input", "br", "hr", "source", "wbr"}
UNWANTED = {"style", "iframe", "object", "embed", "base"}
ADDRESSES = {"href", "src", "poster"}
SAFE = re.compile(r"(?:https?://|mailto:|#|\.{0,2}/|[a-z0-9][a-z0-9_./-]*(?:\?[a-zA-Z0-9=&%+._~-]*)?$)")
SEARCH = re.compile(r"(?:(?:\.\./)*|/(?:[a-z]+/)*)search")
MAX_SIZE = 100_000


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.open: list[str] = []
        self.counts: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.links: list[str] = []
        self.scripts: list[str] = []

    def handle_decl(self, decl: str) -> None:
        self.counts[decl.lower()] += 1

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.counts[tag] += 1
        if tag not in VOID:
            self.open.append(tag)
        if tag == "a":
            self.links.append(values.get("href", ""))
        self.ids.update([values["id"]] if "id" in values else [])
        self.faults += [
            sentence
            for sentence, is_broken in (
                (f"C4 {tag} has an attribute twice", len(values) != len(attributes)),
                ("C4 the page names no language", tag == "html" and not values.get("lang")),
                ("C4 the page has no direction", tag == "html" and values.get("dir") not in ("ltr", "rtl")),
                ("C4 a picture without alternative", tag == "img" and "alt" not in values),
                (f"S17 {tag} is no element of a page", tag in UNWANTED),
                (f"S17 {tag} has a style", "style" in values),
                ("S17 a form that leads elsewhere", tag == "form" and not SEARCH.fullmatch(values.get("action", ""))),
                ("S17 a script in the page", tag == "script" and not ({"src"} & {*values} or "json" in str(values))),
                (f"S7 {tag} runs something", any(name.startswith("on") for name in values)),
                (f"S7 {tag} leads to no page", not all(SAFE.match(values[n]) for n in ADDRESSES & values.keys())),
            )
            if is_broken
        ]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"C4 </{tag}> closes another element")

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"] and data.strip():
            self.scripts.append(data)


def read_page(body: bytes) -> _Reader:
    """Read a page."""
    reader = _Reader()
    reader.feed(body.decode("utf-8"))
    reader.close()
    return reader


def find_page_faults(body: bytes) -> list[str]:
    """Return what a page may not be, or have."""
    reader = read_page(body)
    faults = [*reader.faults, *(f"C4 {tag} is not closed" for tag in reader.open)]
    once = ("doctype html", "title", "h1", "main")
    faults += [f"C4 {reader.counts[name]} of {name}" for name in once if reader.counts[name] != 1]
    faults += [f"C4 the id {id} occurs twice" for id, count in reader.ids.items() if count > 1]
    faults += [
        f"C4 the link #{link[1:]} leads nowhere"
        for link in reader.links
        if link[:1] == "#" and link[1:] not in reader.ids
    ]
    if len(body) > MAX_SIZE:
        faults.append(f"R14 {len(body)} bytes")
    for script in reader.scripts:
        if not isinstance(json.loads(script), dict):
            faults.append("C4 the metadata is no object")
    return faults
