"""Stories of our own: a folder of files, the pages made of it, and what edits and deletions do to both."""

from __future__ import annotations

import asyncio
import html.parser
import json
import os
import re
import subprocess
import threading
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from wire import Wire, until

from feeds.app.server_process import create_server_app
from feeds.config import load
from feeds.model import Fetched
from feeds.normalize import plan_pages
from feeds.normalize.people import resolve_bylines
from feeds.parse.page.article import read_story

STORIES = Path(__file__).parents[1] / "data" / "parse" / "stories"
BREAD = "---\ntitle: Bread & butter\ndate: 2026-02-01\nauthor: [Ann Baker, Bo]\ntags: [food]\n---\nIt *rose*.\n"
PHOTO = b"\xff\xd8\xff\xe0" + b"photo" * 100
VOID = {"meta", "link", "img", "input", "br", "hr", "wbr", "source", "track", "col"}


class Desk(Wire):
    """An installation whose one source is a folder of stories."""

    def configure(self, pattern: str = "stories/**/*", **top: object) -> None:
        """Write the YAML."""
        self.declare({"desk": {"files": pattern}}, **top)  # type: ignore[arg-type]

    @property
    def folder(self) -> Path:
        """Where the stories are."""
        return self.config.parent / "stories"

    def put(self, name: str, body: str | bytes, age: float = 3600) -> Path:
        """Write a file that has stood still for a while."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body if isinstance(body, bytes) else body.encode())
        os.utime(path, (time.time() - age, time.time() - age))
        return path

    def look(self, **orders: object) -> dict[str, dict[str, object]]:
        """Visit the folder an hour later; the published items by their title."""
        self.now += timedelta(hours=1)
        self.turn(everything=True, **orders)
        return {str(item["title"]): item for item in self.items()}

    def pages(self) -> set[str]:
        """What is published below `stories/desk/`."""
        return {name.removeprefix("stories/desk/") for name in self.files() if name.startswith("stories/")}

    def events(self) -> list[tuple[str, str]]:
        """Return the events of the outbox: kind and published id."""
        with self.app() as app:
            return [(event.kind, event.published_id) for _, event in app.store.outbox(0, 100)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    made.configure()
    made.folder.mkdir()
    return made


# ── the page ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_story_has_a_page_that_the_feeds_lead_to(desk: Desk) -> None:
    desk.put("food/bread.md", BREAD)
    item = desk.look()["Bread & butter"]
    assert item["url"] == "https://wire.example.org/stories/desk/food/bread.html"
    files = desk.files()
    for name in ("all.rss", "all.atom"):
        assert item["url"] in {e.get("href") or e.text for e in ElementTree.fromstring(files[name]).iter()}
    page = files["stories/desk/food/bread.html"].decode()
    for part in (
        "<title>Bread &amp; butter · The Example Wire</title>",
        '<link rel="canonical" href="https://wire.example.org/stories/desk/food/bread.html">',
        'type="application/rss+xml" title="Everything" href="https://wire.example.org/all.rss">',
        '<link rel="stylesheet" href="../../../assets/story.css">',
        '<time datetime="2026-02-01T00:00:00Z">1 February 2026</time>',
        "<p>It <em>rose</em>.</p>",
        "<li>food</li>",
    ):
        assert part in page
    assert "assets/story.css" in files


def test_other_readers_understand_the_page_and_so_do_we(desk: Desk) -> None:
    desk.put("bread.md", BREAD + "\nIt took all night, and nobody in the bakery went home before it was done. " * 9)
    item = desk.look()["Bread & butter"]
    page = desk.files()["stories/desk/bread.html"]
    story = read_story(Fetched(str(item["url"]), page, "text/html", "utf-8"), None).stories[0]
    assert story.title and story.title.value == "Bread & butter"
    assert story.published == "2026-02-01T00:00:00Z"
    assert [person.name for person in resolve_bylines(story).people] == ["Ann Baker", "Bo"]


class Balance(html.parser.HTMLParser):
    """Fails where an element is closed that was not opened last, or an attribute comes twice."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), tag
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


HOSTILE = "</title><script>alert(1)</script>\"'&"


