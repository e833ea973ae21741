"""The Python interface: `feeds.read` and `feeds.App`, and the types that they name (D8)."""

from __future__ import annotations

import ast
import inspect
import typing
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from origin import KEEP, Origin, raw, reply
from wire import NOON, Wire, document

import feeds
from feeds.model import field_names

STUB = Path(feeds.__file__).with_name("__init__.pyi")


def _types(annotation: object) -> Iterator[type]:
    """Yield the types that an annotation names, and those of the fields of our records."""
    if isinstance(annotation, type) and annotation.__module__.startswith("feeds."):
        yield annotation
        if field_names(annotation):
            yield from (found for hint in typing.get_type_hints(annotation).values() for found in _types(hint))
    arguments = annotation if isinstance(annotation, list) else typing.get_args(annotation)
    yield from (found for argument in arguments for found in _types(argument))


METHODS = [
    method
    for name, method in inspect.getmembers(feeds.App, inspect.isfunction)
    if not name.startswith("_") or name == "__init__"
]


@pytest.mark.parametrize("function", [feeds.read, *METHODS], ids=lambda function: function.__qualname__)
def test_D8_the_types_of_every_signature_are_exported(function: typing.Any) -> None:
    for annotation in typing.get_type_hints(function).values():
        for named in _types(annotation):
            assert getattr(feeds, named.__name__) is named


def test_D8_every_exported_name_can_be_imported_and_type_checkers_see_the_same() -> None:
    assert all(getattr(feeds, name) is not None for name in feeds.__all__)
    assert len(set(feeds.__all__)) == len(feeds.__all__)
    nodes = ast.parse(STUB.read_text(encoding="utf-8")).body
    stubs = [node.names[0].asname for node in nodes if isinstance(node, ast.ImportFrom)]
    assert {*stubs, "__version__"} == set(feeds.__all__)
    assert set(dir(feeds)) == set(feeds.__all__)
    with pytest.raises(AttributeError):
        feeds.nothing  # noqa: B018


def test_D8_articles_are_those_of_a_source_or_of_a_feed_since_a_time(wire: Wire, origin: Origin) -> None:
    wire.declare(
        {"a": origin.put("/a", document()), "b": origin.put("/b", document(("9", "Nine"), ("8", "Eight")))},
        {
            "all": {"title": "All"},
            "few": {"title": "Few", "steps": [{"drop": {"title": "Nine"}}, {"limit": {"count": 3, "hours": 0}}]},
        },
    )

    def titles(**selection: typing.Any) -> set[str]:
        return {article.title for article in app.articles(**selection)}

    with wire.app() as app:
        assert list(app.articles()) == []
        app.turn()
        assert titles() == titles(feed="all") == {"One", "Two", "Three", "Four", "Eight", "Nine"}
        assert titles(source="b") == {"Eight", "Nine"}
        assert len(titles(feed="few")) == 3
        assert titles(feed="few", source="b") <= {"Eight"}
        wire.now += timedelta(hours=2)
        origin.put("/b", document(("9", "Nine"), ("7", "Seven")))
        app.turn()
        assert titles(since=NOON + timedelta(minutes=1)) == {"Seven"}
        assert titles(since=NOON + timedelta(minutes=1), source="a") == set()
        article = next(app.articles("b", since=wire.now))
        assert (article.source_id, article.title) == ("b", "Seven")
        for wrong in ({"source": "c"}, {"feed": "al"}):
            with pytest.raises(feeds.ConfigError, match="has the id"):
                app.articles(**wrong)


def test_D8_the_status_is_that_of_the_command(wire: Wire, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document()), "bad": origin.put("/bad", raw(reply(b"", 500), KEEP))})
    with wire.app() as app:
        app.turn()
        status = app.status()
    assert isinstance(status, feeds.InstallationStatus)
    assert [(source.source_id, source.articles, source.failures) for source in status.sources] == [
        ("a", 4, 0),
        ("bad", 0, 1),
    ]
    assert status.sources[1].failure is not None
    assert status.sources[1].failure.status == 500
    assert [feed.feed_id for feed in status.feeds] == ["all"]
    assert set(status.feeds[0].files) == {"all.rss", "all.atom", "all.json", "all.html"}
    assert (status.created, status.articles, status.orphans) == (NOON, {"a": 4}, ())
