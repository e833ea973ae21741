"""The templates and assets of pages, by name: those of the operator's theme, else ours."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, PrefixLoader, StrictUndefined
from jinja2.exceptions import TemplateSyntaxError

from ...errors import PublishError
from ...model import Site, Theme
from .. import formatting

MAX_WRITTEN = 2_000  # stories, of about 1 kB


def render_template(name: str, site: Site, values: Mapping[str, object]) -> bytes:
    """Return a page: the template with these values, escaped. Raise PublishError where the theme has a fault."""
    try:
        return load_environment(site.theme).get_template(name).render(values, site=site).encode()
    except Exception as error:
        place = _find_place(error, site.theme)
        if place is None:
            raise
        remedy = "correct it there, or take the file out of the theme"
        raise PublishError(f"{place}: {type(error).__name__}: {error}; {remedy}") from error


@lru_cache(maxsize=2)
def load_environment(theme: Theme | None) -> Environment:
    """Return the templates; those of the theme may extend and include ours as `feeds/NAME`."""
    ours = PackageLoader("feeds.render.html")
    own = [FileSystemLoader(theme.folder)] if theme else []
    environment = Environment(
        loader=ChoiceLoader([*own, ours, PrefixLoader({"feeds": ours})]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["rfc3339"] = formatting.format_rfc3339
    environment.globals["write_once"] = StoryWriter()
    return environment


class StoryWriter:
    """Calls the macro for a story of a list, once: pages hold mostly what they, or other ones, held before.

    `written` are at most `MAX_WRITTEN` stories, by all that they follow from.
    """

    def __init__(self) -> None:
        self.written: dict[tuple[Hashable, ...], str] = {}

    def __call__(
        self, macro: Callable[..., str], item: Hashable, words: Mapping[str, str], direction: str, is_lead: object
    ) -> str:
        """Return the story, with this item and the other arguments of the macro."""
        key = (macro, item, id(words), direction, bool(is_lead))  # there is one object with words for each language
        if key not in self.written:
            if len(self.written) == MAX_WRITTEN:
                self.written.clear()
            self.written[key] = macro(item, words, direction, is_lead)
        return self.written[key]


def _find_place(error: Exception, theme: Theme | None) -> str | None:
    """Return the file and line of a theme where an error was raised; None for an error of ours."""
    if theme is None:
        return None
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, TemplateSyntaxError):
        frames.append((error.filename or "", error.lineno))
    places = [f"{name}:{line}" for name, line in frames if name.startswith(f"{theme.folder}/")]
    return places[-1] if places else None