def test_S9_S17_a_page_is_whole_and_runs_nothing(desk: Desk) -> None:
    fields = "\n".join(f"{name}: {json.dumps(HOSTILE)}" for name in ("title", "author", "tags", "summary", "id"))
    desk.put("a.md", f"---\n{fields}\nlink: 'javascript:alert(1)'\nimage: 'x\"onerror=alert(1)'\n---\n{HOSTILE}\n")
    desk.look()
    page = desk.files()["stories/desk/a.html"].decode()
    balance = Balance()
    balance.feed(page)
    assert not balance.open
    scripts = ['<script type="application/ld+json">', '<script src="../../assets/page.js" defer>']
    assert re.findall(r"<script[^>]*>", page) == scripts
    assert "</title><" not in page.split("</title>", 1)[1]
    assert not re.search(r"<[^>]*\s(?:on\w+=|style=)|javascript:", page)


def test_a_page_leads_to_the_stories_before_and_after_it(desk: Desk) -> None:
    for day in (1, 2, 3):
        desk.put(f"day/{day}.md", f"---\ndate: 2026-02-0{day}\n---\n# Day {day}\n\nText.\n")
    desk.look()
    page = desk.files()["stories/desk/day/2.html"].decode()
    root = "../../../stories/desk/day"
    assert f'<a rel="prev" href="{root}/1.html"><span>Previous</span> Day 1</a>' in page
    assert f'<a class="newer" rel="next" href="{root}/3.html"><span>Next</span> Day 3</a>' in page
    assert re.findall(rf'<li><a href="{root}/(\d).html">', page) == ["3", "1"]
    newest = desk.files()["stories/desk/day/3.html"].decode()
    assert 'rel="next"' not in newest and 'rel="prev"' in newest


def test_R8_R9_a_second_look_touches_nothing(desk: Desk) -> None:
    desk.put("bread.md", BREAD + "![](loaf.jpg)")
    desk.put("loaf.jpg", PHOTO)
    desk.look()
    before, files = desk.inodes(), desk.files()
    desk.look(refetch=True)
    assert desk.inodes() == before
    (desk.public / "stories/desk/bread.html").unlink()
    desk.look()
    assert desk.files() == files


def test_an_address_of_the_authors_own_wins(desk: Desk) -> None:
    desk.put("bread.md", BREAD.replace("tags:", "url: https://bread.example/1\ntags:"))
    assert desk.look()["Bread & butter"]["url"] == "https://bread.example/1"
    assert '<link rel="canonical" href="https://bread.example/1">' in desk.files()["stories/desk/bread.html"].decode()


def test_R11_another_site_url_moves_addresses_and_no_date(desk: Desk) -> None:
    desk.put("bread.md", BREAD + "![](loaf.jpg)")
    desk.put("loaf.jpg", PHOTO)
    before = desk.look()["Bread & butter"]
    dates = re.findall(rb"<updated>[^<]*", desk.files()["all.atom"])
    desk.configure(site={"title": "The Example Wire", "url": "https://new.example/"})
    after = desk.look()["Bread & butter"]
    assert after == {**before, "url": after["url"], "content_html": after["content_html"], "image": after["image"]}
    assert after["url"] == "https://new.example/stories/desk/bread.html"
    assert after["image"] == "https://new.example/stories/desk/loaf.jpg"
    assert re.findall(rb"<updated>[^<]*", desk.files()["all.atom"]) == dates


def test_pages_go_with_their_source(desk: Desk) -> None:
    desk.put("bread.md", BREAD)
    desk.look()
    desk.declare({"other": {"files": "others/*.md"}})
    (desk.config.parent / "others").mkdir()
    desk.turn()
    assert not desk.pages()


def test_a_source_in_no_feed_has_no_pages(desk: Desk) -> None:
    desk.put("bread.md", BREAD)
    desk.declare({"desk": {"files": "stories/*.md"}, "x": {"files": "stories/x/*.md"}}, {"f": {"sources": ["x"]}})
    desk.turn(everything=True)
    assert not desk.pages()


NAMES = [
    (["a.md", "b/c.md"], ["a.html", "b/c.html"]),
    (["Über uns.md"], ["uber-uns.html"]),
    (["a.txt", "a.md"], ["a-18b7cb.html", "a.html"]),
    (["A.md", "a.md"], ["a-2d6317.html", "a.html"]),
    (["日本.md"], ["cf2abf0c.html"]),
    (["a.b/c.d.md"], ["a-b/c.d.html"]),
    (["1/2/3/4/5/6/x.md"], ["1/2/3/4/5-6-x.html"]),
    (["-_.x.md"], ["x.html"]),
    ([f"{'x' * 300}.md"], [f"{'x' * 80}.html"]),
]


