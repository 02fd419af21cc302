"""The rules of dashboards/prometheus and the tests that promtool makes of them, as they stand in their files."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import missing

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "dashboards" / "prometheus"
RULE_FILES = (FOLDER / "recording.yml", FOLDER / "alerts.yml")
UNIT_TESTS = sorted((FOLDER / "tests").glob("*.yml"))
ALERTMANAGER = ROOT / "dashboards" / "alertmanager" / "alertmanager.yml"

_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAME = re.compile(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?!\s*\()(?![\w:])")
_WORDS = {"and", "or", "unless", "bool", "offset"}


@dataclass(frozen=True, slots=True)
class Alert:
    name: str
    severity: str

    def __str__(self) -> str:
        return f"{self.name}-{self.severity}"


@dataclass(frozen=True, slots=True)
class Selected:
    """A time series that an expression asks for, and what it says of its labels: name, operator, value."""

    name: str
    matchers: tuple[tuple[str, str, str], ...] = ()


@cache
def load(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def rules() -> Iterator[dict[str, Any]]:
    for file in RULE_FILES:
        for group in load(file)["groups"]:
            yield from group["rules"]


def alert_rules() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def alert_of(rule: dict[str, Any]) -> Alert:
    return Alert(rule["alert"], rule["labels"]["severity"])


def recorded_names() -> set[str]:
    return {rule["record"] for rule in rules() if "record" in rule}


def selected(expression: str) -> set[Selected]:
    """All that an expression of our own style asks for."""
    found = {Selected(name, tuple(_MATCHER.findall(text))) for name, text in _SELECTOR.findall(expression)}
    bare = _GROUPING.sub(" ", re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"", " ", expression))
    names = set(_NAME.findall(bare)) - _WORDS
    return found | {Selected(name) for name in names}


def program(name: str) -> str:
    """Where a program of Prometheus is; without it a test is passed over on a laptop, and fails in CI."""
    found = shutil.which(name)
    if found is None:
        missing(f"there is no {name} (Debian: prometheus, prometheus-alertmanager)")
    return found
