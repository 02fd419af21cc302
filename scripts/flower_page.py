"""Flower beside a deployment: where it listens, who may look, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

PORT = 5555
USER = "frontier"
ADDRESS = "FLOWER_ADDRESS"
LOOPBACK = "127.0.0.1"
COMMAND = ("-m", "celery", "-A", "scripts.flower_app", "--quiet", "flower")
MISSING = "Flower is not installed; `pip install 'frontier[flower]'` brings it."
NEVER = ("FLOWER_UNAUTHENTICATED_API", "FLOWER_CONF")
"""The first would open what the password is for; the second names a file that could."""

MOST_TASKS = 10_000


@dataclass(frozen=True, kw_only=True)
class FlowerPage:
    """A page of its own, on this machine alone unless `FLOWER_ADDRESS` says otherwise."""

    port: int
    password: str = field(repr=False)
    address: str = LOOPBACK

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    def environment(self, given: Mapping[str, str], *, redis_url: str) -> dict[str, str]:
        """What Flower is told; of Frontier's own keys it gets none. What of its own variables is *given* holds too."""
        kept = {name: value for name, value in given.items() if name not in NEVER and not _is_ours(name)}
        return {
            "FLOWER_MAX_TASKS": str(MOST_TASKS),
            "FLOWER_READ_ONLY": "true",
            **kept,
            ADDRESS: self.address,
            "FLOWER_PORT": str(self.port),
            "FLOWER_BASIC_AUTH": f"{USER}:{self.password}",
            "REDIS_URL": redis_url,
            "PYTHONUNBUFFERED": "1",
        }


def is_installed() -> bool:
    return find_spec("flower") is not None


def _is_ours(name: str) -> bool:
    return name.startswith(("TRUTHGPT_", "FRONTIER_"))