@pytest.mark.parametrize(("files", "places"), NAMES, ids=[row[0][0][:20] for row in NAMES])
def test_S14_names_are_safe_and_each_has_its_own(files: list[str], places: list[str]) -> None:
    for order in (files, files[::-1]):
        pages = plan_pages("https://s.example/", "desk", order, {}).pages
        assert [pages[file].path for file in files] == [f"stories/desk/{place}" for place in places]
        assert all(page.address == f"https://s.example/{page.path}" for page in pages.values())


def test_a_page_stays_where_it_is_when_another_wants_its_name(desk: Desk) -> None:
    desk.put("Bread.md", BREAD)
    before = desk.look()["Bread & butter"]["url"]
    desk.put("bread.txt", "Plain bread\n\nNothing more.\n")
    items = desk.look()
    assert items["Bread & butter"]["url"] == before
    assert items["Plain bread"]["url"] != before


def test_the_server_gives_pages_and_what_stands_beside_them(desk: Desk) -> None:
    desk.put("bread.md", BREAD + "![](loaf.jpg)")
    desk.put("loaf.jpg", PHOTO)
    desk.look()
    status, headers, body = _get(desk, "/stories/desk/bread.html")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "style-src 'self'" in headers["content-security-policy"] and b"It <em>rose" in body
    assert _get(desk, "/stories/desk/loaf.jpg")[2] == PHOTO
    assert _get(desk, "/assets/story.css")[0] == 200


def _get(desk: Desk, path: str) -> tuple[int, dict[str, str], bytes]:
    """One GET, without a socket."""
    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "headers": [],
        "query_string": b"",
        "client": ("127.0.0.1", 50_000),
    }
    app = create_server_app(load(desk.config, {}))
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}  # type: ignore[attr-defined]
    return int(str(sent[0]["status"])), headers, b"".join(message.get("body", b"") for message in sent)  # type: ignore[misc]


# ── edits and deletions ─────────────────────────────────────────────────────────────────────────────────────────────


def test_R2_an_edit_keeps_the_id_and_moves_updated(desk: Desk) -> None:
    desk.put("bread.md", BREAD)
    before = desk.look()["Bread & butter"]
    desk.put("bread.md", BREAD.replace("butter", "jam").replace("2026-02-01", "2026-02-01\nupdated: 2026-03-01"), 1800)
    after = desk.look()["Bread & jam"]
    assert (after["id"], after["url"], after["date_published"]) == tuple(
        before[name] for name in ("id", "url", "date_published")
    )
    assert after["date_modified"] == "2026-03-01T00:00:00Z"
    assert b"<updated>2026-03-01T00:00:00Z" in desk.files()["all.atom"]
    assert "jam" in desk.files()["stories/desk/bread.html"].decode()
    assert [kind for kind, _ in desk.events()] == ["article", "article"]


def test_R4_a_deleted_file_takes_its_article_back_and_a_restored_one_brings_it_again(desk: Desk) -> None:
    desk.put("bread.md", BREAD)
    desk.put("cake.md", "# Cake\n\nSweet.\n")
    before = desk.look()
    (desk.folder / "bread.md").unlink()
    assert desk.look().keys() == {"Cake"}
    assert desk.pages() == {"cake.html"}
    desk.put("bread.md", BREAD)
    assert desk.look() == before
    assert desk.pages() == {"cake.html", "bread.html"}
    id = before["Bread & butter"]["id"]
    assert [event for event in desk.events() if event[1] == id] == [("article", id), ("retract", id), ("article", id)]


def test_R4_the_last_story_can_be_deleted_too(desk: Desk) -> None:
    desk.put("bread.md", BREAD)
    desk.look()
    (desk.folder / "bread.md").unlink()
    assert desk.look() == {} and desk.pages() == set()


def test_a_draft_is_not_published_and_one_that_becomes_a_draft_is_taken_back(desk: Desk) -> None:
    draft = BREAD.replace("title:", "draft: true\ntitle:")
    desk.put("bread.md", draft)
    assert desk.look() == {} and desk.pages() == set()
    desk.put("bread.md", BREAD)
    before = desk.look()
    desk.put("bread.md", draft, 1800)
    assert desk.look() == {} and desk.pages() == set()
    desk.put("bread.md", BREAD, 900)
    assert desk.look() == before


