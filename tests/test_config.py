"""The configuration: what is read, what is refused and where, what is warned of, and sources added in place."""

from __future__ import annotations

import json
import os
import pickle
import re
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.config import add_sources, find, load, masked, schema, warnings
from feeds.config.load import check
from feeds.config.patterns import Regexp, any_of, regexp
from feeds.config.units import allowance, endpoint, seconds, size
from feeds.config.yaml_nodes import MAX_BYTES
from feeds.errors import ConfigError
from feeds.model import Condition, Config, Cron, Drop, Interval, Keep, Kind, Limit, Source

REPOSITORY = Path(__file__).parent.parent
CASES = Path(__file__).parent / "data" / "config"
SAMPLE = REPOSITORY / "config" / "feeds.yaml"
SITE = "site: {title: A, url: http://localhost/}\n"


@pytest.fixture
def write(tmp_path: Path):
    """Writes a YAML file below the temporary folder."""

    def written(text: str | bytes) -> Path:
        path = tmp_path / "config" / "feeds.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


@pytest.fixture
def loaded(write):
    """Loads a YAML text; what it says of the site is put before it."""

    def configuration(text: str, **env: str) -> Config:
        return load(write(SITE + text), env)

    return configuration


@pytest.fixture
def source(loaded):
    """The source that one line of YAML declares."""

    def declared(said: str, defaults: str = "{}", **env: str) -> Source:
        return loaded(f"defaults: {defaults}\nsources:\n  it: {said}\n", **env).sources["it"]

    return declared


def refused(path: Path, env: Mapping[str, str] | None = None) -> list[str]:
    """The problems of a file, without its name."""
    with pytest.raises(ConfigError) as caught:
        load(path, env or {})
    assert all(problem.startswith(f"{path}:") for problem in caught.value.problems)
    return [problem.removeprefix(f"{path}:") for problem in caught.value.problems]


# ── what is refused ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", sorted(CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_S23_S14_E12_every_mistake_is_told_with_its_place(path: Path) -> None:
    marker = "# expect: "
    lines = path.read_text(encoding="utf-8").splitlines()
    expected = [line.removeprefix(marker) for line in lines if line.startswith(marker)]
    told = [problem.replace(str(CASES), "FOLDER") for problem in refused(path, {"TOKEN": "s3cret-token", "TITLE": "A"})]
    wanted = [".+".join(re.escape(part) for part in line.split("<reason>")) for line in expected]
    assert len(told) == len(expected) and all(map(re.fullmatch, wanted, told)), told  # a reason is a library's wording


def test_ten_mistakes_are_ten_messages_each_with_its_place() -> None:
    problems = refused(CASES / "ten.yaml")
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
def test_S23_what_is_no_configuration_is_refused(write, data: bytes, expected: str) -> None:
    (problem,) = refused(write(data))
    assert problem.startswith(expected)


def test_S23_a_byte_order_mark_and_windows_line_ends_are_fine(write) -> None:
    text = b"\xef\xbb\xbf" + (SITE + "sources:\n  a: https://example.org/\n").replace("\n", "\r\n").encode()
    assert load(write(text), {}).sources["a"].address == "https://example.org/"


@given(st.text(alphabet=" \t\n\r\x85\u2028\ufeff:-{}[]&*!|>'\"#%@`abcä😀$~,?\\", max_size=60))
def test_S23_any_text_is_a_configuration_or_a_problem(text: str) -> None:
    path = Path("any.yaml")
    try:
        check(text.encode(), path, {})
    except ConfigError as error:
        assert all(problem.startswith("any.yaml:") for problem in error.problems)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path / "feeds.yaml")
    assert "No such file" in problem
    assert "feeds init" in problem


# ── single values ───────────────────────────────────────────────────────────────────────────────────────────────────

UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}


@given(st.dictionaries(st.sampled_from("wdhms"), st.integers(0, 400), min_size=1))
def test_durations_add_up(parts: dict[str, int]) -> None:
    text = "".join(f"{parts[unit]}{unit}" for unit in UNITS if unit in parts)
    assert seconds(text) == sum(parts[unit] * UNITS[unit] for unit in parts)


@pytest.mark.parametrize("text", ["", "15", "m", "1m1h", "1h 30m", "-1m", "PT15M", "1.m", "1mo", "١m", "1e3s", "11y"])
def test_durations_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        seconds(text)


def test_durations_in_the_words_of_the_design() -> None:
    texts = {"15m": 900, "1h30m": 5400, "2d": 172_800, "1w": 604_800, "30s": 30, "0s": 0, "0": 0, "0.5s": 0.5}
    assert {text: seconds(text) for text in texts} == texts


