"""`preview`: what would be pulled, or what a feed would hold. Nothing is stored, and no configuration is needed."""

from __future__ import annotations

import sys
from typing import Literal

import click

from .common import common_options, json_option, loudness, print_json, print_lines, start_logging
from .looking import Look, looks


class Header(click.ParamType[tuple[str, str]]):
    """`Name: value`."""

    name = "header"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Name in lower case, and value."""
        name, colon, said = str(value).partition(":")
        if not colon or not name.strip():
            self.fail(f"{value!r} is no header; write 'Name: value'", param, ctx)
        return name.strip().lower(), said.strip()


@click.command()
@click.argument("places", nargs=-1, metavar="URL|SOURCE-ID|PATH...")
@click.option("--url", help="Where the files came from: makes their relative addresses absolute.")
@click.option(
    "--header",
    "headers",
    type=Header(),
    multiple=True,
    metavar="'K: V'",
    help="A header that came with the files, or that is sent to the addresses.",
)
@click.option("--as", "read_as", type=click.Choice(["story", "list", "feed"]), help="What is there.")
@click.option("--allow-private", is_flag=True, help="Ask addresses inside this network too.")
@click.option("--feed", "feed_id", metavar="ID", help="Show the articles that a feed of ours would hold.")
@click.option("--steps", is_flag=True, help="With --feed: which articles each of its steps drops.")
@json_option
@common_options
@click.pass_context
def preview(
    ctx: click.Context,
    places: tuple[str, ...],
    url: str | None,
    headers: tuple[tuple[str, str], ...],
    read_as: Literal["story", "list", "feed"] | None,
    allow_private: bool,
    feed_id: str | None,
    steps: bool,
    as_json: bool,
) -> None:
    """Show what would be pulled from addresses, sources or files, or with --feed what a feed would hold.

    Nothing is stored. With --json one place is printed as a JSON Feed, several as an array of them.
    """
    start_logging(ctx)
    if bool(places) == bool(feed_id) or (steps and not feed_id):
        raise click.UsageError("say what to look at: addresses, sources or files, or --feed ID [--steps]")
    if feed_id:
        from .selection import show  # the database is read for nothing else

        show(ctx, feed_id, steps, as_json)
        return
    seen, mask = looks(ctx, places, Look(url, dict(headers), read_as, allow_private))
    if as_json:
        print_json(seen[0] if len(seen) == 1 else seen, mask)
    else:
        from .described import described

        for place, one in zip(places, seen, strict=True):
            print_lines([*described(place, one, found=loudness(ctx) > 0), ""], mask)
    if any("error" in one for one in seen):
        sys.exit(1)
