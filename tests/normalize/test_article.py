"""Story → Article: the fallbacks, and that nothing comes out that should not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pickle import dumps, loads

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.model import (
    Article,
    Category,
    Channel,
    Comments,
    Kind,
    Link,
    Media,
    Origin,
    Parsed,
    Person,
    Source,
    Story,
    Text,
    field_names,
    replace,
)
from feeds.normalize import Context, describe_channel, document_context, normalize, story_digest, upstream_id
from feeds.normalize.text import strip_illegal_xml

AT = datetime(2024, 3, 5, 12, tzinfo=UTC)
CHANNEL = Channel(
    id="urn:channel",
    title=Text("The <i>Example</i> Wire"),
    links=(Link("https://example.org/"), Link("/feed.xml", "self")),
    language="en-GB",
    people=(Person("editor@example.org (Eve Editor)", role="author"), Person("x@example.org", role="webmaster")),
    rights=Text("© Example"),
    updated="Tue, 05 Mar 2024 10:00:00 GMT",
)
SOURCE = Source("wire", Kind.FEED, "https://example.org/feed.xml", tags=("World", "wire"), timezone="Europe/Berlin")
CONTEXT = Context("wire", "example.net,2026", AT)


def article(story: Story, channel: Channel = CHANNEL, context: Context = CONTEXT) -> Article:
    parsed = Parsed("xml", "https://example.org/feed.xml", channel, (story,))
    return normalize(
        story, document_context(parsed, context), upstream_id(story, parsed.base), story_digest(story), context
    )


# ── texts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_content_is_the_html_and_summary_stays_beside_it() -> None:
    result = article(Story(title=Text("A"), summary=Text("<b>Short</b>"), content=(Text("<p>Long</p>"),)))
    assert (result.summary, result.html) == ("Short", "<p>Long</p>")


def test_the_best_of_several_contents_is_taken() -> None:
    contents = (Text("plain words, and many of them", "text"), Text("<p>a</p>"), Text("<p>longer</p>"))
    assert article(Story(content=contents)).html == "<p>longer</p>"


def test_a_summary_alone_is_the_html_whole_and_the_summary_in_short() -> None:
    long = " ".join(["word"] * 300)
    result = article(Story(summary=Text(f"<p>{long}</p>")))
    assert result.html == f"<p>{long}</p>"
    assert len(result.summary) <= 500
    assert result.summary.endswith("word…")


def test_a_summary_that_repeats_the_content_counts_as_the_only_text() -> None:
    same = Text("<p>all</p>")
    result = article(Story(summary=same, content=(same,)))
    assert (result.summary, result.html) == ("all", "<p>all</p>")


def test_plain_content_becomes_paragraphs() -> None:
    assert article(Story(content=(Text("a < b\n\nc", "text"),))).html == "<p>a &lt; b</p><p>c</p>"


@pytest.mark.parametrize(
    ("story", "title"),
    [
        (Story(title=Text("AT&amp;T <b>wins</b>")), "AT&T wins"),
        (Story(title=Text(" "), content=(Text("<p>First words of it.</p>"),)), "First words of it."),
        (Story(summary=Text("word " * 40)), "word " * 15 + "word…"),
        (Story(links=(Link("/a.mp3", "enclosure", title="Episode 1"),)), "Episode 1"),
        (Story(links=(Link("/a"),)), "https://example.org/a"),
        (Story(), ""),
    ],
)
def test_a_title_is_plain_and_there_if_anything_is(story: Story, title: str) -> None:
    assert article(story).title == title


def test_footnotes_stand_on_the_storys_own_page() -> None:
    content = Text('<a href="#n1">1</a><a href="b">2</a>')
    result = article(Story(links=(Link("/a/b"),), content=(content,)))
    assert result.html == '<a href="https://example.org/a/b#n1">1</a><a href="https://example.org/a/b">2</a>'


def test_the_base_in_force_makes_addresses_absolute() -> None:
    content = Text('<a href="b">x</a>', base="/deep/")
    assert article(Story(content=(content,))).html == '<a href="https://example.org/deep/b">x</a>'


# ── dates ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("published", "updated", "changed", "expected"),
    [
        (None, None, False, AT),
        ("2024-03-01", None, False, datetime(2024, 3, 1, tzinfo=UTC)),
        ("2024-03-01", "2024-03-02", False, datetime(2024, 3, 2, tzinfo=UTC)),
        ("2025-03-01", None, False, AT),
        (None, "2030-01-01", True, AT),
        ("2024-03-01", None, True, AT),
        ("2024-03-01", "2024-03-02", True, datetime(2024, 3, 2, tzinfo=UTC)),
    ],
)
def test_R11_updated_is_the_last_change_and_never_later_than_now(
    published: str | None, updated: str | None, changed: bool, expected: datetime
) -> None:
    result = article(Story(published=published, updated=updated), context=replace(CONTEXT, changed=changed))
    assert result.updated == expected
    assert result.first_seen == AT


def test_R13_a_future_date_is_kept_and_sorts_by_first_seen() -> None:
    result = article(Story(published="2025-01-01"))
    assert result.published == datetime(2025, 1, 1, tzinfo=UTC)
    assert result.position == AT


def test_published_stays_unknown_when_only_a_change_is_dated() -> None:
    result = article(Story(updated="2024-03-01"))
    assert result.published is None
    assert result.modified == datetime(2024, 3, 1, tzinfo=UTC)


def test_a_date_without_a_time_is_midnight_where_the_source_is() -> None:
    result = article(Story(published="1 March 2024"), context=replace(CONTEXT, source=SOURCE))
    assert result.published == datetime(2024, 2, 29, 23, tzinfo=UTC)


# ── what the channel and the source lend ────────────────────────────────────────────────────────────────────────────


def test_the_channel_lends_authors_language_rights_and_origin() -> None:
    result = article(Story(id="1"))
    assert [(author.name, author.email) for author in result.authors] == [("Eve Editor", "editor@example.org")]
    assert result.language == "en-GB"
    assert result.rights == "© Example"
    assert result.origin == Origin(
        "urn:channel",
        "The Example Wire",
        "https://example.org/",
        "https://example.org/feed.xml",
        "2024-03-05T10:00:00Z",
    )


def test_what_an_item_says_itself_comes_first() -> None:
    origin = Origin("urn:other", "Other &amp; more", "javascript:x", "/other.xml", "2024-03-01")
    result = article(Story(people=(Person("Jane Doe"),), language="de", rights=Text("CC0"), origin=origin))
    assert [author.name for author in result.authors] == ["Jane Doe"]
    assert (result.language, result.rights) == ("de", "CC0")
    assert result.origin == Origin(
        "urn:other", "Other & more", None, "https://example.org/other.xml", "2024-03-01T00:00:00Z"
    )


def test_language_goes_from_item_to_words_to_channel_to_source() -> None:
    words = Text("a", language="fr")
    silent = replace(CHANNEL, language=None)
    german = replace(CONTEXT, source=replace(SOURCE, language="de"))
    assert article(Story(language="es", content=(words,))).language == "es"
    assert article(Story(content=(words,))).language == "fr"
    assert article(Story(title=Text("a", language="en-GB"), summary=words)).language == "en-GB"
    assert article(Story(), silent, german).language == "de"
    assert article(Story(), silent).language is None


def test_tags_are_labels_once_each_and_the_sources_own() -> None:
    categories = (
        Category("news"),
        Category("NEWS"),
        Category("x1", "https://example.org/s", "Rock &amp; Roll"),
        Category("post", "http://schemas.google.com/g/2005#kind"),
    )
    result = article(Story(categories=categories), context=replace(CONTEXT, source=SOURCE))
    assert result.tags == ("news", "Rock & Roll", "World", "wire")
    assert result.categories[2] == Category("x1", "https://example.org/s", "Rock & Roll")


def test_one_category_with_many_commas_is_a_list_of_keywords() -> None:
    assert article(Story(categories=(Category("a, b ,c"),))).tags == ("a", "b", "c")
    assert article(Story(categories=(Category("Paris, France"),))).tags == ("Paris, France",)


def test_a_private_source_shows_no_address_of_its_own() -> None:
    result = article(Story(id="1"), context=replace(CONTEXT, source=replace(SOURCE, private=True)))
    assert result.origin == Origin(title="The Example Wire")


def test_the_channel_at_hand_is_never_mixed_up_with_the_one_before() -> None:
    other = replace(CHANNEL, people=(Person("Other Author"),))
    assert [author.name for author in article(Story()).authors] == ["Eve Editor"]
    assert [author.name for author in article(Story(), other).authors] == ["Other Author"]


# ── the rest ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_image_attachments_comments_and_the_page_a_link_post_is_about() -> None:
    story = Story(
        links=(Link("/a.mp3", "enclosure", "audio/mpeg", "9"), Link("https://example.net/far", "related")),
        content=(Text('<img src="https://example.org/t.gif" width="1"><img src="/b.jpg">'),),
        comments=Comments("/a#c", "07", "javascript:x"),
    )
    parsed = Parsed("json", "https://example.org/feed.json", CHANNEL, (story,))
    result = normalize(story, document_context(parsed, CONTEXT), "1", "d", CONTEXT)
    assert result.image == "https://example.org/b.jpg"
    assert [item.size for item in result.attachments] == [9]
    assert result.comments == Comments("https://example.org/a#c", "7")
    assert result.external_url == result.url == "https://example.net/far"
    assert article(story).external_url is None


def test_facts_without_a_field_are_one_line_each() -> None:
    result = article(
        Story(podcast={"summary": "<p>a <a href='x'>b</a></p>\nc", "url": "javascript:x"}, extra={"point": "1 2"})
    )
    assert dict(result.podcast) == {"summary": "a b c"}
    assert dict(result.extra) == {"point": "1 2"}


def test_an_article_can_cross_to_another_process() -> None:
    result = article(Story(id="1", title=Text("a"), podcast={"a": "b"}))
    assert loads(dumps(result)) == result


def test_what_a_document_says_about_itself() -> None:
    facts = describe_channel(Parsed("xml", "https://example.org/feed.xml", CHANNEL, ()))
    assert (facts.title, facts.home, facts.feed) == (
        "The Example Wire",
        "https://example.org/",
        "https://example.org/feed.xml",
    )
    assert (facts.language, facts.facts["rights"]) == ("en-GB", "© Example")


# ── whatever comes ──────────────────────────────────────────────────────────────────────────────────────────────────

ATTACK = "<img src=x onerror=alert(1)><script>alert(1)</script>"
NASTY = [
    ATTACK,
    "javascript:alert(1)",
    "\x00\x01\ud800\ufffe",
    '"><svg onload=alert(1)>',
    "data:text/html,<script>x</script>",
]


def story_of(word: str) -> Story:
    """Return a story with the same word in every field."""
    html, text, link = Text(word), Text(word, "text"), Link(word, title=word, type=word, length=word)
    return Story(
        id=word,
        id_is_permalink=True,
        links=(link, replace(link, rel="enclosure"), replace(link, rel="related")),
        title=text,
        summary=html,
        content=(html, text),
        published=word,
        updated=word,
        people=(Person(word, word, word, word), Person(word)),
        categories=(Category(word, word, word),),
        media=(Media(word, "content", *[word] * 8), Media(word, "thumbnail")),
        image=link,
        language=word,
        rights=text,
        origin=Origin(word, word, word, word, word),
        comments=Comments(word, word, word),
        podcast={word: word},
        extra={word: word},
    )


ADDRESSES = {"url", "avatar", "image", "external_url", "feed", "published_id", "minted_id"}
NAMES = {"id", "scheme", "podcast", "extra"}


def strings(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Every string in a record with its field, but for the id as the source gave it, which is only compared."""
    if isinstance(value, str):
        yield name, value
    elif names := field_names(value):
        for field in names:
            if field != "upstream_id":
                yield from strings(getattr(value, field), field)
    elif isinstance(value, Mapping):
        for pair in value.items():
            yield from strings(pair, name)
    elif isinstance(value, tuple):
        for part in value:
            yield from strings(part, name)


