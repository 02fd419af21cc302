"""A process with many threads at one circuit: `python -m tests.resilience.circuit.prober URL KEY THREADS LEASE`.

It says `ready`, and for each line that it hears has every thread ask once, all at the same time, and says how many were
let through. LEASE is that of a probe, in seconds.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from random import Random

from redis import Redis

from resilience.circuit.circuits import Circuits
from resilience.circuit.permit import Permit
from tests.resilience.circuit.probing import SETTINGS


def main(url: str, key: str, threads: int, lease_seconds: float) -> None:
    with Redis.from_url(url) as client:
        circuits = Circuits(client, replace(SETTINGS, probe_lease_seconds=lease_seconds), random=Random())
        client.ping()
        say("ready")
        for _ in sys.stdin:
            say(len(ask(circuits, key, threads)))


def say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def ask(circuits: Circuits, key: str, threads: int) -> list[Permit]:
    barrier = threading.Barrier(threads)
    permits: list[Permit] = []

    def one() -> None:
        barrier.wait()
        told = circuits.admit(key)
        if isinstance(told, Permit):
            permits.append(told)

    workers = [threading.Thread(target=one) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return permits


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