def test_a_story_is_published_between_its_dates_though_its_file_stays_the_same(desk: Desk) -> None:
    starts, ends = desk.now + timedelta(hours=2.5), desk.now + timedelta(hours=4.5)
    window = f"publishDate: {starts.isoformat()}\nexpiryDate: {ends.isoformat()}\n"
    desk.put("bread.md", BREAD.replace("title:", f"{window}title:"))
    desk.put("cake.md", "---\nexpiryDate: 9999-12-31\npublish_date: 2020-01-01\n---\n# Cake\n\nSweet.\n")
    desk.put("old.md", "---\nexpires: 2021-01-01\n---\n# Old\n")
    desk.put("far.md", "---\npublishDate: 2999-01-01\n---\n# Far\n")
    bread = {"Bread & butter", "Cake"}
    assert [set(desk.look()) for _ in range(5)] == [{"Cake"}, {"Cake"}, bread, bread, {"Cake"}]


def test_a_date_without_a_zone_begins_a_story_in_the_zone_of_its_source(desk: Desk) -> None:
    desk.put(
        "bread.md", BREAD.replace("title:", f"publishDate: {desk.now + timedelta(hours=6):%Y-%m-%d %H:%M}\ntitle:")
    )
    desk.declare({"desk": {"files": "stories/*", "timezone": "Asia/Tokyo"}})
    assert set(desk.look()) == {"Bread & butter"}