@pytest.mark.parametrize("word", NASTY)
def test_S7_nothing_runs_whatever_field_it_arrives_in(word: str) -> None:
    text = Text(word, "text")
    channel = Channel(title=text, links=(Link(word), Link(word, "self")), people=(Person(word),), rights=text)
    for name, value in strings(article(story_of(word), channel)):
        if name in ADDRESSES:
            assert value == "" or re.match(r"(https?://|tag:)[^\s<>\"]+$", value), name
        elif name != "html":
            assert name not in NAMES or not re.match(r"(javascript|data):", value), name
            assert not re.search(r"<[a-z]+[^<>]*[\s/](on\w+|src)=|<script>[^<]*</script>", value, re.IGNORECASE), name


@given(st.text(max_size=60) | st.sampled_from(NASTY))
def test_R6_every_field_is_legal_whatever_comes(word: str) -> None:
    result = article(story_of(word))
    assert all(strip_illegal_xml(text) == text for _, text in strings(result))
    assert result.updated <= AT
    assert result.published is None or result.published < AT + timedelta(days=4000)


@pytest.mark.parametrize(
    ("story", "url"),
    [
        (Story(id="https://example.org/1", comments=Comments("/1#c")), "https://example.org/1#c"),
        (Story(id="https://example.org/1"), "https://example.org/1"),
        (Story(id="1", links=(Link("/a.mp3", "enclosure"), Link("/b", "via"))), "https://example.org/b"),
        (Story(id="1", links=(Link("/a.mp3", "enclosure"),)), "https://example.org/a.mp3"),
        (Story(id="1", media=(Media("/a.mp4"), Media("/t.jpg", "thumbnail"))), "https://example.org/a.mp4"),
        (Story(id="1", links=(Link("/a", "self"),)), None),
    ],
)
def test_B16_a_story_without_a_link_has_the_address_that_any_field_holds(story: Story, url: str | None) -> None:
    assert article(story).url == url
    assert upstream_id(replace(story, id=None), "https://example.org/").startswith("hash:")


