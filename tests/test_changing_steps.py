"""Steps that change articles and their order, and what holds for every kind of step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import factories
import pytest
import yaml
from factories import NOON
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.config.patterns import compile_pattern
from feeds.config.step_shapes import step_shape
from feeds.model import Article, ArticleStep, Author, Category, Comments, Feed, Origin, Step, Twin, replace
from feeds.pipeline import STEP_CONTEXT
from feeds.registry import STEPS
from feeds.steps import (
    Age,
    Condition,
    Drop,
    Keep,
    Limit,
    Prefix,
    Rewrite,
    Sort,
    Strip,
    Substitution,
    Tag,
    apply_steps,
    archive_steps,
    effective_steps,
    only_select,
    without_limits,
)
from feeds.steps.rewrite import FIELD_REWRITERS
from feeds.steps.sort import MAX_SORTED, SORT_KEYS


def change(step: ArticleStep, **fields: object) -> Article:
    """Return what a step makes of one article."""
    (article,) = apply_steps([step], iter([factories.article(**fields)]), STEP_CONTEXT)
    return article


def rewrite(field: str, pattern: str, replacement: str) -> Rewrite:
    return Rewrite((Substitution(field, compile_pattern(pattern), replacement),))


# ── rewrite ─────────────────────────────────────────────────────────────────────────────────────────────────────────

ANNA, BEN = Author("Anna, Reuters"), Author("Reuters")

REWRITES: list[tuple[str, str, str, dict[str, object], dict[str, object]]] = [
    ("title", "(?i)^ad: ", "", {"title": "AD: Rain"}, {"title": "Rain"}),
    ("title", r"(\w+) (\w+)", r"\2  \1", {"title": "Rain falls"}, {"title": "falls Rain"}),
    ("title", ".*", "", {"title": "Rain"}, {"title": "Rain"}),
    ("title", "X", "", {"title": "<imgX src=a onerror=b>Rain"}, {"title": "Rain"}),  # S8
    ("title", "x*", "-", {"title": "né"}, {"title": "-n-é-"}),
    ("summary", "rain", "snow", {"summary": "rain, rain"}, {"summary": "snow, snow"}),
    ("summary", ".*", "", {"summary": "rain"}, {"summary": ""}),
    ("text", "a & b", "<c>", {"html": "<p>a &amp; b <b>a</b></p>"}, {"html": "<p>&lt;c&gt; <b>a</b></p>"}),
    ("text", "p", "q", {"html": '<p><a href="https://p.example/p">p&nbsp;</a></p>'},
     {"html": '<p><a href="https://p.example/p">q&nbsp;</a></p>'}),
    ("text", "no", "yes", {"html": '<p title="a > no">"is"</p>'}, {"html": '<p title="a > no">"is"</p>'}),
    ("html", "<p>Ad.*?</p>", "", {"html": "<p>Text.</p><p>Ad <b>x</b></p>"}, {"html": "<p>Text.</p>"}),
    ("html", "<p>", "<p onclick='a()'><script>b</script>", {"html": "<p>Text.</p>"}, {"html": "<p>Text.</p>"}),  # S7
    ("url", r"://m\.", "://www.", {"url": "https://m.a.example/1"}, {"url": "https://www.a.example/1"}),
    ("url", "^https://", "", {"url": "https://a.example/1"}, {"url": "https://a.example/1"}),
    ("url", "^https:.*", "javascript:alert(1)", {"url": "https://a.example/1"}, {"url": "https://a.example/1"}),
    ("url", "$", "x", {"url": None}, {"url": None}),
    ("author", "(, )?Reuters", "", {"authors": (ANNA, BEN)}, {"authors": (Author("Anna"),)}),
    ("tag", "(?i)^tech$", "technology", {"tags": ("Tech", "technology", "news")}, {"tags": ("technology", "news")}),
    ("tag", "news", "", {"tags": ("news",), "categories": (Category("n", None, "News"),)},
     {"tags": (), "categories": ()}),
    ("any", "rain", "snow", {"title": "rain", "summary": "rain", "html": "<p>rain</p>"},
     {"title": "snow", "summary": "snow", "html": "<p>snow</p>"}),
]  # fmt: skip


@pytest.mark.parametrize(("field", "pattern", "replacement", "before", "after"), REWRITES)
def test_rewrite_replaces_in_each_field(
    field: str, pattern: str, replacement: str, before: dict[str, object], after: dict[str, object]
) -> None:
    assert change(rewrite(field, pattern, replacement), **before) == factories.article(**{**before, **after})


def test_every_field_that_can_be_rewritten_is_tried() -> None:
    assert {field for field, *_ in REWRITES} == FIELD_REWRITERS.keys()


def test_replacements_are_made_in_order_where_the_conditions_hold() -> None:
    both = Rewrite(
        (Substitution("title", compile_pattern("a"), "b"), Substitution("title", compile_pattern("b"), "c")),
        (Condition("source", re.compile("^bbc$")),),
    )
    assert change(both, title="ab", source_id="bbc").title == "cc"
    assert change(both, title="ab", source_id="cnn").title == "ab"


# ── strip ───────────────────────────────────────────────────────────────────────────────────────────────────────────

STRIPPED = [
    ("https://a.example/?utm_source=b&id=1&FBCLID=2&mc_eid=3#part", "https://a.example/?id=1#part"),
    ("https://a.example/x?utm_source=b", "https://a.example/x"),
    ("https://a.example/x?gclid", "https://a.example/x"),
    ("https://a.example/x?id=1&&utm=2", "https://a.example/x?id=1&&utm=2"),  # what stays, stays as it is spelled
    ("https://a.example/x?", "https://a.example/x?"),
    ("https://a.example/x#xtor=RSS-1&utm_medium=feed", "https://a.example/x"),
    ("https://a.example/x#!/utm_source=b", "https://a.example/x#!/utm_source=b"),
    ("https://a.example/x#utm_source", "https://a.example/x#utm_source"),
    ("https://a.example/utm_source=b?to=https://b.example/?utm_source=c", "https://a.example/utm_source=b?to=https://b.example/?utm_source=c"),
]  # fmt: skip


@pytest.mark.parametrize(("url", "stripped"), STRIPPED)
def test_strip_removes_tracking_parameters_and_nothing_else(url: str, stripped: str) -> None:
    def addresses(url: str) -> dict[str, object]:
        return {"url": url, "external_url": url, "comments": Comments(url, "3"), "also_at": (Twin("b", url),)}

    before, after = ({**addresses(address), "published_id": url} for address in (url, stripped))
    assert change(Strip(), **before) == factories.article(**after)


def test_strip_covers_the_links_of_the_text() -> None:
    html = '<p><a title="a &gt; b" href="https://a.example/?utm_source=b&amp;id=1&amp;ref=c">utm_source=b</a> '
    html += '<img src="https://a.example/?utm_source=b"> href="?utm_source=b"</p>'
    expected = html.replace("?utm_source=b&amp;id=1&amp;ref=c", "?id=1")
    assert change(Strip(("ref",)), html=html).html == expected


def test_strip_takes_further_parameters_whatever_their_case() -> None:
    step = Strip(("ref", "src_*"))
    url = "https://a.example/?Ref=1&referrer=2&SRC_a=3&src=4"
    assert change(step, url=url).url == "https://a.example/?referrer=2&src=4"


# ── tag, prefix ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_tags_are_added_once_and_removed_with_their_categories() -> None:
    categories = (Category("Sport", "s"), Category("x", "s", "Misc"))
    before = {"tags": ("Sport", "Misc"), "categories": categories}
    after = change(Tag(("weather", "sport"), ("MISC",)), **before)
    assert (after.tags, after.categories) == (("Sport", "weather"), categories[:1])
    assert change(Tag(remove=("none",)), **before) == factories.article(**before)


def test_tags_are_added_where_the_conditions_hold() -> None:
    step = Tag(("weather",), when=(Condition("title", re.compile("rain")), Condition("source", re.compile("bbc"))))
    assert change(step, title="rain", source_id="bbc").tags == ("weather",)
    assert change(step, title="rain", source_id="cnn").tags == ()
    old = Tag(("old",), when=(Age(86_400),))
    articles = [factories.article(published=NOON - timedelta(days=days)) for days in (0, 3)]
    tagged = apply_steps([old], iter(articles), replace(STEP_CONTEXT, newest=lambda: NOON))
    assert [article.tags for article in tagged] == [(), ("old",)]


PREFIXES: list[tuple[str, dict[str, object], str]] = [
    ("[{source}]", {"source_id": "bbc"}, "[bbc] Rain"),
    ("{source_title}:", {"origin": Origin(title="BBC News")}, "BBC News: Rain"),
    ("{source_title}:", {"source_id": "bbc"}, "bbc: Rain"),
    ("{author}, {tag}:", {"authors": (Author("Anna"),), "tags": ("b", "c")}, "Anna, b: Rain"),
    ("{author}:", {}, "Rain"),
    ("{{{language}}}", {"language": "de"}, "{de} Rain"),
    ("{date}", {"published": datetime(2026, 3, 1, tzinfo=UTC)}, "2026-03-01 Rain"),
]


@pytest.mark.parametrize(("text", "fields", "title"), PREFIXES)
def test_prefix_stands_before_the_title_where_it_has_all_values(
    text: str, fields: dict[str, object], title: str
) -> None:
    assert change(Prefix(text), title="Rain", **fields).title == title


def test_prefix_stands_only_where_the_conditions_hold() -> None:
    step = Prefix("Video:", (Condition("tag", re.compile("^video$")),))
    assert [change(step, title="Rain", tags=tags).title for tags in (("video",), ())] == ["Video: Rain", "Rain"]


# ── sort ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def sorted_names(*by: str) -> str:
    """Return the names of four articles in this order; they come as c b a d."""
    rows = [
        ("c", 3, "zebra", "s2", "Ömer", 9),
        ("b", 2, "Émile", "s1", "Zoe", 1),
        ("a", 1, "apple", "s1", "olga", 5),
        ("d", 0, "Zebra", "s3", None, 7),
    ]
    articles = [
        factories.article(
            name,
            source,
            title=title,
            published=NOON - timedelta(days=9 - day),
            authors=(Author(author),) if author else (),
            updated=NOON + timedelta(days=edited),
        )
        for name, day, title, source, author, edited in rows
    ]
    ordered = apply_steps([Sort(by)], iter(articles), STEP_CONTEXT)  # type: ignore[arg-type]
    return "".join(article.upstream_id[-1] for article in ordered)


def test_sort_knows_each_order() -> None:
    orders = {name: sorted_names(name) for name in SORT_KEYS}
    expected = {"newest": "cbad", "oldest": "dabc", "title": "abcd", "source": "bacd", "author": "acbd"}
    assert orders == expected | {"updated": "cdab"}
    assert sorted_names("source", "oldest") == "abcd"


def test_sort_reads_and_holds_a_bounded_number_of_articles() -> None:
    articles = (factories.article(str(number)) for number in range(MAX_SORTED + 500))
    assert len([*apply_steps([Sort(("title",))], articles, STEP_CONTEXT)]) == MAX_SORTED
    assert next(articles).upstream_id.endswith(f"/{MAX_SORTED}")


def test_R42_steps_that_count_articles_say_nothing_of_archives() -> None:
    keep, sort, strip = Keep(()), Sort(("title",)), Strip()
    assert without_limits([keep, sort, Limit(), strip]) == archive_steps([keep, sort, Limit(), strip]) == (keep, strip)


def test_the_default_limit_decides_what_a_sorted_feed_holds() -> None:
    sort, keep, last = Sort(("title",)), Keep(()), Limit(3)
    assert effective_steps(Feed("a", "A", steps=(keep, sort, keep))) == (keep, Limit(), sort, keep)
    assert effective_steps(Feed("a", "A", steps=(sort, last))) == (sort, last)
    assert effective_steps(Feed("a", "A", steps=(keep,))) == (keep, Limit())


# ── every kind ──────────────────────────────────────────────────────────────────────────────────────────────────────

CONTEXT = replace(STEP_CONTEXT, newest=lambda: NOON, skip_to_additions=lambda since: None)

words = st.text(max_size=12) | st.sampled_from(
    ["rain", "AD: rain", "<b>snow</b>", "a & b", "", "ﷺ\u0301é", "\x00\ud800"]
)
times = st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))
urls = st.none() | words.map(lambda word: f"https://a.example/{word}?utm_source={word}&ref=1#{word}")
articles = st.builds(
    lambda source, title, html, **fields: factories.article(title, source, title=title, html=html, **fields),
    st.sampled_from(["a", "b"]),
    words,
    words | st.tuples(words, words).map(lambda pair: STEP_CONTEXT.clean(f'<p><a href="?{pair[0]}">{pair[1]}</a></p>')),
    summary=words,
    url=urls,
    published=st.none() | times,
    first_seen=times,
    updated=times,
    tags=st.lists(words, max_size=3).map(tuple),
    categories=st.lists(st.builds(Category, words, st.none() | words, st.none() | words), max_size=2).map(tuple),
    authors=st.lists(st.builds(Author, words), max_size=2).map(tuple),
    comments=st.none() | st.builds(Comments, urls),
    language=st.none() | words,
    is_addition=st.booleans(),
)
feed_articles = st.lists(articles, max_size=8).map(
    lambda entries: [
        replace(entry, key=key, published_id=f"urn:x-{key}")
        for key, entry in enumerate(
            sorted(entries, key=lambda entry: (entry.position, entry.first_seen), reverse=True), 1
        )
    ]
)

# Beside the examples of the kinds.
FURTHER_STEPS: tuple[Step, ...] = (
    Drop((Age(86_400),)),
    Rewrite(tuple(Substitution(field, compile_pattern("(?i)ad|x*"), r"\g<0>y") for field in FIELD_REWRITERS)),
    Tag(remove=("rain",), when=(Age(86_400, "<"),)),
    *(Prefix(f"{{{name}}}") for name in ("author", "date", "source_title")),
    Sort(tuple(SORT_KEYS)),
    Limit(3, 5, per_source=2, bytes=2000),
)


def example_steps() -> Iterator[Step]:
    """The example of each kind, as the YAML has it, and those without a value where there are such."""
    for kind in STEPS:
        value = yaml.load(kind.example, yaml.BaseLoader)
        yield step_shape().model_validate({kind.name: value}).build()
    yield from FURTHER_STEPS


EXAMPLE_STEPS = (*example_steps(),)
# What a step never changes: which article it is, and when subscribers take it for changed (R9, R11).
LASTING = ("key", "source_id", "upstream_id", "published_id", "minted_id", "first_seen", "published", "modified")
LASTING += ("updated", "story_digest", "story_key", "changed", "is_addition")


@given(candidates=feed_articles)
@settings(max_examples=30, deadline=None)
def test_R11_any_step_passes_on_each_article_once_under_its_id_and_dates(candidates: list[Article]) -> None:
    """It raises nothing, whatever the article holds, gives the same again, and telling the reasons changes nothing."""
    for step in EXAMPLE_STEPS:
        pass_on(step, candidates)


def pass_on(step: Step, candidates: list[Article]) -> None:
    results = [*apply_steps([step], iter(candidates), CONTEXT)]
    originals = {article.key: article for article in candidates}
    assert len({article.key for article in results}) == len(results)
    for article in results:
        assert [getattr(article, name) for name in LASTING] == [
            getattr(originals[article.key], name) for name in LASTING
        ]
    if only_select([step]):
        assert all(article is originals[article.key] for article in results)
    assert [*apply_steps([step], iter(candidates), CONTEXT)] == results
    reasons: dict[int, str] = {}
    explaining = replace(CONTEXT, explain=lambda article, reason: reasons.update({article.key: reason}))
    assert [*apply_steps([step], iter(candidates), explaining)] == results
    assert originals.keys() - {article.key for article in results} <= reasons.keys()


def test_every_row_of_ours_is_tried() -> None:
    assert {type(step) for step in EXAMPLE_STEPS} == {kind.step_type for kind in STEPS}