@given(st.integers(0, 10**6), st.sampled_from([("", 1), ("kB", 10**3), ("MB", 10**6), ("GB", 10**9), ("MiB", 2**20)]))
def test_sizes_multiply(number: int, unit: tuple[str, int]) -> None:
    assert size(f"{number}{unit[0]}") == number * unit[1]


@pytest.mark.parametrize("text", ["", "MB", "15 megabytes", "-1MB", "1TB", "1,5MB", "15mm"])
def test_sizes_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        size(text)


def test_places_to_listen() -> None:
    assert endpoint("127.0.0.1:8080") == ("127.0.0.1", 8080)
    assert endpoint("[::1]:0") == ("::1", 0)
    assert endpoint("localhost:80") == ("localhost", 80)
    for text in ("8080", ":8080", "host", "host:x", "host:65536", "::1:80:", "[::x]:80", "a b:1", "-:1"):
        with pytest.raises(ValueError, match="expected HOST:PORT"):
            endpoint(text)


def test_S1_networks_may_name_one_port() -> None:
    for text in ("10.0.0.0/8", "192.168.1.7", "127.0.0.0/8:8080", "fc00::/7", "[fc00::/7]:80"):
        assert allowance(text) == text
    for text in ("lan", "10.0.0.0/33", "10.0.0.0/8:http", "", "[]"):
        with pytest.raises(ValueError, match="expected such as"):
            allowance(text)


# ── patterns ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_words_are_found_whole_in_any_case_and_script() -> None:
    found = any_of(["Äpfel", "heavy  weather", "C++", "東京", "naïve"])
    for text in ("drei äpfel.", "ÄPFEL", "in Heavy\nWeather today", "why c++?", "今日の東京都は", "so NAÏVE!"):
        assert found.search(text), text
    for text in ("Bratäpfel", "Äpfelmus", "heavy", "C++x", "京都", "naïveté", ""):
        assert not found.search(text), text


def test_S15_patterns_run_in_linear_time_and_know_unicode() -> None:
    assert not regexp("(a+)+$").search("a" * 50_000 + "b")
    assert regexp("(?i)größe").search("Die GRÖSSE und die GRÖßE")
    assert regexp("(b+)").sub(r"<\1>", "äbbé") == "ä<bb>é"
    assert not regexp("x").search("\ud800")


def test_patterns_are_equal_by_their_text_and_travel_between_processes() -> None:
    pattern = regexp("(?i)rain")
    assert pickle.loads(pickle.dumps(pattern)) == pattern == Regexp("(?i)rain")
    assert pickle.loads(pickle.dumps(pattern)).search("RAIN")
    assert hash(pattern) == hash(regexp("(?i)rain"))


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
    words = any_of(["rain", "snow"])
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
    assert masked("GET /?t=a+b/c and /?t=a%2Bb%2Fc", config) == "GET /?t=*** and /?t=***"


def test_S13_a_secret_that_a_long_message_cuts_stays_out_of_it(write) -> None:
    text = SITE + "sources:\n  a: {feed: 'gopher://example.org/${TOKEN}'}\n"
    (problem,) = refused(write(text), {"TOKEN": "0123456789" * 20})
    assert "***…" in problem
    assert "012" not in problem


def test_what_is_published_or_too_short_is_not_masked(loaded) -> None:
    config = loaded(
        "sources:\n  a: {feed: 'https://example.org/', language: '${L}'}\ndata: ${DATA}\n", L="en", DATA="/srv/data"
    )
    assert config.secrets == frozenset()
    assert masked("en /srv/data", config) == "en /srv/data"


def test_S13_a_secret_stays_out_of_the_messages(write) -> None:
    text = SITE + "sources:\n  a: {feed: '${URL}', auth: {bearer: '${PW}'}}\n"
    env = {"URL": "gopher://user:hunter2@host", "PW": "häß\nlich"}
    problems = "\n".join(refused(write(text), env))
    assert "hunter2" not in problems
    assert "lich" not in problems


# ── the whole ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_paths_are_relative_to_the_file_and_the_state_directory_wins(write, tmp_path: Path) -> None:
    path = write(SITE + "data: ../store\n")
    assert load(path, {}).data == tmp_path / "store"
    assert load(path, {}).public == tmp_path / "public"
    assert load(path, {"STATE_DIRECTORY": f"{tmp_path}/state:/elsewhere"}).data == tmp_path / "state"


