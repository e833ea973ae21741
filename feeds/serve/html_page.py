"""The pages that the server itself makes: while nothing is published, and where a published one is missing."""

from __future__ import annotations

from html import escape

_TEMPLATE = """<!DOCTYPE html>
<html lang="en" dir="ltr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
<p><a href="{link}">{link_text}</a></p>
</main>
</body>
</html>
"""


def render_page(title: str, text: str, link: str, link_text: str) -> str:
    """Return a page with a sentence and a link; it has no stylesheet, as none may be published."""
    return _TEMPLATE.format(title=escape(title), text=escape(text), link=escape(link), link_text=escape(link_text))
