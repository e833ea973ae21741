"""A secret in each key that can hold one, repeated by the origin wherever it can, and nothing that leaves holds it."""

from __future__ import annotations

import html
import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from urllib.parse import quote, unquote

import pytest
from admin_site import pretend_daemon, serve_admin
from asgi import ask
from command import RunCommand
from origin import KEEP, Behaviour, Document, Origin, raw, reply
from wire import Wire, rss

from feeds.app.server_process import create_server_app
from feeds.cli import COMMANDS as COMMANDS_OF_FEEDS
from feeds.config import load

Entry = Mapping[str, object] | str

# ── where a secret stands: (address of the origin, source id, variable) → the source, and the path it asks for ──────

PLACES: dict[str, Callable[[str, str, str], tuple[Entry, str]]] = {
    "query": lambda base, id, name: ({"feed": f"{base}/{id}?a=1&t=${{{name}}}"}, f"/{id}?a=1&t={{}}"),
    "path": lambda base, id, name: ({"feed": f"{base}/${{{name}}}/{id}"}, f"/{{}}/{id}"),
    "fragment": lambda base, id, name: (f"{base}/{id}#${{{name}}}", f"/{id}"),
    "file": lambda base, id, name: ({"feed": f"{base}/{id}?t=${{file:{name}}}"}, f"/{id}?t={{}}"),
    "header": lambda base, id, name: ({"feed": f"{base}/{id}", "headers": {"X-Key": f"key ${{{name}}}"}}, f"/{id}"),
    "user": lambda base, id, name: ({"feed": f"{base}/{id}", "auth": {"basic": [f"${{{name}}}", "pass"]}}, f"/{id}"),
    "login": lambda base, id, name: ({"feed": f"{base}/{id}", "auth": {"basic": ["me", f"${{{name}}}"]}}, f"/{id}"),
    "bearer": lambda base, id, name: ({"feed": f"{base}/{id}", "auth": {"bearer": f"${{file:{name}}}"}}, f"/{id}"),
    "proxy": lambda base, id, name: (
        {"feed": f"http://src.example/{id}", "proxy": base.replace("//", f"//me:${{{name}}}@")},
        f"http://src.example/{id}",
    ),
}


# ── how the origin repeats it ───────────────────────────────────────────────────────────────────────────────────────


def spell(secret: str) -> list[str]:
    """The secret in the spellings that sources, servers and libraries use."""
    octets = "".join(f"%{octet:02x}" for octet in secret.encode())
    return [secret, secret.upper(), secret.lower(), quote(secret, safe=""), octets, quote(octets, safe="").upper()]


def feed(id: str, secret: str, address: str) -> bytes:
    """A feed that repeats a secret in each element, an item for each spelling."""
    items = "".join(item(number, html.escape(spelling)) for number, spelling in enumerate(spell(secret)))
    word = html.escape(secret)
    channel = (
        f"<title>Kept {id}, {word}</title><link>https://{word}.example/</link><description>{word}</description>"
        f"<atom:link rel='self' href='{html.escape(address)}'/><atom:link rel='hub' href='https://h.example/{word}'/>"
        f"<language>{word}</language><copyright>{word}</copyright><generator>{word}</generator><ttl>{word}</ttl>"
        f"<image><url>https://a.example/{word}.png</url><title>{word}</title><link>https://a.example/</link></image>"
        f"<managingEditor>{word}@a.example ({word})</managingEditor><itunes:image href='https://a.example/{word}'/>"
    )
    names = "xmlns:atom='http://www.w3.org/2005/Atom' xmlns:dc='http://purl.org/dc/elements/1.1/'"
    names += " xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd' xmlns:media='http://search.yahoo.com/mrss/'"
    names += (
        " xmlns:content='http://purl.org/rss/1.0/modules/content/' xmlns:thr='http://purl.org/syndication/thread/1.0'"
    )
    return f"<rss version='2.0' {names}><channel>{channel}{items}</channel></rss>".encode()


def item(number: int, word: str) -> str:
    """An item that repeats a word in each element."""
    return (
        f"<item><guid isPermaLink='false'>https://{word}.example/{number}</guid><title>Kept, {number} of {word}</title>"
        f"<link>https://a.example/{number}?t={word}</link><pubDate>Mon, 02 Mar 2026 08:00:00 GMT</pubDate>"
        f"<author>{word}@a.example</author><dc:creator>{word}</dc:creator><dc:rights>{word}</dc:rights>"
        f"<category domain='https://a.example/{word}'>{word}</category><dc:language>{word}</dc:language>"
        f"<enclosure url='https://a.example/{word}/{number}.mp3' type='audio/{word}' length='1'/>"
        f"<comments>https://{word}.example/1</comments><source url='https://a.example/{word}'>{word}</source>"
        f"<media:content url='https://me:{word}@a.example/1.jpg' type='image/jpeg'><media:title>{word}</media:title>"
        f"</media:content><media:thumbnail url='https://a.example/{word}.jpg'/>"
        f"<itunes:image href='https://a.example/?{word}'/><itunes:subtitle>{word}</itunes:subtitle>"
        f"<atom:link rel='replies' href='https://a.example/{word}'/><thr:total>{word}</thr:total>"
        f"<description>Of {word} &lt;b title='{word}'&gt;{word}&lt;/b&gt; kept.</description>"
        f"<content:encoded>&lt;p&gt;&lt;a href='https://a.example/{word}'&gt;{word}&lt;/a&gt; kept "
        f"&lt;img src='https://a.example/{word}.png' alt='{word}'&gt;&lt;/p&gt;</content:encoded></item>"
    )