def test_a_file_that_is_left_out_is_told_of_by_name(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.put("cake.md", "# Cake\n\nSweet.\n")
    _leave_open(desk)
    desk.look()
    assert "desk: food/bread.md: it begins with `---`" in caplog.text


def test_R4_what_the_operator_retracted_does_not_come_back_with_its_file(desk: Desk) -> None:
    desk.put("bread.md", BREAD)
    id = str(desk.look()["Bread & butter"]["id"])
    with desk.app() as app:
        app.store.retract(id, desk.now)
    for act in (lambda: None, (desk.folder / "bread.md").unlink, lambda: desk.put("bread.md", BREAD)):
        act()
        assert desk.look() == {}
    (desk.folder / "bread.md").unlink()
    desk.look()
    assert desk.pages() == set()


def _vanish(desk: Desk) -> None:
    desk.folder.rename(desk.home / "elsewhere")


def _break(desk: Desk) -> None:
    desk.put("food/bread.md", "---\ntitle: [\n---\nx", 1800)


def _lead_out(desk: Desk) -> None:
    (desk.folder / "food/bread.md").unlink()
    (desk.folder / "food/bread.md").symlink_to("/etc/hostname")


def _close(desk: Desk) -> None:
    (desk.folder / "food").chmod(0)
    if os.access(desk.folder / "food", os.R_OK):
        (desk.folder / "food").chmod(0o755)
        pytest.skip("the superuser may look into every folder")


def _empty(desk: Desk) -> None:
    desk.put("food/bread.md", b"", 0)


def _leave_open(desk: Desk) -> None:
    desk.put("food/bread.md", BREAD.replace("\n---\n", "\n"), 1800)


def _misspell(desk: Desk) -> None:
    desk.put("food/bread.md", BREAD.replace("title:", "draft: ture\ntitle:"), 1800)


def _misdate(desk: Desk) -> None:
    desk.put("food/bread.md", BREAD.replace("title:", "publishDate: the 40th of 2026\ntitle:"), 1800)


UNREADABLE = [_vanish, _break, _leave_open, _misspell, _misdate, _lead_out, _close, _empty]


@pytest.mark.parametrize("spoil", UNREADABLE, ids=lambda spoil: spoil.__name__.strip("_"))
def test_F31_F34_what_cannot_be_read_takes_nothing_back(spoil: object, desk: Desk) -> None:
    desk.put("food/bread.md", BREAD)
    desk.put("cake.md", "# Cake\n\nSweet.\n")
    desk.look()
    pages = desk.pages()
    spoil(desk)  # type: ignore[operator]
    try:
        assert desk.look().keys() == {"Bread & butter", "Cake"}
        assert desk.pages() == pages
    finally:
        (desk.folder / "food").chmod(0o755) if desk.folder.exists() else None


def test_what_was_unread_and_is_gone_is_taken_back(desk: Desk) -> None:
    desk.put("food/bread.md", BREAD)
    desk.put("cake.md", "# Cake\n\nSweet.\n")
    desk.look()
    _break(desk)
    desk.look()
    (desk.folder / "food/bread.md").unlink()
    assert desk.look().keys() == {"Cake"}


def test_F31_many_stories_do_not_go_at_once_unless_the_operator_says_so(desk: Desk) -> None:
    """An empty folder where there were many is more likely a disk that is not there."""
    for number in range(12):
        desk.put(f"{number}.md", f"# Story {number}\n\nText.\n")
    desk.look()
    for path in desk.folder.iterdir():
        path.unlink()
    assert len(desk.look()) == 12
    desk.turn(sources=["desk"])
    assert desk.items() == []


# ── pictures and recordings ─────────────────────────────────────────────────────────────────────────────────────────


def test_what_stands_beside_a_story_is_published_beside_its_page(desk: Desk) -> None:
    desk.put(
        "food/bread.md", BREAD.replace("tags:", "image: Loaf 1.JPG\nenclosure: ../talk.mp3\ntags:") + "![](oven.png)"
    )
    for name, body in (("food/Loaf 1.JPG", PHOTO), ("food/oven.png", b"png"), ("talk.mp3", b"sound"), ("no.png", b"x")):
        desk.put(name, body)
    item = desk.look()["Bread & butter"]
    base = "https://wire.example.org/stories/desk/"
    assert item["image"] == f"{base}food/loaf-1.jpg"
    assert f'src="{base}food/oven.png"' in str(item["content_html"])
    assert item["attachments"] == [{"url": f"{base}talk.mp3", "mime_type": "audio/mpeg", "size_in_bytes": 5}]
    files = desk.files()
    assert files["stories/desk/food/loaf-1.jpg"] == PHOTO
    assert desk.pages() == {"food/bread.html", "food/loaf-1.jpg", "food/oven.png", "talk.mp3"}
    assert (b'<enclosure url="%stalk.mp3" length="5" type="audio/mpeg"' % base.encode()) in files["all.rss"]
    assert f'<figure class="lead"><img src="{base}food/loaf-1.jpg"' in files["stories/desk/food/bread.html"].decode()


def test_a_link_between_stories_leads_from_page_to_page(desk: Desk) -> None:
    desk.put("food/bread.md", BREAD + "See [cake](../Cake.md#top) and [home](https://a.example/).")
    desk.put("Cake.md", "# Cake\n\nSweet.\n")
    text = str(desk.look()["Bread & butter"]["content_html"])
    assert 'href="https://wire.example.org/stories/desk/cake.html#top"' in text
    assert 'href="https://a.example/"' in text


def test_a_new_picture_of_the_same_name_is_published_and_a_removed_one_goes(desk: Desk) -> None:
    desk.put("bread.md", BREAD + "![](loaf.jpg)")
    desk.put("loaf.jpg", PHOTO)
    desk.look()
    feeds = {name: body for name, body in desk.files().items() if name.startswith("all.")}
    page = (desk.public / "stories/desk/bread.html").stat()
    desk.put("loaf.jpg", PHOTO[::-1], 1800)
    desk.look()
    assert desk.files()["stories/desk/loaf.jpg"] == PHOTO[::-1]
    assert {name: desk.files()[name] for name in feeds} == feeds
    assert (desk.public / "stories/desk/bread.html").stat().st_ino == page.st_ino
    (desk.folder / "loaf.jpg").unlink()
    desk.look()
    assert desk.pages() == {"bread.html"}


def test_B17_what_a_story_names_and_is_not_there_is_told_and_counted_from_its_page(desk: Desk) -> None:
    desk.put("Öl/bread.md", BREAD + "![](photo.jpg) [next](butter.md) [about](/about) [home](https://a.example/x.png)")
    desk.put("Öl/butter.md", "---\ndraft: true\n---\nSoft.")
    desk.put("cake.md", "# Cake\n\n" + "".join(f"![](no-{number}.png)\n" for number in range(9)))
    text = str(desk.look()["Bread & butter"]["content_html"])
    for address in ("stories/desk/ol/photo.jpg", "stories/desk/ol/butter.md", "about"):
        assert f'"https://wire.example.org/{address}"' in text
    with desk.app() as app:
        warnings = app.status().sources[0].warnings
    assert warnings[:2] == (
        "cake.md: it names no-0.png, and no such file is published",
        "cake.md: it names no-1.png, and no such file is published",
    )
    assert warnings[-1] == "6 more names of files in stories lead to no published file"
    (desk.folder / "cake.md").unlink()
    desk.look()
    with desk.app() as app:
        assert len(app.status().sources[0].warnings) == 2


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Photo.JPG", "photo.jpg"),
        ("photo.jpg", "PHOTO.jpg"),
        ("größe.png", "gro\u0308ße.png"),
        ("gro\u0308ße.png", "größe.png"),
        ("größe.png", "gr%F6%DFe.png"),
        ("größe.png", "gr%C3%B6%C3%9Fe.png"),
        ("\u212bngstrom.png", "Ångstrom.png"),
        ("a b.png", "a%20b.png"),
        ("गांव.png", "गांव.png"),
    ],
)
def test_B17_a_file_beside_a_story_is_found_in_any_form_of_its_name(name: str, written: str, desk: Desk) -> None:
    desk.put(f"sub/{name}", PHOTO)
    desk.put("sub/bread.md", BREAD + f"![]({written})\n")
    item = desk.look()["Bread & butter"]
    assert len(desk.pages()) == 2
    assert str(item["image"]).removeprefix("https://wire.example.org/") in desk.files()


