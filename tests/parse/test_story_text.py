"""The text of a story page: the story from its first word to its last, in any script, and nothing else of the page."""

from __future__ import annotations

import json
import re

import pytest

from feeds.model import Fetched, Kind, Source
from feeds.parse.page.article import read_story

URL = "https://gazette.example/news/2025/bridge-4711.html"
STORY = tuple(
    f"The {place} of the harbour bridge was rebuilt in eleven months, the engineers said, and nobody counts the cars."
    for place in ("deck", "northern ramp", "railing", "southern ramp", "lighting")
)
REMARK = "I crossed it on the first morning and the crew deserve more than a plaque, whatever the council says, number"
OTHER = "A council of the upper town voted late on Tuesday to close the old mill for repairs until the summer, report"


def read_text(body: str, lang: str = "en", head: str = "", title: str = "Bridge reopens") -> str:
    """Return the text of a page, a line for each block."""
    page = (
        f'<!DOCTYPE html><html lang="{lang}"><head><meta charset="utf-8"><title>{title} - Gazette</title>{head}</head>'
    )
    source = Source("page", Kind.PAGE, URL, read_as="story")
    (story,) = read_story(Fetched(URL, f"{page}<body>{body}</body></html>".encode(), "text/html"), source).stories
    return "\n".join(text.value for text in story.content)


def paragraphs(*texts: str) -> str:
    return "".join(f"<p>{text}</p>" for text in texts)