def test_site_server_and_hosts(write) -> None:
    path = write(
        """site: {title: " A  wire ", url: "https://example.org/wire", contact: me@example.org, language: de}
server: {listen: 0.0.0.0:80, trusted_proxies: [10.0.0.0/8]}
hosts: {gap: 0s, at_once: 64}
feeds:
  all:
"""
    )
    config = load(path, {})
    assert (config.site.title, config.site.url) == ("A wire", "https://example.org/wire/")
    assert (config.server.listen, config.server.admin) == (("0.0.0.0", 80), ("127.0.0.1", 8081))
    assert (config.hosts.gap, config.hosts.at_once) == (0, 64)
    assert config.feeds["all"].title == "all"
    assert config.path == path


def test_the_address_of_the_site_is_ascii(write) -> None:
    url = load(write("site: {title: A, url: 'https://münchen.example:8443/größe/a%20b//'}\n"), {}).site.url
    assert url == "https://xn--mnchen-3ya.example:8443/gr%C3%B6%C3%9Fe/a%20b/"


def test_a_feed_may_take_one_member_of_a_list(loaded) -> None:
    config = loaded("sources:\n  friends: {opml: list.opml}\nfeeds:\n  a: {sources: friends/ann, was: b}\n")
    assert (config.feeds["a"].sources, config.feeds["a"].was) == (("friends/ann",), ("b",))


def test_ten_thousand_sources_are_read_in_one_go(write) -> None:
    lines = (f"  s{number}: {{feed: https://h{number}.example.org/, tags: [a]}}\n" for number in range(10_000))
    config = load(write(SITE + "sources:\n" + "".join(lines) + "feeds:\n  all:\n"), {})
    assert len(config.sources) == 10_000


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


def test_R8_a_feed_has_the_recipe_of_all_that_changes_its_bytes(loaded, write) -> None:
    text = "sources:\n  a: https://example.org/\nfeeds:\n  x: {title: X}\n  y: {sources: [a]}\n"
    before = loaded(text).feeds
    assert loaded(text.replace("https://example.org/", "https://example.org/b")).feeds == before
    assert loaded(text + "hosts: {gap: 2s}\ndata: ../elsewhere\n").feeds == before
    more = loaded(text.replace("sources:\n  a", "sources:\n  b: https://example.org/b\n  a")).feeds
    assert more["x"].fingerprint != before["x"].fingerprint
    assert more["y"].fingerprint == before["y"].fingerprint
    assert loaded(text.replace("title: X", "title: Z")).feeds["x"].fingerprint != before["x"].fingerprint
    assert (
        loaded(text.replace("[a]", "[a], steps: [{drop: '(?i)ad'}]")).feeds["y"].fingerprint != before["y"].fingerprint
    )
    site = write(SITE.replace("title: A", "title: B") + text)
    assert load(site, {}).feeds["y"].fingerprint != before["y"].fingerprint


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
    assert find(Path("given.yaml"), env) == Path("given.yaml")
    assert find(None, env) == Path("named.yaml")
    del env["FEEDS_CONFIG"]
    if not Path("/etc/feeds/feeds.yaml").exists():
        with pytest.raises(ConfigError, match="feeds init"):
            find(None, env)
    for place in ("home/.config/feeds", "config"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "feeds.yaml").touch()
        assert (tmp_path / find(None, env)).samefile(tmp_path / place / "feeds.yaml")


# ── sample and schema ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_sample_is_right_and_works_offline() -> None:
    config = load(SAMPLE, {})
    assert [source.kind for source in config.sources.values()] == [Kind.FILES]
    assert [sentence.split(":")[0] for sentence in warnings(config)] == ["site.url is http"]
    story = next(config.sources["desk"].root.glob(config.sources["desk"].address))
    assert story.read_text(encoding="utf-8").startswith("---\ntitle:")


def test_the_commented_examples_of_the_sample_are_right(write) -> None:
    _, *lines = SAMPLE.read_text(encoding="utf-8").splitlines()
    path = write("\n".join(re.sub(r"^( *)# ( *(?:- )?[a-z_-]+:(?: |$))", r"\1\2", line) for line in lines) + "\n")
    path.with_name("wire.key").write_text("key", encoding="utf-8")
    config = load(path, {"WIRE_PASSWORD": "secret"})
    assert {source.kind for source in config.sources.values()} == set(Kind)
    assert [type(step) for step in config.feeds["desk"].steps] == [Keep, Drop, Limit]
    assert config.site.contact