def test_B17_ids_and_pages_do_not_hang_on_the_form_of_a_name_or_the_locale(desk: Desk) -> None:
    desk.put("größe.md", BREAD)
    before = desk.look()
    (desk.folder / "größe.md").rename(desk.folder / "gro\u0308ße.md")
    assert desk.look() == before
    locales: list[dict[str, str]] = [
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ]
    for locale in locales:
        os.utime(desk.folder / "gro\u0308ße.md", (len(locale), 1))
        subprocess.run(desk.argv("run", "--all"), cwd=desk.home, env={**desk.env(), **locale}, check=True)
        assert desk.items() == [*before.values()]


def test_R3_a_story_that_an_earlier_version_stored_under_another_id_keeps_its_own(desk: Desk) -> None:
    """Names were stored as the disk spelled them, and ids as the numbers that YAML made of them."""
    desk.put("a.md", "---\nid: 83\n---\n# Number\n\nText.")
    before = desk.look()
    desk.put("a.md", "---\nid: 0123\n---\n# Number\n\nText.", 1800)
    assert desk.look() == before
    desk.put("b.md", "---\nid: 83\n---\n# Another\n\nText.", 900)
    assert {item["id"] for item in desk.look().values()} > {before["Number"]["id"]}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland", "UTC"])
@pytest.mark.parametrize("written", ["2026-02-03", "2026-02-03 23:30", "3 February 2026 00:30"])
def test_B17_a_date_without_a_zone_is_meant_and_shown_in_that_of_the_site(zone: str, written: str, desk: Desk) -> None:
    desk.configure(site={"title": "The Wire", "url": "https://wire.example.org/", "timezone": zone})
    desk.put("bread.md", BREAD.replace("2026-02-01", written))
    desk.look()
    assert re.search(r"<time[^>]*>3 February 2026", desk.files()["stories/desk/bread.html"].decode())


REFUSED = [
    "../secret.png",
    "/etc/hostname",
    "link.png",
    "run.svg",
    "run.html",
    ".hidden.png",
    "pipe.png",
    "%2e%2e/secret.png",
]


@pytest.mark.parametrize("name", REFUSED)
def test_S14_only_harmless_files_of_the_folder_are_published(name: str, desk: Desk) -> None:
    (desk.config.parent / "secret.png").write_bytes(b"secret")
    desk.configure("stories/*.md")
    desk.put("bread.md", BREAD + f"![]({name})\n")
    (desk.folder / "link.png").symlink_to(desk.config.parent / "secret.png")
    os.mkfifo(desk.folder / "pipe.png")
    for file in ("run.svg", "run.html", ".hidden.png"):
        desk.put(file, b"<svg><script>alert(1)</script></svg>")
    desk.look()
    assert desk.pages() == {"bread.html"}


# ── while it is written ─────────────────────────────────────────────────────────────────────────────────────────────


