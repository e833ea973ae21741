"""The fields of a story page: what its places say, and which of them count (issue 13, FAULTS B4, B6, B7, B8)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import feeds
from feeds.model import Article, Fetched
from feeds.normalize import Context, document_context, normalize, story_digest, upstream_id
from feeds.parse.page.article import read_story

NOW = datetime(2026, 11, 28, tzinfo=UTC)
DATA = Path(__file__).parents[1] / "data" / "pages"
URL = "https://harbour.example/2026/ferry"
TEXT = "".join(
    f"<p>The harbour was quiet on Monday while the ferry crews waited for the tide to turn, part {part} of five.</p>"
    for part in range(1, 6)
)


def page(body: str, head: str = "", language: str = "en") -> str:
    return f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8">{head}</head><body>{body}</body></html>'


def story_page(line: str, head: str = "<title>Ferry crews wait</title>", language: str = "en") -> str:
    """Return a page with a line between its headline and its text."""
    body = f"<main><article><h1>Ferry crews wait</h1>{line}<div>{TEXT}</div></article></main>"
    return page(body, head, language)


def read(html: str, url: str = URL) -> Article:
    parsed = read_story(Fetched(url, html.encode(), "text/html"))
    context = Context("s", "feeds.example,2026", NOW)
    story = parsed.stories[0]
    document = document_context(parsed, context)
    return normalize(story, document, upstream_id(story, parsed.base), story_digest(story), context)


# ── title ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "sign",
    ["|", "│", "ㅣ", "ǀ", "｜", " - ", " – ", " — ", " • ", " » ", " :: ", " ~ ", "_", " ‖ ", " ⋆ ", " > ", " ← "],
)
@pytest.mark.parametrize(
    ("title", "site"), [("Ferry crews wait", "Bay News"), ("항구는 조용했다", "베이신문"), ("フェリーは待つ", "港新聞")]
)
def test_the_name_of_the_site_is_no_part_of_a_title(title: str, site: str, sign: str) -> None:
    """B7: whatever sign divides them, in front or behind."""
    head = '<title>{0}</title><meta property="og:title" content="{0}"><meta property="og:site_name" content="{1}">'
    body = f"<article><h2 class='t'>{title}</h2>{TEXT}</article>"
    assert read(page(body, head.format(f"{title}{sign}{site}", site))).title == title
    assert read(page(body, head.format(f"{site}{sign}{title}", site))).title == title


@pytest.mark.parametrize("title", ["می‌شود پل قدیمی", "ಮ್ಯಾನ್‌ಹೋಲ್ ದುರಸ್ತಿ", "क्‍ष की मरम्मत", "വാര്‍ത്ത ഇന്ന്"])
def test_a_title_keeps_the_joiners_that_its_spelling_needs(title: str) -> None:
    """B8: U+200C and U+200D are letters of Persian and of Indic scripts."""
    assert read(page(f"<h1>{title}</h1><div>{TEXT}</div>", f"<title>{title}</title>")).title == title


def test_a_title_loses_the_signs_that_no_spelling_needs() -> None:
    html = page(f"<h1>Fer\u00adry \u2060crews\ufeff wait</h1><div>{TEXT}</div>", "<title>Ferry crews wait</title>")
    assert read(html).title == "Ferry crews wait"


@pytest.mark.parametrize(
    "body",
    [
        "<header><a href='/'><h1>The Bay Observer</h1></a></header><main><h1>Ferry crews wait</h1>{}</main>",
        "<h1>The Bay Observer</h1><h2>Ferry crews wait</h2>{}",
        "<aside><h1>Most read</h1></aside><article><h1>Ferry crews wait</h1>{}</article>",
        "<h1>Navigation and search</h1><h1>Ferry crews wait</h1>{}",
    ],
)
def test_a_heading_that_names_the_site_or_a_part_of_the_page_is_no_title(body: str) -> None:
    html = page(body.format(TEXT), "<title>The Bay Observer » Archive » Ferry crews wait</title>")
    assert read(html).title == "Ferry crews wait"


def test_what_independent_places_agree_on_is_the_title() -> None:
    """Two metas are often one field of an editor's form; the heading and the data together outweigh them."""
    head = (
        "<title>Six crews, one tide: all you need to know</title>"
        '<meta property="og:title" content="Six crews, one tide">'
        '<script type="application/ld+json">{"@type": "NewsArticle", "headline": "Ferry crews wait"}</script>'
    )
    html = story_page("", head)
    assert read(html).title == "Ferry crews wait"
    candidates = read_story(Fetched(URL, html.encode(), "text/html")).stories[0].candidates
    assert [(candidate.value, candidate.where) for candidate in candidates if candidate.field == "title"][:2] == [
        ("Ferry crews wait", "json-ld headline"),
        ("Ferry crews wait", "h1"),
    ]