def test_the_schema_beside_the_sample_is_current() -> None:
    first, *_ = SAMPLE.read_text(encoding="utf-8").splitlines()
    assert first == "# yaml-language-server: $schema=./feeds.schema.json"
    beside = json.loads((SAMPLE.parent / "feeds.schema.json").read_text(encoding="utf-8"))
    assert beside == schema(), "run: feeds schema > config/feeds.schema.json"


def test_the_schema_knows_short_and_long_forms() -> None:
    told = schema()
    assert told["properties"].keys() == {"site", "data", "public", "server", "hosts", "defaults", "sources", "feeds"}
    entry = told["properties"]["sources"]["additionalProperties"]
    assert [form.get("type", form.get("$ref")) for form in entry["oneOf"]] == ["string", "#/$defs/SourceShape"]
    assert "default" not in json.dumps(told["$defs"]["SourceShape"]["properties"]["every"])


# ── warnings ────────────────────────────────────────────────────────────────────────────────────────────────────────

WARNED = {
    "public": ("data: ../public/data", "lies inside public"),
    "data": ("data: ../x\npublic: ../x/y", "lies inside data"),
    "loopback": ("", "on this machine only"),
    "contact": ("sources:\n  a: https://example.org/", "site.contact is missing"),
    "no sources": ("feeds:\n  a:", "there are no sources"),
    "no feeds": ("sources:\n  a: https://example.org/", "there are no feeds"),
    "off": (
        "sources:\n  a: {feed: https://example.org/, enabled: false}\nfeeds:\n  x:",
        "the feed x selects nothing: all",
    ),
    "tags": ("sources:\n  a: {feed: https://example.org/, tags: [b]}\nfeeds:\n  x: {tags: [c]}", "no source adds c"),
    "unused": (
        "sources:\n  a: https://example.org/\n  b: https://example.org/b\nfeeds:\n  x: {sources: a}",
        "in no feed: b",
    ),
    "http": ("sources:\n  a: http://example.org/", "fetched over http instead of https: a"),
    "secret": ("sources:\n  a: {feed: http://example.org/, auth: {bearer: x}}", "credentials go out unencrypted"),
    "files": ("sources:\n  a: {files: nowhere/*.md}", "the source a finds no file *.md in"),
    "file": ("sources:\n  a: {feed: nowhere.xml}", "the source a finds no file"),
}


@pytest.mark.parametrize(("text", "expected"), WARNED.values(), ids=WARNED)
def test_what_will_surprise_is_warned_of(loaded, text: str, expected: str) -> None:
    assert any(expected in sentence for sentence in warnings(loaded(text + "\n")))


@pytest.mark.parametrize("url", ["https://wire.example.org/", "https://example.com/", "https://feeds.example/"])
def test_an_example_address_is_warned_of(write, url: str) -> None:
    config = load(write(f"site: {{title: A, url: '{url}'}}\n"), {})
    assert any("an example" in sentence for sentence in warnings(config))


def test_nothing_is_warned_of_when_all_is_well(write) -> None:
    config = load(
        write(
            """site: {title: A, url: https://feeds.debian.net/, contact: me@debian.net}
sources:
  a: {feed: https://www.debian.net/rss, tags: [World]}
feeds:
  x: {tags: [world]}
"""
        ),
        {},
    )
    assert warnings(config) == []


# ── sources added in place ──────────────────────────────────────────────────────────────────────────────────────────

ADDED = [
    ("bbc", "https://feeds.bbci.co.uk/news/rss.xml"),
    ("metro", {"page": "https://metro.debian.net/news", "stories": "article > h2 a # not a comment", "tags": "no"}),
    ("007", "https://debian.net/?a=${b}&c={d}"),
]

