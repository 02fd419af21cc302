"""`frontier version`: ours, and those of what we stand on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

import typer

PACKAGES = ("frontier", "celery", "redis", "torch", "transformers")


def version() -> None:
    """Print the versions of Frontier and of what it runs on."""
    from scripts import redis_server

    lines = {name: _installed(name) for name in PACKAGES}
    lines["python"] = platform.python_version()
    try:
        binary = redis_server.find_binary()
    except redis_server.ServerMissing:
        lines["server"] = "none found"
    else:
        number = redis_server.version(binary)
        lines["server"] = f"{binary} {'.'.join(map(str, number)) if number else ''}".rstrip()
    for name, text in lines.items():
        typer.echo(f"{name:<13} {text}")


def _installed(package: str) -> str:
    try:
        return installed(package)
    except PackageNotFoundError:
        return "not installed"