# ── dates ───────────────────────────────────────────────────────────────────────────────────────────────────────────


TWO_DATES = [
    ("en", "Published 12 March 2025 10:15 GMT | Updated 13 March 2025 11:00 GMT", "10:15", "11:00"),
    ("pt-BR", "Publicado em 12/03/2025 07:15 | Atualizado em 13/03/2025 08:00", "10:15", "11:00"),
    ("tr", "Giriş Tarihi: 12.03.2025 13:15 Son Güncelleme: 13.03.2025 14:00", "10:15", "11:00"),
    ("ko", "입력 2025.03.12 19:15 수정 2025.03.13 20:00", "10:15", "11:00"),
    ("zh-CN", "发布时间：2025-03-12 18:15 更新时间：2025-03-13 19:00", "10:15", "11:00"),
    ("ja", "2025年3月12日 19:15 公開 2025年3月13日 20:00 更新", "10:15", "11:00"),
    ("pl", "Opublikowano: 12.03.2025, 11:15. Aktualizacja: 13.03.2025, 12:00", "10:15", "11:00"),
    ("ru", "Опубликовано: 12 марта 2025, 13:15, обновлено 13 марта 2025, 14:00", "10:15", "11:00"),
    ("uk", "Опубліковано: 12 березня 2025, 12:15 Оновлено: 13 березня 2025, 13:00", "10:15", "11:00"),
    ("el", "Δημοσίευση: 12 Μαρτίου 2025, 12:15 | Ενημέρωση: 13 Μαρτίου 2025, 13:00", "10:15", "11:00"),
    ("ar-SA", "نشر في: 12 مارس 2025 - 13:15 آخر تحديث: 13 مارس 2025 - 14:00", "10:15", "11:00"),
    ("he", "פורסם: 12.03.2025, 12:15 עודכן: 13.03.2025, 13:00", "10:15", "11:00"),
    ("hi-IN", "प्रकाशित: 12 मार्च 2025, 15:45 अपडेटेड: 13 मार्च 2025, 16:30", "10:15", "11:00"),
    ("vi", "Đăng ngày 12/03/2025 17:15, cập nhật 13/03/2025 18:00", "10:15", "11:00"),
    ("fi", "Julkaistu 12.3.2025 12:15, päivitetty 13.3.2025 13:00", "10:15", "11:00"),
    ("hu", "Megjelent: 2025.03.12. 11:15 Frissítve: 2025.03.13. 12:00", "10:15", "11:00"),
]


@pytest.mark.parametrize(("language", "line", "published", "modified"), TWO_DATES, ids=[row[0] for row in TWO_DATES])
def test_two_dates_in_one_line_go_where_their_labels_say(
    language: str, line: str, published: str, modified: str
) -> None:
    """B6: the clock is that of the country whose press the language stands for."""
    article = read(story_page(f"<p class='x1'>{line}</p>", language=language))
    assert article.published == datetime.fromisoformat(f"2025-03-12T{published}Z")
    assert article.modified == datetime.fromisoformat(f"2025-03-13T{modified}Z")


@pytest.mark.parametrize(
    "line",
    [
        "<p>12 March 2025</p>",
        "<div class='q7'>Bay City, 12.03.2025</div>",
        "<p><span class='postdate'>12.03.2025</span> <a href='/author/1'>Ann Lee</a></p>",
        "<span>By Ann Lee</span> · <span>March 12, 2025</span>",
        "<div>来源：新城日报 2025-03-12 作者：李小明 编辑：王</div>",
        "<div>2025年03月12日 来源：新城日报</div>",
        "<p>Pressemitteilung vom 12. März 2025 | Nr. 14</p>",
        "<p>令和7年3月12日</p>",
        "<p>12 มีนาคม พ.ศ. 2568</p>",
        "<p>١٢ مارس ٢٠٢٥</p>",
        "<div class='k'>12 marca 2025 | Redakcja</div>",
        "<p>Posted on March 12, 2025 by ann | 3 Comments</p>",
        "<a href='https://harbour.example/2026/ferry'><time datetime='2025-03-12'>Wednesday, the twelfth</time></a>",
    ],
)
def test_a_date_beside_the_headline_is_that_of_publication(line: str) -> None:
    """B6: labelled or not, in any element."""
    article = read(story_page(line))
    assert article.published is not None and article.published.date().isoformat() == "2025-03-12"
    assert article.modified is None


