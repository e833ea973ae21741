"""The samples for Grafana and Prometheus: each expression names metrics that exist, with labels that they have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from itertools import combinations
from pathlib import Path

import pytest
import yaml
from admin_site import serve_admin
from origin import Origin, raw, reply
from prometheus_client.parser import text_string_to_metric_families
from wire import Wire, document, new_wire

from feeds.app.metrics import DeliveryCounts
from feeds.app.operations import OperationIO, RunRequest, perform_operation
from feeds.model import replace

CONFIG = Path(__file__).parent.parent.parent / "config"
DASHBOARD = json.loads((CONFIG / "grafana.json").read_text(encoding="utf-8"))
ALERTS = yaml.safe_load((CONFIG / "feeds-alerts.yml").read_text(encoding="utf-8"))
PROMETHEUS = yaml.safe_load((CONFIG / "prometheus.yml").read_text(encoding="utf-8"))
SELECTOR = re.compile(r"\b((?:feeds|process)_[a-z_]+)\b(?:\{([^}]*)\})?")
OUTBOUND = {"allow_private": ["127.0.0.0/8"]}  # of what is told
OF_PROMETHEUS = {"instance", "job"}  # labels that it adds itself


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, set[str]]]:
    """Name → labels of each metric of an installation that has done a little of everything."""
    with closing(Origin()) as origin, new_wire(tmp_path_factory.mktemp("metrics")) as wire:
        body = read_metrics(wire, origin)
    names: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(body):
        for sample in family.samples:
            names.setdefault(sample.name, set()).update(sample.labels)
    yield names


def read_metrics(wire: Wire, origin: Origin) -> str:
    """Do a little of everything; return what is told of it."""
    sources = {"a": origin.put("/a", document()), "b": origin.put("/b", raw(reply(b"", 500)))}
    hook = origin.put("/hook", raw(reply(b"", 204)))
    wire.declare(sources, {"all": {"steps": [{"drop": {"title": "One"}}]}}, on_publish=hook, server=OUTBOUND)
    with wire.app() as app:
        perform_operation(app, RunRequest(), OperationIO())
        app.retract("https://a.example/1")
    with serve_admin(wire) as site:
        site.traffic.requests["feed", 304] += 1
        site.traffic._readers.note("/all.rss", "all", "a", "Reader/1.0", 1.0)
        body = site.server.request("/metrics").body.decode()
        counts = [DeliveryCounts("hub", 1, 0, {"delivered": 1})]
        with serve_admin(wire, parts=lambda parts: replace(parts, deliveries=lambda: counts)) as other:
            return body + other.server.request("/metrics").body.decode()


def expressions() -> Iterator[tuple[str, str, str]]:
    """Place, expression and legend of each."""
    for panel in DASHBOARD["panels"]:
        yield from ((panel["title"], target["expr"], target["legendFormat"]) for target in panel["targets"])
    for rule in ALERTS["groups"][0]["rules"]:
        yield rule["alert"], rule["expr"], ""


def test_each_expression_names_a_metric_that_exists_with_labels_that_it_has(metrics: dict[str, set[str]]) -> None:
    found = set()
    for place, expression, legend in expressions():
        selectors = SELECTOR.findall(expression)
        assert selectors or expression.startswith("up{"), place
        for name, matchers in selectors:
            found.add(name)
            assert name in metrics, (place, name)
            labels = set(re.findall(r"(\w+)(?:=~|!=|!~|=)", matchers)) - OF_PROMETHEUS
            assert labels <= metrics[name], (place, name, labels)
        known = set().union(*(metrics[name] for name, _ in selectors)) | OF_PROMETHEUS
        grouped = {label for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(", ")}
        assert grouped | set(re.findall(r"\{\{(\w+)\}\}", legend)) <= known, place
        assert expression.count("(") == expression.count(")"), place
    unused = {name for name in metrics if name.startswith("feeds_")} - found
    assert unused <= {"feeds_info", "feeds_feeds", "feeds_feed_bytes", "feeds_feed_lag_seconds"} | {
        "feeds_feed_written_timestamp_seconds",
        "feeds_turn_timestamp_seconds",
        "feeds_turn_successful",
        "feeds_config_last_reload_successful",
    }


def test_counters_are_used_as_rates_alone() -> None:
    """A counter begins anew with its process."""
    for place, expression, _ in expressions():
        for name in re.findall(r"\b\w+_total\b", expression):
            assert re.search(rf"rate\({name}\{{[^}}]*\}}\[", expression), place


def test_the_panels_have_places_of_their_own() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert apart or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert one["x"] + one["w"] <= 24


def test_no_proxy_leads_to_the_operator() -> None:
    """S19: the address of the operator stands in no sample of a public server."""
    (job,) = PROMETHEUS["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["127.0.0.1:8081"]}]
    assert PROMETHEUS["rule_files"] == ["feeds-alerts.yml"]
    for name in ("nginx.conf", "Caddyfile"):
        lines = (CONFIG / name).read_text(encoding="utf-8").splitlines()
        assert not any("8081" in line for line in lines if not line.strip().startswith("#")), name
