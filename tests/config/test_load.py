"""Loading: what is refused and where, the records that are made, and their fingerprints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.codings import find_codings
from feeds.config import find_path, load, mask_secrets, yaml_reader
from feeds.config.fingerprint import _to_json
from feeds.config.load import parse_config
from feeds.config.patterns import Regexp, compile_words
from feeds.config.yaml_reader import MAX_BYTES
from feeds.errors import ConfigError
from feeds.model import Cron, Interval, Kind
from feeds.networks import PRIVATE_NETWORKS
from feeds.steps import Condition, Drop, Keep, Limit

CASES = Path(__file__).parent.parent / "data" / "config"
SITE = "site: {title: A, url: http://localhost/}\n"


# ── what is refused ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", sorted(CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_S23_S14_E12_every_mistake_is_told_with_its_place(problems_of, path: Path) -> None:
    marker = "# expect: "
    lines = path.read_text(encoding="utf-8").splitlines()
    expected = [line.removeprefix(marker) for line in lines if line.startswith(marker)]
    problems = problems_of(path, {"TOKEN": "s3cret-token", "TITLE": "A"})
    patterns = [".+".join(re.escape(part) for part in line.split("<reason>")) for line in expected]  # a library's words
    messages = [problem.replace(str(CASES), "FOLDER") for problem in problems]
    assert len(messages) == len(patterns) and all(map(re.fullmatch, patterns, messages)), messages


@pytest.mark.parametrize("name", ["gzip", "br", "zstd"])
def test_a_coding_whose_library_is_missing_is_refused(problems_of, tmp_path: Path, name: str) -> None:
    path = tmp_path / "feeds.yaml"
    path.write_text(f"site: {{title: A, url: http://localhost/, compress: {name}}}\n", encoding="utf-8")
    if any(coding.name == name for coding in find_codings()):
        assert load(path, {}).site.compress == (name,)
    else:
        (problem,) = problems_of(path)
        assert f"`{name}` takes a library that is missing: install feeds[speed]" in problem


def test_ten_mistakes_are_ten_messages_each_with_its_place(problems_of) -> None:
    problems = problems_of(CASES / "ten.yaml")
    assert len(problems) == 10
    places = [tuple(int(number) for number in problem.split(":")[:2]) for problem in problems]
    assert places == sorted(set(places))


BINARY = {
    "nul": (b"site: a\n  b\0c\n", "2:4: the character U+0000 cannot stand in YAML"),
    "control": (b"site: \x1b[31m\n", "1:7: the character U+001B cannot stand in YAML"),
    "latin-1": (b"site:\n  title: caf\xe9\n", "2:13: the byte 0xe9 is not UTF-8 text"),
    "utf-16": ("site: {}\n".encode("utf-16"), "1:1: the byte 0xff is not UTF-8 text"),
    "image": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "1:1: the byte 0x89 is not UTF-8 text"),
    "nothing": (b"", "1:1: the file is empty"),
    "marker": (b"\xef\xbb\xbf---\n", "1:1: the file is empty"),
    "large": (b"#" * (MAX_BYTES + 1), f"1:1: the file has {MAX_BYTES + 1} bytes"),
    "brackets": (b"[" * 200_000, "1:41: this is more than 40 levels deep"),
    "brackets of both kinds": (b"[{" * 100_000, "1:41: this is more than 40 levels deep"),
    "quoted brackets": (b'site: "' + b"[" * 2_000, "1:2008: a quoted value is not closed"),
    "braces": (b"{a: " * 100_000, "1:161: this is more than 40 levels deep"),
    "dashes": (b"- " * 100_000, "1:81: this is more than 40 levels deep"),
}


@pytest.mark.parametrize(("data", "expected"), BINARY.values(), ids=BINARY)
def test_S23_what_is_no_configuration_is_refused(problems_of, write, data: bytes, expected: str) -> None:
    (problem,) = problems_of(write(data))
    assert problem.startswith(expected)


def test_S23_a_byte_order_mark_and_windows_line_ends_are_fine(write) -> None:
    text = b"\xef\xbb\xbf" + (SITE + "sources:\n  a: https://example.org/\n").replace("\n", "\r\n").encode()
    assert load(write(text), {}).sources["a"].address == "https://example.org/"


@given(st.text(alphabet=" \t\n\r\x85\u2028\ufeff:-{}[]&*!|>'\"#%@`abcä😀$~,?\\", max_size=60))
def test_S23_any_text_is_a_configuration_or_a_problem(text: str) -> None:
    path = Path("any.yaml")
    try:
        parse_config(text.encode(), path, {})
    except ConfigError as error:
        assert all(problem.startswith("any.yaml:") for problem in error.problems)


def test_a_file_that_is_not_there(problems_of, tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path / "feeds.yaml")
    assert "No such file" in problem
    assert "feeds init" in problem


# ── sources ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_kind_of_source(source, tmp_path: Path) -> None:
    here = tmp_path / "config"
    kinds = {
        "https://example.org/": (Kind.ANY, "https://example.org/", None),
        "{feed: https://example.org/rss}": (Kind.FEED, "https://example.org/rss", None),
        "{feed: old/feed.xml}": (Kind.FEED, "feed.xml", here / "old"),
        "{feed: ../feed.xml}": (Kind.FEED, "feed.xml", tmp_path),
        "{feed: /srv/feed.xml}": (Kind.FEED, "feed.xml", Path("/srv")),
        "{page: https://example.org/news}": (Kind.PAGE, "https://example.org/news", None),
        "{sitemap: https://example.org/sitemap.xml}": (Kind.SITEMAP, "https://example.org/sitemap.xml", None),
        "{files: stories/*.md}": (Kind.FILES, "*.md", here / "stories"),
        '{files: "*.md"}': (Kind.FILES, "*.md", here),
        "{files: ../a/**/*.html}": (Kind.FILES, "**/*.html", tmp_path / "a"),
        "{files: '/srv/[ab]/x.md'}": (Kind.FILES, "[ab]/x.md", Path("/srv")),
        "{files: stories/hello.md}": (Kind.FILES, "hello.md", here / "stories"),
        "{files: ~/stories/*.md}": (Kind.FILES, "*.md", Path("/home/me/stories")),
        "{opml: https://example.org/list.opml}": (Kind.OPML, "https://example.org/list.opml", None),
        "{opml: list.opml}": (Kind.OPML, "list.opml", here),
    }
    for said, expected in kinds.items():
        made = source(said, HOME="/home/me")
        assert (made.kind, made.address, made.root) == expected, said


def test_every_setting_of_a_source(source) -> None:
    made = source(
        """
    page: https://example.org/
    every: {auto: [15m, 24h]}
    tags: [World, 2026]
    was: [old, friends/old]
    full_text: true
    as: list
    stories: article h2 a
    content: "//article"
    include: /2026/
    exclude: "(?i)sponsored"
    headers: {X-Key: "12"}
    auth: {basic: [me, 012345]}
    private: true
    proxy: http://localhost:3128/
    timeout: 1m
    max_bytes: 500kB
    max_items: 20
    allow_private: 10.0.0.0/8
    language: pt-BR
    timezone: Europe/Berlin
    enabled: false
    steps: [{keep: {title: [rain, snow], author: me}}, {drop: ads}, limit, {limit: 5}, {limit: {hours: 3}}]
