"""A program that faults are done to: it is started again whenever it dies, as a supervisor would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]


class KeptProcess:
    """Leads a process group of its own. `exit_codes` are those of every life that has ended by itself or by a fault."""

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = command
        self._env = {**os.environ, **env}
        self.exit_codes: list[int] = []
        self._lock = threading.Lock()
        self._is_wanted = False
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_stopped(self) -> bool:
        """Whether it stands still after SIGSTOP."""
        return bool(psutil.Process(self.pid).status() == psutil.STATUS_STOPPED)

    def start(self, **env: str) -> None:
        """Start the first life, with variables that the next ones do not have."""
        self._is_wanted = True
        self._process = self._spawn({**self._env, **env})
        self._keeper = threading.Thread(target=self._keep, args=(self._process,), daemon=True)
        self._keeper.start()

    def send(self, number: signal.Signals) -> None:
        """A signal to the process as it is now."""
        with self._lock, suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it for good."""
        self._is_wanted = False
        if self._keeper is None:
            return
        self.send(signal.SIGCONT)
        self.send(number)
        self._keeper.join(60)
        assert not self._keeper.is_alive(), f"{self._command} does not end: {self.log}"
        self._keeper = None

    def events(self, *names: str) -> Iterator[Mapping[str, Any]]:
        """What it has logged under these names, over all its lives."""
        return logged(self.log, *names)

    def _keep(self, process: subprocess.Popen[bytes]) -> None:
        while True:
            code = process.wait()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with self._lock:
                self.exit_codes.append(code)
                if not self._is_wanted:
                    return
                process = self._process = self._spawn(self._env)

    def _spawn(self, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def logged(log: Path, *names: str) -> Iterator[Mapping[str, Any]]:
    """The entries of a JSON log under these names; what else stands in it is skipped."""
    for line in log.read_text(errors="replace").splitlines():
        with suppress(ValueError):
            entry = json.loads(line)
            if isinstance(entry, dict) and entry.get("event") in names:
                yield entry
