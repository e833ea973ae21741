"""Metrics in the text format of Prometheus, made anew for each scrape from what is passed in: nothing is global."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE", "Measurement", "encode_metrics"]


class Measurement(NamedTuple):
    """A metric, and the values of its labels with its value; one whose name ends with `_total` is a counter."""

    name: str
    description: str
    labels: Sequence[str]
    values: Sequence[tuple[tuple[str, ...], float]]


def encode_metrics(measurements: Iterable[Measurement]) -> bytes:
    """Return the measurements, and those of this process."""
    registry = CollectorRegistry()
    registry.register(_Scrape(measurements))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Scrape(Collector):
    def __init__(self, measurements: Iterable[Measurement]) -> None:
        self._measurements = list(measurements)

    def collect(self) -> Iterator[Metric]:
        for measurement in self._measurements:
            kind = CounterMetricFamily if measurement.name.endswith("_total") else GaugeMetricFamily
            family = kind(measurement.name, measurement.description, labels=measurement.labels)
            for labels, value in measurement.values:
                family.add_metric(labels, value)
            yield family
