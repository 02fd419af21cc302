"""The rules for Prometheus: what they ask for exists, and every alert is explained and tried both ways."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from observability.metrics.catalogue import CATALOGUE
from observability.metrics.metric import Kind, Metric
from tests.dashboards.prometheus_rules import (
    ALERTMANAGER,
    FOLDER,
    ROOT,
    RULE_FILES,
    UNIT_TESTS,
    Alert,
    Selected,
    alert_of,
    alert_rules,
    load,
    program,
    recorded_names,
    rules,
    selected,
)
from tests.docs.test_links import anchors

ALERTS = [alert_of(rule) for rule in alert_rules()]
EXPRESSIONS = [(rule.get("record") or rule["alert"], rule["expr"]) for rule in rules()]
DASHBOARDS = {"/d/frontier-service", "/d/frontier-queue", "/d/frontier-delivery"}
BY_PROMETHEUS = {"up"}
OF_TARGETS = {"job", "instance"}
FEWEST = 16


def told_names(metric: Metric) -> set[str]:
    endings = ("_bucket", "_count", "_sum") if metric.kind is Kind.HISTOGRAM else ("",)
    return {metric.name + ending for ending in endings}


METRICS = {name: metric for metric in CATALOGUE for name in told_names(metric)}


def checks() -> Iterator[dict[str, Any]]:
    for file in UNIT_TESTS:
        for test in load(file)["tests"]:
            yield from test.get("alert_rule_test", ())


def expected(check: dict[str, Any]) -> set[Alert]:
    """What has to fire then, of the alert that is looked at."""
    return {Alert(check["alertname"], alert["exp_labels"]["severity"]) for alert in check["exp_alerts"]}


def run(*command: str | Path, folder: Path = FOLDER) -> None:
    ended = subprocess.run([*command], cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_prometheus_takes_the_configuration_and_the_rules() -> None:
    promtool = program("promtool")

    run(promtool, "check", "rules", *RULE_FILES)
    run(promtool, "check", "config", FOLDER / "prometheus.yml")


def test_prometheus_takes_the_way_with_a_key_too(tmp_path: Path) -> None:
    """What stands in comments, in the place of what it is for."""
    file, token = tmp_path / "prometheus.yml", tmp_path / "token"
    token.write_text("a key")
    text = (FOLDER / "prometheus.yml").read_text(encoding="utf-8")
    text = re.sub(r"^  - job_name: frontier-api\n.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^  # (?=- job_name|  )", "  ", text, flags=re.MULTILINE)
    text = re.sub(r"^rule_files: .*$", "", text, flags=re.MULTILINE)
    file.write_text(text.replace("/etc/prometheus/frontier-token", str(token)))

    assert load(file)["scrape_configs"][0]["authorization"] == {"credentials_file": str(token)}
    run(program("promtool"), "check", "config", file)


@pytest.mark.parametrize("file", UNIT_TESTS, ids=lambda file: file.stem)
def test_rules_do_what_their_tests_say(file: Path) -> None:
    run(program("promtool"), "test", "rules", file, folder=file.parent)


def test_there_are_alerts_enough() -> None:
    assert len({alert.name for alert in ALERTS}) >= FEWEST
    assert len(set(ALERTS)) == len(ALERTS)


@pytest.mark.parametrize("rule", alert_rules(), ids=lambda rule: str(alert_of(rule)))
def test_an_alert_says_what_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    told = rule["annotations"]
    page, anchor = told["runbook"].split("#")

    assert rule["for"]
    assert rule["labels"]["severity"] in {"warning", "page"}
    assert told["summary"]
    assert "{{ $value" in told["description"]
    assert anchor == rule["alert"].lower()
    assert anchor in anchors(ROOT / page)
    assert told["dashboard"] in DASHBOARDS


def test_the_runbook_tells_of_no_alert_that_there_is_not() -> None:
    told = {anchor for anchor in anchors(ROOT / "docs" / "runbook.md") if anchor.startswith("frontier")}

    assert told == {alert.name.lower() for alert in ALERTS}


@pytest.mark.parametrize("alert", ALERTS, ids=str)
def test_an_alert_is_seen_to_fire_and_not_to(alert: Alert) -> None:
    fires = [alert in expected(check) for check in checks() if check["alertname"] == alert.name]

    assert any(fires)
    assert not all(fires)


@pytest.mark.parametrize("name", sorted(recorded_names()))
def test_what_is_recorded_is_seen_to_have_a_value(name: str) -> None:
    tried = [
        check
        for test in load(FOLDER / "tests" / "recording.yml")["tests"]
        for check in test["promql_expr_test"]
        if check["exp_samples"]
    ]

    assert any(Selected(name) in selected(check["expr"]) for check in tried)


@pytest.mark.parametrize(("name", "expression"), EXPRESSIONS, ids=[name for name, _ in EXPRESSIONS])
def test_a_rule_asks_for_what_is_told(name: str, expression: str) -> None:
    assert selected(expression), name
    for series in selected(expression):
        metric = METRICS.get(series.name)
        if metric is None:
            assert series.name in recorded_names() | BY_PROMETHEUS, series.name
            continue
        for label, operator, value in series.matchers:
            assert_can_match(metric, label, operator, value)


def assert_can_match(metric: Metric, label: str, operator: str, value: str) -> None:
    if label == "le":
        assert value in {f"{bound:.1f}" for bound in metric.buckets}
    elif label not in OF_TARGETS:
        values = {of.name: of.values for of in metric.labels}[label]
        assert not values or set(value.split("|") if "~" in operator else [value]) <= set(values)


def test_alertmanager_takes_its_configuration_and_sends_each_severity_where_it_belongs() -> None:
    amtool = program("amtool")

    run(amtool, "check-config", ALERTMANAGER)
    for severity, receivers in {"page": "pager", "warning": "mail,chat"}.items():
        route = (f"--config.file={ALERTMANAGER}", f"--verify.receivers={receivers}", f"severity={severity}")
        run(amtool, "config", "routes", "test", *route)


def test_what_silences_and_is_silenced_exists() -> None:
    names = {alert.name for alert in ALERTS}
    for rule in load(ALERTMANAGER)["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            label, _, value = matcher.replace("=~", "=").partition("=")
            value = value.strip('"')
            if label == "alertname":
                head, _, several = value.partition("(")
                assert {head + name for name in several.rstrip(")").split("|")} <= names
