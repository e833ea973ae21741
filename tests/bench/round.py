"""What a polling round costs in CPU seconds per 1,000 feeds: python tests/bench/round.py [--feeds N] [--peer PYTHON] …

Generated feeds of about 51 kB with 25 entries, served by nginx on loopback, pulled by `feeds run --all` as a whole
process into 21 feeds. Four rounds: everything new; nothing new (304); 5 % changed; nothing new and no validators. What
a run of one source costs (interpreter, imports) is taken off. It is shown beside, as are a run with nothing due, and
reading the same documents with lxml and cleaning their HTML with nh3, which tells a slow machine from a slow program.

With --peer, an interpreter that has the library `reader` (3.26 is what the targets were made with), `reader` pulls the
same feeds in the same rounds, and each cost is given as a share of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from xml.sax.saxutils import escape

import nh3
from lxml import etree

ENTRIES = 25
GROUPS = 20  # published feeds beside the one that holds everything
START = datetime(2026, 3, 2, 12, tzinfo=UTC)
WORDS = (
    *("about", "after", "again", "against", "river", "council", "morning", "figures", "station", "report", "minister"),
    *("evening", "harbour", "weather", "city", "market", "energy", "growth", "school", "players", "season", "library"),
)
# Round → the largest share of the peer's cost that it should have; without validators, of the peer's cold round.
TARGETS = {"cold": 0.125, "304": 0.22, "5 % changed": 0.18, "no validators": 0.03}
PEER = """
import sys
from reader import make_reader
reader = make_reader(sys.argv[1])
for number in range(int(sys.argv[3])):
    reader.add_feed(f"{sys.argv[2]}/{number}", exist_ok=True)
reader.update_feeds(scheduled=False, workers=8)
"""

NGINX = """
daemon off; pid {home}/nginx.pid; error_log {home}/error.log; worker_processes 1;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000; default_type application/rss+xml; types {{ }}
  client_body_temp_path {home}; proxy_temp_path {home}; fastcgi_temp_path {home}; uwsgi_temp_path {home};
  scgi_temp_path {home};
  server {{ {listen} root {home}/www; gzip on; gzip_comp_level 1; gzip_types application/rss+xml; {validators} }}
}}
"""
NO_VALIDATORS = "etag off; if_modified_since off; add_header Last-Modified '';"


# ── the feeds ───────────────────────────────────────────────────────────────────────────────────────────────────────


def text(dice: random.Random, words: int) -> str:
    """Some words."""
    return " ".join(dice.choices(WORDS, k=words))


def body(dice: random.Random) -> str:
    """About 1.6 kB of HTML as blogs write it."""
    image = f'<p><img src="/images/{dice.randrange(9999)}.jpg" alt="{text(dice, 3)}" width="640" height="480"></p>'
    quoted = (
        f"<blockquote><p>{text(dice, 20)}</p></blockquote><ul><li>{text(dice, 4)}</li><li>{text(dice, 4)}</li></ul>"
    )
    paragraphs = "".join(
        f'<p>{text(dice, 16)} <a href="/{dice.randrange(9999)}">{text(dice, 3)}</a> <em>{text(dice, 2)}</em> é</p>'
        for _ in range(6)
    )
    return image + paragraphs + quoted


def entry(number: int, item: int) -> str:
    """One entry, always the same for the same numbers."""
    dice = random.Random(number * 1000 + item)
    when = format_datetime(START - timedelta(hours=item, seconds=number), usegmt=True)
    link = f"https://site{number}.example/{item}"
    return (
        f"<item><title>{text(dice, 7)}</title><link>{link}</link><guid>{link}</guid><pubDate>{when}</pubDate>"
        f"<dc:creator>{text(dice, 2)}</dc:creator><category>{text(dice, 1)}</category>"
        f"<description>{escape(body(dice))}</description></item>"
    )


def document(number: int, first: int = 0) -> str:
    """One feed of 25 entries; a higher `first` has newer entries."""
    entries = "\n".join(entry(number, item) for item in range(-first, ENTRIES - first))
    head = f"<title>Site {number}</title><link>https://site{number}.example/</link><description>News</description>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<channel>{head}\n{entries}\n</channel></rss>"
    )


def yardstick(feeds: int) -> float:
    """CPU seconds to read so many of the feeds with lxml and clean their HTML with nh3, and nothing else."""
    documents = [document(number).encode() for number in range(feeds)]
    cleaner, began = nh3.Cleaner(), time.process_time()
    for text in documents:
        for description in etree.fromstring(text).iter("description"):
            cleaner.clean(description.text or "")
    return time.process_time() - began


# ── the installation ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Installation:
    """A folder with generated feeds, their server's port, and the YAML that pulls them."""

    home: Path
    port: int
    hosts: Sequence[str]

    def serve(self, validators: bool = True) -> None:
        """Write the server's configuration."""
        listen = "".join(f"listen {host}:{self.port};" for host in self.hosts)
        text = NGINX.format(home=self.home, listen=listen, validators="" if validators else NO_VALIDATORS)
        (self.home / "nginx.conf").write_text(text, encoding="utf-8")

    def write(self, feeds: int, first: int = 0, every: int = 1) -> None:
        """Write every so-many-th of the feeds."""
        folder = self.home / "www"
        folder.mkdir(exist_ok=True)
        for number in range(0, feeds, every):
            (folder / str(number)).write_text(document(number, first), encoding="utf-8")

    def declare(self, feeds: int) -> None:
        """Write the YAML; JSON is YAML."""
        sources = {
            f"s{n}": {"feed": f"http://{self.hosts[n % len(self.hosts)]}:{self.port}/{n}", "tags": [f"g{n % GROUPS}"]}
            for n in range(feeds)
        }
        published = {f"g{n}": {"title": f"Group {n}", "tags": [f"g{n}"]} for n in range(GROUPS)}
        tree = {
            "site": {"title": "Bench", "url": "https://wire.example.org/"},
            "data": "data",
            "public": "public",
            "hosts": {"gap": "0s", "at_once": 64},
            "defaults": {"allow_private": ["127.0.0.0/8"]},
            "sources": sources,
            "feeds": {"all": {"title": "Everything"}, **published},
        }
        (self.home / "feeds.yaml").write_text(json.dumps(tree), encoding="utf-8")

    def run(self, *arguments: str) -> tuple[float, dict[str, object]]:
        """CPU seconds of `feeds run` with all its children, and what it reports."""
        out = self.home / "out.json"
        command = [
            sys.executable,
            "-m",
            "feeds",
            "run",
            "--json",
            "--config",
            str(self.home / "feeds.yaml"),
            *arguments,
        ]
        cpu = self.measure(command, out)
        return cpu, json.loads(out.read_bytes())

    def run_peer(self, python: str, feeds: int) -> float:
        """CPU seconds of the peer for a round of so many feeds."""
        store, address = str(self.home / "peer.sqlite"), f"http://{self.hosts[0]}:{self.port}"
        return self.measure([python, "-c", PEER, store, address, str(feeds)], self.home / "peer.out")

    def measure(self, command: Sequence[str], out: Path) -> float:
        """CPU seconds of a command and its children."""
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        env["PYTHONPYCACHEPREFIX"] = str(self.home / "bytecode")
        with out.open("wb") as stream:
            process = subprocess.Popen(command, stdout=stream, cwd=Path(__file__).parents[2], env=env)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{command} ended with {process.returncode}")
        return usage.ru_utime + usage.ru_stime

    def forget(self) -> None:
        """Back to the beginning."""
        for name in ("data", "public"):
            shutil.rmtree(self.home / name, ignore_errors=True)
        (self.home / "peer.sqlite").unlink(missing_ok=True)