@pytest.mark.parametrize(
    "name",
    [
        '<span lang="" about="/u/1">Ann Lee</span>',
        '<a href="/u/1">Ann Lee</a>',
        "Ann Lee</span>",
        "Ann Lee</sp",
        'rel="author">Ann Lee</a>',
        '<span class="x">Ann Lee',
        "&lt;b&gt;Ann Lee&lt;/b&gt;",
        "<h3>Ann Lee</h3>",
        '<cite class="fn">Ann Lee</cite><br/>',
        "Ann&nbsp;Lee",
        "&amp;#65;nn Lee",
        '<img src="a.gif" alt="">Ann Lee',
    ],
)
def test_B10_names_and_tags_are_the_text_of_their_markup(name: str) -> None:
    result = article(Story(people=(Person(name),), categories=(Category(name), Category("x", None, name))))
    assert ([author.name for author in result.authors], result.tags) == (["Ann Lee"], ("Ann Lee",))


def test_F22_a_name_keeps_the_signs_that_it_begins_with() -> None:
    assert article(Story(people=(Person("/u/ann_lee"),))).authors[0].name == "/u/ann_lee"


@pytest.mark.parametrize("title", ["R&amp;D", "R&amp;amp;amp;D", "<b>R</b>&amp;D", "&lt;b&gt;R&lt;/b&gt;&#38;D"])
def test_B10_nobody_reads_an_entity_or_a_tag(title: str) -> None:
    result = article(Story(title=Text(title), summary=Text(title), origin=Origin(title=title)))
    assert (result.title, result.summary, result.origin and result.origin.title) == ("R&D", "R&D", "R&D")
    plain = article(Story(title=Text(title, "text"), summary=Text(title, "text")))
    assert "&" in plain.title and "amp" not in plain.title and plain.summary == "R&D"


def test_B10_html_that_is_wholly_escaped_once_more_is_html() -> None:
    assert article(Story(summary=Text("&lt;p&gt;One &lt;b&gt;two&lt;/b&gt;&lt;/p&gt;"))).html == "<p>One <b>two</b></p>"
    assert article(Story(summary=Text("The &lt;p&gt; element"))).html == "The &lt;p&gt; element"


def test_B8_joiners_that_belong_to_the_spelling_stay() -> None:
    word = "می\u200cخواهم"
    result = article(Story(title=Text(f"{word} &amp; ಕ್\u200dರ"), people=(Person(word),), categories=(Category(word),)))
    assert (result.title, result.authors[0].name, result.tags) == (f"{word} & ಕ್\u200dರ", word, (word,))