def strip_tags(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", markup).split())


SHORT_STORIES = {  # language → headline, line of facts, sentences, what else stands in the same box
    "ja": (
        "古い橋の修理始まる",
        "2025年3月12日 10時15分",
        ("市は12日、古い橋の修理を始めた。費用は3千万円で、冬までに終わる。", "片側の車線は通行できる。"),
        (
            "（編集：田中花子）",
            "関連リンク：",
            '<a href="/a/2">旧市街の計画</a>',
            '前の記事：<a href="/a/0">港の朝</a>',
        ),
    ),
    "ko": (
        "낡은 다리 수리 시작",
        "입력 2025.03.12 10:15",
        ("시는 수요일 낡은 다리의 수리를 시작했다. 비용은 3천만 원이며 겨울 전에 끝난다.", "한 차로는 열려 있다."),
        ("관련 기사:", '<a href="/a/2">구시가지 계획 공개</a>', '이전 기사: <a href="/a/0">항구의 아침</a>'),
    ),
    "th": (
        "เริ่มซ่อมสะพานเก่า",
        "12 มีนาคม 2568 10:15",
        ("เทศบาลเริ่มซ่อมสะพานเก่าเมื่อวันพุธ ค่าใช้จ่าย 30 ล้านบาท และจะเสร็จก่อนฤดูหนาว", "เลนหนึ่งยังเปิดให้ใช้"),
        ("บทความที่เกี่ยวข้อง:", '<a href="/a/2">แผนพัฒนาเมืองเก่า</a>'),
    ),
    "ar": (
        "بدء إصلاح الجسر القديم",
        "12 مارس 2025",
        (
            "بدأت المدينة يوم الأربعاء إصلاح الجسر القديم. وتبلغ الكلفة ثلاثين مليونا وتنتهي الأعمال قبل الشتاء.",
            "يبقى مسار واحد مفتوحا.",
        ),
        ("اقرأ أيضا:", '<a href="/a/2">خطة المدينة القديمة</a>', "تحرير: ليلى حداد"),
    ),
    "hi": (
        "पुराने पुल की मरम्मत शुरू",
        "12 मार्च 2025",
        ("नगर ने बुधवार को पुराने पुल की मरम्मत शुरू की। लागत तीन करोड़ है और काम सर्दी से पहले पूरा होगा।", "एक लेन खुली रहेगी।"),
        ("यह भी पढ़ें: <a href='/a/2'>पुराने शहर की योजना</a>",),
    ),
    "ru": (
        "Начался ремонт старого моста",
        "12 марта 2025, 10:15",
        (
            "Город начал в среду ремонт старого моста. Он обойдётся в 30 миллионов и закончится до зимы.",
            "Одна полоса остаётся открытой.",
        ),
        ("Читайте также: <a href='/a/2'>План старого города</a>", "Редактор: Анна Лебедева"),
    ),
    "pl": (
        "Rusza remont starego mostu",
        "12.03.2025 10:15",
        (
            "Miasto rozpoczęło w środę remont starego mostu. Będzie kosztował 30 milionów i skończy się przed zimą.",
            "Jeden pas pozostaje otwarty.",
        ),
        ("Czytaj też: <a href='/a/2'>Plan starego miasta</a>", "Zdjęcia: Jan Nowak"),
    ),
}


@pytest.mark.parametrize("language", SHORT_STORIES)
@pytest.mark.parametrize("box", ["<article>{}</article>", "<div class='main'>{}</div>"])
def test_a_short_story_is_read_without_the_rest_of_its_page(language: str, box: str) -> None:
    """B9: lengths count for the script; headline, facts, links and editor's lines are no text."""
    headline, facts, sentences, rest = SHORT_STORIES[language]
    inner = (
        f"<h1>{headline}</h1><div class='time'>{facts}</div><div class='content'>{paragraphs(*sentences, *rest)}</div>"
    )
    nav = '<nav><a href="/">Home</a> <a href="/p">Politics</a></nav>'
    text = read_text(f"{nav}{box.format(inner)}<footer>© 2026 Gazette</footer>", language, title=headline)
    assert strip_tags(text) == " ".join(sentences)


COMMENTS = {
    "said": ("<ol class='stimmen'>{}</ol>", "<li><cite>Leserin {n}</cite> schreibt: <p>{text}</p></li>"),
    "named box": ("<section class='answers'>{}</section>", "<div class='r'><b>ana{n}</b> dice: <p>{text}</p></div>"),
    "linked name": (
        "<div id='c'>{}</div>",
        "<div class='e'><a href='/u/{n}'>reader{n}</a> <time>2 March</time><div>{text}</div></div>",
    ),
    "list of boxes": (
        "<ul>{}</ul>",
        "<li class='x'><strong>Ben {n}</strong><br><span>3 h</span><p>{text}</p><a href='#'>Reply</a></li>",
    ),
    "service": ("<div id='disqus_thread'>{}</div>", "<div class='post'><p>{text}</p></div>"),
    "definitions": ("<h2>Reader Comments</h2><dl class='d'>{}</dl>", "<dt>ana{n}</dt><dd><p>{text}</p></dd>"),
    "microdata": ("<div class='m'>{}</div>", "<div itemprop='comment' itemscope><p>{text}</p></div>"),
    "caseless": ("<div class='list'>{}</div>", "<div class='item'><span>읽는이{n}</span><p>{text}</p></div>"),
}


@pytest.mark.parametrize("count", [4, 14])
@pytest.mark.parametrize("shape", COMMENTS)
@pytest.mark.parametrize(
    "page",
    [
        "<div id='content'><div class='post'><h1>Bridge reopens</h1>{story}</div>{others}</div>",
        "<main><article><h1>Bridge reopens</h1><div class='b'>{story}</div>{others}</article></main>",
        "<div class='page'><h1>Bridge reopens</h1>{story}{others}</div>",
    ],
    ids=["beside", "inside", "flat"],
)
def test_comments_are_no_text(page: str, shape: str, count: int) -> None:
    """B9: however many there are, and whatever they are called."""
    box, item = COMMENTS[shape]
    comments = box.format("".join(item.format(n=number, text=f"{REMARK} {number}.") for number in range(count)))
    text = read_text(page.format(story=paragraphs(*STORY[:3]), others=comments))
    assert strip_tags(text) == " ".join(STORY[:3])


CARDS = {
    "heading in link": "<div class='k'><a href='/s{n}'><h3>Another story {n}</h3></a><p>{text}</p></div>",
    "link in heading": "<article><h2><a href='/s{n}'>Another story {n}</a></h2><p>{text}</p></article>",
    "whole link": "<a class='k' href='/s{n}'><h3>Another story {n}</h3><p>{text}</p></a>",
    "rows": "<div class='r'><div><h3><a href='/s{n}'>Another story {n}</a></h3></div><div><p>{text}</p></div></div>",
    "as pages": "<article class='full'><h1>Another story {n}</h1><p>{text}</p><p>More of it: {text}</p></article>",
    "list": "<li><img src='/i{n}.jpg'><h4><a href='https://gazette.example/s{n}'>Another story {n}</a></h4>"
    "<p>{text}</p></li>",
}


@pytest.mark.parametrize("shape", CARDS)
@pytest.mark.parametrize(
    "page",
    [
        "<main><article><h1>Bridge reopens</h1><div class='a'>{story}</div></article>"
        "<section>{others}</section></main>",
        "<main><article><h1>Bridge reopens</h1>{story}</article>{others}</main>",
        "<div><div class='left'><h1>Bridge reopens</h1>{story}<div class='mehr'>{others}</div></div></div>",
    ],
    ids=["section", "siblings", "inside"],
)
def test_the_next_stories_are_no_text(page: str, shape: str) -> None:
    """B9: other stories in full stand behind this one."""
    others = "".join(CARDS[shape].format(n=number, text=f"{OTHER} {number}.") for number in range(8))
    text = read_text(page.format(story=paragraphs(*STORY), others=others))
    assert strip_tags(text) == " ".join(STORY)


@pytest.mark.parametrize("heading", ["14 Comments", "Leserkommentare (12)", "网友评论", "Комментарии 3"])
def test_the_text_ends_at_the_heading_of_comments(heading: str) -> None:
    """B9: whatever the comments look like."""
    comments = "".join(f"<div><p>{REMARK} {number}.</p><small>reader{number}</small></div>" for number in range(9))
    page = f"<div class='p'><h1>Bridge reopens</h1>{paragraphs(*STORY)}<h2>{heading}</h2>{comments}</div>"
    assert strip_tags(read_text(page)) == " ".join(STORY)


def test_a_story_in_several_boxes_is_read_whole() -> None:
    """Advertisements divide the text into boxes of one class."""
    boxes = "<div class='ad'>Advertisement</div>".join(f"<div class='t'>{paragraphs(text)}</div>" for text in STORY)
    assert strip_tags(read_text(f"<article><h1>Bridge reopens</h1>{boxes}</article>")) == " ".join(STORY)


def test_an_interview_is_no_row_of_comments() -> None:
    turns = "".join(f"<div class='turn'><b>Ann Lee</b><p>{text}</p></div>" for text in STORY)
    text = read_text(f"<article><h1>Bridge reopens</h1><p>{OTHER} 1.</p>{turns}</article>")
    assert all(sentence in text for sentence in STORY)


CAPTIONS = ("A crane lifts the old stone arch over the river.", "Two masons cut new blocks.", "The mayor walks across.")
GALLERIES = {
    "figures": "<figure class='slide'><img src='/img/{n}.jpg' width='900'><figcaption>{text}</figcaption></figure>",
    "boxes": "<div class='photo'><img src='/img/{n}.jpg' width='900'><p>{text}</p></div>",
    "captions": "<div class='pic'><img src='/img/{n}.jpg' width='900'><p class='caption'>{text}</p></div>",
    "items": "<li><figure><img src='/img/{n}.jpg' width='900'><figcaption>{text}</figcaption></figure></li>",
}


@pytest.mark.parametrize("shape", GALLERIES)
@pytest.mark.parametrize("box", ["<div class='gallery'>{}</div>", "<ul class='slider'>{}</ul>", "{}"])
def test_a_gallery_keeps_introduction_pictures_and_captions(shape: str, box: str) -> None:
    """B9: captioned pictures are the running text of a picture story."""
    pictures = box.format("".join(GALLERIES[shape].format(n=n, text=text) for n, text in enumerate(CAPTIONS)))
    introduction = "Our photographer spent a week with the builders."
    text = read_text(
        f"<article><h1>Bridge reopens</h1><div class='content'><p>{introduction}</p>{pictures}</div></article>"
    )
    parts = [introduction, *(part for n, caption in enumerate(CAPTIONS) for part in (f"/img/{n}.jpg", caption))]
    places = [text.find(part) for part in parts]
    assert places == sorted(places)
    assert -1 not in places


POSTS = [("Trains stop in the north", STORY[0]), ("Schools close", STORY[1]), ("First trees down", STORY[2])]


@pytest.mark.parametrize("level", ["h2", "h3"])
@pytest.mark.parametrize("name", ["live-update", "ticker-item", "post", "event"])
def test_a_live_report_keeps_all_its_posts(level: str, name: str) -> None:
    """B9: with the newest heading and the standfirst, in order."""
    posts = "".join(
        f"<div class='{name}' id='u{n}'><time datetime='2025-03-12T1{n}:50:00Z'>1{n}:50</time>"
        f"<{level}>{heading}</{level}><p>{text}</p></div>"
        for n, (heading, text) in enumerate(POSTS)
    )
    standfirst = "Follow the storm as it crosses the country today, with reports from our staff."
    text = read_text(
        f"<article><h1>Storm live</h1><p class='standfirst'>{standfirst}</p><div class='c'>{posts}</div></article>"
    )
    expected = [standfirst, *(part for post in POSTS for part in post)]
    places = [text.find(part) for part in expected]
    assert places == sorted(places)
    assert -1 not in places


def test_data_end_the_text_where_the_story_ends() -> None:
    """The text as data is a second opinion; what follows its last paragraph is another text."""
    node = {"@type": "NewsArticle", "headline": "Bridge reopens", "articleBody": "\n".join(STORY)}
    head = f'<script type="application/ld+json">{json.dumps(node)}</script>'
    after = paragraphs("The Gazette is published by the harbour trust since 1911 and is read in nine towns of the bay.")
    text = read_text(f"<article><h1>Bridge reopens</h1>{paragraphs(*STORY)}{after}</article>", head=head)
    assert strip_tags(text) == " ".join(STORY)