@pytest.mark.parametrize(
    "html",
    [
        page(f"<header><time datetime='2025-03-12'>12 March</time></header><main><h1>Ferry</h1>{TEXT}</main>"),
        page(f"<p><time itemprop='datePublished' content='2025-03-12'>x</time></p><div><h2>Ferry</h2>{TEXT}</div>"),
        page(f"<article><h1>Ferry crews wait</h1>{TEXT}<footer>Published 12 March 2025</footer></article>"),
        page(f"<article><h1>Ferry crews wait</h1>{TEXT}<p>Veröffentlicht am 12.03.2025</p></article>", language="de"),
    ],
)  # fmt: skip
def test_a_marked_or_labelled_date_counts_wherever_it_stands(html: str) -> None:
    """B6: above the story's own part of the page, and below the text."""
    article = read(html)
    assert article.published is not None and article.published.date().isoformat() == "2025-03-12"


def test_the_date_of_another_story_is_none_of_this_one() -> None:
    card = (
        "<div class='k3'><a href='/2026/other'>Council votes on the new quay tonight</a>"
        "<time datetime='2025-03-12'>12 March 2025</time></div>"
    )
    assert read(page(f"<main><h1>Ferry crews wait</h1>{TEXT}</main><div class='k2'>{card * 3}</div>")).published is None
    assert read(page(f"<main><div>{card}</div><h1>Ferry crews wait</h1>{TEXT}</main>")).published is None


def test_a_date_in_running_text_or_of_the_last_change_is_no_publication() -> None:
    assert (
        read(
            story_page("<p>The bridge that was built on 12 March 2025 by the port is to be closed soon.</p>")
        ).published
        is None
    )
    article = read(story_page("<p>Last updated: 12 March 2025</p>"))
    assert (article.published, article.modified) == (None, datetime(2025, 3, 12, tzinfo=UTC))


# ── authors ─────────────────────────────────────────────────────────────────────────────────────────────────────────


BYLINES = [
    ("作者：李小明", ["李小明"]),
    ("作者：李小明　责任编辑：王芳", ["李小明"]),
    ("記者 山田太郎", ["山田太郎"]),
    ("김철수 기자", ["김철수"]),
    ("글: 김철수 / 사진: 이영희", ["김철수"]),
    ("بقلم: أحمد علي", ["أحمد علي"]),
    ("نویسنده: رضا کریمی", ["رضا کریمی"]),
    ("מאת: דנה לוי", ["דנה לוי"]),
    ("लेखक: राहुल शर्मा", ["राहुल शर्मा"]),
    ("โดย สมชาย ใจดี", ["สมชาย ใจดี"]),
    ("Írta: Kovács János", ["Kovács János"]),
    ("Oprac. Jan Kowalski", ["Jan Kowalski"]),
    ("Penulis: Budi Santoso, Editor: Siti Aminah", ["Budi Santoso"]),
    ("Автор: Иван Петров", ["Иван Петров"]),
    ("Συντάκτης: Μαρία Παππά", ["Μαρία Παππά"]),
    ("Von Anna Müller und Karl May", ["Anna Müller", "Karl May"]),
    ("Text: Von Anna Müller", ["Anna Müller"]),
    ("Par Zoé Martin et Luc Petit", ["Zoé Martin", "Luc Petit"]),
    ("Di Stefano", ["Di Stefano"]),
    ("By Byron Lee, transport editor", ["Byron Lee"]),
    ("Tác giả: Nguyễn Văn An", ["Nguyễn Văn An"]),
]


def _load_rows(name: str) -> list[tuple[str, str, list[str]]]:
    """Return language, text and expectation of each row of a table."""
    tables = json.loads((DATA / name).read_text(encoding="utf-8"))
    return [(language, text, expected) for language, rows in tables.items() for text, expected in rows.items()]


@pytest.mark.parametrize(("language", "text", "names"), _load_rows("bylines.json"))
def test_a_byline_in_the_words_of_its_language_gives_the_names_alone(
    language: str, text: str, names: list[str]
) -> None:
    """B7: kinds of stories, jobs, places, papers, e-mail addresses and other roles are no names."""
    html = story_page(f"<p class='byline'>{text}</p>", language=language)
    assert [author.name for author in read(html).authors] == names


@pytest.mark.parametrize(("language", "text", "days"), _load_rows("fact_lines.json"))
def test_a_line_of_facts_gives_its_dates(language: str, text: str, days: list[str]) -> None:
    """B6: the clock may stand before the day, and a label may belong to words that are no date."""
    article = read(story_page(f"<p>{text}</p>", language=language), "https://harbour.example/ferry")
    zone = {"fa": "Asia/Tehran"}.get(language, "UTC")
    dates = [date and date.astimezone(ZoneInfo(zone)).date() for date in (article.published, article.modified)]
    assert [date and date.isoformat() for date in dates][: 1 + bool(days[1])] == [day for day in days if day]