FILES = {
    "comments": "sources:   # where from\n    a: https://debian.net/a   # first\n    # the end\n\nfeeds:\n  x:\n",
    "nothing": "sources:\n# later\nfeeds:\n  x:\n",
    "absent": "feeds:\n  x:\n",
    "braces": "sources: {}   # none yet\nfeeds: {}\n",
    "last": "sources:\n  a:\n    feed: https://debian.net/a\n    tags:\n      - b",
    "block": "sources:\n  a:\n    feed: https://debian.net/a\n    tags: |\n      b\n\n# end\n",
    "folded": "sources:\n  a: {feed: https://debian.net/a,\n      tags: [b]}\n\nfeeds:\n  x:\n",
    "windows": "sources:\r\n  a: https://debian.net/a\r\nfeeds:\r\n  x:\r\n",
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_added_sources_leave_every_line_as_it_is(write, text: str) -> None:
    path = write(SITE + text)
    before = load(path, {})
    add_sources(path, ADDED, {})
    after = load(path, {})
    lines = path.read_bytes().decode().splitlines()
    old = [line for line in (SITE + text).splitlines() if "{}" not in line]
    assert [line for line in lines if line in old] == old
    assert after.sources.keys() == before.sources.keys() | {"bbc", "metro", "007"}
    assert {name: after.sources[name] for name in before.sources} == before.sources
    assert after.sources["metro"].selectors == {"stories": "article > h2 a # not a comment"}
    assert after.sources["007"].address == "https://debian.net/?a=${b}&c={d}"


def test_added_sources_stand_under_the_last_one_indented_alike(write) -> None:
    path = write(SITE + FILES["comments"])
    add_sources(path, ADDED[:1], {})
    assert path.read_text(encoding="utf-8").splitlines()[1:5] == [
        "sources:   # where from",
        "    a: https://debian.net/a   # first",
        "    bbc: https://feeds.bbci.co.uk/news/rss.xml",
        "    # the end",
    ]


def test_sources_can_be_added_to_the_sample(write) -> None:
    path = write(SAMPLE.read_bytes())
    add_sources(path, ADDED, {})
    lines = path.read_text(encoding="utf-8").splitlines()
    sample = SAMPLE.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line in set(sample)] == sample
    assert load(path, {}).sources.keys() == {"desk", "bbc", "metro", "007"}


REFUSED = {
    "flow": ("sources: {a: https://debian.net/a}\n", ADDED, "2:1: `sources` cannot be added to line by line"),
    "null": ("sources: ~\n", ADDED, "2:1: `sources` cannot be added to line by line"),
    "end": ("feeds: {}\n...\n", ADDED, "1:1: `sources` cannot be added to line by line"),
    "alias": ("sources: &s\n  a: https://debian.net/a\ndata: x\n", [("a", "https://b/")], "3:3: the source `a` exists"),
    "twice": ("sources:\n", [ADDED[0], ADDED[0]], "2:1: the source `bbc` exists already"),
    "id": ("sources:\n", [("Not An Id", "https://debian.net/")], "3:3: `Not An Id` is no id"),
    "url": ("sources:\n", [("a", "debian")], "3:6: `debian` is no web address"),
    "key": ("sources:\n", [("a", {"feeed": "https://debian.net/"})], "4:5: the key `feeed` is unknown"),
    "wrong": ("sorces:\n", ADDED, "2:1: the key `sorces` is unknown"),
}


@pytest.mark.parametrize(("text", "entries", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_added_leaves_the_file_untouched(write, text: str, entries: list, expected: str) -> None:
    path = write(SITE + text)
    with pytest.raises(ConfigError) as caught:
        add_sources(path, entries, {})
    assert caught.value.problems[0].startswith(f"{path}:{expected}")
    assert path.read_text(encoding="utf-8") == SITE + text
    assert [child.name for child in path.parent.iterdir()] == ["feeds.yaml"]


def test_an_edited_file_keeps_its_mode_and_its_link(write, tmp_path: Path) -> None:
    path = write(SITE)
    path.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    add_sources(link, ADDED, {})
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert "bbc" in load(path, {}).sources


def test_nothing_to_add_changes_nothing(write) -> None:
    path = write(SITE)
    inode = path.stat().st_ino
    add_sources(path, [], {})
    assert path.stat().st_ino == inode


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[a-z0-9][a-z0-9_-]{0,8}", fullmatch=True),
            st.one_of(
                st.from_regex(r"https://debian\.net/[!-~]{0,20}", fullmatch=True).filter(
                    lambda url: not set(url) & set('\\<>"')
                ),
                st.fixed_dictionaries(
                    {
                        "feed": st.just("https://debian.net/"),
                        "tags": st.text(
                            st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=9
                        ),
                    }
                ),
            ),
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda entry: entry[0],
    )
)
def test_whatever_is_added_is_read_back(tmp_path_factory: pytest.TempPathFactory, entries: list) -> None:
    path = tmp_path_factory.mktemp("added") / "feeds.yaml"
    path.write_text(SITE + "sources: # here\n# end\n", encoding="utf-8")
    add_sources(path, entries, {})
    sources = load(path, {}).sources
    for name, said in entries:
        told = (
            sources[name].address
            if isinstance(said, str)
            else {"feed": sources[name].address, "tags": sources[name].tags[0]}
        )
        assert told == said