ANSWERS: dict[str, Callable[[str, str, str], Behaviour]] = {
    "repeats": lambda id, secret, address: Document(feed(id, secret, address)),
    "moved": lambda id, secret, address: raw(reply(b"", 301, location=address), KEEP),
    "away": lambda id, secret, address: raw(reply(b"", 302, location=f"http://{secret}.invalid/{secret}"), KEEP),
    "forbidden": lambda id, secret, address: raw(
        reply(f"<title>No {secret}</title>{secret}".encode(), 403, content_type=f"text/html; charset={secret}"), KEEP
    ),
    "failed": lambda id, secret, address: raw(reply(secret.encode(), 500, retry_after=secret, server=secret), KEEP),
    "login": lambda id, secret, address: raw(
        reply(f"<title>Log in, {secret}</title><form><input type=password value={secret}>".encode()), KEEP
    ),
    "broken": lambda id, secret, address: Document(f"<rss><channel><{secret} {secret}=<{secret}>".encode()),
    "coded": lambda id, secret, address: raw(reply(b"x", content_encoding=f"gzip, {secret}"), KEEP),
    "typed": lambda id, secret, address: raw(reply(b"\x89PNG" + secret.encode(), content_type=f"image/{secret}"), KEEP),
    "cut": lambda id, secret, address: raw(f"HTTP/1.1 {secret} {secret}\r\n{secret}\r\n\r\n".encode()),
}


# ── what is looked at ───────────────────────────────────────────────────────────────────────────────────────────────

COMMANDS = (
    ["check"],
    ["check", "--json"],
    ["run", "--all", "-vv"],
    ["run", "--all", "--json", "-vv", "--log-format", "json"],
    ["status"],
    ["status", "--json"],
    ["preview", "--feed", "all"],
    ["preview", "--feed", "all", "--steps", "--json"],
    ["publish"],
    ["export"],
    ["schema"],
    ["backup", "copy.db"],
)
SKIPPED = {"init", "import", "add", "daemon", "serve"}  # they write, or run until they are stopped


def find_hits(text: str, secrets: Iterable[str]) -> list[str]:
    """The secrets that stand in a text, whatever their case, percent-encoding and escapes."""
    forms = [text]
    for decode in (html.unescape, unquote, html.unescape, unquote, unquote):
        forms.append(decode(forms[-1]))
    forms += [form.encode().decode("unicode_escape", "replace") for form in forms if "\\u" in form]
    lower = "\0".join(forms).lower()
    return [secret for secret in secrets if secret.lower() in lower]


