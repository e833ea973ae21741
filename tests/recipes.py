"""The recipes of config/recipes, each made an installation whose sources are on an origin of the tests."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from origin import Document, Origin
from wire import Wire, rss

FOLDER = Path(__file__).parent.parent / "config" / "recipes"
PATHS = sorted(FOLDER.glob("*.yaml"))
VARIABLE = re.compile(r"\$\{([A-Z_]+)\}")
WORDS = "<p>" + "What happened there, told in some more words than a teaser has. " * 12 + "</p>"


def environment(text: str) -> dict[str, str]:
    """A value for each variable that a recipe names."""
    return {name: f"value-of-{name.lower()}" for name in VARIABLE.findall(text)}


class Kitchen:
    """An installation with a recipe. `documents` are what its sources answer, by id; the others get one of their kind.

    Each source has a host of its own.
    """

    def __init__(self, name: str, wire: Wire, origin: Origin, *, store: str | None = None, **documents: bytes) -> None:
        self.wire = wire
        self.origin = origin
        self.documents = documents
        self.hosts: dict[str, str] = {}
        text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
        self.tree: dict[str, Any] = yaml.safe_load(text)
        sources = {id: self._serve(id, entry) for id, entry in self.tree["sources"].items()}
        defaults = self.tree.get("defaults", {}) | {"allow_private": ["127.0.0.0/8"]}
        own: dict[str, Any] = {"data": "../data", "public": "../public", "hosts": {"gap": "0s", "at_once": 64}}
        own |= {"store": store} if store else {}
        wire.config.parent.mkdir(parents=True)
        wire.config.write_text(json.dumps(self.tree | own | {"defaults": defaults, "sources": sources}))
        shutil.copytree(FOLDER / "tools", wire.config.parent / "tools")
        (wire.config.parent / "wiki.token").write_text("value-of-wiki-token")

    def write(self, name: str, text: str | bytes) -> None:
        """Write a file beside the YAML."""
        path = self.wire.config.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def _serve(self, id: str, entry: Any) -> Any:
        """Return a source whose address leads to the origin, and which needs no proxy."""
        settings = dict(entry) if isinstance(entry, dict) else {"any": entry}
        settings.pop("proxy", None)
        settings.pop("allow_private", None)
        for kind in ("any", "feed", "page", "sitemap", "opml"):
            if kind in settings:
                address = settings[kind] = self._put(id, kind, urlsplit(settings[kind]).path)
                return address if kind == "any" else settings
        return settings

    def _put(self, id: str, kind: str, path: str) -> str:
        host = self.hosts[id] = f"127.0.0.{len(self.hosts) + 2}"
        urls = [self.origin.put(f"/{id}-{n}.html", Document(_story(id, n)), host=host) for n in range(8)]
        makers = {"page": _page, "sitemap": _sitemap, "opml": self._list}
        body = self.documents.get(id) or (makers[kind](urls) if kind in makers else feed(id))
        if kind == "any" and path == "/" and id not in self.documents:
            self.origin.put("/its.xml", Document(feed(id)), host=host)
            body = b"<html><head><link rel='alternate' type='application/rss+xml' href='/its.xml'></head></html>"
        html = {"content_type": "text/html"} if body.startswith(b"<html") else {}
        return self.origin.put(path, Document(body, headers=html), host=host)

    def _list(self, urls: list[str]) -> bytes:
        feeds = [self.origin.put(f"/{name}.xml", Document(feed(name)), host="127.0.0.99") for name in ("dee", "eve")]
        outlines = "".join(f"<outline type='rss' text='{url[-7:-4]}' xmlUrl='{url}'/>" for url in feeds)
        return f"<opml version='2.0'><body>{outlines}</body></opml>".encode()


def feed(id: str, count: int = 8) -> bytes:
    """An RSS document of a source, whose stories' addresses hold `example/`."""
    items = [(f"{id}/example/{n}", f"{id.title()} tells story number {n}") for n in range(count)]
    return rss(*items, title=id.title())


def _story(id: str, number: int) -> bytes:
    title = f"{id.title()} reports case number {number}"
    head = f"<title>{title}</title><meta property='article:published_time' content='2026-03-02T0{number}:00:00Z'>"
    return f"<html><head>{head}</head><body><article><h1>{title}</h1>{WORDS}</article></body></html>".encode()


def _page(urls: list[str]) -> bytes:
    items = "".join(
        f"<li><h2><a href='{url}'>A headline of the page, number {n}</a></h2><p>What it is about, in short.</p></li>"
        for n, url in enumerate(urls)
    )
    return f"<html><body><main><ul>{items}</ul></main></body></html>".encode()


def _sitemap(urls: list[str]) -> bytes:
    entries = "".join(f"<url><loc>{url}</loc><lastmod>2026-03-01</lastmod></url>" for url in urls)
    return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'.encode()