def test_F34_a_story_that_is_being_written_is_never_published_half(desk: Desk) -> None:
    """A writer that never rests races twelve looks: what is published is one of the texts it wrote, or the last."""
    texts = [f"# Story\n\n{letter * size}\n" for letter, size in (("a", 3_000), ("b", 9_000), ("c", 30_000))]
    desk.put("story.md", texts[0])
    whole = {f"<p>{text.split()[2]}</p>" for text in texts}
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            for text in texts:
                with (desk.folder / "story.md").open("w", encoding="utf-8") as file:
                    for start in range(0, len(text), 1_000):
                        file.write(text[start : start + 1_000])
                        file.flush()
                time.sleep(0.02)

    desk.look()
    writer = threading.Thread(target=write)
    writer.start()
    try:
        with desk.app() as app:
            for _ in range(12):
                app.wake(["desk"])
                app.turn()
                assert [item["content_html"] in whole for item in desk.items()] == [True]
    finally:
        done.set()
        writer.join()
    desk.put("story.md", texts[2])
    assert desk.look()["Story"]["content_html"] == f"<p>{'c' * 30_000}</p>"


def test_L7_the_daemon_publishes_a_story_as_soon_as_it_is_saved(desk: Desk, record_property: object) -> None:
    desk.configure(defaults={"every": "1h"})
    desk.put("bread.md", BREAD)
    daemon = desk.fork("daemon", "--listen", "127.0.0.1:0")
    try:
        until(lambda: "stories/desk/bread.html" in desk.files())
        until(lambda: _watched(daemon.pid, desk.folder))
        saved = time.monotonic()
        (desk.folder / "cake.md").write_text("# Cake\n\nSweet.\n", encoding="utf-8")
        until(lambda: "stories/desk/cake.html" in desk.files() and len(desk.items()) == 2)
        record_property("seconds", time.monotonic() - saved)  # type: ignore[operator]
        (desk.folder / "bread.md").unlink()
        until(lambda: "stories/desk/bread.html" not in desk.files())
    finally:
        daemon.terminate()
        _, errors = daemon.communicate(timeout=300)
    assert daemon.returncode == 0, errors


def _watched(process: int, folder: Path) -> bool:
    """Whether a process watches a folder: a daemon does some time after its start. Without /proc it gets a second."""
    descriptors = Path(f"/proc/{process}/fdinfo")
    if not descriptors.exists():
        time.sleep(1)
        return True
    mark = f" ino:{folder.stat().st_ino:x} "
    for descriptor in descriptors.iterdir():
        with suppress(FileNotFoundError):  # closed in between
            if mark in descriptor.read_text(encoding="ascii"):
                return True
    return False


# ── a page from a newspaper's archive ───────────────────────────────────────────────────────────────────────────────


def test_an_archived_page_is_one_article_without_its_boilerplate(desk: Desk) -> None:
    text = (STORIES / "newspaper.txt").read_text(encoding="utf-8")
    desk.put("000_archive.txt", text)
    (item,) = desk.look().values()
    assert item["title"] == "Lighthouse Keeper Retires After Forty Years"
    content = re.sub(r"<[^>]+>", "", str(item["content_html"]))
    assert content.startswith("PORT ALDER, Norland -- Mara Quist climbed")
    assert str(item["content_html"]).count("<p>") == 3
    files = desk.files()
    published = b"".join(body for name, body in files.items() if name.startswith(("all.", "stories/")))
    for boilerplate in (b"newsletter", b"Facebook", b"Updated:", b"03/14/2019"):
        assert boilerplate not in published
    assert item["date_modified"] == "2019-03-14T00:00:00Z" and "date_published" not in item
    assert b"<pubDate>Thu, 14 Mar 2019" in files["all.rss"]  # RSS has no other place for it (C1)
    assert b"<published>" not in files["all.atom"]
    assert b"datePublished" not in published and b"published_time" not in published


def test_C5_an_archive_of_our_own_does_not_flood_the_feed_and_a_late_story_is_shown(desk: Desk) -> None:
    def story(number: int) -> str:
        return f"---\ndate: {2001 + number // 12}-{number % 12 + 1:02}-01\n---\n# Story {number}\n\nText\n"

    desk.declare({"desk": {"files": "stories/*.md"}}, {"all": {"title": "All"}})
    for number in range(1, 70):
        desk.put(f"{number}.md", story(number))
    desk.look()
    assert len(desk.items()) == 50
    desk.put("0.md", story(0))
    desk.look()
    assert [item["title"] for item in desk.items()][50:] == ["Story 0"]