"""
    )
    assert made.schedule == Interval(900, 86_400)
    assert (made.tags, made.was, made.full_text, made.read_as) == (
        ("World", "2026"),
        ("old", "friends/old"),
        True,
        "list",
    )
    assert made.selectors == {"stories": "article h2 a", "content": "//article"}
    assert (made.include, made.exclude) == (Regexp("/2026/"), Regexp("(?i)sponsored"))
    assert (made.headers, made.basic_auth) == ((("X-Key", "12"),), ("me", "012345"))
    assert (made.private, made.proxy, made.timeout) == (True, "http://localhost:3128/", 60)
    assert (made.max_bytes, made.max_items, made.allow_private) == (500_000, 20, ("10.0.0.0/8",))
    assert (made.language, made.timezone, made.enabled) == ("pt-BR", "Europe/Berlin", False)
    words = compile_words(["rain", "snow"])
    assert made.steps == (
        Keep((Condition("title", words), Condition("author", Regexp("me")))),
        Drop((Condition("any", Regexp("ads")),)),
        Limit(),
        Limit(5),
        Limit(50, 3),
    )


def test_values_are_what_was_written(source) -> None:
    """YAML 1.2: `on`, `yes`, `12:30` and `012` are no switches, times or octal numbers."""
    made = source("{feed: https://example.org/, tags: [on, yes, 12:30, 012, 0x1F, 1_000]}")
    assert made.tags == ("on", "yes", "12:30", "012", "0x1F", "1_000")
    assert [source(f"{{feed: https://example.org/, max_items: {n}}}").max_items for n in ("012", "0o14", "0xC")] == [
        12
    ] * 3


def test_defaults_stand_under_each_source(source) -> None:
    defaults = "{every: 2h, tags: [a], timeout: 10s, headers: {X-A: b}}"
    made = source("{feed: https://example.org/, tags: [b], timeout: }", defaults)
    assert (made.schedule, made.tags, made.timeout, made.headers) == (Interval(7200), ("b",), 10, (("X-A", "b"),))
    assert source("https://example.org/", defaults).tags == ("a",)


def test_every_and_cron_are_one_setting(source) -> None:
    feed = "feed: https://example.org/"
    assert source(f"{{{feed}, cron: '@daily'}}", "{every: 2h}").schedule == Cron("0 0 * * *", "UTC")
    assert source(f"{{{feed}, every: 3h}}", "{cron: '0 6 * * mon-fri'}").schedule == Interval(10_800)
    assert source(f"{{{feed}}}", "{cron: '0 6 * * mon-fri'}").schedule == Cron("0 6 * * mon-fri", "UTC")


def test_E12_our_own_files_and_machines_may_be_asked_at_any_interval(source) -> None:
    for said in ("feed: http://127.0.0.9:8000/", "feed: 'http://[::1]/'", "feed: http://localhost/", "files: '*.md'"):
        assert source(f"{{{said}, every: 1s}}").schedule == Interval(1)
    assert source("{files: '*.md'}").schedule == Interval(60)
    assert source("{files: '*.md'}", "{every: 2h}").schedule == Interval(7200)
    assert source("https://example.org/").schedule == Interval(3600)


def test_cron_is_read_in_the_time_zone_of_the_site(write) -> None:
    text = "site: {title: A, url: http://localhost/, timezone: Asia/Tokyo}\n"
    path = write(text + "sources:\n  a: {feed: https://example.org/, cron: '*/10 7-20 * * mon-fri'}\n")
    assert load(path, {}).sources["a"].schedule == Cron("*/10 7-20 * * mon-fri", "Asia/Tokyo")


# ── values from outside ─────────────────────────────────────────────────────────────────────────────────────────────


def test_values_from_the_environment_and_from_files(write, tmp_path: Path) -> None:
    path = write(
        SITE.replace("A,", "'${NAME:-Mine} $${NAME}',")
        + """sources:
  a:
    feed: https://example.org/?t=${TOKEN}
    max_items: ${ITEMS:-7}
    full_text: ${FULL}
    proxy: ${PROXY:-}
    auth: {basic: [me, "${file:${WHERE}/pw}"]}