@pytest.fixture
def command(feeds: RunCommand, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run a command in this process; return all that it prints and logs."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr(logging.root, "handlers", [])  # the command makes its own
        result = feeds(*arguments)
        assert "Traceback" not in result.err, result.err
        return result.out + result.err

    return run


def outputs(
    wire: Wire, command: Callable[..., str], source_ids: Iterable[str], secret: str
) -> Iterator[tuple[str, str]]:
    """Everything that leaves an installation, with its name."""
    for arguments in COMMANDS:
        yield " ".join(arguments), command(*arguments)
    for name in COMMANDS_OF_FEEDS.keys() - SKIPPED - {arguments[0] for arguments in COMMANDS}:
        yield name, command(name)
    for id in source_ids:
        yield f"preview {id}", command("preview", id, "-v")
    for name in ("retract", "forget", "run", "publish", "add"):
        yield f"{name} SECRET", command(name, secret)
    app = create_server_app(load(wire.config, os.environ))
    for name, body in wire.files().items():
        yield name, body.decode(errors="replace")  # the icons are no text
        yield f"GET {name}", repr(ask(app, f"/{name}"))
    for path in ("/", "/health", f"/{secret}", f"/{secret}.rss", "/assets/nothing.css", f"/?{secret}", "/live"):
        yield f"GET {path}", repr(ask(app, path))
    with wire.app() as app_of_store:
        yield "events", repr(app_of_store.store.outbox(0, 99_999))
    pretend_daemon(wire)
    with serve_admin(wire, os.environ) as site:
        for path in ("/metrics", "/health", "/", "/?page=2", "/feeds", "/feeds/all?steps=1"):
            yield f"operator's {path}", repr(site.server.request(path))
        for id in load(wire.config, os.environ).sources:
            yield f"operator's page of {id}", repr(site.server.request(f"/sources/{id}"))


def listings(base: str, secret: str) -> Mapping[str, tuple[Entry, str, str]]:
    """Sources of other kinds: id → the source, the path that it asks for, and what is there."""
    stories = "".join(
        f"<article><h2><a href='/story{n}?t={secret}'>A story, {secret}</a></h2></article>" for n in "123"
    )
    urls = "".join(f"<url><loc>{base}/story{n}?t={secret}</loc></url>" for n in "45")
    outlines = f"<outline type='rss' text='{secret}' xmlUrl='{base}/open?t={secret}' category='{secret}'/>"
    return {
        "page": (
            {"page": f"{base}/page?t=${{QUERY}}", "stories": "h2 a"},
            "/page",
            f"<html><body>{stories}</body></html>",
        ),
        "map": ({"sitemap": f"{base}/map?t=${{QUERY}}"}, "/map", f"<urlset>{urls}</urlset>"),
        "list": ({"opml": f"{base}/list?t=${{QUERY}}"}, "/list", f"<opml><body>{outlines}</body></opml>"),
    }


def test_A1_a_secret_stands_in_nothing_that_leaves_the_program(
    wire: Wire, origin: Origin, command: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITE_URL", "https://wire.example.org/")
    monkeypatch.setenv("CITY", "Ulm")
    wire.config.parent.mkdir(parents=True)
    base = origin.url("")
    open_source = {"feed": origin.put("/open", Document(rss(("1", "Open")))), "tags": ["${CITY}"]}
    sources: dict[str, Entry] = {"open": open_source, "host": "http://${HOST}.invalid/f"}
    secrets = {place: f"Zq7x-{place}-S3cret-of-Mine" for place in (*PLACES, "host")} | {"ip": "127.0.0.53"}
    sources["ip"] = f"http://${{IP}}:{origin.port('127.0.0.53')}/ip"
    origin.put("/ip", Document(feed("ip", "127.0.0.53", origin.url("/ip", "127.0.0.53"))))
    for place, secret in secrets.items():
        monkeypatch.setenv(place.upper(), secret)
        (wire.config.parent / place.upper()).write_text(secret + "\n", encoding="utf-8")
    for place, declare in PLACES.items():
        for name, answer in ANSWERS.items():
            if place in ("query", "proxy") or name in ("repeats", "moved", "failed"):
                id, secret = f"{place}-{name}", secrets[place]
                sources[id], path = declare(base, id, place.upper())
                path = path.format(secret)
                moved = f"{path}{'&' if '?' in path else '?'}moved={secret}"
                origin.put(path, answer(id, secret, moved if "://" in moved else base + moved))
                origin.put(moved, Document(feed(id, secret, moved)))
    query = secrets["query"]
    for id, (source, path, body) in listings(base, query).items():
        sources[id] = source
        origin.put(f"{path}?t={query}", raw(reply(body.encode(), content_type="text/html"), KEEP))
    for n in "12345":
        page = f"<html><body><h1>{query}</h1><p>{f'Of {query} is told here. ' * 30}</p></body></html>"
        origin.put(f"/story{n}?t={query}", raw(reply(page.encode(), 200 if n in "124" else 403), KEEP))
    robots = "\n".join(f"User-agent: *\nDisallow: /{secret}\nSitemap: {secret}" for secret in secrets.values())
    origin.put("/robots.txt", raw(reply(robots.encode()), KEEP))
    feeds = {"all": {"steps": [{"limit": 10_000}]}, "city": {"tags": ["${CITY}"]}}
    wire.declare(sources, feeds, site={"title": "T", "url": "${SITE_URL}"})
    looked_at = ["ip", "query-repeats", "proxy-failed", "bearer-moved", "host", "page", "map"]
    for name, text in outputs(wire, command, looked_at, query):
        assert not find_hits(text.replace(name, ""), secrets.values()), (name, text)
    titles = Counter(str(item["title"]) for item in wire.items())
    assert titles["Open"] == 1 and titles["***"] == 3  # the pages of the stories
    assert {titles[f"Kept, {number} of ***"] for number in range(6)} == {2 * len(PLACES) + 1}
    assert [item["title"] for item in wire.items("city")] == ["Open"]
    assert json.loads((wire.public / "all.json").read_bytes())["feed_url"] == "https://wire.example.org/all.json"
    assert "Ulm" in wire.items("city")[0]["tags"]  # type: ignore[operator]


def test_A1_a_short_secret_is_masked_in_what_is_printed(
    wire: Wire, origin: Origin, command: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("T", "Zq7x1")
    sources: dict[str, Entry] = {}
    for place, declare in PLACES.items():
        if place not in ("file", "bearer"):
            sources[place], path = declare(origin.url(""), place, "T")
            origin.put(path.format("Zq7x1"), raw(reply(b"Zq7x1", 500, retry_after="Zq7x1"), KEEP))
    wire.declare(sources)
    for arguments in (["check"], ["run", "--all", "-vv"], ["status"], ["status", "--json"], ["preview", "query"]):
        text = command(*arguments)
        assert not find_hits(text, ["Zq7x1"]), (arguments, text)
