"""The front page: the newest stories of all feeds, each once, as the feeds show them."""

from __future__ import annotations

import re
from datetime import timedelta

from origin import Document, Origin
from render.page_validator import find_page_faults
from sqlalchemy import Engine, event
from wire import Wire, rss

from feeds.app.verification import verify_installation

EARLIER = "Mon, 02 Mar 2026 07:00:00 GMT"


def page(wire: Wire) -> str:
    """The front page, which must be valid."""
    body = wire.files()["index.html"]
    assert find_page_faults(body) == []
    return body.decode()


def headlines(wire: Wire) -> list[tuple[str, str]]:
    """Address and title of each story of the front page, in order."""
    return re.findall(r'<h3><a href="([^"]*)">([^<]*)</a></h3>', page(wire))


def test_the_newest_stories_of_all_feeds_stand_on_the_front_page_as_the_feeds_show_them(
    wire: Wire, origin: Origin
) -> None:
    news = origin.put("/news", Document(rss(("1", "One"), ("2", "An ad"), title="News")))
    blog = origin.put("/blog", Document(rss(("3", "Three"), title="Blog", when=EARLIER)))
    unused = origin.put("/unused", Document(rss(("4", "Four"))))
    wire.declare(
        {"news": news, "blog": blog, "unused": unused},
        {
            "news": {"title": "All news", "sources": ["news"], "steps": [{"drop": {"title": "ad"}}]},
            "blog": {"title": "A blog", "sources": ["blog"]},
        },
    )
    wire.turn()
    assert headlines(wire) == [("https://a.example/1", "One"), ("https://a.example/3", "Three")]
    text = page(wire)
    for part in (
        "<title>The Example Wire</title>",
        '<link rel="canonical" href="https://wire.example.org/">',
        '<a href="news.html">All news</a>',
        '<a href="blog.html">A blog</a>',
        'value="https://wire.example.org/news.rss"',
        'title="A blog" href="https://wire.example.org/blog.atom"',
        '<time datetime="2026-03-02">Monday, 2 March 2026</time>',
        'title="2 March 2026, 08:00 UTC">08:00</time>',
    ):
        assert part in text


def test_a_story_of_several_sources_stands_once_and_names_the_others(wire: Wire, origin: Origin) -> None:
    first = origin.put("/first", Document(rss(("1", "One"), title="First")))
    second = origin.put("/second", Document(rss(("1", "One"), title="Second", when=EARLIER)))
    wire.declare({"first": first, "second": second}, {"one": {"sources": ["first"]}, "two": {"sources": ["second"]}})
    wire.turn()
    assert headlines(wire) == [("https://a.example/1", "One")]
    assert '<p class="also">Also at <a href="https://a.example/1"><bdi>Second</bdi></a></p>' in page(wire)


def test_R8_R9_the_front_page_follows_the_feeds_and_is_else_left_alone(wire: Wire, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", Document(rss(("1", "One"))))})
    assert "index.html" in wire.turn().files
    before = wire.inodes()
    wire.now += timedelta(hours=2)
    assert wire.turn().files == []
    assert wire.inodes() == before
    origin.put("/a", Document(rss(("2", "Two"), ("1", "One, edited"))))
    wire.now += timedelta(hours=2)
    assert "index.html" in wire.turn().files
    assert {title for _, title in headlines(wire)} == {"Two", "One, edited"}
    with wire.app() as app:
        assert verify_installation(app.config, app.store) == []
        app.retract("https://a.example/2")
        app.publish(app.config.feeds.keys())
        assert headlines(wire) == [("https://a.example/1", "One, edited")]
        (wire.public / "index.html").write_bytes(b"")
        assert app.issue() == ["index.html"]
        assert verify_installation(app.config, app.store) == []


def test_topics_and_sources_are_plain_links_to_their_pages(wire: Wire, origin: Origin) -> None:
    source = {"feed": origin.put("/a", Document(rss(("1", "One"), title="A source"))), "tags": ["World"]}
    feeds = {"all": {}, "tags": {"each": "tag", "title": "{tag}"}, "by": {"each": "source", "title": "{source}"}}
    wire.declare({"a": source}, feeds)
    wire.turn()
    text = page(wire)
    for path, title in (("all.html", "all"), ("tags/world.html", "World"), ("by/a.html", "A source")):
        assert f'<li><a href="{path}">{title}</a></li>' in text
        assert path in wire.files()


def test_one_query_makes_the_front_page_of_many_feeds(wire: Wire, origin: Origin) -> None:
    feeds = {f"f{number}": {"sources": ["a"]} for number in range(20)}
    wire.declare({"a": origin.put("/a", Document(rss(("1", "One"), ("2", "Two"))))}, feeds)
    queries = list[str]()

    def count(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if "group_concat" in statement or "string_agg" in statement:
            queries.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        wire.turn()
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert len(queries) == 1
    assert len(headlines(wire)) == 2


def test_without_a_feed_the_front_page_says_so(wire: Wire, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", Document(rss()))})
    wire.turn()
    assert "Nothing has been published here yet." in page(wire)


def test_the_blogroll_lists_the_sources_that_are_no_secret(wire: Wire, origin: Origin) -> None:
    body = rss(("1", "One"), title="A &amp; B")
    sources: dict[str, object] = {
        "open": origin.put("/open", Document(body)),
        "closed": {"feed": origin.put("/closed", Document(body)), "private": True},
        "local": {"feed": str(wire.home / "local.xml")},
    }
    (wire.home / "local.xml").write_bytes(body)
    wire.declare(sources)
    wire.turn()
    page, opml = wire.files()["blogroll.html"], wire.files()["blogroll.opml"]
    assert find_page_faults(page) == []
    assert f'<li><a href="{sources["open"]}"><bdi>A &amp; B</bdi></a></li>' in page.decode()
    for text in (page.decode(), opml.decode()):
        assert str(sources["open"]) in text
        assert "/closed" not in text and "local" not in text