"""
    )
    (tmp_path / "pw").write_text("x\n", encoding="utf-8")
    config = load(path, {"TOKEN": "a+b/c", "FULL": "true", "WHERE": str(tmp_path)})
    made = config.sources["a"]
    assert config.site.title == "Mine ${NAME}"
    assert (made.address, made.max_items, made.full_text, made.proxy) == ("https://example.org/?t=a+b/c", 7, True, None)
    assert made.basic_auth == ("me", "x")
    assert {"a+b/c", "x"} <= config.secrets
    assert mask_secrets("GET /?t=a+b/c and /?t=a%2Bb%2Fc", config) == "GET /?t=*** and /?t=***"


def test_S13_a_secret_that_a_long_message_cuts_stays_out_of_it(problems_of, write) -> None:
    text = SITE + "sources:\n  a: {feed: 'gopher://example.org/${TOKEN}'}\n"
    (problem,) = problems_of(write(text), {"TOKEN": "0123456789" * 20})
    assert "***…" in problem
    assert "012" not in problem


def test_what_is_published_or_too_short_is_not_masked(load_text) -> None:
    config = load_text(
        "sources:\n  a: {feed: 'https://example.org/', language: '${L}'}\ndata: ${DATA}\n", L="en", DATA="/srv/data"
    )
    assert config.secrets == frozenset()
    assert mask_secrets("en /srv/data", config) == "en /srv/data"


def test_S13_a_secret_stays_out_of_the_messages(problems_of, write) -> None:
    text = SITE + "sources:\n  a: {feed: '${URL}', auth: {bearer: '${PW}'}}\n"
    env = {"URL": "gopher://user:hunter2@host", "PW": "häß\nlich"}
    problems = "\n".join(problems_of(write(text), env))
    assert "hunter2" not in problems
    assert "lich" not in problems


@pytest.mark.parametrize(
    ("value", "networks"),
    [
        ("true", PRIVATE_NETWORKS),
        ('"true"', PRIVATE_NETWORKS),
        ("false", ()),
        ("10.0.0.0/8", ("10.0.0.0/8",)),
        ('["10.0.0.0/8", "[::1]:80"]', ("10.0.0.0/8", "[::1]:80")),
        ("[]", ()),
    ],
)
def test_D7_private_networks_are_allowed_one_by_one_or_together(
    load_text, value: str, networks: tuple[str, ...]
) -> None:
    text = f"defaults: {{allow_private: true}}\nsources:\n  a: {{feed: 'https://a.example/', allow_private: {value}}}\n"
    assert load_text(text).sources["a"].allow_private == networks


@pytest.mark.parametrize("value", ["[true]", "yes", "{a: b}", "[[10.0.0.0/8]]", "all"])
def test_D7_other_words_for_networks_are_refused(problems_of, write, value: str) -> None:
    (problem,) = problems_of(write(f"{SITE}defaults: {{allow_private: {value}}}\n"), {})
    assert "no network, expected such as 10.0.0.0/8" in problem or "no list of networks, expected true" in problem


def test_S13_the_address_of_a_service_is_secret(problems_of, load_text, write) -> None:
    config = load_text("defaults: {proxy: '${PROXY}'}\n", PROXY="http://me:hunter2-long@p.example:3128")
    assert "hunter2" not in mask_secrets("cannot reach http://me:hunter2-long@p.example:3128", config)
    assert any("hunter2-long" in secret for secret in config.searched_secrets)
    (problem,) = problems_of(write(SITE + "on_publish: 'gopher://${HOOK}'\n"), {"HOOK": "hook.example/hunter2"})
    assert "hunter2" not in problem


# ── the whole ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_paths_are_relative_to_the_file_and_the_state_directory_wins(write, tmp_path: Path) -> None:
    path = write(SITE + "data: ../store\n")
    assert load(path, {}).data == tmp_path / "store"
    assert load(path, {}).public == tmp_path / "public"
    assert load(path, {"STATE_DIRECTORY": f"{tmp_path}/state:/elsewhere"}).data == tmp_path / "state"


def test_site_server_and_hosts(write) -> None:
    path = write(
        """site: {title: " A  wire ", url: "https://example.org/wire", contact: me@example.org, language: de}
