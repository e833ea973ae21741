"""The tables of kinds: what their rows name, and what plugins may append."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from plugins import install

from feeds import registry
from feeds.errors import ConfigError

GOPHER = """
from feeds.registry import Format
def write(edition, format):
    return "".join(f"0{article.title}\\n" for article in edition.articles).encode()
"""
GOPHER_ROW = """
FORMAT = Format("gopher", "Gopher menu", "text/plain; charset=utf-8", write)
"""


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install plugins of which this process knows."""
    monkeypatch.syspath_prepend(tmp_path)
    registry._load_tables.cache_clear()
    modules = set(sys.modules)
    yield lambda *arguments: install(tmp_path, *arguments)
    registry._load_tables.cache_clear()
    for name in set(sys.modules) - modules:
        if Path(getattr(sys.modules[name], "__file__", None) or "").is_relative_to(tmp_path):
            del sys.modules[name]


def test_each_function_of_a_row_exists() -> None:
    for row in (*registry.FORMATS, *registry.STEPS):
        row.check()
    assert all(kind.parser is None or callable(kind.parser) for kind in registry.SOURCES)


def test_the_row_of_a_plugin_comes_after_ours(plug_in: Callable[..., None]) -> None:
    assert registry.format_versions() == (("rss", 3), ("atom", 3), ("json", 3), ("html", 3))
    registry._load_tables.cache_clear()
    plug_in("gopher_one", GOPHER + GOPHER_ROW, {"feeds.formats": {"gopher": "gopher_one:FORMAT"}})
    assert list(registry.formats()) == [*(format.name for format in registry.FORMATS), "gopher"]
    assert registry.format_versions()[-1] == ("gopher", 1)


@pytest.mark.parametrize(
    ("code", "value", "sentence"),
    [
        ("import no_such_module", "broken:FORMAT", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("", "broken:FORMAT", "AttributeError: module 'broken' has no attribute 'FORMAT'"),
        ("raise SystemExit(7)", "broken:FORMAT", "SystemExit: 7"),
        ("FORMAT = 1", "broken:FORMAT", "it is a int, expected a Format"),
        ("FORMAT = Format", "broken:FORMAT", "it is a type, expected a Format"),
        ("FORMAT = Format('atom', 'Atom', 'text/plain', write)", "broken:FORMAT", "`atom` is taken by feeds itself"),
        ("FORMAT = Format('A B', 'Atom', 'text/plain', write)", "broken:FORMAT", "the name `A B` is no name"),
        ("FORMAT = Format('css', 'Atom', 'text/plain', write)", "broken:FORMAT", "files ending in .css"),
        ("FORMAT = Format('a', 'Atom', 'text/plain', 7)", "broken:FORMAT", "its `write` is a int, expected a function"),
        ("FORMAT = Format('a', 'A', 'text/plain', 'broken:no')", "broken:FORMAT", "has no attribute 'no'"),
    ],
)
def test_a_plugin_that_is_not_usable_is_named(
    plug_in: Callable[..., None], code: str, value: str, sentence: str
) -> None:
    plug_in("broken", GOPHER + code, {"feeds.formats": {"x": value}})
    with pytest.raises(ConfigError) as error:
        registry.formats()
    (problem,) = error.value.problems
    assert problem.startswith(f"the plugin `{value}` of broken 1.0 (feeds.formats) is not usable: ")
    assert sentence in problem


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("'a', 'An a.', '*/*', '{x: [', parse=parse", "its example `{x: [` is no YAML"),
        ("'a', 'An a.', '*/*', 'x', value='command', parse=parse", "its `value` is `command`"),
        ("'env', 'An a.', '*/*', 'x', parse=parse", "the name `env` is that of a setting"),
    ],
)
def test_a_kind_of_source_that_is_not_usable_is_named(plug_in: Callable[..., None], row: str, sentence: str) -> None:
    code = f"from feeds.registry import SourceKind\ndef parse(fetched, source): ...\nSOURCE = SourceKind({row})\n"
    plug_in("broken", code, {"feeds.sources": {"x": "broken:SOURCE"}})
    with pytest.raises(ConfigError) as error:
        registry.formats()
    assert sentence in error.value.problems[0]


def test_a_name_is_taken_once(plug_in: Callable[..., None]) -> None:
    for name in ("gopher_two", "gopher_three"):
        plug_in(name, GOPHER + GOPHER_ROW, {"feeds.formats": {"gopher": f"{name}:FORMAT"}})
    with pytest.raises(ConfigError, match=r"`gopher_two:FORMAT` of .* taken by gopher_three 1\.0 already"):
        registry.formats()
