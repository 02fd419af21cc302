"""Who a worker is, so that its successor can tell a dead namesake from a live one."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Identity:
    """A worker's name, kept over restarts, and the process that bears it now."""

    worker: str
    host: str
    pid: int
    started: int

    @classmethod
    def of_this_process(cls, worker: str) -> Identity:
        """The running process under a name."""
        return cls(worker, socket.gethostname(), os.getpid(), int(psutil.Process().create_time()))

    @property
    def instance(self) -> str:
        """The process as text, as it is kept beside the name."""
        return f"{self.host}/{self.pid}/{self.started}"

    def is_known_dead(self, instance: str) -> bool:
        """Whether another process of this machine is gone; of other machines nothing is known."""
        host, pid, started = instance.rsplit("/", 2)
        if host != self.host:
            return False
        try:
            return int(psutil.Process(int(pid)).create_time()) != int(started)
        except psutil.NoSuchProcess:
            return True
