"""The catalogue is whole, keeps to its own rules, and is what docs/metrics.md says.

`FRONTIER_WRITE_GOLDEN=1 pytest tests/observability/metrics/test_catalogue.py` writes the page's table anew.
"""

from __future__ import annotations

import os
import re

import pytest

from observability.metrics.catalogue import CATALOGUE
from observability.metrics.metric import Kind, Label, Metric
from tests.docs.page_blocks import DOCS

PAGE = DOCS / "metrics.md"
HEAD = "| metric | kind | unit | labels | told by | meaning |\n|---|---|---|---|---|---|\n"
OF_FLEET = "**of the fleet:** "

FIXED = {
    "inference_requests_total",
    "inference_request_duration_ms",
    "inference_request_duration_ms_p50",
    "inference_request_duration_ms_p95",
    "inference_request_duration_ms_p99",
    "inference_errors_5xx_total",
    "inference_errors_4xx_total",
    "circuit_breaker_open_total",
    "rate_limit_hits_total",
    "inference_cache_hits_total",
    "inference_cache_misses_total",
    "inference_active_batches",
    "inference_queue_depth",
    "inference_tokens_per_second",
    "process_cpu_percent",
    "process_memory_bytes",
    "process_uptime_seconds",
}
"""Names that others rely on. All others are ours, and begin with `frontier_`."""


def label_text(label: Label) -> str:
    return f"`{label.name}`: {', '.join(label.values) or label.source}"


def row(metric: Metric) -> str:
    labels = "; ".join(map(label_text, metric.labels)) or "none"
    told = ", ".join(metric.pages)
    meaning = (OF_FLEET if metric.of_fleet else "") + metric.help
    return f"| `{metric.name}` | {metric.kind} | {metric.unit or 'none'} | {labels} | {told} | {meaning} |\n"


def test_the_page_lists_the_catalogue_as_it_is() -> None:
    table = HEAD + "".join(map(row, CATALOGUE))
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(HEAD)
    after = re.sub(r"^(?:\|.*\n)*", "", rest)
    if os.environ.get("FRONTIER_WRITE_GOLDEN"):
        PAGE.write_text(before + table + after, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == before + table + after


def test_no_name_stands_twice() -> None:
    names = [metric.name for metric in CATALOGUE]

    assert len(set(names)) == len(names)


def test_names_are_those_that_are_fixed_or_ours() -> None:
    names = {metric.name for metric in CATALOGUE}

    assert names >= FIXED
    assert all(name.startswith("frontier_") for name in names - FIXED)


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_a_name_tells_kind_and_unit(metric: Metric) -> None:
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert (metric.kind is Kind.HISTOGRAM) == bool(metric.buckets)
    if metric.unit:
        assert f"_{metric.unit}" in metric.name
    if metric.name.startswith("frontier_"):
        assert metric.unit in {"", "seconds", "bytes", "ratio"}, "base units"


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_labels_are_closed_sets(metric: Metric) -> None:
    for label in metric.labels:
        assert bool(label.values) != bool(label.source), label
    assert not {label.name for label in metric.labels} & {"tenant", "key", "id", "url", "path", "job", "le", "pid"}
