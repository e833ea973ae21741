"""The templates of pages, by name."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from .. import formatting


def render_template(name: str, values: dict[str, object]) -> bytes:
    """Return a page: the template with these values, escaped."""
    return _load_environment().get_template(name).render(values).encode()


@cache
def _load_environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("feeds.render.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["rfc3339"] = formatting.format_rfc3339
    return environment
