"""The HTML of the pages that the server itself makes: one template, and the addresses of what it names."""

from __future__ import annotations

from html import escape

STYLESHEET_PATH = "/assets/listing.css"
ICON_PATH = "/favicon.ico"

_TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{icon}">
<link rel="stylesheet" href="{stylesheet}">
{links}
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
{content}
</main>
</body>
</html>
"""


def render_page(title: str, text: str, content: str, *, links: str = "", base_path: str = "") -> str:
    """Return a page; `content` and `links` (for the head) are HTML.

    `base_path` stands before the addresses of icon and stylesheet; a page in the public folder itself needs none.
    """
    return _TEMPLATE.format(
        title=escape(title),
        text=escape(text),
        content=content,
        links=links,
        icon=escape(base_path + ICON_PATH.removeprefix("/")),
        stylesheet=escape(base_path + STYLESHEET_PATH.removeprefix("/")),
    )
