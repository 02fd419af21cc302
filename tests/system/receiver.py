"""The other side of webhooks: a receiver that faults may be done to, and what it has written down."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.ports import free_port
from tests.system.kept_process import KeptProcess
from tests.system.worker_process import wait_for

ALWAYS = 10**9
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Received:
    """One request as it came; `signed_with` are those of the known secrets that verify it."""

    path: str
    event_id: str
    signed_with: Sequence[str]
    body: str

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event


class Receiver:
    """Listens where `url` says between `start` and the end of its process; its book outlives every life."""

    def __init__(self, folder: Path, seed: str) -> None:
        self._folder = folder
        self._port = free_port()
        (folder / "secrets").write_text("")
        (folder / "book").write_text("")
        command = (sys.executable, "-m", "tests.system.webhook_receiver", str(folder), str(self._port), seed)
        self.process = KeptProcess("receiver", command, {}, folder)

    def start(self) -> None:
        """Start it, and return when it listens."""
        self.process.start()
        wait_for(self._listens, PATIENCE_SECONDS, tell=self.process.log.read_text)

    def url(self, behaviour: str = "accept", times: int = ALWAYS, name: str = "in") -> str:
        """Where so many requests are met like that; `tests.system.webhook_receiver` has the behaviours."""
        return f"http://127.0.0.1:{self._port}/{behaviour}/{times}/{name}"

    def learn(self, secret: str) -> None:
        """From now on this secret is tried too."""
        known, new = self._folder / "secrets", self._folder / "secrets.new"
        new.write_text(f"{known.read_text()}{secret}\n")
        new.replace(known)

    def received(self, url: str | None = None) -> list[Received]:
        """Every request so far, or those to one address."""
        lines = (self._folder / "book").read_text().splitlines()
        found = [Received(**json.loads(line)) for line in lines]
        return [one for one in found if url is None or url.endswith(one.path)]

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
            return True
        return False
