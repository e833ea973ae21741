"""The pages of the manual on writing a plugin: the sample plugin, and the declarations that it is written against."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.resources import as_file, files
from itertools import takewhile
from pathlib import Path

from .. import model, registry
from .manual import Heading, Listing, ManualBlock, ManualPage, Paragraph, paragraphs

INTRODUCTION = """
A plugin is a Python package with an entry point in the group `{group}`, whose object is a row of `feeds.registry`. Once
it is installed into the environment of `feeds`, the configuration, its schema, this manual, `feeds init`, the pages and
the server know its kind. A plugin that cannot be loaded, or whose name is taken, is named, and stops the start.

Below are the files of a plugin that the tests of `feeds` install and use, then what it is written against.
"""
INSTALL = """\
pip install ./sample-plugin           # into the environment of feeds
pipx inject feeds ./sample-plugin     # the same, where pipx installed it
{proof}
"""


@dataclass(frozen=True, slots=True)
class PluginTopic:
    """What a page is about: the group of its entry points, the sample's files, and the types it is written against."""

    name: str
    noun: str
    group: str
    samples: tuple[str, ...]
    declarations: tuple[type, ...]
    proof: str  # a command that shows the kind of the sample
    use: str


TOPICS = (
    PluginTopic(
        "source",
        "a kind of source",
        "feeds.sources",
        ("gemlog_source.py",),
        (
            registry.SourceKind,
            model.Fetched,
            model.Source,
            model.Parsed,
            model.Channel,
            model.Story,
            model.Text,
            model.Link,
        ),
        "feeds schema | grep gemlog",
        "sources:\n  log: {gemlog: example.org/log/}\n",
    ),
    PluginTopic(
        "step",
        "a step",
        "feeds.steps",
        ("replace_step.py", "merge_step.py"),
        (registry.StepKind, model.ArticleStep, model.FeedStep, model.StepContext, model.Pattern, model.Article),
        "feeds schema | grep replace",
        "feeds:\n  all:\n    steps:\n      - replace: {word: colour, by: color}\n      - merge: 50\n",
    ),
    PluginTopic(
        "format",
        "a format",
        "feeds.formats",
        ("csv_format.py",),
        (registry.Format, model.Edition, model.Feed, model.Site, model.Article, model.Frame),
        "feeds publish                         # writes the files of the new format",
        "feeds:\n  all:                  # is published as public/all.csv, too\n",
    ),
)


def plugin_pages() -> dict[str, Callable[[], ManualPage]]:
    """Return what makes each page, by its name."""
    return {topic.name: partial(make_plugin_page, topic) for topic in TOPICS}


def make_plugin_page(topic: PluginTopic) -> ManualPage:
    """Return the page on writing one kind of plugin."""
    with as_file(files("feeds")) as package:
        in_wheel = package / "sample" / "plugin"
        folder = in_wheel if in_wheel.is_dir() else package.parent / "tests" / "data" / "plugin"
        return ManualPage(f"feeds-{topic.name}", 7, f"writing {topic.noun}", tuple(_blocks(topic, folder)))


def _blocks(topic: PluginTopic, folder: Path) -> Iterator[ManualBlock]:
    yield Heading("DESCRIPTION")
    yield from paragraphs(INTRODUCTION.format(group=topic.group))
    yield Heading("FILES OF THE SAMPLE")
    for path in (folder / "pyproject.toml", *(folder / "sample_plugin" / name for name in topic.samples)):
        yield Heading(str(path.relative_to(folder)), 2)
        yield Listing(path.read_text(encoding="utf-8"))
    yield Heading("INSTALLATION")
    yield Listing(INSTALL.format(proof=topic.proof))
    yield Paragraph("In the configuration:")
    yield Listing(topic.use)
    yield Paragraph("`feeds check` tells what is wrong with it, `feeds preview` shows what it does.")
    yield Heading("DECLARATIONS")
    for declaration in topic.declarations:
        yield Heading(f"{declaration.__module__}.{declaration.__name__}", 2)
        yield Listing(_declare(declaration))


def _declare(declaration: type) -> str:
    """Return the source of a type as far as a plugin needs it: of a record without its methods."""
    lines = inspect.getsource(declaration).splitlines()
    if not getattr(declaration, "_is_protocol", False):
        lines = list(takewhile(lambda line: not line.startswith(("    def ", "    @")), lines))
    return "\n".join(lines).rstrip() + "\n"