@contextmanager
def serving(place: Installation, validators: bool = True) -> Iterator[None]:
    """nginx, while inside."""
    place.serve(validators)
    process = subprocess.Popen(
        ["nginx", "-p", str(place.home), "-c", str(place.home / "nginx.conf"), "-e", "error.log"]
    )
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex((place.hosts[0], place.port)) == 0:
                    break
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def rounds(place: Installation, feeds: int) -> Iterator[tuple[str, float, dict[str, object]]]:
    """Name, CPU seconds and report of each round."""
    place.write(feeds)
    with serving(place):
        place.run("s0")  # compiles what has no bytecode yet
        place.forget()
        yield "cold", *place.run("--all")
        yield "idle", *place.run()
        yield "one", *place.run("s0")
        yield "304", *place.run("--all")
        place.write(feeds, first=1, every=20)
        yield "5 % changed", *place.run("--all")
    with serving(place, validators=False):
        place.run("--all")
        yield "no validators", *place.run("--all")


def peer_rounds(place: Installation, feeds: int, python: str) -> Iterator[tuple[str, float]]:
    """Name and CPU seconds of each round of the peer, less those of one feed."""
    place.write(feeds)
    with serving(place):
        place.run_peer(python, 1)  # compiles what has no bytecode yet
        place.forget()
        first = place.run_peer(python, 1)
        one = place.run_peer(python, 1)
        place.forget()
        yield "cold", place.run_peer(python, feeds) - first
        yield "304", place.run_peer(python, feeds) - one
        place.write(feeds, first=1, every=20)
        yield "5 % changed", place.run_peer(python, feeds) - one


def main() -> None:
    """Print a line for each round: the median of the runs per 1,000 feeds, and its ratio to the target."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--feeds", type=int, default=1000)
    options.add_argument(
        "--hosts", type=int, default=1, help="how many host names the feeds are spread over (up to 250)"
    )
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--peer", metavar="PYTHON", help="an interpreter that has the library `reader`")
    options.add_argument("--home", type=Path, help="keep everything in this folder")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        home = chosen.home or Path(folder)
        home.mkdir(parents=True, exist_ok=True)
        place = Installation(home.resolve(), port, [f"127.0.0.{n + 1}" for n in range(chosen.hosts)])
        place.declare(chosen.feeds)
        seconds: dict[str, list[float]] = {}
        for _ in range(chosen.runs):
            for name, cpu, report in rounds(place, chosen.feeds):
                seconds.setdefault(name, []).append(cpu)
                told = {key: report[key] for key in ("visits", "not_modified", "failures", "articles")}
                print(f"  {name:14}{cpu:7.2f} s  {told}", flush=True)
        peer = dict(peer_rounds(place, chosen.feeds, chosen.peer)) if chosen.peer else {}
    idle, one = statistics.median(seconds.pop("idle")), statistics.median(seconds.pop("one"))
    print(
        f"nothing due {idle:.2f} s; one source {one:.2f} s; lxml and nh3 alone, 1,000 feeds, {yardstick(200) * 5:.2f} s"
    )
    print(f"CPU seconds per 1,000 feeds without those of one source, median of {chosen.runs}:")
    for name, taken in seconds.items():
        cost = statistics.median(taken) - one
        share = f"{cost / peer.get(name, peer['cold']):.3f} of the peer's, target {TARGETS[name]}" if peer else ""
        print(f"  {name:14}{cost * 1000 / chosen.feeds:7.2f}   {share}")
    for name, cost in peer.items():
        print(f"  peer {name:14}{cost * 1000 / chosen.feeds:7.2f}")


if __name__ == "__main__":
    main()
