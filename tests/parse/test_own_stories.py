"""Our own stories: Markdown, HTML and plain text, their front matter, and pages saved from a newspaper's archive."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from feeds.errors import ParseError
from feeds.model import Category, Fetched, Kind, Link, Parsed, Person, Source, SourceFile, Story, Text
from feeds.parse import parse
from feeds.parse.fact_lines import split_date_stamp
from feeds.parse.own_stories import plain_text, reader

DATA = Path(__file__).parents[1] / "data" / "parse" / "stories"
AT = datetime(2026, 1, 1, tzinfo=UTC)


def read_folder(files: dict[str, str | bytes], **settings: object) -> Parsed:
    source = Source("desk", Kind.FILES, "stories/*", **settings)  # type: ignore[arg-type]
    parts = tuple(
        SourceFile(name, body.encode() if isinstance(body, str) else body, AT.replace(day=1 + at))
        for at, (name, body) in enumerate(files.items())
    )
    return reader.read(Fetched(url="stories/*", body=b"", files=parts), source)


def read_story(name: str, body: str | bytes) -> Story:
    parsed = read_folder({name: body})
    assert not parsed.warnings
    return parsed.stories[0]


def read_fixture(name: str) -> Story:
    return read_story(f"sub/{name}", (DATA / name).read_bytes())


def test_markdown_with_front_matter() -> None:
    story = read_fixture("story.md")
    assert story.id == "bread-1"
    assert story.title == Text("Bread: a history", "text")
    assert (story.published, story.updated, story.language) == ("2026-05-06", "2026-05-07 08:00:00+02:00", "en")
    assert story.people == (Person("Ann Baker"), Person("Bo", "bo@bread.example"))
    assert story.categories == (Category("bread"), Category("history"))
    assert story.image == Link("loaf.jpg", "image")
    assert story.summary == Text("How it rose.", "text")
    assert '<a href="other.md">link</a>' in story.content[0].value
    assert "<td>2</td>" in story.content[0].value
    assert story.found["title"] == "front matter"


AS_WRITTEN = [
    *("12:30", "1:20:30", "1.10", "007", "0b11", "0x1F", "1e3", "1_000", "+1", "-0", ".5", ".inf", ".NaN", "24/7"),
    *("No", "yes", "on", "OFF", "true", "False", "y", "n", "null", "Null", "NULL", "~", "2026-05-06", "2026-02-30"),
    *("2026-05-06 25:00", "1984-01-01T00:00:00Z", "=", "<<", "3.0", "१२:३०", "Ja", "नहीं", "いいえ"),
]


@pytest.mark.parametrize("value", AS_WRITTEN)
def test_B17_a_title_of_front_matter_is_what_is_written(value: str) -> None:
    for spelling in (value, f"'{value}'", f'"{value}"', f"{value} # a remark"):
        assert read_story("a.md", f"---\ntitle: {spelling}\n---\nText.").title == Text(value, "text")


@pytest.mark.parametrize("value", [value for value in AS_WRITTEN if value not in ("~", "<<")])
def test_B17_tags_and_names_of_front_matter_are_what_is_written(value: str) -> None:
    for spelling in (value, f"[{value}]", f"\n  - {value}"):
        story = read_story("a.md", f"---\ntags: {spelling}\nauthor: {spelling}\nsummary: {value}\nid: {value}\n---\nx")
        assert story.categories == (Category(value),)
        assert story.people == (Person(value),)
        assert (story.summary, story.id) == (Text(value, "text"), value)


def test_B17_keys_languages_and_lists_are_as_written_too() -> None:
    story = read_story(
        "a.md", "---\nlanguage: no\ntags: 2026, no, 1.10\nauthors: [{name: 0123}, on]\non: x\n1: y\n---\nx"
    )
    assert (story.language, [tag.term for tag in story.categories]) == ("no", ["2026", "no", "1.10"])
    assert [person.name for person in story.people] == ["0123", "on"]


@pytest.mark.parametrize("word", ["null", "~", "false", "No", "''", ""])
def test_addresses_and_dates_of_front_matter_may_be_none(word: str) -> None:
    fields = "".join(f"{name}: {word}\n" for name in ("image", "date", "updated", "url", "enclosure"))
    story = read_story("a.md", f"---\ntitle: T\n{fields}---\nText.")
    assert (story.image, story.links, story.published, story.updated) == (None, (), None, None)


def test_R3_a_story_knows_the_id_that_an_earlier_version_gave_it() -> None:
    parsed = read_folder(
        {"a.md": "---\nid: 0123\n---\nx", "b.md": "---\nid: yes\n---\nx", "ä.md": "# C", "d.md": "# D"}
    )
    assert parsed.earlier_ids == {"0123": "83", "yes": "b.md", "ä.md": "a\u0308.md"}


DATES = [
    ("2026-05-06", "2026-05-06"),
    ("2026-05-06 8:00:00 +2", "2026-05-06 08:00:00+02:00"),
    ("2001-12-14t21:59:43Z", "2001-12-14 21:59:43+00:00"),
    ("2026-05-06 23:30", "2026-05-06 23:30"),
    ("6 May 2026", "6 May 2026"),
]


@pytest.mark.parametrize(("written", "date"), DATES)
def test_dates_of_front_matter_are_spelled_as_before(written: str, date: str) -> None:
    """The digest of a stored story counts them, so that another spelling would be an edit."""
    assert read_story("a.md", f"---\ntitle: T\ndate: {written}\n---\nText.").published == date


TITLES = [
    ("[![state](https://ci.example/b.svg)](https://ci.example)\n\n# Head\n\nText", "Head"),
    ("![](a.png) ![](b.png)\n# Head\nText", "Head"),
    ("*Ann, 3 March*\n\n# Head\n\nText", "Head"),
    ("作者:李华  2026年3月3日\n\n# 标题\n\n正文。", "标题"),
    ("Von Anna\\\n3. März\n\n## Kopf\n\nText", "Kopf"),
    ("<!-- lint: off\n\n# not this -->\n\n# Head\n\nText", "Head"),
    ("<!-- <h1>Old</h1> --><h1>Head</h1>\nText", "Head"),
    ("***\n\nHead\n====\n\nText", "Head"),
    ("Head\n----\n\nText", "Head"),
    ("## Head\n\nText", "Head"),
    ("###### Head ######\n\nText", "Head"),
    ('<h1 align="center">Head</h1>\n\nText', "Head"),
    ('<p align="center">\n<a href="x"><img src="l.png"></a>\n</p>\n<h2 id="x">Head</h2>\n\nText', "Head"),
    ('<div align="center">\n\n![](l.png)\n\n# Head\n\n</div>\n\nText', "Head"),
    ("# ![Logo](l.png)\n\n# Head\n\nText", "Head"),
    ("# [Head](https://a.example)\n\nText", '<a href="https://a.example">Head</a>'),
    ("## News\n\n# Head\n\nText", "Head"),
    ("- [One](#one)\n- [Two](#two)\n\n## Head\n\nText", "Head"),
    ("The ferry left. It was full.\n\n# Head\n\nText", "Head"),
    ("كتبه أحمد\n\n## العنوان\n\nنص.", "العنوان"),
]


@pytest.mark.parametrize(("text", "title"), TITLES)
def test_B17_the_title_of_markdown_is_its_first_heading(text: str, title: str) -> None:
    story = read_story("a.md", text)
    assert story.title and story.title.value == title
    assert "Head</h" not in story.content[0].value


def test_what_stands_before_the_title_stays_in_the_text() -> None:
    content = read_story("a.md", "![x](a.png)\n\nBy Ann\n\n# Head\n\nText").content[0].value
    assert content == '<p><img src="a.png" alt="x" /></p>\n<p>By Ann</p>\n<p>Text</p>'


@pytest.mark.parametrize(
    "text",
    [
        "The ferry left at seven. Nobody saw it.\n\n## What came next\n\nText",
        "渡船七点离开了港口。\n\n## 后来\n\n正文",
        "First part\n\n" + "It went on and on " * 9 + "\n\n# One\n\nText\n\n# Two\n\nText",
        "> # Quoted\n\nText",
    ],
)
def test_a_section_below_prose_is_no_title(text: str) -> None:
    assert read_story("a.md", text).title is None


def test_B17_an_html_story_without_title_has_its_first_heading() -> None:
    story = read_story("a.html", "<!-- x --><p><a href='/'>Home</a></p><p>By Ann</p><h2>Head</h2><p>Text.</p>")
    assert (story.title, story.found) == (Text("Head", "text"), {"title": "h2"})
    assert story.content[0].value.endswith("<p>By Ann</p><p>Text.</p>")
    assert read_story("a.html", "<p>It was so.</p><h2>Section</h2><p>Text.</p>").title is None


HEADLINE = "Lighthouse Keeper Retires After Forty Years"
PARAGRAPHS = (
    "PORT ALDER, Norland -- Mara Quist climbed the 212 steps of the Alder Light for the last time on Friday.",
    "&quot;You get used to the weather,&quot; she said. Updates to the tower are to begin in May.",
    "Get the rope, her father used to say, and never look down.",
)
BANNER, STAMP = "Get the latest updates as they happen, right in your browser", ". Last Updated: 03/14/2019"
TEXT = "".join(f"<p>{paragraph}</p>" for paragraph in PARAGRAPHS)
SAVED_PAGES = [
    f"<title>{HEADLINE}</title><div>{BANNER}</div><div>{STAMP}</div><h1>{HEADLINE}</h1>{TEXT}",
    f"<title>{HEADLINE} | The Gazette</title><p>{BANNER}</p><p>{STAMP}</p><h1>{HEADLINE}</h1>{TEXT}",
    f"<title>{HEADLINE}</title><p>{BANNER}</p><p>{STAMP}</p><p><b>{HEADLINE}</b></p>{TEXT}",
    f"<p>{BANNER}</p>\n<p>{STAMP}</p>\n<p>{HEADLINE}</p>\n{TEXT}<p>Follow us on Facebook</p>",
    f"<p>{BANNER}</p><article><h1>{HEADLINE}</h1><p class='s'>{STAMP}</p>{TEXT}</article>",
    f"<header><div>{BANNER}</div></header><h1>{HEADLINE}</h1>{TEXT}<footer><div>{STAMP}</div></footer>",
]


@pytest.mark.parametrize("body", SAVED_PAGES)
def test_the_boilerplate_of_a_saved_html_page_is_left_out(body: str) -> None:
    story = read_story("a.html", body)
    assert story.title == Text(HEADLINE, "text")
    assert (story.published, story.updated) == (None, "03/14/2019")
    content = story.content[0].value
    assert content.count("<p>") == len(PARAGRAPHS)
    assert all(word in content for word in ("PORT ALDER", "weather", "Get the rope"))
    assert not any(word in content for word in (BANNER, STAMP, HEADLINE, "Facebook"))


def test_markdown_without_front_matter() -> None:
    story = read_story("a/b.md", "# A *title*\n\nText.\n\n## Section\n")
    assert story.id == "a/b.md"
    assert story.title == Text("A <em>title</em>", "html")
    assert story.content[0].value == "<p>Text.</p>\n<h2>Section</h2>"
    assert (story.published, story.updated) == (None, None)


def test_an_html_page() -> None:
    story = read_fixture("page.html")
    assert story.title == Text("Brot", "text")
    assert story.content[0].value == "<p>Ein <em>Laib</em>.<br/>Noch einer.</p>"
    assert story.people == (Person("Anna Bäcker"),)
    assert (story.published, story.language) == ("2026-05-06T08:00:00+02:00", "de")


def test_a_piece_of_html() -> None:
    story = read_story("x.html", "---\ntitle: T\n---\n<p>One<p>Two")
    assert story.title == Text("T", "text")
    assert story.content[0].value == "<p>One</p><p>Two</p>"


def test_the_boilerplate_of_a_newspaper_page_is_left_out() -> None:
    story = read_fixture("newspaper.txt")
    assert story.title == Text("Lighthouse Keeper Retires After Forty Years", "text")
    assert (story.published, story.updated) == (None, "03/14/2019")
    body = story.content[0].value
    assert body.startswith("<p>PORT ALDER, Norland -- Mara Quist climbed")
    assert body.endswith("<p>Get the rope, her father used to say, and never look down.</p>")
    assert body.count("<p>") == 3
    assert "newsletter" not in body and "Facebook" not in body and "Updated:" not in body


def test_a_headline_that_stands_before_its_stamps() -> None:
    story = read_fixture("headline-first.txt")
    assert story.title == Text("Council Votes on the Quay", "text")
    assert story.people == (Person("Jon Berg"),)
    assert (story.published, story.updated) == ("March 3, 2020 10:15 AM", "4 March 2020")
    assert story.content[0].value == (
        "<p>The council voted on Tuesday to rebuild the quay.</p>\n<p>Work begins in June.</p>"
    )


STAMPS = [
    ("Last Updated: 07/27/2016", "", {"updated": "07/27/2016"}),
    (". Last Updated: 07/27/2016", "", {"updated": "07/27/2016"}),
    ("Page last modified on 3 May 2021 at 10:00 GMT", "", {"updated": "3 May 2021 at 10:00 GMT"}),
    ("Updated 2021-05-03T10:00Z", "", {"updated": "2021-05-03T10:00Z"}),
    ("Zuletzt aktualisiert am 3. Mai 2021", "", {"updated": "3. Mai 2021"}),
    ("Mis à jour le 3 mai 2021", "", {"updated": "3 mai 2021"}),
    ("Published: May 3, 2021", "", {"published": "May 3, 2021"}),
    ("Our Paper | Last updated: 3.5.2021", "Our Paper", {"updated": "3.5.2021"}),
    ("The list was updated on 3 May 2021 by the port, which said more would follow.", None, None),
    ("Last updated by hand", None, None),
    ("Meeting on 3 May 2021", None, None),
]


@pytest.mark.parametrize(("line", "rest", "dates"), STAMPS, ids=[row[0] for row in STAMPS])
def test_date_stamps_are_distinguished_from_sentences(
    line: str, rest: str | None, dates: dict[str, str] | None
) -> None:
    assert split_date_stamp(line) == (None if rest is None else (rest, dates))


CALLS = [
    ("Get the latest news on your browser as it happens", True),
    ("Sign up for our newsletter", True),
    ("Follow us on Facebook", True),
    ("Advertisement", True),
    ("Skip to main content", True),
    ("© 2026 The Gazette. All rights reserved", True),
    ("Get the rope, her father used to say", False),
    ("Council Votes on the Quay", False),
    ("Subscribers flee", False),
    ("Print runs fall", False),
]


@pytest.mark.parametrize(("line", "is_call"), CALLS, ids=[row[0] for row in CALLS])
def test_calls_to_action_are_distinguished_from_headlines(line: str, is_call: bool) -> None:
    assert plain_text.is_call_to_action(line) is is_call


def test_a_headline_that_sounds_like_a_call_stays() -> None:
    story = read_story("a.txt", "Read the latest news from Mars, it says\n\nThe rover spoke on Monday. It was brief.\n")
    assert story.title == Text("Read the latest news from Mars, it says", "text")


def test_plain_text_is_escaped() -> None:
    story = read_story("a.txt", "A & B\n\n1 < 2 <script>\r\nsecond line\r\n\r\nnext")
    assert story.title == Text("A & B", "text")
    assert story.content[0].value == "<p>1 &lt; 2 &lt;script&gt;\nsecond line</p>\n<p>next</p>"


def test_S23_front_matter_runs_nothing(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    parsed = read_folder(
        {"a.md": f'---\ntitle: !!python/object/apply:os.system ["touch {trap}"]\n---\nx', "b.md": "ok"}
    )
    assert not trap.exists()
    assert [story.id for story in parsed.stories] == ["b.md"]
    assert parsed.warnings[0].startswith("a.md: its front matter is not YAML")


BROKEN: list[tuple[str, str | bytes, str]] = [
    ("a.md", "---\ntitle: [\n---\nx", "its front matter is not YAML"),
    ("a.txt", "", "the file is empty"),
    ("a.png", b"\x89PNG", "not `.png`"),
    ("a.md", "---\n" + "x: 1\n" * 20_000 + "---\n", "its front matter is too long"),
]


@pytest.mark.parametrize(("name", "body", "reason"), BROKEN, ids=[row[2] for row in BROKEN])
def test_a_broken_file_is_a_warning_and_spoils_no_other(name: str, body: str | bytes, reason: str) -> None:
    parsed = read_folder({name: body, "good.md": "# Good"})
    assert [story.id for story in parsed.stories] == ["good.md"]
    assert len(parsed.warnings) == 1 and reason in parsed.warnings[0]


def test_drafts_are_left_out() -> None:
    parsed = read_folder({"a.md": "---\ndraft: true\n---\nx", "b.md": "---\ndraft: false\n---\n# B"})
    assert [story.id for story in parsed.stories] == ["b.md"]
    assert not parsed.warnings


NOT_UNDERSTOOD = [
    "---\ntitle: Q\ndraft: true\ndate: 2026-02-30\n---\nSECRET",
    "---\ndraft: true\ndate: 2026-05-06 25:00:00\n---\nSECRET",
    "---\ndraft: true\nweight: !!int x\n---\nSECRET",
    "---\ndraft: true\nwhen: !!timestamp soon\n---\nSECRET",
    "---\ndraft: true\n? [a, {b: c}]\n: d\n---\nSECRET",
    "---\ntitle: Q\ndraft: true\n\nSECRET",
    "---\nProse below a rule, which no other rule follows.",
    "-----\ntitle: Q\ndraft: true\n\nSECRET",
    "---\n- title: Q\n- draft: true\n---\nSECRET",
    "---\n[draft, true]\n---\nSECRET",
    "---\ntitle:Q\ndraft:true\n---\nSECRET",
    "---\ndraft = true\n---\nSECRET",
    "---\nstatus draft\n---\nSECRET",
    "---\n# draft: true\n---\nSECRET",
    "+++\ndraft = true\n+++\nSECRET",
    "---toml\ndraft = true\n---\nSECRET",
    '--- json\n{"draft": true}\n---\nSECRET',
    ';;;\n"draft": true\n;;;\nSECRET',
    '{\n  "draft": true\n}\n\nSECRET',
    '{"title": "Q", "draft": true}\nSECRET',
    "{title: Q, draft: true}\nSECRET",
    "{\n  draft: true\n\nSECRET",
]
BEFORE = ["", "\ufeff", "\n\n", "\ufeff \r\n\ufeff"]


@pytest.mark.parametrize("before", BEFORE, ids=ascii)
@pytest.mark.parametrize("body", NOT_UNDERSTOOD)
def test_what_begins_as_front_matter_and_is_not_understood_is_left_out(body: str, before: str) -> None:
    for ends in ("\n", "\r\n", "\r"):
        parsed = read_folder({"sub/q.md": (before + body).replace("\n", ends), "good.md": "# Good"})
        assert [story.id for story in parsed.stories] == ["good.md"], ends
        assert [warning.partition(":")[0] for warning in parsed.warnings] == ["sub/q.md"]
        assert parsed.unreadable == ("sub/q.md",)


@pytest.mark.parametrize("before", BEFORE, ids=ascii)
@pytest.mark.parametrize("opening", ["---", "-----  ", "---yaml", "--- # of the story"])
@pytest.mark.parametrize("closing", ["---", "...", "----- "])
def test_front_matter_is_understood_wherever_it_begins_and_however_it_ends(
    before: str, opening: str, closing: str
) -> None:
    for ends in ("\n", "\r\n", "\r"):
        text = f"{before}{opening}\ntitle: A day\n{closing}\nText.\n\n---\n\nMore.".replace("\n", ends)
        story = read_story("a.md", text)
        assert (story.title, story.content[0].value) == (Text("A day", "text"), "<p>Text.</p>\n<hr />\n<p>More.</p>")
        assert not read_folder({"a.md": text.replace("title: A day", "draft: true")}).stories


PROSE = [
    "----------\nTHE GAZETTE\n----------\nThe ferry left at seven.",
    "---------------\nThe ferry left at seven.",
    "---\n\n---\nThe ferry left at seven.",
    "---\nHidden Figures\n---\nA film.",
    "---\nhttps://gazette.example/\n---\nThe ferry left.",
    "--- The ferry left at seven ---\n\nMore.",
    "-- \nThe ferry left.",
    "+++ Ferry leaves at seven +++\n\nMore.",
    "{Editor's note} The ferry left.",
    "{{< figure src='a.png' >}}\n\nThe ferry left.",
    "{% include a %}\n\nThe ferry left.",
    "{: .lead}\nThe ferry left.",
    "{Note: this was written at sea}\n\nThe ferry left.",
]


@pytest.mark.parametrize("body", PROSE)
@pytest.mark.parametrize("name", ["a.md", "a.txt", "a.html"])
def test_prose_that_begins_with_such_signs_stays(name: str, body: str) -> None:
    story = read_story(name, body)
    assert (story.content or story.title) and "front matter" not in story.found.values()


HELD = [
    *(f"draft: {word}" for word in ("true", "yes", "y", "Y", "on", "On", "1", '"true"', "'yes'", "TRUE", "!!str true")),
    *(f"published: {word}" for word in ("false", "no", "n", "off", "0", '"false"', "N")),
    *(
        f"status: {word}"
        for word in ("draft", "Draft", "private", "pending", "auto-draft", "trash", "hidden", "future")
    ),
    *("Draft: yes", "DRAFT: true", "publish: false", "is_draft: true", "post_status: private", "visibility: private"),
    *("unlisted: true", "private: yes", "draft: true\nstatus: odd", "status: odd\npublished: no"),
]


@pytest.mark.parametrize("line", HELD)
def test_words_that_hold_a_story_back(line: str) -> None:
    parsed = read_folder({"q.md": f"---\ntitle: Q\n{line}\n---\nSECRET", "good.md": "# Good"})
    assert [story.id for story in parsed.stories] == ["good.md"]
    assert (parsed.warnings, parsed.unreadable) == ((), ())


SHOWN = [
    *(f"draft: {word}" for word in ("false", "no", "n", "N", "off", "0", '"false"', "", "~", '""')),
    *(f"published: {word}" for word in ("true", "yes", "1", "2026-05-06", "6 May 2026", "2026年5月6日", "")),
    *("status: published", "status: Publish", "status:", "visibility: public", "private: false", "publish: on"),
    *("expiryDate: no", "publishDate:", "stage: draft", "drafter: yes"),
]


@pytest.mark.parametrize("line", SHOWN)
def test_words_that_hold_no_story_back(line: str) -> None:
    story = read_story("q.md", f"---\ntitle: Q\n{line}\n---\nText")
    assert story.title == Text("Q", "text")


UNKNOWN = [
    *("draft: ture", "draft: 2", "draft: [true]", "draft: {a: b}", "published: maybe", "status: odd", "publish: later"),
    *("publishDate: soon", "expires: [2020-01-01]", "embargo: true", "visibility: 3"),
]


@pytest.mark.parametrize("line", UNKNOWN)
def test_a_word_that_is_not_understood_holds_the_story_back_with_a_warning(line: str) -> None:
    parsed = read_folder({"q.md": f"---\ntitle: Q\n{line}\n---\nSECRET", "good.md": "# Good"})
    assert [story.id for story in parsed.stories] == ["good.md"]
    (warning,) = parsed.warnings
    assert warning.startswith("q.md: ") and line.partition(":")[0] in warning
    assert parsed.unreadable == ("q.md",)


@pytest.mark.parametrize("word", ["true", "yes", "1", "on", '"y"'])
@pytest.mark.parametrize("key", ["published", "Published", "publish"])
def test_a_switch_beside_a_date_is_no_date(key: str, word: str) -> None:
    for lines in (f"{key}: {word}\ndate: 2026-05-06", f"date: 2026-05-06\n{key}: {word}"):
        assert read_story("q.md", f"---\n{lines}\n---\nText").published == "2026-05-06"


HEADERS = [
    "Title: Q\nStatus: draft\nDate: 2026-01-01\n\nSECRET",
    "title: Q\ndraft: true\n\nSECRET",
    "Title: Q\nVisibility: odd\n\nSECRET",
    ":title: Q\n:status: hidden\n\nSECRET",
    "#+TITLE: Q\n#+DRAFT: true\n\nSECRET",
    "draft = true\n\nSECRET",
    "Draft: Yes\n\nSECRET",
]


@pytest.mark.parametrize("before", BEFORE, ids=ascii)
@pytest.mark.parametrize("body", HEADERS)
def test_A2_a_draft_that_says_so_in_a_header_without_dashes_is_left_out(body: str, before: str) -> None:
    for ends in ("\n", "\r\n"):
        parsed = read_folder({"q.md": (before + body).replace("\n", ends), "good.md": "# Good"})
        assert [story.id for story in parsed.stories] == ["good.md"], ends
        assert [warning.partition(":")[0] for warning in parsed.warnings] == ["q.md"]


@pytest.mark.parametrize(
    "body",
    [
        "Draft: the new law\n\nIt came at noon.",
        "Status: unknown\n\nThe ferry is lost.",
        "Title: Q\nStatus: published\n\nText.",
        "Private: the diary of a keeper\n\nText.",
        "Note: this was written at sea.\nThe ferry left.\ndraft: true\n",
        "# A heading\n\ndraft: true\n",
        "Subject: Hello\nFrom: Ann\n\nText.",
    ],
)
def test_A2_prose_that_begins_like_a_header_stays(body: str) -> None:
    for name in ("a.md", "a.txt"):
        story = read_story(name, body)
        assert story.content or story.title


def test_F22_an_id_is_used_once() -> None:
    parsed = read_folder({"a.md": "---\nid: x\n---\n# A", "b.md": "---\nid: x\n---\n# B"})
    assert len(parsed.stories) == 1 and "another file has the id 'x'" in parsed.warnings[0]


def test_F16_only_so_many_files_are_read() -> None:
    parsed = read_folder({f"{number}.md": f"# {number}" for number in range(9)}, max_items=3)
    assert [story.id for story in parsed.stories] == ["6.md", "7.md", "8.md"]
    assert parsed.warnings == ("only 3 of 9 files are read",)


def test_dashes_that_open_no_front_matter() -> None:
    story = read_story("a.txt", "---\nA line\n---\nMore")
    assert story.content or story.title


def test_one_text_that_is_fetched_on_its_own() -> None:
    page = (DATA / "newspaper.txt").read_bytes()
    parsed = parse(Fetched(url="https://paper.example/1.txt", body=page, media_type="text/plain"))
    assert parsed.stories[0].id == "https://paper.example/1.txt"
    assert parsed.stories[0].updated == "03/14/2019"


def test_a_text_where_a_feed_was_expected_is_refused() -> None:
    source = Source("s", Kind.FEED, "https://paper.example/feed")
    with pytest.raises(ParseError):
        parse(Fetched(url="https://paper.example/feed", body=b"Service down", media_type="text/plain"), source)


@pytest.mark.parametrize(
    "line",
    ["state: draft", "workflow_state: Draft", "wip: true", "ready: false", "isPrivate: yes", "do_not_publish: true"],
)
def test_A2_further_words_that_hold_a_story_back(line: str) -> None:
    assert not read_folder({"a.md": f"---\ntitle: A\n{line}\n---\nSECRET"}).stories


@pytest.mark.parametrize("line", ["state: Bavaria", "ready: true", "workflow: weekly"])
def test_further_words_that_hold_no_story_back(line: str) -> None:
    assert read_story("a.md", f"---\ntitle: A\n{line}\n---\nText")


def test_A2_a_header_without_opening_line_is_one_of_a_draft() -> None:
    assert not read_folder({"a.md": "title: A\ndraft: true\n---\nSECRET"}).stories


def test_names_of_front_matter_that_stand_in_for_others() -> None:
    story = read_story(
        "a.md", "---\ncreated: 2020-01-01\ncategory: roads\nbyline: Ann Lee\ndate: 2026-05-06\n---\nText"
    )
    assert (story.published, story.categories, story.people) == (
        "2026-05-06",
        (Category("roads"),),
        (Person("Ann Lee"),),
    )
    assert read_story("a.md", "---\ncreated: 2020-01-01\n---\nText").published == "2020-01-01"


def test_B17_a_rule_above_the_heading_is_no_front_matter() -> None:
    story = read_story("a.md", "---\n\n# Bridge\n\nText of it.")
    assert story.title == Text("Bridge", "html")