@pytest.mark.parametrize(("text", "names"), BYLINES, ids=[row[0] for row in BYLINES])
def test_a_marked_byline_gives_the_names_alone(text: str, names: list[str]) -> None:
    """B7: words for `by` and the next role in the line go; a name needs no capitals where its script has none."""
    for markup in (f"<p class='author'>{text}</p>", f"<div class='x'><span rel='author'>{text}</span></div>"):
        html = story_page(markup, '<title>Ferry</title><meta property="og:site_name" content="Bay News">')
        assert [author.name for author in read(html).authors] == names


@pytest.mark.parametrize(
    "name",
    [
        "authorname",
        "article-authors",
        "writtenby",
        "entryAuthor",
        "byline_name",
        "post-author-link",
        "redactor",
        "nickname",
    ],
)
def test_a_class_that_holds_the_word_marks_the_author(name: str) -> None:
    html = story_page(f"<div class='s'>12.03.2025 | Von <span class='{name}'>Jane Doe </span></div>", language="de")
    assert [author.name for author in read(html).authors] == ["Jane Doe"]


@pytest.mark.parametrize("name", ["authority", "authorized-box", "autorun"])
def test_a_class_that_only_begins_alike_marks_nobody(name: str) -> None:
    assert read(story_page(f"<div class='{name}'>Harbour Office</div>")).authors == ()


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("<p>By Jane Doe</p>", ["Jane Doe"]),
        ("<div>作者：李小明 2025-03-12 10:15</div>", ["李小明"]),
        ("<div>Por Ana Souza | 12/03/2025</div>", ["Ana Souza"]),
        ("<p>12 March 2025 – Jane Doe</p>", ["Jane Doe"]),
        ("<p>By and large the ferries were late on that day.</p>", []),
    ],
)
def test_a_byline_without_any_mark_is_read_beside_the_headline(line: str, names: list[str]) -> None:
    assert [author.name for author in read(story_page(line)).authors] == names


def test_a_person_of_the_data_may_tell_its_name_in_parts() -> None:
    node = {"@type": "NewsArticle", "author": [{"@type": "Person", "givenName": "Jane", "familyName": "Doe"}]}
    head = f'<script type="application/ld+json">{json.dumps(node)}</script>'
    assert [author.name for author in read(story_page("", head)).authors] == ["Jane Doe"]


def test_the_name_of_the_site_never_wins_over_a_byline() -> None:
    head = '<meta property="og:site_name" content="Bay News"><meta name="author" content="Bay News">'
    assert [author.name for author in read(story_page("<a rel='author' href='/u/7'>seabird</a>", head)).authors] == [
        "seabird"
    ]
    assert [author.name for author in read(story_page("<p class='byline'>By Jane Doe</p>", head)).authors] == [
        "Jane Doe"
    ]


# ── image, and what is shown of the evidence ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "file",
    ["trackingPixel.gif", "renderTimingPixel.png", "page_pixel.png", "visitCounter.gif", "count-beacon.gif?id=4"],
)
def test_a_picture_that_counts_visitors_is_no_lead_image(file: str) -> None:
    assert read(story_page(f"<img src='https://cdn.harbour.example/a/{file}'>")).image is None


def test_a_picture_whose_name_only_holds_the_word_is_one() -> None:
    assert read(story_page("<img src='https://cdn.harbour.example/a/pixelated-harbour.jpg'>")).image is not None


def test_the_reader_shows_the_candidates_of_each_field() -> None:
    html = story_page("<p class='author'>By Jane Doe</p><p>Published 12 March 2025 | Updated 13 March 2025</p>")
    found = feeds.read(html.encode(), URL, read_as="story")["items"][0]["_feeds"]["found"]  # type: ignore[index]
    assert (found["title"], found["people"], found["published"], found["updated"]) == ("h1", "byline", "label", "label")
    assert found["candidates"]["title"][0] == {"value": "Ferry crews wait", "where": "h1", "note": "weight 3"}
    assert found["candidates"]["published"] == [{"value": "12 March 2025", "where": "label"}]
    assert found["candidates"]["people"][0]["value"] == "By Jane Doe"


def test_a_date_that_is_none_gives_way_to_the_next_candidate() -> None:
    head = '<meta property="article:published_time" content="0000-00-00T00:00">'
    article = read(story_page("<p>Published 12 March 2025</p>", head))
    assert article.published == datetime(2025, 3, 12, tzinfo=UTC)