server: {listen: 0.0.0.0:80, trusted_proxies: [10.0.0.0/8], allow_private: true}
hosts: {gap: 0s, at_once: 64}
feeds:
  all:
"""
    )
    config = load(path, {})
    assert (config.site.title, config.site.url) == ("A wire", "https://example.org/wire/")
    assert (config.server.listen, config.server.trusted_proxies) == (("0.0.0.0", 80), ("10.0.0.0/8",))
    assert config.server.allow_private == PRIVATE_NETWORKS
    assert (config.hosts.gap, config.hosts.at_once) == (0, 64)
    assert config.feeds["all"].title == "all"
    assert config.path == path


def test_the_address_of_the_site_is_ascii(write) -> None:
    url = load(write("site: {title: A, url: 'https://münchen.example:8443/größe/a%20b//'}\n"), {}).site.url
    assert url == "https://xn--mnchen-3ya.example:8443/gr%C3%B6%C3%9Fe/a%20b/"


def test_a_feed_may_take_one_member_of_a_list(load_text) -> None:
    config = load_text("sources:\n  friends: {opml: list.opml}\nfeeds:\n  a: {sources: friends/ann, was: b}\n")
    assert (config.feeds["a"].sources, config.feeds["a"].was) == (("friends/ann",), ("b",))


# ── many sources ────────────────────────────────────────────────────────────────────────────────────────────────────


def many_sources(count: int) -> bytes:
    entries = (
        f"  s{number}:\n    feed: https://h{number}.example.org/feed.xml\n    tags: [news, t{number % 9}]\n"
        for number in range(count)
    )
    return f"{SITE}sources:\n{''.join(entries)}feeds:\n  all:\n".encode()


def test_ten_thousand_sources_are_read_in_one_go(write) -> None:
    assert len(load(write(many_sources(10_000)), {}).sources) == 10_000


def test_L1_a_source_more_costs_few_calls() -> None:
    def count_calls(sources: int) -> int:
        data, calls = many_sources(sources), 0

        def count(_frame: object, event: str, _argument: object) -> None:
            nonlocal calls
            calls += event == "call"

        sys.setprofile(count)
        try:
            parse_config(data, Path("feeds.yaml"), {})
        finally:
            sys.setprofile(None)
        return calls

    count_calls(1)  # fills the caches
    assert (count_calls(1100) - count_calls(100)) / 1000 < 110


def test_L1_a_source_more_costs_little_memory() -> None:
    """Bytes at the peak, where text, plain values and records of all sources are there."""

    def measure_peak(sources: int) -> int:
        data = many_sources(sources)
        tracemalloc.start()
        try:
            parse_config(data, Path("feeds.yaml"), {})
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    measure_peak(600)  # fills the caches
    assert (measure_peak(1100) - measure_peak(600)) / 500 < 1700


def test_L1_all_mistakes_are_located_by_one_more_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    read_events = yaml_reader._read_events
    readings: list[str] = []
    monkeypatch.setattr(yaml_reader, "_read_events", lambda text: readings.append(text) or read_events(text))
    good = many_sources(1000)
    parse_config(good, Path("feeds.yaml"), {})
    assert len(readings) == 1
    with pytest.raises(ConfigError) as caught:
        parse_config(good.replace(b"    tags:", b"    tegs:"), Path("feeds.yaml"), {})
    assert len(readings) == 3
    first, *_, last = caught.value.problems
    assert len(caught.value.problems) == 1000
    assert first.startswith("feeds.yaml:5:5: the key `tegs` is unknown") and last.startswith("feeds.yaml:3002:5: ")


LIMITS = {
    "7": Limit(7),
    "{count: 9, hours: 1, at_most: 90, per_source: none, bytes: 1MB}": Limit(9, 1, 90, None, 1_000_000),
    "{per_source: 3}": Limit(per_source=3),
}


@pytest.mark.parametrize("text", LIMITS)
def test_A5_limit_takes_its_ceilings(load_text, text: str) -> None:
    assert load_text(f"feeds:\n  a: {{steps: [{{limit: {text}}}]}}\n").feeds["a"].steps == (LIMITS[text],)


# ── fingerprints ──────────────────────────────────────────────────────────────────────────────────────────────────────

VISIT_CHANGES = [
    "page: https://example.org/b",
    "stories: h2 a",
    "as: list",
    "include: x",
    "headers: {X-A: b}",
    "auth: {bearer: x}",
    "language: de",
    "timezone: Europe/Berlin",
    "full_text: true",
    "max_items: 3",
]


@pytest.mark.parametrize("change", VISIT_CHANGES)
def test_E5_an_edit_that_changes_what_a_visit_yields_changes_the_recipe(source, change: str) -> None:
    address = "" if change.startswith("page") else "page: https://example.org/, "
    assert source(f"{{{address}{change}}}").fingerprint != source("{page: https://example.org/}").fingerprint


@pytest.mark.parametrize("same", ["every: 2h", "was: [old]", "enabled: false", "timeout: 1m", "steps: [limit]"])
def test_E5_other_edits_do_not(source, same: str) -> None:
    assert (
        source(f"{{page: https://example.org/, {same}}}").fingerprint
        == source("{page: https://example.org/}").fingerprint
    )


def test_A5_a_limit_without_ceilings_keeps_the_fingerprint_it_had_before_there_were_any() -> None:
    assert _to_json(Limit(7)) == ["Limit", {"count": 7, "hours": 48}]
    assert _to_json(Limit(7, bytes=1)) == ["Limit", {"count": 7, "hours": 48, "bytes": 1}]


def test_R8_a_feed_has_the_recipe_of_all_that_changes_its_bytes(load_text, write) -> None:
    text = "sources:\n  a: https://example.org/\nfeeds:\n  x: {title: X}\n  y: {sources: [a]}\n"
    before = load_text(text).feeds
    assert load_text(text.replace("https://example.org/", "https://example.org/b")).feeds == before
    assert load_text(text + "hosts: {gap: 2s}\ndata: ../elsewhere\n").feeds == before
    more = load_text(text.replace("sources:\n  a", "sources:\n  b: https://example.org/b\n  a")).feeds
    assert more["x"].fingerprint != before["x"].fingerprint
    assert more["y"].fingerprint == before["y"].fingerprint
    assert load_text(text.replace("title: X", "title: Z")).feeds["x"].fingerprint != before["x"].fingerprint
    assert (
        load_text(text.replace("[a]", "[a], steps: [{drop: '(?i)ad'}]")).feeds["y"].fingerprint
        != before["y"].fingerprint
    )
    site = write(SITE.replace("title: A", "title: B") + text)
    assert load(site, {}).feeds["y"].fingerprint != before["y"].fingerprint


def test_R8_fingerprints_are_those_of_earlier_versions(write) -> None:
    """One that differs makes every source be fetched whole, or every feed be issued, after an upgrade.

    Feeds that name a hub since are issued once.
    """
    text = """sources:
  a: {page: https://example.org/, stories: a, tags: [b], steps: [limit, {limit: 3}, {drop: x}]}
feeds:
  x: {was: y, steps: [limit, {limit: 3}, {limit: {count: 3}}, {keep: {title: [a]}}]}
"""
    config = load(write("site: {title: A, url: http://localhost/, hub: none}\n" + text), {})
    assert config.sources["a"].fingerprint == "08243b8f3844913abebe6d2a8ffbc934"
    assert config.feeds["x"].fingerprint == "14b6ebeb995435ee2628c071d2ab6908"


def test_R8_recipes_are_the_same_in_every_process(write) -> None:
    path = write(SITE + "sources:\n  a: {page: https://example.org/, stories: a, tags: [b, c]}\nfeeds:\n  x:\n")
    program = "import sys, pathlib; from feeds.config import load; c = load(pathlib.Path(sys.argv[1]), {})\n"
    program += "print(c.sources['a'].fingerprint, c.feeds['x'].fingerprint)"
    told = {
        subprocess.run(
            [sys.executable, "-c", program, str(path)],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    config = load(path, {})
    assert told == {f"{config.sources['a'].fingerprint} {config.feeds['x'].fingerprint}\n"}


# ── where the file is ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_file_is_found_in_the_order_of_the_design(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    env = {"HOME": str(tmp_path / "home"), "FEEDS_CONFIG": "named.yaml"}
    assert find_path(Path("given.yaml"), env) == Path("given.yaml")
    assert find_path(None, env) == Path("named.yaml")
    del env["FEEDS_CONFIG"]
    if not Path("/etc/feeds/feeds.yaml").exists():
        with pytest.raises(ConfigError, match="feeds init"):
            find_path(None, env)
    for place in ("home/.config/feeds", "config"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "feeds.yaml").touch()
        assert (tmp_path / find_path(None, env)).samefile(tmp_path / place / "feeds.yaml")
