"""A process that takes as fast as it can, whose own clocks may be wrong: ``python -m`` it.

Arguments: URL, takes, seconds by which its clocks are off, and the limit and length of the window.
It says ``ready``, begins at a line from its input, and prints for each take: 1 if allowed, and when it began and ended
by the machine's monotonic clock, which is the same for all processes.
"""

from __future__ import annotations

import sys
import time


def main(url: str, takes: int, off_seconds: float, limit: int, seconds: float) -> None:
    true_monotonic, true_time = time.monotonic, time.time
    time.monotonic = lambda: true_monotonic() + off_seconds
    time.time = lambda: true_time() + off_seconds

    from jobs.connection import connect  # noqa: PLC0415 - with the wrong clocks
    from resilience.rate_limit.limiter import RateLimiter  # noqa: PLC0415
    from resilience.rate_limit.windows import Bucket, Window  # noqa: PLC0415

    limiter = RateLimiter(connect(url), prefix="limits:")
    bucket = Bucket("key:a", (Window("window", limit, seconds, "log"),))
    limiter.look([bucket])
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    for _ in range(takes):
        began = true_monotonic()
        decision = limiter.take([bucket])
        assert not decision.is_local
        print(int(decision.allowed), began, true_monotonic())  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
