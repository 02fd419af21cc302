"""The rules of the house that no single module can break alone."""

from __future__ import annotations

import subprocess
import sys
from configparser import ConfigParser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("api", "jobs", "models", "observability", "resilience", "scripts", "storage", "tasks")
MODULES = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
SDK_MODULES = ("opentelemetry.sdk", "opentelemetry.exporter", "prometheus_client")


def test_our_names_are_all_there_and_all_installed() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    patterns = setup["options.packages.find"]["include"].split()
    assert patterns == [f"{package}*" for package in PACKAGES]
    assert all((ROOT / package / "__init__.py").is_file() for package in PACKAGES)


def test_no_other_installed_distribution_ships_one_of_our_names() -> None:
    owners = packages_distributions()
    taken = {package: set(owners.get(package, [])) - {"frontier"} for package in PACKAGES}
    assert not any(taken.values()), taken


def test_no_module_is_named_after_one_of_pythons_own() -> None:
    """A file run by path would put itself in the place of the standard module."""
    names = {file.parent.name if file.name == "__init__.py" else file.stem for file in MODULES}
    assert not (names - {"__main__"}) & set(sys.stdlib_module_names)


def test_the_contracts_of_imports_hold() -> None:
    lint = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert lint.returncode == 0, lint.stdout + lint.stderr


@pytest.mark.parametrize("name", SDK_MODULES)
def test_only_observability_imports_what_measures(name: str) -> None:
    users = {file.relative_to(ROOT) for file in MODULES if _imports(file, name)}
    assert {user for user in users if user.parts[0] != "observability"} == set()


@pytest.mark.parametrize("module", ["api.app", "scripts.cli"])
def test_the_api_and_the_command_line_start_without_torch(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"torch", "transformers"}.isdisjoint(loaded.stdout.split())


def _imports(file: Path, name: str) -> bool:
    lines = (line.split() for line in file.read_text(encoding="utf-8").splitlines())
    return any(
        words[:1] in (["from"], ["import"]) and (words[1] == name or words[1].startswith(f"{name}."))
        for words in lines
        if len(words) > 1
    )
